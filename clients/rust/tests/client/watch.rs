//! The resuming watch, against a gateway that acts by a script, over real connections.

use std::sync::Arc;
use std::time::Duration;

use callstream::tonic::{Code, Status};
use callstream::tonic_types::{ErrorDetails, StatusExt as _};
use callstream::v1::watch_events_request::Start;
use callstream::v1::{WatchEventsRequest, WatchEventsResponse};
use callstream::{Client, Watch, WatchItem, WatchOptions};
use futures_util::StreamExt as _;

use crate::support::{
    End, Gateway, Proxy, Rpc, Socket, bookmark, client_of, closing, event, opened, opened_every, part, rpc, serve,
    serve_at,
};

/// Pauses that nobody notices.
const SOON: WatchOptions = WatchOptions {
    backoff_initial: Duration::from_millis(1),
    backoff_max: Duration::from_millis(1),
    dead_after_intervals: 3,
};

fn now() -> WatchEventsRequest {
    WatchEventsRequest::default()
}

fn from_oldest() -> WatchEventsRequest {
    WatchEventsRequest { start: Some(Start::FromOldest(true)), ..now() }
}

fn snapshot() -> WatchEventsRequest {
    WatchEventsRequest { include_snapshot: true, ..now() }
}

fn unavailable() -> End {
    End::With(Status::unavailable("gone"))
}

fn out_of_range() -> End {
    let details = ErrorDetails::with_error_info("CURSOR_COMPACTED", "callstream", []);
    End::With(Status::with_error_details(Code::OutOfRange, "compacted", details))
}

/// What a watch hands over, in words, and the code of its error.
async fn collect(watch: Watch) -> (Vec<String>, Option<Code>) {
    let mut code = None;
    let items = watch.filter_map(|item| std::future::ready(item.map_err(|status| code = Some(status.code())).ok()));
    let items = items.map(|item| told(&item)).collect().await;
    (items, code)
}

fn told(item: &WatchItem) -> String {
    match item {
        WatchItem::Bookmark { cursor } => format!("bookmark {cursor}"),
        WatchItem::Events { cursor, events } => format!("events {cursor} {}", events[0].sequence),
        WatchItem::Snapshot { cursor, first, last, reset, .. } => {
            let marks = [(first, " first"), (last, " last"), (reset, " reset")];
            let marks: String = marks.iter().filter(|(set, _)| **set).map(|(_, mark)| *mark).collect();
            format!("snapshot {cursor}{marks}")
        }
    }
}

/// Plays a script, and compares what the user gets and what the gateway is asked for.
async fn play<const N: usize>(request: WatchEventsRequest, script: [Rpc; N], items: &[&str], asked: &[&str]) {
    let gateway = Gateway::watched(script);
    let watch = client_of(&gateway).await.watch_with(request, SOON);
    assert_eq!(collect(watch).await, (items.iter().map(ToString::to_string).collect(), None));
    assert_eq!(gateway.asked(), asked);
}

/// Without trouble it hands over what comes, in order, and ends when it is complete.
#[tokio::test]
async fn hands_over_in_order() {
    play(
        snapshot(),
        [rpc([opened("c1"), part("c1", false), part("c1", true), event("c2", 2), bookmark("c3")], End::Complete)],
        &["snapshot c1 first", "snapshot c1 last", "events c2 2", "bookmark c3"],
        &["snapshot"],
    )
    .await;
}

/// It goes on after the last event or bookmark, whatever the gateway ended the RPC with.
#[tokio::test]
async fn resumes_at_the_last_cursor() {
    play(
        from_oldest(),
        [
            rpc([opened("c0"), event("c1", 1)], unavailable()),
            rpc([opened("c1"), bookmark("c2"), closing("c2")], unavailable()),
            rpc([], unavailable()),
            rpc([event("c3", 3)], End::With(Status::cancelled("stopped"))),
            rpc([event("c4", 4)], End::Complete),
        ],
        &["events c1 1", "bookmark c2", "events c3 3", "events c4 4"],
        &["oldest", "after c1", "after c2", "after c2", "after c3"],
    )
    .await;
}

/// The request's own start holds until the watch was opened.
#[tokio::test]
async fn asks_for_the_original_start_until_it_was_opened() {
    play(
        from_oldest(),
        [rpc([], unavailable()), rpc([], unavailable()), rpc([event("c1", 1)], End::Complete)],
        &["events c1 1"],
        &["oldest", "oldest", "oldest"],
    )
    .await;
}

