use std::error::Error;
use std::fmt::{self, Write as _};
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::Frame;
use http_body_util::{BodyExt as _, Full};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout_at};
use tonic::body::Body;
use tonic::codegen::http::header::{AUTHORIZATION, HeaderName};
use tonic::codegen::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use tonic::codegen::{BoxFuture, Bytes, Service};
use tonic::transport::{self, Endpoint};
use tonic::{Code, Status};

use crate::backoff::{Backoff, asked_for};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Tonic has no service config. These may be sent again: they only ask, or succeed when they have been done already.
/// `StartStream` and `Dial` are so only with an id that the caller made, `PassCall` is not, and a watch looks after itself.
const REPEATABLE: [&str; 12] = [
    "/callstream.v1.StreamService/StopStream",
    "/callstream.v1.StreamService/StopCallStreams",
    "/callstream.v1.StreamService/GetStream",
    "/callstream.v1.StreamService/ListStreams",
    "/callstream.v1.StreamService/WaitStream",
    "/callstream.v1.StreamService/ListEvents",
    "/callstream.v1.CallService/AnswerCall",
    "/callstream.v1.CallService/EndCall",
    "/callstream.v1.CallService/GetCall",
    "/callstream.v1.CallService/ListCalls",
    "/callstream.v1.GatewayService/GetGatewayInfo",
    "/callstream.v1.GatewayService/UpdateContexts",
];
const ATTEMPTS: u32 = 4;

/// What the stubs of a [`Client`](crate::Client) send their requests over: one connection, made when it is needed and
/// made again when it breaks. Cloning is cheap, and shares it.
///
/// To what tonic does it adds the token, retries of RPCs that are safe to repeat, deadlines that end with
/// `DEADLINE_EXCEEDED` also in the middle of an answer, and `UNAVAILABLE` for whatever happens to the connection.
#[derive(Clone, Debug)]
pub struct Channel {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    endpoint: Endpoint,
    authorization: Option<HeaderValue>,
    connection: Mutex<Connection>,
}

#[derive(Debug)]
struct Connection {
    number: u64,
    channel: transport::Channel,
}

impl Channel {
    pub(crate) fn new(endpoint: Endpoint, authorization: Option<HeaderValue>) -> Self {
        let connection = Mutex::new(Connection { number: 0, channel: endpoint.connect_lazy() });
        Self { shared: Arc::new(Shared { endpoint, authorization, connection }) }
    }

    /// The number of the connection that requests use now, for `leave`.
    pub(crate) fn number(&self) -> u64 {
        self.with_connection(|connection| connection.number)
    }

    /// Has later requests use a new connection, as this one is silent; unless another watch has seen to it already.
    ///
    /// What runs on the silent one is left alone: if it is dead, its pings will tell. It closes with the last of them.
    pub(crate) fn leave(&self, number: u64) {
        self.with_connection(|connection| {
            if connection.number == number {
                *connection = Connection { number: number + 1, channel: self.shared.endpoint.connect_lazy() };
            }
        });
    }

