"""The synchronous client against a server that follows a script."""

import gc
import threading
from pathlib import Path

import grpc
import pytest

import callstream
from callstream import Bookmark, Events, Snapshot, WatchOptions
from callstream.v1.event_pb2 import Event
from callstream.v1.stream_service_pb2 import ListStreamsRequest, StopStreamRequest, WatchEventsRequest
from gateway.emulator.certificates import make_certificates
from tests.support.scripted_watches import Fails, Script, ScriptedWatches, Stays
from tests.support.watch_messages import bookmark, events, opened, part

AT_ONCE = WatchOptions(backoff_initial=0.001, backoff_max=0.001)
IMPATIENT = WatchOptions(backoff_initial=0.001, backoff_max=0.001, dead_after_intervals=0.2)
"""With an interval of a second."""
WITHIN = 10.0
GONE = Fails(grpc.StatusCode.UNAVAILABLE)
RESET = Fails(grpc.StatusCode.CANCELLED)
"""What gRPC makes of a request that reaches a server in the last moment of its shutdown."""


def test_hands_over_what_comes_until_it_is_complete() -> None:
    """Items come in order; the watch ends with the server's OK and leaves nothing open."""
    with (
        ScriptedWatches([opened("c0"), part("c1", last=True), events("c2", 1, 2), bookmark("c3")]) as server,
        callstream.connect(server.address) as client,
    ):
        watch = client.watch(WatchEventsRequest(include_snapshot=True))
        assert list(watch) == [
            Snapshot("c1", (), (), last=True, reset=False),
            Events("c2", (Event(sequence=1), Event(sequence=2))),
            Bookmark("c3"),
        ]
        assert watch.cursor == "c3"
        assert list(watch) == []


def test_goes_on_where_it_was() -> None:
    """After each end that is not its own one watch is opened at the last cursor, never two at a time."""
    scripts: list[Script] = [
        [opened("c0"), events("c1", 1), GONE],
        [RESET],
        [opened("c1"), events("c2", 2), GONE],
        [events("c3", 3)],
    ]
    with ScriptedWatches(*scripts) as server, callstream.connect(server.address) as client:
        found = list(client.watch(WatchEventsRequest(from_oldest=True), AT_ONCE))
    assert [item.cursor for item in found] == ["c1", "c2", "c3"]
    assert [request.after_cursor for request in server.requests] == ["", "c1", "c1", "c2"]
    assert server.most_open == 1


def test_lost_history_begins_again() -> None:
    """OUT_OF_RANGE brings a snapshot that is marked."""
    scripts: list[Script] = [
        [Fails(grpc.StatusCode.OUT_OF_RANGE, "CURSOR_COMPACTED")],
        [opened("c5"), part("c5", last=True)],
    ]
    with ScriptedWatches(*scripts) as server, callstream.connect(server.address) as client:
        (item,) = client.watch(WatchEventsRequest(after_cursor="c1"), AT_ONCE)
    assert item == Snapshot("c5", (), (), last=True, reset=True)


def test_other_errors_are_raised() -> None:
    """An error that is the user's ends the watch, and can be read."""
    with (
        ScriptedWatches([Fails(grpc.StatusCode.RESOURCE_EXHAUSTED, "WATCH_LIMIT")]) as server,
        callstream.connect(server.address) as client,
    ):
        watch = client.watch()
        with pytest.raises(grpc.RpcError) as failed:
            next(watch)
        assert callstream.error_details(failed.value).reason == "WATCH_LIMIT"
        assert list(watch) == []


def test_a_silent_connection_is_left_for_a_new_one() -> None:
    """What says nothing for too long is dead; the next watch comes over another connection, also a second time."""
    scripts: list[Script] = [
        [opened("c0", 1), events("c1", 1), Stays()],
        [opened("c1", 1), Stays()],
        [opened("c1", 1), events("c2", 2)],
    ]
    with ScriptedWatches(*scripts) as server, callstream.connect(server.address) as client:
        found = list(client.watch(None, IMPATIENT))
    assert [item.cursor for item in found] == ["c1", "c2"]
    assert [request.after_cursor for request in server.requests] == ["", "c1", "c1"]
    assert len(set(server.peers)) == 3


def test_time_between_reads_is_the_users() -> None:
    """A user who takes longer than a dead connection does not lose a living one."""
    go_on = threading.Event()
    scripts: list[Script] = [[opened("c0", 1), events("c1", 1), events("c2", 2)]]
    with (
        ScriptedWatches(*scripts) as server,
        callstream.connect(server.address) as client,
        client.watch(None, IMPATIENT) as watch,
    ):
        assert next(watch).cursor == "c1"
        assert not go_on.wait(2 * 0.2)  # longer than a silence
        assert [item.cursor for item in watch] == ["c2"]
    assert len(server.requests) == 1