/// "Now" is when the watch was opened first, also if it breaks before the first event.
#[tokio::test]
async fn misses_nothing_between_now_and_a_break() {
    play(
        now(),
        [rpc([opened("c7")], unavailable()), rpc([event("c8", 8)], End::Complete)],
        &["events c8 8"],
        &["now", "after c7"],
    )
    .await;
}

/// A snapshot that broke off begins again, and says so.
#[tokio::test]
async fn begins_a_broken_snapshot_again() {
    play(
        snapshot(),
        [
            rpc([opened("c1")], unavailable()),
            rpc([opened("c2"), part("c2", false), part("c2", false)], unavailable()),
            rpc([opened("c3"), part("c3", false), part("c3", true)], unavailable()),
            rpc([opened("c3"), event("c4", 4)], End::Complete),
        ],
        &["snapshot c2 first", "snapshot c2", "snapshot c3 first reset", "snapshot c3 last reset", "events c4 4"],
        &["snapshot", "snapshot", "snapshot", "after c3"],
    )
    .await;
}

/// Where the gateway no longer has the cursor it goes on with a snapshot, marked as a reset.
#[tokio::test]
async fn begins_with_a_snapshot_where_history_is_lost() {
    play(
        from_oldest(),
        [
            rpc([opened("c0"), event("c1", 1)], unavailable()),
            rpc([], out_of_range()),
            rpc([], unavailable()),
            rpc([opened("d5"), part("d5", false), part("d5", true), event("d6", 6)], unavailable()),
            rpc([opened("d6"), bookmark("d7")], End::Complete),
        ],
        &["events c1 1", "snapshot d5 first reset", "snapshot d5 last reset", "events d6 6", "bookmark d7"],
        &["oldest", "after c1", "snapshot", "snapshot", "after d6"],
    )
    .await;
}

/// A kind of message that this version does not know is passed over.
#[tokio::test]
async fn passes_over_unknown_messages() {
    let unknown = WatchEventsResponse { cursor: "c9".into(), kind: None };
    play(from_oldest(), [rpc([unknown, event("c9", 9)], End::Complete)], &["events c9 9"], &["oldest"]).await;
}

/// What trying again can't mend is the user's, and the end.
#[tokio::test]
async fn hands_over_other_errors() {
    for code in [Code::InvalidArgument, Code::ResourceExhausted, Code::PermissionDenied, Code::Internal, Code::Unknown]
    {
        let gateway = Gateway::watched([rpc([event("c1", 1)], End::With(Status::new(code, "no")))]);
        let watch = client_of(&gateway).await.watch_with(from_oldest(), SOON);
        assert_eq!(collect(watch).await, (vec!["events c1 1".into()], Some(code)));
    }
}

/// A message beyond gRPC's limit would come again and again: it is an error, though Tonic calls it `OUT_OF_RANGE`.
#[tokio::test]
async fn hands_over_a_message_that_is_too_large() {
    let gateway = Gateway::watched([rpc([event(&"c".repeat(5 << 20), 1)], End::Hang)]);
    let watch = client_of(&gateway).await.watch_with(from_oldest(), SOON);
    assert_eq!(collect(watch).await, (vec![], Some(Code::OutOfRange)));
}

/// A connection that breaks is made again, and the watch goes on over the new one.
#[tokio::test]
async fn survives_a_broken_connection() {
    let gateway = Gateway::watched([
        rpc([opened("c0"), event("c1", 1)], End::Hang),
        rpc([opened("c1"), event("c2", 2)], End::Complete),
    ]);
    let (proxy, client) = behind_proxy(&gateway).await;
    let mut watch = client.watch_with(from_oldest(), SOON);
    assert_eq!(told(&watch.next().await.unwrap().unwrap()), "events c1 1");
    proxy.cut().await;
    assert_eq!(collect(watch).await, (vec!["events c2 2".into()], None));
    assert_eq!(gateway.asked(), ["oldest", "after c1"]);
}

/// It waits for a gateway that is not there yet.
#[tokio::test]
async fn waits_for_the_gateway() {
    let socket = Socket::new("awaited");
    let mut watch = Client::new(socket.target()).unwrap().watch_with(from_oldest(), SOON);
    let early = tokio::time::timeout(Duration::from_millis(50), watch.next()).await;
    assert!(early.is_err(), "{early:?}");
    serve_at(&socket, &Gateway::watched([rpc([event("c1", 1)], End::Complete)]));
    assert_eq!(collect(watch).await, (vec!["events c1 1".into()], None));
}

