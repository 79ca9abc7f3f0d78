//! The client over real connections, with a gateway that acts by a script.

mod channel;
mod support;
mod watch;
