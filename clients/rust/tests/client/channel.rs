//! How requests reach the gateway: token, retries, deadlines, encryption, and what a broken connection is called.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use callstream::tonic::body::Body;
use callstream::tonic::codegen::http::{self, header::CONTENT_TYPE};
use callstream::tonic::codegen::{BoxFuture, Service};
use callstream::tonic::server::NamedService;
use callstream::tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use callstream::tonic::{Code, Request, Status};
use callstream::tonic_types::{ErrorDetails, StatusExt as _};
use callstream::v1::stream_service_server::StreamServiceServer;
use callstream::v1::{GetStreamRequest, StartStreamRequest, WatchEventsRequest};
use callstream::{BuildError, Client, reason};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;

use crate::support::{End, Gateway, Proxy, Socket, client_of, opened, rpc, serve, serve_at};

fn draining(retry_after: Duration) -> Status {
    let mut details = ErrorDetails::with_retry_info(Some(retry_after));
    details.set_error_info("DRAINING", "callstream", []);
    Status::with_error_details(Code::Unavailable, "draining", details)
}

async fn get(client: &Client) -> Result<(), Status> {
    get_within(client, None).await
}

async fn get_within(client: &Client, timeout: Option<Duration>) -> Result<(), Status> {
    let mut request = Request::new(GetStreamRequest::default());
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    client.streams().get_stream(request).await.map(drop)
}

async fn start(client: &Client) -> Result<(), Status> {
    client.streams().start_stream(StartStreamRequest::default()).await.map(drop)
}

/// What is safe to repeat is repeated while the gateway is unavailable, four times in all.
#[tokio::test]
async fn repeats_what_is_safe_to_repeat() {
    let gateway = Gateway::answering(vec![Some(draining(Duration::ZERO)); 7]);
    let client = client_of(&gateway).await;
    let status = get(&client).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_deref()), (Code::Unavailable, Some("DRAINING")));
    assert_eq!(gateway.headers().len(), 4);
    get(&client).await.unwrap();
    assert_eq!(gateway.headers().len(), 8);
}

