//! Client of a [callstream](https://github.com/callstream/callstream) gateway: typed stubs of its contract, and a watch
//! that goes on by itself after every interruption.
//!
//! ```no_run
//! use callstream::v1::{AnswerCallRequest, WatchEventsRequest};
//! use callstream::{Client, WatchItem};
//!
//! # async fn run(call_id: String) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new("http://127.0.0.1:50051")?;
//! client.calls().answer_call(AnswerCallRequest { call_id, ..Default::default() }).await?;
//! let mut watch = client.watch(WatchEventsRequest { include_snapshot: true, ..Default::default() });
//! while let Some(item) = watch.next().await {
//!     if let WatchItem::Events { events, .. } = item? {
//!         for event in events {
//!             println!("{} {:?}", event.sequence, event.r#type());
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Features: `tls` (on by default) for `https://` targets; `server` has the traits to serve the contract, for a fake
//! gateway in tests.

mod backoff;
mod channel;
mod client;
mod progress;
mod watch;

/// The stubs, generated from the contract `callstream.v1`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod v1 {
    include!("gen/callstream.v1.rs");
}

pub use channel::Channel;
pub use client::{BuildError, Client, ClientBuilder};
pub use progress::WatchItem;
pub use watch::{Watch, WatchOptions};

pub use {prost_types, tonic, tonic_types};

/// The gateway's word for what went wrong ("`CALL_NOT_FOUND`", …); `None` if the error is not the gateway's, but a broken
/// connection's, for one. [`tonic_types::StatusExt`] reads the other details.
#[must_use]
pub fn reason(status: &tonic::Status) -> Option<String> {
    use tonic_types::StatusExt as _;
    let info = status.get_details_error_info()?;
    (info.domain == "callstream").then_some(info.reason)
}
