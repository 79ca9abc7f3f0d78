"""Requests about streams become orders, or every wrong field is listed."""

import uuid
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct, Value

from callstream.v1 import stream_pb2, stream_service_pb2
from gateway.domain.errors import InvalidRequest
from gateway.domain.streams import Stream, StreamState, Track
from gateway.engine.orders import ConflictPolicy, StartStream, StopStream
from gateway.service.paging import PageRequest, page_of
from gateway.service.validation import streams
from gateway.service.validation.queries import StopCallStreams, StreamsQuery
from tests.support.violations import violations

URL = "wss://media.example.com/audio"

COMPLETE: dict[str, Any] = {
    "callId": "call-1",
    "nodeId": "node-1",
    "controlId": "control-1",
    "url": URL,
    "name": "agent",
    "codec": "L16@16000h",
    "track": "TRACK_BOTH",
    "statusUrl": "https://example.com/status",
    "statusUrlMethod": "STATUS_URL_METHOD_GET",
    "authorizationBearerToken": "hunter2",
    "customParameters": {"n": 1, "deep": {"x": [None, True, 1.5]}},
    "labels": {"tenant": "a"},
    "conflictPolicy": "CONFLICT_POLICY_REPLACE",
    "waitUntil": "START_WAIT_UNTIL_STREAMING",
    "maxDuration": "90.5s",
    "validateOnly": True,
}


def complete(**changes: Any) -> stream_service_pb2.StartStreamRequest:
    """A request with every field set, in the JSON form of the contract; None leaves one out."""
    content = {name: value for name, value in (COMPLETE | changes).items() if value is not None}
    return ParseDict(content, stream_service_pb2.StartStreamRequest())


def smallest(**fields: Any) -> stream_service_pb2.StartStreamRequest:
    """A request with what is required, and these fields."""
    return stream_service_pb2.StartStreamRequest(**({"call_id": "call-1", "url": URL} | fields))