/// What has effects is not repeated, and other errors are not either.
#[tokio::test]
async fn repeats_nothing_else() {
    let gateway = Gateway::answering([Some(draining(Duration::ZERO)), Some(Status::not_found("no"))]);
    let client = client_of(&gateway).await;
    assert_eq!(start(&client).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(get(&client).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(gateway.headers().len(), 2);
}

/// The gateway is told what is left of the deadline, and is not asked again if nothing would be.
#[tokio::test]
async fn repeats_within_the_deadline() {
    let gateway = Gateway::answering([Some(draining(Duration::ZERO)), Some(draining(Duration::from_secs(3600)))]);
    let client = client_of(&gateway).await;
    let status = get_within(&client, Some(Duration::from_secs(60))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let headers = gateway.headers();
    assert_eq!(headers.len(), 2, "{headers:?}");
    assert_eq!(headers[0], "- 60000000u");
    let left: u64 = headers[1].strip_prefix("- ").unwrap().strip_suffix('m').unwrap().parse().unwrap();
    assert!((1..60_000).contains(&left), "{left}");
}

/// A wait that the gateway asks for is kept.
#[tokio::test]
async fn waits_as_asked() {
    let gateway = Gateway::answering([Some(draining(Duration::from_millis(50)))]);
    let client = client_of(&gateway).await;
    let begin = Instant::now();
    get(&client).await.unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(50));
}

/// A deadline that passes has its own code, before an answer and in the middle of one.
#[tokio::test]
async fn deadlines_end_requests() {
    let gateway = Gateway::answering([None]);
    let client = client_of(&gateway).await;
    let short = Duration::from_millis(50);
    assert_eq!(get_within(&client, Some(short)).await.unwrap_err().code(), Code::DeadlineExceeded);

    let client = client_of(&Gateway::watched([rpc([opened("c0")], End::Hang)])).await;
    let mut request = Request::new(WatchEventsRequest::default());
    request.set_timeout(Duration::from_millis(500));
    let mut responses = client.streams().watch_events(request).await.unwrap().into_inner();
    responses.message().await.unwrap().unwrap();
    assert_eq!(responses.message().await.unwrap_err().code(), Code::DeadlineExceeded);
}

/// A connection that breaks before or in the middle of an answer, and one that can't be made, are UNAVAILABLE.
#[tokio::test]
async fn a_broken_connection_is_unavailable() {
    let gateway = Gateway::answering([None]);
    let proxy = Arc::new(Proxy::default());
    let port = proxy.begin(serve(&gateway).await).await;
    let client = Client::new(format!("http://127.0.0.1:{port}")).unwrap();
    let cut = async {
        while gateway.headers().is_empty() {
            tokio::task::yield_now().await;
        }
        proxy.cut().await;
    };
    let (result, ()) = tokio::join!(start(&client), cut);
    assert_eq!(result.unwrap_err().code(), Code::Unavailable);

    let gateway = Gateway::watched([rpc([opened("c0")], End::Hang)]);
    let proxy = Arc::new(Proxy::default());
    let port = proxy.begin(serve(&gateway).await).await;
    let client = Client::new(format!("http://127.0.0.1:{port}")).unwrap();
    let mut responses = client.streams().watch_events(WatchEventsRequest::default()).await.unwrap().into_inner();
    responses.message().await.unwrap().unwrap();
    proxy.cut().await;
    assert_eq!(responses.message().await.unwrap_err().code(), Code::Unavailable);

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let status = start(&Client::new(format!("http://{nobody}")).unwrap()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("refused"), "{status}");
}

/// A server that ends an answer without a status has not answered.
#[tokio::test]
async fn an_answer_without_a_status_is_unavailable() {
    #[derive(Clone)]
    struct Truncating;
    impl NamedService for Truncating {
        const NAME: &'static str = "callstream.v1.StreamService";
    }
    impl Service<http::Request<Body>> for Truncating {
        type Response = http::Response<Body>;
        type Error = Infallible;
        type Future = BoxFuture<Self::Response, Infallible>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: http::Request<Body>) -> Self::Future {
            let answer = http::Response::builder().header(CONTENT_TYPE, "application/grpc").body(Body::empty());
            Box::pin(std::future::ready(Ok(answer.unwrap())))
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    let router = Server::builder().add_service(Truncating);
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    let client = Client::new(target).unwrap();
    let mut responses = client.streams().watch_events(WatchEventsRequest::default()).await.unwrap().into_inner();
    assert_eq!(responses.message().await.unwrap_err().code(), Code::Unavailable);
}

/// The token goes out when there is one.
#[tokio::test]
async fn sends_the_token() {
    let gateway = Gateway::answering([]);
    let target = format!("http://127.0.0.1:{}", serve(&gateway).await);
    get(&Client::builder(&target).token("secret").build().unwrap()).await.unwrap();
    get(&Client::new(&target).unwrap()).await.unwrap();
    assert_eq!(gateway.headers(), ["Bearer secret -", "- -"]);
}

/// Unencrypted, a token goes to this machine only; and it is shown to nobody.
#[tokio::test]
async fn keeps_the_token() {
    let with_token = |target: &str| Client::builder(target).token("secret").build();
    for target in ["http://localhost:1", "http://127.1.2.3:1", "http://[::1]:1", "unix:/run/callstream.sock"] {
        let client = with_token(target).unwrap();
        assert!(!format!("{client:?}").contains("secret"), "{client:?}");
    }
    for target in ["http://example.com:1", "http://10.0.0.1:1", "http://127.0.0.1.example.com:1"] {
        assert!(matches!(with_token(target).unwrap_err(), BuildError::Unencrypted(told) if told == target));
    }
    assert!(matches!(Client::builder("http://[::1]:1").token("a\nb").build().unwrap_err(), BuildError::Token));
}

/// What is no target is refused at once.
#[tokio::test]
async fn refuses_what_is_no_target() {
    for target in ["", "localhost:50051", "gateway", "ftp://gateway:1", "http://", "http:// gateway"] {
        assert!(matches!(Client::new(target).unwrap_err(), BuildError::Target(told) if told == target), "{target}");
    }
    let error = Client::builder("http://localhost:1").ca_certificate("").build().unwrap_err();
    assert!(matches!(error, BuildError::Tls(_)));
}

/// A gateway on a Unix socket is reached like any other.
#[tokio::test]
async fn reaches_a_unix_socket() {
    let socket = Socket::new("reached");
    let gateway = Gateway::answering([]);
    serve_at(&socket, &gateway);
    get(&Client::new(socket.target()).unwrap()).await.unwrap();
}

/// A gateway is believed if its certificate is one of the authority's, and a client likewise.
#[tokio::test]
async fn encrypts() {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let certify = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let (certificate, key) = certify("127.0.0.1");
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(authority.pem()));
    let gateway = Gateway::answering([]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("https://{}", listener.local_addr().unwrap());
    let service = StreamServiceServer::from_arc(gateway.clone());
    let router = Server::builder().tls_config(tls).unwrap().add_service(service);
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));

    let (certificate, key) = certify("client");
    let known = Client::builder(&target).ca_certificate(authority.pem()).identity(&certificate, &key).token("secret");
    get(&known.build().unwrap()).await.unwrap();
    assert_eq!(gateway.headers(), ["Bearer secret -"]);

    let anonymous = Client::builder(&target).ca_certificate(authority.pem()).build().unwrap();
    assert_eq!(start(&anonymous).await.unwrap_err().code(), Code::Unavailable);
    // The system's authorities don't know it; if there are any.
    match Client::builder(&target).identity(&certificate, &key).build() {
        Ok(doubtful) => {
            let status = start(&doubtful).await.unwrap_err();
            assert!(status.message().contains("certificate"), "{status}");
        }
        Err(error) => assert!(matches!(error, BuildError::Tls(_))),
    }
    assert_eq!(gateway.headers().len(), 1);
}

/// A request that found its connection closing in good order goes over the next one, whatever it asks for. (If the server
/// is so quick that the connection breaks under the request, nobody knows whether it was taken.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn does_not_mind_connections_that_close_for_their_age() {
    let gateway = Gateway::answering([]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let mut server = Server::builder().max_connection_age(Duration::from_millis(2));
    let router = server.add_service(StreamServiceServer::from_arc(gateway.clone()));
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    let mut starting = JoinSet::new();
    for _ in 0..8 {
        let client = client.clone();
        starting.spawn(async move {
            for _ in 0..50 {
                if let Err(status) = start(&client).await {
                    assert!(status.message().contains("broken pipe"), "{status}");
                }
            }
        });
    }
    while let Some(result) = starting.join_next().await {
        result.unwrap();
    }
}