/// A connection that is dead without a word is left for a new one; requests use that, too.
#[tokio::test]
async fn leaves_a_dead_connection() {
    let interval = Duration::from_millis(50);
    let gateway = Gateway::watched([
        rpc([opened_every(interval, "c0"), event("c1", 1)], End::Hang),
        rpc([opened_every(interval, "c1"), event("c2", 2)], End::Hang),
        rpc([opened_every(interval, "c2"), event("c3", 3)], End::Complete),
    ]);
    let (proxy, client) = behind_proxy(&gateway).await;
    let mut watch = client.watch_with(from_oldest(), SOON);
    for expected in ["events c1 1", "events c2 2"] {
        assert_eq!(told(&watch.next().await.unwrap().unwrap()), expected);
        proxy.freeze();
        gateway.forget();
    }
    assert_eq!(collect(watch).await, (vec!["events c3 3".into()], None));
    client.streams().get_stream(callstream::v1::GetStreamRequest::default()).await.unwrap();
    assert_eq!(gateway.asked(), ["oldest", "after c1", "after c2"]);
    assert_eq!(proxy.accepted(), 3);
}

/// A watch that finds its connection dead takes the one that another watch has made already.
#[tokio::test]
async fn watches_leave_a_dead_connection_together() {
    let beginning = || rpc([opened_every(Duration::from_millis(50), "c0"), event("c1", 1)], End::Hang);
    let end = || rpc([event("c2", 2)], End::Complete);
    let gateway = Gateway::watched([beginning(), beginning(), end(), end()]);
    let (proxy, client) = behind_proxy(&gateway).await;
    let patient = WatchOptions { dead_after_intervals: 6, ..SOON };
    let mut watches = [SOON, patient].map(|options| client.watch_with(from_oldest(), options));
    for watch in &mut watches {
        assert_eq!(told(&watch.next().await.unwrap().unwrap()), "events c1 1");
        gateway.forget();
    }
    proxy.freeze();
    for watch in watches {
        assert_eq!(collect(watch).await, (vec!["events c2 2".into()], None));
    }
    assert_eq!(proxy.accepted(), 2);
}

/// A gateway that never says `opened` is silent after three of the intervals that were asked for.
#[tokio::test]
async fn leaves_a_gateway_that_never_opens() {
    let gateway = Gateway::watched([rpc([], End::Hang), rpc([event("c1", 1)], End::Complete)]);
    let interval = Some(Duration::from_millis(50).try_into().unwrap());
    let watch = client_of(&gateway).await.watch_with(WatchEventsRequest { bookmark_interval: interval, ..now() }, SOON);
    assert_eq!(collect(watch).await, (vec!["events c1 1".into()], None));
    assert_eq!(gateway.asked(), ["now", "now"]);
}

/// The time that the user takes over an item does not count as silence.
#[tokio::test]
async fn waits_for_a_slow_user() {
    let interval = Duration::from_millis(50);
    let gateway =
        Gateway::watched([rpc([opened_every(interval, "c0"), event("c1", 1), event("c2", 2)], End::Complete)]);
    let mut watch = client_of(&gateway).await.watch_with(from_oldest(), SOON);
    while let Some(item) = watch.next().await {
        item.unwrap();
        tokio::time::sleep(interval * 5).await;
    }
    assert_eq!(gateway.asked(), ["oldest"]);
}

/// Dropping the watch ends the RPC at the gateway.
#[tokio::test]
async fn dropping_ends_it() {
    let gateway = Gateway::watched([rpc([event("c1", 1), event("c2", 2)], End::Hang)]);
    let client = client_of(&gateway).await;
    let mut watch = client.watch_with(from_oldest(), SOON);
    watch.next().await.unwrap().unwrap();
    drop(watch);
    gateway.left().await;
}

/// A future of `next` that is dropped, by a `select!` for one, takes nothing with it.
#[tokio::test]
async fn next_can_be_dropped() {
    let gateway = Gateway::watched([rpc([event("c1", 1), event("c2", 2)], End::Complete)]);
    let mut watch = client_of(&gateway).await.watch_with(from_oldest(), SOON);
    let mut items = Vec::new();
    loop {
        tokio::select! {
            biased;
            item = watch.next() => match item {
                Some(item) => items.push(told(&item.unwrap())),
                None => break,
            },
            () = tokio::task::yield_now() => (),
        }
    }
    assert_eq!(items, ["events c1 1", "events c2 2"]);
    assert_eq!(gateway.asked(), ["oldest"]);
}

async fn behind_proxy(gateway: &Arc<Gateway>) -> (Arc<Proxy>, Client) {
    let proxy = Arc::new(Proxy::default());
    let port = proxy.begin(serve(gateway).await).await;
    (proxy, Client::new(format!("http://127.0.0.1:{port}")).unwrap())
}
