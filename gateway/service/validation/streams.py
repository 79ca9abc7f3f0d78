"""Requests about streams."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from callstream.v1 import stream_service_pb2
from gateway.domain.identifiers import random_uuid
from gateway.domain.streams import StreamKey, StreamState, Track
from gateway.engine.orders import ConflictPolicy, StartStream, StopStream
from gateway.service.paging import filters_digest
from gateway.service.validation.checks import Checks
from gateway.service.validation.endpoints import endpoint_problem, webhook_problem
from gateway.service.validation.parameters import json_object
from gateway.service.validation.queries import StopCallStreams, StreamsQuery

__all__ = ["get_stream", "list_streams", "start_stream", "stop_call_streams", "stop_stream", "wait_stream"]

_MAX_URL_BYTES: Final = 2048
_MAX_CODEC_BYTES: Final = 64
_MAX_TOKEN_BYTES: Final = 4096
_MAX_PARAMETERS_BYTES: Final = 16 * 1024
_MIN_DURATION_S: Final = 1
_MAX_DURATION_S: Final = 24 * 3600

_NO_LABELS: Final[Mapping[str, str]] = {}
_TRACKS: Final = {track.value: track for track in Track}
_METHODS: Final = {0: "", 1: "GET", 2: "POST"}
_POLICIES: Final = {
    0: ConflictPolicy.USE_EXISTING,
    1: ConflictPolicy.USE_EXISTING,
    2: ConflictPolicy.FAIL,
    3: ConflictPolicy.REPLACE,
}
_UNTIL_STREAMING: Final = {0: False, 1: False, 2: True}
_UNTIL_ENDED: Final = {0: False, 1: False, 2: True}
_STATES: Final = {state.value: state for state in StreamState}
_CANONICAL: Final = msgspec.json.Encoder(order="sorted")


def start_stream(
    request: stream_service_pb2.StartStreamRequest, own_labels: Mapping[str, str] = _NO_LABELS
) -> StartStream:
    """The order to start a stream; a control id is made up if none is given.

    Args:
        request: The request.
        own_labels: Labels that all streams of its client carry. They are part of what makes two requests the same.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    checks = Checks()
    order = StartStream(
        call_id=checks.required_text("call_id", request.call_id),
        node_id=checks.text("node_id", request.node_id),
        control_id=checks.visible("control_id", request.control_id) or random_uuid(),
        url=_url(checks, "url", request.url, endpoint_problem),
        name=checks.text("name", request.name),
        codec=checks.text("codec", request.codec, _MAX_CODEC_BYTES),
        track=checks.choice("track", request.track, _TRACKS),
        status_url=_url(checks, "status_url", request.status_url, webhook_problem),
        status_url_method=_method(checks, request),
        authorization_bearer_token=checks.visible(
            "authorization_bearer_token", request.authorization_bearer_token, _MAX_TOKEN_BYTES
        ),
        custom_parameters=_parameters(checks, request),
        labels={**checks.labels("labels", request.labels), **own_labels},
        conflict_policy=checks.choice("conflict_policy", request.conflict_policy, _POLICIES),
        until_streaming=checks.choice("wait_until", request.wait_until, _UNTIL_STREAMING),
        max_duration=_max_duration(checks, request),
        validate_only=request.validate_only,
        own_labels=own_labels,
        digest="",
    )
    checks.finish()
    return replace(order, digest=_digest(order))


def _url(checks: Checks, field: str, url: str, problem_of: Callable[[str], str | None]) -> str:
    if len(url.encode()) > _MAX_URL_BYTES:
        checks.wrong(field, f"is too long: use at most {_MAX_URL_BYTES} bytes")
    elif problem := problem_of(url):
        checks.wrong(field, problem)
    return url


def _method(checks: Checks, request: stream_service_pb2.StartStreamRequest) -> str:
    method = checks.choice("status_url_method", request.status_url_method, _METHODS)
    if method and not request.status_url:
        checks.wrong("status_url_method", "needs status_url: set it, or leave both out")
    return method


def _parameters(checks: Checks, request: stream_service_pb2.StartStreamRequest) -> Mapping[str, Any] | None:
    if not request.HasField("custom_parameters"):
        return None
    try:
        return json_object(request.custom_parameters, _MAX_PARAMETERS_BYTES)
    except ValueError as error:
        checks.wrong("custom_parameters", str(error))
        return None


def _max_duration(checks: Checks, request: stream_service_pb2.StartStreamRequest) -> int:
    if not request.HasField("max_duration"):
        return 0
    return checks.length("max_duration", request.max_duration, _MIN_DURATION_S, _MAX_DURATION_S)


def _digest(order: StartStream) -> str:
    """What two requests have in common that ask for the same stream: hex SHA-256 of canonical JSON.

    The bearer token is left out because the digest is written to disk and shown; policy, waiting and the node because
    they don't make the stream another one.
    """
    asked = {
        "call_id": order.call_id,
        "url": order.url,
        "name": order.name,
        "codec": order.codec,
        "track": order.track or Track.INBOUND,
        "status_url": order.status_url,
        "status_url_method": order.status_url_method or "POST",
        "custom_parameters": order.custom_parameters,
        "labels": order.labels,
        "max_duration": order.max_duration,
    }
    return hashlib.sha256(_CANONICAL.encode(asked)).hexdigest()


def stop_stream(request: stream_service_pb2.StopStreamRequest) -> StopStream:
    """The order to stop a stream, named by control id or by name.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    checks = Checks()
    chosen = request.WhichOneof("stream")
    if chosen is None:
        checks.wrong("stream", "is required: set control_id or name")
    elif chosen == "control_id":
        checks.required_text("control_id", request.control_id)
    else:
        checks.required_text("name", request.name)
    order = StopStream(
        call_id=checks.required_text("call_id", request.call_id),
        control_id=request.control_id,
        name=request.name,
        until_ended=checks.choice("wait_until", request.wait_until, _UNTIL_ENDED),
    )
    checks.finish()
    return order


def stop_call_streams(request: stream_service_pb2.StopCallStreamsRequest) -> StopCallStreams:
    """The order to stop every stream of a call.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    checks = Checks()
    order = StopCallStreams(
        call_id=checks.required_text("call_id", request.call_id),
        until_ended=checks.choice("wait_until", request.wait_until, _UNTIL_ENDED),
    )
    checks.finish()
    return order


def get_stream(request: stream_service_pb2.GetStreamRequest) -> StreamKey:
    """The stream that is asked for.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    return _key(request.call_id, request.control_id)


def wait_stream(request: stream_service_pb2.WaitStreamRequest) -> StreamKey:
    """The stream whose end is waited for.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    return _key(request.call_id, request.control_id)


def _key(call_id: str, control_id: str) -> StreamKey:
    checks = Checks()
    key = (checks.required_text("call_id", call_id), checks.required_text("control_id", control_id))
    checks.finish()
    return key


def list_streams(request: stream_service_pb2.ListStreamsRequest) -> StreamsQuery:
    """Which streams to list.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    checks = Checks()
    call_id = checks.text("call_id", request.call_id)
    states = checks.choices("states", request.states, _STATES)
    name = checks.text("name", request.name)
    labels = checks.labels("labels", request.labels)
    filters = filters_digest("streams", call_id, sorted(states), name, labels)
    page = checks.page(request.page_size, request.page_token, filters)
    checks.finish()
    return StreamsQuery(page, call_id, states, name, labels)
