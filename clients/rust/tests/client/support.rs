//! A gateway that acts by a script, and a proxy before it whose connections can break.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callstream::Client;
use callstream::tonic::codegen::BoxStream;
use callstream::tonic::transport::Server;
use callstream::tonic::{Request, Response, Status};
use callstream::v1::stream_service_server::{StreamService, StreamServiceServer};
use callstream::v1::watch_events_request::Start;
use callstream::v1::watch_events_response::Kind;
use callstream::v1::{
    Event, EventBatch, GetStreamRequest, GetStreamResponse, StartStreamRequest, StartStreamResponse, WatchBookmark,
    WatchClosing, WatchEventsRequest, WatchEventsResponse, WatchOpened, WatchSnapshot,
};
use futures_util::{StreamExt as _, stream};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio::task::JoinSet;
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};

/// What a gateway does with one `WatchEvents`: it sends the messages, and then ends as told.
pub(crate) struct Rpc {
    pub(crate) messages: Vec<WatchEventsResponse>,
    pub(crate) end: End,
}

pub(crate) enum End {
    Complete,
    With(Status),
    /// Says nothing more, until the client leaves.
    Hang,
}

pub(crate) fn rpc(messages: impl Into<Vec<WatchEventsResponse>>, end: End) -> Rpc {
    Rpc { messages: messages.into(), end }
}

/// A gateway by a script; what comes after the last line of it is refused.
#[derive(Default)]
pub(crate) struct Gateway {
    watches: Mutex<VecDeque<Rpc>>,
    requests: Mutex<Vec<WatchEventsRequest>>,
    one_at_a_time: Mutex<Arc<AsyncMutex<()>>>,
    answers: Mutex<VecDeque<Option<Status>>>,
    headers: Mutex<Vec<String>>,
}

impl Gateway {
    pub(crate) fn watched(script: impl IntoIterator<Item = Rpc>) -> Arc<Self> {
        Arc::new(Self { watches: Mutex::new(script.into_iter().collect()), ..Self::default() })
    }

    /// One that answers unary requests with these errors first; `None` is no answer at all.
    pub(crate) fn answering(errors: impl IntoIterator<Item = Option<Status>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(errors.into_iter().collect()), ..Self::default() })
    }

    /// Where the watches that came wanted to begin, in words.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(beginning).collect()
    }

    /// What unary requests said of this header.
    pub(crate) fn headers(&self) -> Vec<String> {
        self.headers.lock().unwrap().clone()
    }

    /// Comes back once no watch is open here.
    pub(crate) async fn left(&self) {
        drop(self.turn().lock_owned().await);
    }

    /// Minds no longer that a watch is open here: its client can't tell that it has left.
    pub(crate) fn forget(&self) {
        *self.one_at_a_time.lock().unwrap() = Arc::default();
    }

    fn turn(&self) -> Arc<AsyncMutex<()>> {
        self.one_at_a_time.lock().unwrap().clone()
    }

    async fn answer<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let header = |name| request.metadata().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
        self.headers.lock().unwrap().push(format!("{} {}", header("authorization"), header("grpc-timeout")));
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(None) => std::future::pending().await,
            Some(Some(status)) => Err(status),
            None => Ok(()),
        }
    }
}

