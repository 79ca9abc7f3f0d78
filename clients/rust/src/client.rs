use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tonic::codegen::http::{HeaderValue, Uri};
use tonic::transport::Endpoint;
#[cfg(feature = "tls")]
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::channel::Channel;
use crate::v1::WatchEventsRequest;
use crate::v1::call_service_client::CallServiceClient;
use crate::v1::gateway_service_client::GatewayServiceClient;
use crate::v1::stream_service_client::StreamServiceClient;
use crate::watch::{Watch, WatchOptions};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client of one gateway. It connects by itself when it is needed; clones share the connection.
///
/// An RPC is cancelled by dropping its future. Give each a deadline with [`tonic::Request::set_timeout`].
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
}

impl Client {
    /// A client of the gateway at `target`: `https://host:port`, `http://host:port` for one that is not encrypted, or
    /// `unix:/path`.
    ///
    /// # Errors
    ///
    /// The target is none of these.
    ///
    /// # Panics
    ///
    /// If it is called outside a Tokio runtime.
    pub fn new(target: impl Into<String>) -> Result<Self, BuildError> {
        Self::builder(target).build()
    }

    /// Like `new`, with options.
    pub fn builder(target: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            target: target.into(),
            token: None,
            #[cfg(feature = "tls")]
            tls: Tls::default(),
        }
    }

    /// The stub to dial, answer, end and pass calls.
    #[must_use]
    pub fn calls(&self) -> CallServiceClient<Channel> {
        CallServiceClient::new(self.channel())
    }

    /// The stub to start and stop streams. Of its watches `watch` is the one that goes on by itself.
    #[must_use]
    pub fn streams(&self) -> StreamServiceClient<Channel> {
        StreamServiceClient::new(self.channel())
    }

    /// The stub for the gateway itself.
    #[must_use]
    pub fn gateway(&self) -> GatewayServiceClient<Channel> {
        GatewayServiceClient::new(self.channel())
    }

    /// For stubs of other services of the gateway, such as gRPC's health.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Watches events across broken connections and restarts of the gateway: in order, none twice, none missing.
    pub fn watch(&self, request: WatchEventsRequest) -> Watch {
        self.watch_with(request, WatchOptions::default())
    }

    /// Like `watch`, with options.
    pub fn watch_with(&self, request: WatchEventsRequest, options: WatchOptions) -> Watch {
        Watch::new(self.channel(), request, options)
    }
}

/// How a [`Client`] connects.
#[must_use]
pub struct ClientBuilder {
    target: String,
    token: Option<String>,
    #[cfg(feature = "tls")]
    tls: Tls,
}

#[cfg(feature = "tls")]
#[derive(Default)]
struct Tls {
    authority: Option<Certificate>,
    identity: Option<Identity>,
}

#[cfg(feature = "tls")]
impl Tls {
    fn apply(self, endpoint: Endpoint, encrypted: bool) -> Result<Endpoint, Box<dyn Error + Send + Sync>> {
        if !encrypted {
            let used = self.authority.is_some() || self.identity.is_some();
            return if used { Err("certificates need a target with https://".into()) } else { Ok(endpoint) };
        }
        let config = ClientTlsConfig::new().timeout(CONNECT_TIMEOUT);
        let config = match self.authority {
            Some(authority) => config.ca_certificate(authority),
            None => config.with_native_roots(),
        };
        let config = match self.identity {
            Some(identity) => config.identity(identity),
            None => config,
        };
        Ok(endpoint.tls_config(config)?)
    }
}

impl ClientBuilder {
    /// Sends the token with each request, as `authorization: Bearer …`. Unencrypted it only goes to this machine.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Trusts the authorities of this PEM text, in place of the system's.
    #[cfg(feature = "tls")]
    pub fn ca_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.tls.authority = Some(Certificate::from_pem(pem));
        self
    }

    /// Shows this certificate to the gateway; both are PEM texts.
    #[cfg(feature = "tls")]
    pub fn identity(mut self, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        self.tls.identity = Some(Identity::from_pem(certificate, key));
        self
    }

    /// The client. Nothing is connected before the first RPC.
    ///
    /// # Errors
    ///
    /// Target, token or certificates can't be used.
    ///
    /// # Panics
    ///
    /// If it is called outside a Tokio runtime.
    pub fn build(self) -> Result<Client, BuildError> {
        let unusable = || BuildError::Target(self.target.clone());
        let endpoint = Endpoint::from_shared(self.target.clone()).map_err(|_| unusable())?;
        let socket = self.target.starts_with("unix:"); // its URI is a placeholder
        let encrypted = match (endpoint.uri().scheme_str(), endpoint.uri().host()) {
            (Some("https"), Some(_)) => true,
            (Some("http"), Some(_)) => false,
            _ => return Err(unusable()),
        };
        if self.token.is_some() && !encrypted && !socket && !is_loopback(endpoint.uri()) {
            return Err(BuildError::Unencrypted(self.target));
        }
        let authorization = self.token.as_deref().map(bearer).transpose()?;
        #[cfg(feature = "tls")]
        let endpoint = self.tls.apply(endpoint, encrypted).map_err(BuildError::Tls)?;
        #[cfg(not(feature = "tls"))]
        if encrypted {
            return Err(BuildError::Tls("the feature \"tls\" is off".into()));
        }
        let endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(10));
        Ok(Client { channel: Channel::new(endpoint, authorization) })
    }
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn bearer(token: &str) -> Result<HeaderValue, BuildError> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| BuildError::Token)?;
    value.set_sensitive(true); // not for eyes, nor for HPACK's memory
    Ok(value)
}

/// Why there is no [`Client`].
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// This target is no `https://host:port`, `http://host:port` or `unix:/path`.
    Target(String),
    /// The token is not made of visible ASCII.
    Token,
    /// A token would go to this target, another machine, for everybody to read.
    Unencrypted(String),
    /// The certificates can't be used.
    Tls(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(target) => {
                write!(formatter, "{target:?} is no https://host:port, http://host:port or unix:/path")
            }
            Self::Token => formatter.write_str("the token is not made of visible ASCII"),
            Self::Unencrypted(target) => write!(formatter, "a token is not sent to {target} unencrypted: use https://"),
            Self::Tls(_) => formatter.write_str("TLS can't be set up"),
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Tls(error) => Some(&**error),
            _ => None,
        }
    }
}