class TestStartStream:
    """start_stream."""

    def test_every_field(self) -> None:
        """Each field of the request has its place in the order."""
        order = streams.start_stream(complete())
        assert order == StartStream(
            call_id="call-1",
            control_id="control-1",
            url=URL,
            digest=order.digest,
            node_id="node-1",
            name="agent",
            codec="L16@16000h",
            track=Track.BOTH,
            status_url="https://example.com/status",
            status_url_method="GET",
            authorization_bearer_token="hunter2",
            custom_parameters={"n": 1, "deep": {"x": [None, True, 1.5]}},
            labels={"tenant": "a"},
            conflict_policy=ConflictPolicy.REPLACE,
            until_streaming=True,
            max_duration=90_500_000,
            validate_only=True,
        )

    def test_defaults(self) -> None:
        """What is left out gets the contract's defaults, and a control id of its own."""
        order = streams.start_stream(smallest())
        assert order == StartStream(call_id="call-1", control_id=order.control_id, url=URL, digest=order.digest)
        assert str(uuid.UUID(order.control_id)) == order.control_id
        assert streams.start_stream(smallest()).control_id != order.control_id

    @pytest.mark.parametrize(
        ("number", "policy"),
        [
            (stream_service_pb2.CONFLICT_POLICY_UNSPECIFIED, ConflictPolicy.USE_EXISTING),
            (stream_service_pb2.CONFLICT_POLICY_USE_EXISTING, ConflictPolicy.USE_EXISTING),
            (stream_service_pb2.CONFLICT_POLICY_FAIL, ConflictPolicy.FAIL),
            (stream_service_pb2.CONFLICT_POLICY_REPLACE, ConflictPolicy.REPLACE),
        ],
    )
    def test_policies(self, number: stream_service_pb2.ConflictPolicy.ValueType, policy: ConflictPolicy) -> None:
        """Each policy is understood."""
        assert streams.start_stream(smallest(conflict_policy=number)).conflict_policy is policy

    @pytest.mark.parametrize(
        ("number", "streaming"),
        [
            (stream_service_pb2.START_WAIT_UNTIL_UNSPECIFIED, False),
            (stream_service_pb2.START_WAIT_UNTIL_ACCEPTED, False),
            (stream_service_pb2.START_WAIT_UNTIL_STREAMING, True),
        ],
    )
    def test_waits(self, number: stream_service_pb2.StartWaitUntil.ValueType, streaming: bool) -> None:
        """Each way to wait is understood."""
        assert streams.start_stream(smallest(wait_until=number)).until_streaming is streaming

    @pytest.mark.parametrize(
        ("number", "word"),
        [
            (stream_service_pb2.STATUS_URL_METHOD_UNSPECIFIED, ""),
            (stream_service_pb2.STATUS_URL_METHOD_GET, "GET"),
            (stream_service_pb2.STATUS_URL_METHOD_POST, "POST"),
        ],
    )
    def test_methods(self, number: stream_service_pb2.StatusUrlMethod.ValueType, word: str) -> None:
        """Methods become RELAY's words."""
        request = smallest(status_url="https://x", status_url_method=number)
        assert streams.start_stream(request).status_url_method == word

    def test_every_wrong_field_at_once(self) -> None:
        """One answer lists all that is to be mended."""
        wrong = violations(
            streams.start_stream,
            stream_service_pb2.StartStreamRequest(
                node_id="n" * 257,
                control_id="has space",
                url="ws://media.example.com",
                name="\n",
                codec="c" * 65,
                track=9,  # type: ignore[arg-type]
                status_url="ftp://x",
                status_url_method=9,  # type: ignore[arg-type]
                authorization_bearer_token="not visible",
                custom_parameters=Struct(fields={"a": Value(number_value=float("nan"))}),
                labels={"": "x"},
                conflict_policy=9,  # type: ignore[arg-type]
                wait_until=9,  # type: ignore[arg-type]
                max_duration=Duration(nanos=999_999_999),
            ),
        )
        assert set(wrong) == {
            "call_id",
            "node_id",
            "control_id",
            "url",
            "name",
            "codec",
            "track",
            "status_url",
            "status_url_method",
            "authorization_bearer_token",
            "custom_parameters",
            'labels[""]',
            "conflict_policy",
            "wait_until",
            "max_duration",
        }

    @pytest.mark.parametrize(
        ("fields", "field", "says"),
        [
            ({"call_id": ""}, "call_id", "is required"),
            ({"call_id": "c" * 257}, "call_id", "256 bytes"),
            ({"url": ""}, "url", "is required"),
            ({"url": URL + "a" * 2048}, "url", "2048 bytes"),
            ({"url": "wss://x\n"}, "url", "white space"),
            ({"status_url": "https://x/" + "a" * 2048}, "status_url", "2048 bytes"),
            ({"status_url_method": 2}, "status_url_method", "needs status_url"),
            ({"control_id": "c" * 129}, "control_id", "128 bytes"),
            ({"authorization_bearer_token": "t" * 4097}, "authorization_bearer_token", "4096 bytes"),
            ({"max_duration": Duration(seconds=86_400, nanos=1)}, "max_duration", "at most 86400 s"),
            ({"max_duration": Duration(seconds=1, nanos=-1)}, "max_duration", "valid google.protobuf.Duration"),
        ],
    )
    def test_limits(self, fields: dict[str, Any], field: str, says: str) -> None:
        """Each limit of the contract is named when it is crossed."""
        wrong = violations(streams.start_stream, smallest(**fields))
        assert set(wrong) == {field}
        assert says in wrong[field]

    def test_large_parameters(self) -> None:
        """Custom parameters have 16 KiB as JSON."""
        request = smallest()
        request.custom_parameters.update({"a": "x" * (16 * 1024 - 8)})
        streams.start_stream(request)
        request.custom_parameters.update({"a": "x" * (16 * 1024 - 7)})
        assert "16384 bytes" in violations(streams.start_stream, request)["custom_parameters"]

    def test_the_token_is_never_quoted(self) -> None:
        """Neither a wrong token nor a right one beside a wrong field appears in the error, nor in the order's repr."""
        for token in ("hunter2 ", "hunter2", "hunter2" * 999):
            with pytest.raises(InvalidRequest) as caught:
                streams.start_stream(smallest(url="", authorization_bearer_token=token))
            assert "hunter2" not in str(caught.value)
        assert "hunter2" not in repr(streams.start_stream(complete()))