#[callstream::tonic::async_trait]
impl StreamService for Gateway {
    async fn watch_events(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<BoxStream<WatchEventsResponse>>, Status> {
        // A watch that had two of them open would stay here for ever.
        let open = self.turn().lock_owned().await;
        self.requests.lock().unwrap().push(request.into_inner());
        let next = self.watches.lock().unwrap().pop_front();
        let Rpc { messages, end } = next.ok_or_else(|| Status::failed_precondition("not in the script"))?;
        let end = match end {
            End::With(status) if messages.is_empty() => return Err(status),
            End::With(status) => stream::iter([Err(status)]).boxed(),
            End::Complete => stream::empty().boxed(),
            End::Hang => stream::pending().boxed(),
        };
        let answer = stream::iter(messages).map(Ok).chain(end).inspect(move |_| _ = &open);
        Ok(Response::new(answer.boxed()))
    }

    async fn get_stream(&self, request: Request<GetStreamRequest>) -> Result<Response<GetStreamResponse>, Status> {
        self.answer(&request).await?;
        Ok(Response::new(GetStreamResponse::default()))
    }

    async fn start_stream(
        &self,
        request: Request<StartStreamRequest>,
    ) -> Result<Response<StartStreamResponse>, Status> {
        self.answer(&request).await?;
        Ok(Response::new(StartStreamResponse::default()))
    }
}

/// Where a watch wants to begin, in words.
fn beginning(request: &WatchEventsRequest) -> String {
    match (&request.start, request.include_snapshot) {
        (None, true) => "snapshot".into(),
        (None, false) => "now".into(),
        (Some(Start::FromOldest(_)), false) => "oldest".into(),
        (Some(Start::AfterCursor(cursor)), false) => format!("after {cursor}"),
        other => format!("{other:?}"),
    }
}

/// Serves a gateway until the test ends, and returns its port.
pub(crate) async fn serve(gateway: &Arc<Gateway>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Server::builder().add_service(StreamServiceServer::from_arc(gateway.clone()));
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    port
}

/// The path of a Unix socket that nobody listens at yet.
pub(crate) struct Socket(PathBuf);

impl Socket {
    pub(crate) fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("callstream-{}-{name}", std::process::id())))
    }

    pub(crate) fn target(&self) -> String {
        format!("unix:{}", self.0.display())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0); // if a test failed early there is none
    }
}

/// Serves a gateway at a Unix socket until the test ends.
pub(crate) fn serve_at(socket: &Socket, gateway: &Arc<Gateway>) {
    let listener = UnixListener::bind(&socket.0).unwrap();
    let router = Server::builder().add_service(StreamServiceServer::from_arc(gateway.clone()));
    tokio::spawn(router.serve_with_incoming(UnixListenerStream::new(listener)));
}

/// Serves a gateway, and returns a client of it.
pub(crate) async fn client_of(gateway: &Arc<Gateway>) -> Client {
    Client::new(format!("http://127.0.0.1:{}", serve(gateway).await)).unwrap()
}

/// Passes connections on to a port; what it has accepted can be cut or go silent.
#[derive(Default)]
pub(crate) struct Proxy {
    connections: AsyncMutex<JoinSet<()>>,
    accepted: AtomicUsize,
    frozen: Arc<Notify>,
}

impl Proxy {
    /// Begins, and returns its own port.
    pub(crate) async fn begin(self: &Arc<Self>, port: u16) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let proxy = self.clone();
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                proxy.accepted.fetch_add(1, Ordering::SeqCst);
                let frozen = proxy.frozen.clone();
                proxy.connections.lock().await.spawn(async move {
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => (),
                        () = frozen.notified() => std::future::pending().await, // open, and silent
                    }
                });
            }
        });
        own
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Breaks all connections there are.
    pub(crate) async fn cut(&self) {
        self.connections.lock().await.shutdown().await;
    }

    /// Lets nothing pass any more on the connections there are.
    pub(crate) fn freeze(&self) {
        self.frozen.notify_waiters();
    }
}

fn response(cursor: &str, kind: Kind) -> WatchEventsResponse {
    WatchEventsResponse { cursor: cursor.into(), kind: Some(kind) }
}

/// The first message of a watch, with bookmarks every minute.
pub(crate) fn opened(cursor: &str) -> WatchEventsResponse {
    opened_every(Duration::from_secs(60), cursor)
}

pub(crate) fn opened_every(interval: Duration, cursor: &str) -> WatchEventsResponse {
    let bookmark_interval = Some(interval.try_into().unwrap());
    response(cursor, Kind::Opened(WatchOpened { bookmark_interval, ..Default::default() }))
}

/// A batch of one event.
pub(crate) fn event(cursor: &str, sequence: u64) -> WatchEventsResponse {
    response(cursor, Kind::Events(EventBatch { events: vec![Event { sequence, ..Default::default() }] }))
}

pub(crate) fn part(cursor: &str, last: bool) -> WatchEventsResponse {
    response(cursor, Kind::Snapshot(WatchSnapshot { last, ..Default::default() }))
}

pub(crate) fn bookmark(cursor: &str) -> WatchEventsResponse {
    response(cursor, Kind::Bookmark(WatchBookmark {}))
}

pub(crate) fn closing(cursor: &str) -> WatchEventsResponse {
    response(cursor, Kind::Closing(WatchClosing::default()))
}
