"""What a limited client sees: at every door the same, and nothing of the rest."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message

from callstream.v1 import call_service_pb2, event_pb2, gateway_service_pb2, stream_service_pb2
from gateway.access.tokens import Tokens
from gateway.domain.calls import CallState, Dial, DialState
from gateway.domain.events import Draft, EventType
from gateway.domain.streams import StreamState
from gateway.engine.options import EngineOptions
from gateway.service.gate import TokenGate
from gateway.service.rpc import Surroundings
from gateway.service.services import DESCRIPTORS
from tests.support.access import TokenClient, entry, token_of, write_tokens
from tests.support.serving import Served, Watch, error_details, served

SALES, SUPPORT, OUTBOUND, MENTIONED = "sales-call", "support-call", "outbound-call", "mentioned-call"
CONTEXTS: Final = {SALES: "sales", SUPPORT: "support", OUTBOUND: "", MENTIONED: ""}
RED, BLUE, BARE = "red-stream", "blue-stream", "bare-stream"
LABELS: Final[Mapping[str, dict[str, str]]] = {RED: {"team": "red", "x": "1"}, BLUE: {"team": "blue"}, BARE: {}}
LIMITS: Final[Mapping[str, dict[str, Any]]] = {
    "all": {},
    "sales": {"contexts": ["sales"]},
    "red": {"labels": {"team": "red"}},
    "both": {"contexts": ["sales", "elsewhere"], "labels": {"team": "red"}},
}
CALLS_SEEN: Final = {
    "all": {SALES, SUPPORT, OUTBOUND, MENTIONED},
    "sales": {SALES},
    "red": {SALES, SUPPORT, OUTBOUND, MENTIONED},
    "both": {SALES},
}
STREAMS_SEEN: Final = {
    client: {
        (call, stream)
        for call in CALLS_SEEN[client]
        for stream in LABELS
        if stream == RED or client in {"all", "sales"}
    }
    for client in LIMITS
}


class Limited:
    """A gateway that knows calls of several contexts with streams of several labels, and a client for each limit."""

    def __init__(self, gateway: Served) -> None:
        self.gateway = gateway
        self.clients = {name: TokenClient(gateway.client.address, token_of(name)) for name in LIMITS}

    def drafts(self, state: StreamState) -> list[Draft]:
        """Every stream of every call comes to a state."""
        return [
            self.gateway.stream(state, stream, call_id=call, labels=labels)
            for call in CONTEXTS
            for stream, labels in LABELS.items()
        ]

    def watch(self, name: str, **request: Any) -> Watch:
        """Opens a watch of a client."""
        return Watch(self.clients[name], **request)


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[Limited]:
    """The gateway and its clients."""
    path = write_tokens(tmp_path / "tokens.toml", [entry(name, "admin", **limits) for name, limits in LIMITS.items()])
    around = Surroundings(gate=TokenGate(Tokens(path)))
    async with served(around=around, engine=EngineOptions(relay_wait=0.0)) as gateway:
        opened = Limited(gateway)
        await gateway.written(
            *(gateway.call(CallState.ANSWERED, call, context=context) for call, context in CONTEXTS.items()),
            *opened.drafts(StreamState.STREAMING),
        )
        try:
            yield opened
        finally:
            for client in opened.clients.values():
                await client.channel.close()


def seen(messages: Iterable[Any]) -> set[tuple[str, str]]:
    """The ids of streams."""
    return {(message.call_id, message.control_id) for message in messages}


async def answer_of(asked: Awaitable[Any]) -> tuple[grpc.StatusCode, str, str, dict[str, str]]:
    """What an RPC is refused with."""
    try:
        found = await asked
    except grpc.aio.AioRpcError as error:
        details = error_details(error)
        return error.code(), error.details() or "", details.reason, details.metadata
    raise AssertionError(f"it was not refused: {found}")


# Every method that takes a call's id, as a client asks for a call and a stream.
URL = "wss://audio.example/a"
DOORS: Final[Mapping[str, Callable[[TokenClient, str, str], Awaitable[Any]]]] = {
    "StartStream": lambda c, call, _: c.streams.StartStream(
        stream_service_pb2.StartStreamRequest(call_id=call, node_id="n", url=URL), timeout=5
    ),
    "StopStream": lambda c, call, stream: c.streams.StopStream(
        stream_service_pb2.StopStreamRequest(call_id=call, control_id=stream), timeout=5
    ),
    "StopCallStreams": lambda c, call, _: c.streams.StopCallStreams(
        stream_service_pb2.StopCallStreamsRequest(call_id=call), timeout=5
    ),
    "GetStream": lambda c, call, stream: c.streams.GetStream(
        stream_service_pb2.GetStreamRequest(call_id=call, control_id=stream), timeout=5
    ),
    "WaitStream": lambda c, call, stream: c.streams.WaitStream(
        stream_service_pb2.WaitStreamRequest(call_id=call, control_id=stream), timeout=5
    ),
    "AnswerCall": lambda c, call, _: c.calls.AnswerCall(
        call_service_pb2.AnswerCallRequest(call_id=call, node_id="n"), timeout=5
    ),
    "EndCall": lambda c, call, _: c.calls.EndCall(
        call_service_pb2.EndCallRequest(call_id=call, node_id="n"), timeout=5
    ),
    "PassCall": lambda c, call, _: c.calls.PassCall(
        call_service_pb2.PassCallRequest(call_id=call, node_id="n"), timeout=5
    ),
    "GetCall": lambda c, call, _: c.calls.GetCall(call_service_pb2.GetCallRequest(call_id=call), timeout=5),
}
OF_STREAMS: Final = ("StopStream", "GetStream", "WaitStream")
OF_LISTS: Final = {"ListStreams"}
"""Methods that take a call's id as a filter; tested with the lists."""