@pytest.mark.parametrize("what", ["watch", "client"])
def test_close_ends_the_wait_of_another_thread(what: str) -> None:
    """Who waits in a watch that is closed, by itself or with its client, is told that there is no more."""
    stays = Stays()
    with (
        ScriptedWatches([opened("c0"), stays]) as server,
        callstream.connect(server.address) as client,
        client.watch() as watch,
    ):
        found: list[object] = []
        reader = threading.Thread(target=lambda: found.append(list(watch)))
        reader.start()
        assert stays.reached.wait(WITHIN)
        (watch if what == "watch" else client).close()
        reader.join(WITHIN)
        assert found == [[]]
        assert stays.left.wait(WITHIN)


def test_close_ends_a_pause() -> None:
    """A watch that pauses between attempts can be left at once."""
    with ScriptedWatches([GONE]) as server, callstream.connect(server.address) as client:
        watch = client.watch(None, WatchOptions(backoff_initial=3600, backoff_max=3600))
        closer = threading.Timer(0.2, watch.close)
        closer.start()
        assert list(watch) == []
        closer.join()
    assert len(server.requests) == 1


@pytest.mark.parametrize("how", ["left", "forgotten"])
def test_whoever_stops_iterating_leaves_nothing_open(how: str) -> None:
    """The stream at the gateway ends with the `with`, or once the watch is collected; so does its thread."""
    stays = Stays()
    with (
        ScriptedWatches([opened("c0"), events("c1", 1), stays]) as server,
        callstream.connect(server.address) as client,
    ):
        watch = client.watch()
        thread = None
        for item in watch:
            assert item.cursor == "c1"
            thread = watch._guard._thread
            break
        assert thread is not None
        assert stays.reached.wait(WITHIN)
        if how == "left":
            watch.close()
        del watch
        gc.collect()
        assert stays.left.wait(WITHIN)
        thread.join(WITHIN)
        assert not thread.is_alive()


def test_repeatable_requests_are_tried_again() -> None:
    """UNAVAILABLE is tried again for what may be sent twice."""
    with ScriptedWatches([GONE], [GONE]) as server, callstream.connect(server.address) as client:
        assert client.streams.ListStreams(ListStreamsRequest(page_token="x"), timeout=WITHIN).next_page_token == "x"
    assert len(server.headers) == 3


def test_the_token_goes_with_each_request() -> None:
    """Unary requests and watches carry it."""
    with ScriptedWatches([opened()]) as server, callstream.connect(server.address, token="t0k") as client:
        assert list(client.watch()) == []
        client.streams.ListStreams(ListStreamsRequest(), timeout=WITHIN)
    assert [headers["authorization"] for headers in server.headers] == ["Bearer t0k"] * 2


@pytest.mark.parametrize(
    "address", ["gateway.example.com:443", "127.0.0.1.example.com:443", "localhost.example.com:443", "127.evil:1"]
)
def test_the_token_does_not_leave_this_machine_unencrypted(address: str) -> None:
    """A token that everybody could read is not sent, whatever the name begins with."""
    with pytest.raises(ValueError, match="without encryption"):
        callstream.connect(address, token="t0k")
    callstream.connect("gateway.example.com:443", token="t0k", tls=True).close()


def test_encryption(tmp_path: Path) -> None:
    """With a CA file the connection is encrypted and the gateway's name checked."""
    files = make_certificates(tmp_path)
    credentials = grpc.ssl_server_credentials([(files.key.read_bytes(), files.certificate.read_bytes())])
    with (
        ScriptedWatches([opened(), events("c1", 1)], credentials=credentials) as server,
        callstream.connect(server.address, token="t0k", ca_file=files.ca) as client,
    ):
        assert [item.cursor for item in client.watch()] == ["c1"]
    assert server.headers[0]["authorization"] == "Bearer t0k"


def test_errors_without_details() -> None:
    """An error that is not the gateway's has no reason, and reading it does not fail."""
    with ScriptedWatches() as server, callstream.connect(server.address) as client:
        with pytest.raises(grpc.RpcError) as failed:
            client.streams.StopStream(StopStreamRequest(), timeout=WITHIN)
        assert callstream.error_details(failed.value) == callstream.ErrorDetails()