class TestDigest:
    """The digest tells whether two requests ask for the same stream."""

    def test_it_stays(self) -> None:
        """Journals hold digests: a later version makes the same ones."""
        assert (
            streams.start_stream(complete()).digest
            == "9a3997ed9ce7853161ae759eb921409eb369b56816fc021d467031cef3384bcd"
        )

    @pytest.mark.parametrize(
        "changes",
        [
            {"controlId": "other"},
            {"nodeId": None},
            {"authorizationBearerToken": "other"},
            {"conflictPolicy": None},
            {"waitUntil": None},
            {"validateOnly": None},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    def test_what_does_not_count(self, changes: dict[str, Any]) -> None:
        """The token may be a fresh one, and how to wait is not the stream's."""
        assert streams.start_stream(complete(**changes)).digest == streams.start_stream(complete()).digest

    @pytest.mark.parametrize(
        "changes",
        [
            {"callId": "other"},
            {"url": URL + "/other"},
            {"name": None},
            {"codec": None},
            {"track": None},
            {"statusUrl": "https://other"},
            {"statusUrlMethod": None},
            {"customParameters": {"n": 2}},
            {"customParameters": None},
            {"labels": None},
            {"maxDuration": "91s"},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    def test_what_counts(self, changes: dict[str, Any]) -> None:
        """Anything that makes it another stream makes another digest."""
        assert streams.start_stream(complete(**changes)).digest != streams.start_stream(complete()).digest

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"track": None}, {"track": "TRACK_INBOUND"}),
            ({"statusUrlMethod": None}, {"statusUrlMethod": "STATUS_URL_METHOD_POST"}),
            ({"labels": {"a": "1", "b": "2"}}, {"labels": {"b": "2", "a": "1"}}),
            ({"customParameters": {"a": 1, "b": 2}}, {"customParameters": {"b": 2.0, "a": 1.0}}),
        ],
    )
    def test_equal_in_meaning(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        """Defaults count as what they mean, and order does not count."""
        assert streams.start_stream(complete(**one)).digest == streams.start_stream(complete(**other)).digest


class TestStop:
    """stop_stream and stop_call_streams."""

    def test_by_control_id(self) -> None:
        """A stream is stopped by its id."""
        request = stream_service_pb2.StopStreamRequest(call_id="c", control_id="s")
        assert streams.stop_stream(request) == StopStream("c", control_id="s")

    def test_by_name(self) -> None:
        """A stream is stopped by its name, and its end waited for."""
        request = stream_service_pb2.StopStreamRequest(
            call_id="c", name="agent", wait_until=stream_service_pb2.STOP_WAIT_UNTIL_ENDED
        )
        assert streams.stop_stream(request) == StopStream("c", name="agent", until_ended=True)

    @pytest.mark.parametrize(
        ("fields", "fields_wrong"),
        [
            ({}, {"call_id", "stream"}),
            ({"call_id": "c", "control_id": ""}, {"control_id"}),
            ({"call_id": "c", "name": ""}, {"name"}),
            ({"call_id": "c", "name": "n" * 257}, {"name"}),
            ({"call_id": "c\n", "control_id": "a\nb", "wait_until": 3}, {"call_id", "control_id", "wait_until"}),
        ],
    )
    def test_wrong(self, fields: dict[str, Any], fields_wrong: set[str]) -> None:
        """A stop names its call and one stream of it."""
        assert set(violations(streams.stop_stream, stream_service_pb2.StopStreamRequest(**fields))) == fields_wrong

    def test_whole_call(self) -> None:
        """All streams of a call are stopped at once."""
        request = stream_service_pb2.StopCallStreamsRequest(
            call_id="c", wait_until=stream_service_pb2.STOP_WAIT_UNTIL_ENDED
        )
        assert streams.stop_call_streams(request) == StopCallStreams("c", until_ended=True)
        wrong = violations(
            streams.stop_call_streams,
            stream_service_pb2.StopCallStreamsRequest(wait_until=7),  # type: ignore[arg-type]
        )
        assert set(wrong) == {"call_id", "wait_until"}


class TestReads:
    """get_stream, wait_stream and list_streams."""

    def test_a_key(self) -> None:
        """Get and Wait name a stream by call and control id."""
        assert streams.get_stream(stream_service_pb2.GetStreamRequest(call_id="c", control_id="s")) == ("c", "s")
        assert streams.wait_stream(stream_service_pb2.WaitStreamRequest(call_id="c", control_id="s")) == ("c", "s")

    def test_ids_that_others_made(self) -> None:
        """RELAY may report a control id that StartStream would refuse: it can be read."""
        request = stream_service_pb2.GetStreamRequest(call_id="c", control_id="another one's \u00e9")
        assert streams.get_stream(request) == ("c", "another one's \u00e9")

    def test_a_key_is_complete(self) -> None:
        """Both ids are required."""
        assert set(violations(streams.get_stream, stream_service_pb2.GetStreamRequest())) == {"call_id", "control_id"}
        assert set(violations(streams.wait_stream, stream_service_pb2.WaitStreamRequest())) == {"call_id", "control_id"}

    def test_list(self) -> None:
        """Filters and page size are taken over."""
        query = streams.list_streams(
            stream_service_pb2.ListStreamsRequest(
                call_id="c",
                states=[stream_pb2.STREAM_STATE_STREAMING, stream_pb2.STREAM_STATE_STOPPING],
                name="agent",
                labels={"a": "b"},
                page_size=7,
            )
        )
        assert query == StreamsQuery(
            PageRequest(7, query.page.filters),
            "c",
            frozenset({StreamState.STREAMING, StreamState.STOPPING}),
            "agent",
            {"a": "b"},
        )

    def test_pages_follow(self) -> None:
        """A token is good with the same filters, in whatever order, and with no others."""
        states = [stream_pb2.STREAM_STATE_STREAMING, stream_pb2.STREAM_STATE_FINISHED]
        query = streams.list_streams(stream_service_pb2.ListStreamsRequest(states=states, page_size=1))
        two = [Stream("c", each, StreamState.STREAMING, 5, 5) for each in "ab"]
        token = page_of(two, query.page).next_token
        again = stream_service_pb2.ListStreamsRequest(states=reversed(states), page_token=token)
        assert streams.list_streams(again).page.after == (5, ("c", "a"))
        other = stream_service_pb2.ListStreamsRequest(states=states[:1], page_token=token)
        assert "other filters" in violations(streams.list_streams, other)["page_token"]

    def test_wrong(self) -> None:
        """Every wrong filter is listed."""
        wrong = violations(
            streams.list_streams,
            stream_service_pb2.ListStreamsRequest(
                call_id="\n",
                states=[stream_pb2.STREAM_STATE_STREAMING, stream_pb2.STREAM_STATE_UNSPECIFIED],
                name="n" * 257,
                labels={"": ""},
                page_size=1001,
                page_token="?",
            ),
        )
        assert set(wrong) == {"call_id", "states[1]", "name", 'labels[""]', "page_size", "page_token"}