def test_there_are_no_other_doors() -> None:
    """A new method that takes a call's id is to be tested here."""
    methods = [method for service in DESCRIPTORS for method in service.methods]
    assert {m.name for m in methods if "call_id" in m.input_type.fields_by_name} == set(DOORS) | OF_LISTS


@pytest.mark.parametrize("hidden", [SUPPORT, OUTBOUND, MENTIONED])
@pytest.mark.parametrize("door", DOORS)
async def test_a_call_out_of_sight_is_as_one_that_nobody_knows(limited: Limited, door: str, hidden: str) -> None:
    """Code, reason, message and metadata are the same but for the id, at every door."""
    ask, client = DOORS[door], limited.clients["sales"]
    answer = await answer_of(ask(client, hidden, BARE))
    unknown = await answer_of(ask(client, "unknown", BARE))
    assert answer[0] is grpc.StatusCode.NOT_FOUND
    assert repr(answer).replace(hidden, "unknown") == repr(unknown)


@pytest.mark.parametrize("door", OF_STREAMS)
async def test_a_stream_out_of_sight_is_as_one_that_nobody_knows(limited: Limited, door: str) -> None:
    """The same for streams of other labels, and of none, on a call that is seen."""
    ask, client = DOORS[door], limited.clients["red"]
    for hidden in (BLUE, BARE):
        answer = await answer_of(ask(client, SALES, hidden))
        unknown = await answer_of(ask(client, SALES, "unknown"))
        assert answer[0] is grpc.StatusCode.NOT_FOUND
        assert repr(answer).replace(hidden, "unknown") == repr(unknown)


async def test_a_name_means_its_own_streams(limited: Limited) -> None:
    """Of several streams of a name, a client stops the newest that it sees, and not the one that is active."""
    gateway = limited.gateway
    await gateway.written(
        gateway.stream(StreamState.FINISHED, "old", call_id=SALES, labels=LABELS[RED], name="lobby"),
        gateway.stream(StreamState.STREAMING, "new", call_id=SALES, labels=LABELS[BLUE], name="lobby"),
    )
    request = stream_service_pb2.StopStreamRequest(call_id=SALES, name="lobby")
    stopped = await limited.clients["red"].streams.StopStream(request, timeout=5)
    assert stopped.stream.control_id == "old"