    fn with_connection<T>(&self, action: impl FnOnce(&mut Connection) -> T) -> T {
        action(&mut self.shared.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn execute(self, mut request: Request<Body>) -> Result<Response<Body>, Status> {
        let deadline = timeout_of(request.headers()).map(|timeout| Instant::now() + timeout);
        if let Some(authorization) = &self.shared.authorization {
            request.headers_mut().entry(AUTHORIZATION).or_insert_with(|| authorization.clone());
        }
        if request.uri().path().starts_with("/callstream.v1.") {
            self.repeat(request, deadline).await
        } else {
            self.send(request, deadline).await // other services may have requests of many messages, without an end
        }
    }

    /// Sends a request a few times, and within the deadline: at once if the connection closed before it took the request,
    /// later if the gateway is `UNAVAILABLE` and the request is repeatable.
    async fn repeat(&self, request: Request<Body>, deadline: Option<Instant>) -> Result<Response<Body>, Status> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let repeatable = REPEATABLE.contains(&parts.uri.path());
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        let mut attempt = 0;
        loop {
            attempt += 1;
            let request = Request::from_parts(parts.clone(), Body::new(Full::new(body.clone())));
            let answer = self.send(request, deadline).await;
            if attempt == ATTEMPTS {
                return answer;
            }
            if answer.as_ref().is_err_and(was_not_taken) {
                continue;
            }
            let Some(asked) = unavailable(&answer).filter(|_| repeatable) else { return answer };
            let pause = asked + backoff.pause();
            if let Some(deadline) = deadline {
                let left = deadline.saturating_duration_since(Instant::now()).saturating_sub(pause);
                if left.is_zero() {
                    return answer;
                }
                // The gateway must not act on it any later than its caller waits. At most eight digits are allowed.
                let timeout = format!("{}m", left.as_millis().clamp(1, 99_999_999));
                parts.headers.insert(GRPC_TIMEOUT, HeaderValue::try_from(timeout).expect("digits are visible ASCII"));
            }
            sleep(pause).await;
        }
    }

    async fn send(&self, request: Request<Body>, deadline: Option<Instant>) -> Result<Response<Body>, Status> {
        let mut channel = self.with_connection(|connection| connection.channel.clone());
        let sending = async {
            poll_fn(|context| channel.poll_ready(context)).await?;
            channel.call(request).await
        };
        let answer = match deadline {
            // Tonic counts from when it is connected, and calls it CANCELLED.
            Some(at) => timeout_at(at, sending).await.map_err(|_| expired())?,
            None => sending.await,
        };
        let answer = answer.map_err(|error| {
            let mut status = lost(&error, deadline);
            status.set_source(Arc::new(error));
            status
        })?;
        let complete = answer.status() != StatusCode::OK || answer.headers().contains_key(GRPC_STATUS);
        let timer = deadline.map(|at| Box::pin(sleep_until(at)));
        Ok(answer.map(|body| Body::new(Answer { body, complete, timer })))
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<Response<Body>, Status>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().execute(request))
    }
}

/// The body of an answer, which must end with a status, and within the deadline.
struct Answer {
    body: Body,
    complete: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let deadline = self.timer.as_ref().map(|timer| timer.deadline());
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.complete |= frame.is_trailers();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(status))) => {
                Poll::Ready(Some(Err(lost(status.source().unwrap_or(&status), deadline))))
            }
            Poll::Ready(None) if self.complete => Poll::Ready(None),
            // Servers that leave reset requests, which hyper takes for an orderly end; but there is no status.
            Poll::Ready(None) => Poll::Ready(Some(Err(lost(&Truncated, deadline)))),
            Poll::Pending => {
                let Some(timer) = &mut self.timer else {
                    return Poll::Pending;
                };
                ready!(timer.as_mut().poll(context));
                Poll::Ready(Some(Err(expired())))
            }
        }
    }
}

#[derive(Debug)]
struct Truncated;

impl fmt::Display for Truncated {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the answer ended without a status")
    }
}

impl Error for Truncated {}

/// If an attempt found the gateway unavailable, how long it asks to wait. What has an answer's headers is decided: like
/// gRPC's own, retries end there.
fn unavailable(answer: &Result<Response<Body>, Status>) -> Option<Duration> {
    let status = match answer {
        Ok(answer) => &Status::from_header_map(answer.headers())?,
        Err(status) => status,
    };
    (status.code() == Code::Unavailable).then(|| asked_for(status))
}

/// Whether a request reached nobody, as the connection was closing in good order: gRPC's "transparent retries".
fn was_not_taken(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled) {
            return true; // hyper still had it
        }
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR);
        }
        cause = error.source();
    }
    false
}

/// The status for whatever ended an RPC that was neither the gateway's answer nor the caller.
fn lost(error: &(dyn Error + 'static), deadline: Option<Instant>) -> Status {
    if deadline.is_some_and(|at| at <= Instant::now()) {
        return expired(); // the gateway saw it first
    }
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(message, ": {error}"); // a String takes everything
        cause = error.source();
    }
    Status::unavailable(message)
}

fn expired() -> Status {
    Status::deadline_exceeded("the deadline has passed")
}

/// What `tonic::Request::set_timeout` asked for.
fn timeout_of(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (amount, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount = amount.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}