async def test_all_streams_of_a_call_means_its_own(limited: Limited) -> None:
    """The others are neither stopped nor told of; there is no session here that could stop any."""
    request = stream_service_pb2.StopCallStreamsRequest(call_id=SALES)
    answer = await limited.clients["red"].streams.StopCallStreams(request, timeout=5)
    assert [(result.stream.control_id, result.error.reason) for result in answer.results] == [
        (RED, "RELAY_DISCONNECTED")
    ]


async def test_what_is_seen_is_found(limited: Limited) -> None:
    """Limits hide nothing of what is the client's own."""
    for name in LIMITS:
        client = limited.clients[name]
        found = await client.streams.GetStream(
            stream_service_pb2.GetStreamRequest(call_id=SALES, control_id=RED), timeout=5
        )
        assert found.stream.labels == LABELS[RED]
        assert (await DOORS["GetCall"](client, SALES, "")).call.context == "sales"


@pytest.mark.parametrize("name", LIMITS)
async def test_lists(limited: Limited, name: str) -> None:
    """Lists have what is seen and nothing else, over all pages, and with a filter for what is hidden."""
    client = limited.clients[name]
    calls, streams, token = set(), set(), ""
    while True:
        page = await client.streams.ListStreams(stream_service_pb2.ListStreamsRequest(page_size=2, page_token=token))
        streams |= seen(page.streams)
        token = page.next_page_token
        if not token:
            break
    for call in (await client.calls.ListCalls(call_service_pb2.ListCallsRequest())).calls:
        calls.add(call.call_id)
    assert (calls, streams) == (CALLS_SEEN[name], STREAMS_SEEN[name])
    of_call = await client.streams.ListStreams(stream_service_pb2.ListStreamsRequest(call_id=SUPPORT))
    assert seen(of_call.streams) == {key for key in STREAMS_SEEN[name] if key[0] == SUPPORT}


@pytest.mark.parametrize("name", LIMITS)
async def test_snapshots(limited: Limited, name: str) -> None:
    """As lists."""
    watch = limited.watch(name, include_snapshot=True)
    await watch.opened()
    parts = await watch.snapshot()
    assert {call.call_id for part in parts for call in part.calls} == CALLS_SEEN[name]
    assert seen([stream for part in parts for stream in part.streams]) == STREAMS_SEEN[name]


def shown(events: list[event_pb2.Event]) -> set[tuple[str, str]]:
    """What events are about."""
    return {(event.call_id, event.control_id) for event in events if event.call_id}


@pytest.mark.parametrize("forgotten", [False, True], ids=["known", "forgotten"])
@pytest.mark.parametrize("name", LIMITS)
async def test_events(limited: Limited, name: str, *, forgotten: bool) -> None:
    """History and news have what is seen, also of calls that the registry has forgotten; and the session's events."""
    gateway = limited.gateway
    live = limited.watch(name)
    await live.opened()
    await gateway.written(
        *limited.drafts(StreamState.FINISHED),
        *(Draft(EventType.RELAY_OTHER, None, call, stream) for call in CONTEXTS for stream in (*LABELS, "")),
        *(gateway.call(CallState.ENDED, call, context=context) for call, context in CONTEXTS.items()),
        Draft.of(EventType.DIAL_ANSWERED, Dial("tag", DialState.ANSWERED, 1, 1, OUTBOUND)),
        gateway.session(),
    )
    if forgotten:
        assert gateway.engine.recorder.forget(gateway.engine.recorder.clock.now() + 1, 0)
        assert gateway.engine.registry.call(SALES) is None
    expected = STREAMS_SEEN[name] | {(call, "") for call in CALLS_SEEN[name]}
    history = await limited.clients[name].streams.ListEvents(
        stream_service_pb2.ListEventsRequest(page_size=1000), timeout=5
    )
    watched = limited.watch(name, from_oldest=True)
    await watched.opened()
    replayed = await watched.events(len(history.events))
    assert [event.sequence for event in replayed] == [event.sequence for event in history.events]
    assert shown(replayed) == expected
    news: list[event_pb2.Event] = []
    while not news or news[-1].type != event_pb2.EVENT_TYPE_SESSION_DOWN:
        news += (await live.next()).events.events
    assert shown(news) == expected
    dials = [event for event in replayed if event.type == event_pb2.EVENT_TYPE_DIAL_ANSWERED]
    assert bool(dials) is (OUTBOUND in CALLS_SEEN[name])
    others = {event.control_id for event in replayed if event.type == event_pb2.EVENT_TYPE_RELAY_OTHER}
    assert others == ({"", *LABELS} if name in {"all", "sales"} else {""})


async def test_a_filter_cannot_widen_the_view(limited: Limited) -> None:
    """Asking for hidden calls, streams or labels by name finds nothing."""
    filters: Iterable[Any] = ({"call_ids": [SUPPORT]}, {"labels": {"team": "blue"}}, {"control_ids": [BLUE, BARE]})
    for wanted in filters:
        history = await limited.clients["both"].streams.ListEvents(
            stream_service_pb2.ListEventsRequest(filter=wanted), timeout=5
        )
        assert not history.events
        assert history.at_head


async def test_the_end_of_a_hidden_stream_ends_no_watch(limited: Limited) -> None:
    """A watch until its end waits as it does for a stream that nobody knows."""
    await limited.gateway.written(*limited.drafts(StreamState.FINISHED))
    ended = {"until": stream_service_pb2.WATCH_UNTIL_STREAM_ENDED, "bookmark_interval": {"seconds": 1}}
    for hidden in (BLUE, "unknown"):
        watch = limited.watch("red", filter={"call_ids": [SALES], "control_ids": [hidden]}, from_oldest=True, **ended)
        await watch.opened()
        assert (await watch.next()).WhichOneof("kind") == "bookmark"
    watch = limited.watch("red", filter={"call_ids": [SALES], "control_ids": [RED]}, from_oldest=True, **ended)
    assert (await watch.rest())[1] is grpc.StatusCode.OK


async def test_what_is_about_no_context_is_not_for_who_has_some(limited: Limited) -> None:
    """An outbound call is of no context, and contexts are everybody's: refused whatever the scopes are."""
    dial = call_service_pb2.DialRequest()
    update = gateway_service_pb2.UpdateContextsRequest(add=["support"])
    for name in ("sales", "both"):
        client = limited.clients[name]
        for asked in (client.calls.Dial(dial, timeout=5), client.gateway.UpdateContexts(update, timeout=5)):
            code, _, reason, metadata = await answer_of(asked)
            assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
            assert metadata == {"limit": "contexts"}


async def dry_start(client: TokenClient, **fields: Any) -> Message:
    """What a start would make."""
    request = stream_service_pb2.StartStreamRequest(call_id=SALES, url=URL, validate_only=True, **fields)
    response = await client.streams.StartStream(request, timeout=5)
    stream: Message = response.stream
    return stream


class TestLabels:
    """Labels that a token's streams carry."""

    async def test_they_are_added(self, limited: Limited) -> None:
        """The client may give them itself; with or without, the request is the same."""
        client = limited.clients["red"]
        first: Any = await dry_start(client, control_id="s", labels={"a": "b"})
        again: Any = await dry_start(client, control_id="s", labels={"a": "b", "team": "red"})
        assert first.labels == again.labels == {"a": "b", "team": "red"}
        assert first.request_digest == again.request_digest
        other: Any = await dry_start(limited.clients["all"], control_id="s", labels={"a": "b"})
        assert other.request_digest != first.request_digest

    async def test_another_value_is_refused(self, limited: Limited) -> None:
        """A client can't start a stream that is not its own."""
        code, message, reason, metadata = await answer_of(dry_start(limited.clients["red"], labels={"team": "blue"}))
        assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
        assert metadata == {"limit": "labels"}
        assert "'team' = 'red'" in message

    async def test_a_control_id_of_somebody_else(self, limited: Limited) -> None:
        """It is taken, and that is all that is told."""
        code, _, reason, metadata = await answer_of(dry_start(limited.clients["red"], control_id=BLUE))
        assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "STREAM_EXISTS")
        assert metadata == {"call_id": SALES, "control_id": "", "state": "", "url": ""}
