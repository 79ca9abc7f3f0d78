"""StreamService without its watches: starting, stopping and reading streams."""

from callstream.v1 import stream_pb2, stream_service_pb2
from gateway.domain.errors import (
    CallstreamError,
    Exhausted,
    OutcomeUnknown,
    RelayFailed,
    RelayRejected,
    StreamNotFound,
    Unavailable,
)
from gateway.domain.streams import ErrorOrigin, Stream, StreamError
from gateway.engine.engine import Engine
from gateway.engine.stops import StopFailure
from gateway.service import validation
from gateway.service.encode import error_message, stream_message
from gateway.service.fitting import fitted
from gateway.service.paging import page_of
from gateway.service.policy import Policy, own_labels
from gateway.service.rpc import Call
from gateway.service.sight import Sight

__all__ = ["Streams"]


class Streams:
    """Handlers of StreamService."""

    def __init__(self, engine: Engine, policy: Policy) -> None:
        self._engine = engine
        self._policy = policy

    async def start_stream(
        self, request: stream_service_pb2.StartStreamRequest, call: Call
    ) -> stream_service_pb2.StartStreamResponse:
        """Handles StartStream."""
        order = validation.start_stream(request, own_labels(call.client, request.labels))
        Sight(self._engine.registry, call.client).admit_call(order.call_id)
        self._policy.admit_start(order, call)
        stream, created = await self._engine.starts.start(order, call.deadline)
        return stream_service_pb2.StartStreamResponse(stream=stream_message(stream), created=created)

    async def stop_stream(
        self, request: stream_service_pb2.StopStreamRequest, call: Call
    ) -> stream_service_pb2.StopStreamResponse:
        """Handles StopStream."""
        order = validation.stop_stream(request)
        found = self._engine.stops.find(order.call_id, order.control_id, order.name, call.client.labels)
        if not Sight(self._engine.registry, call.client).shows_stream(found):
            raise StreamNotFound(order.call_id, order.control_id or order.name)
        stream = await self._engine.stops.stop(found, call.deadline, until_ended=order.until_ended)
        return stream_service_pb2.StopStreamResponse(stream=stream_message(stream))

    async def stop_call_streams(
        self, request: stream_service_pb2.StopCallStreamsRequest, call: Call
    ) -> stream_service_pb2.StopCallStreamsResponse:
        """Handles StopCallStreams."""
        order = validation.stop_call_streams(request)
        Sight(self._engine.registry, call.client).admit_call(order.call_id)
        outcomes = await self._engine.stops.stop_all(
            order.call_id, call.deadline, until_ended=order.until_ended, labels=call.client.labels
        )
        return stream_service_pb2.StopCallStreamsResponse(results=[_stop_result(outcome) for outcome in outcomes])

    async def get_stream(
        self, request: stream_service_pb2.GetStreamRequest, call: Call
    ) -> stream_service_pb2.GetStreamResponse:
        """Handles GetStream."""
        stream = self._find(call, *validation.get_stream(request))
        return stream_service_pb2.GetStreamResponse(stream=stream_message(stream))

    async def list_streams(
        self, request: stream_service_pb2.ListStreamsRequest, call: Call
    ) -> stream_service_pb2.ListStreamsResponse:
        """Handles ListStreams."""
        query = validation.list_streams(request)
        registry = self._engine.registry
        sight = Sight(registry, call.client)
        streams = registry.streams_of(query.call_id) if query.call_id else registry.streams()
        page = page_of((each for each in streams if query.matches(each) and sight.shows_stream(each)), query.page)
        messages, next_token = fitted(page, query.page, stream_message)
        return stream_service_pb2.ListStreamsResponse(streams=messages, next_page_token=next_token)

    async def wait_stream(
        self, request: stream_service_pb2.WaitStreamRequest, call: Call
    ) -> stream_service_pb2.WaitStreamResponse:
        """Handles WaitStream."""
        stream = await self._engine.stops.ended(self._find(call, *validation.wait_stream(request)))
        return stream_service_pb2.WaitStreamResponse(stream=stream_message(stream))

    def _find(self, call: Call, call_id: str, control_id: str) -> Stream:
        stream = Sight(self._engine.registry, call.client).stream(call_id, control_id)
        if stream is None:
            raise StreamNotFound(call_id, control_id)
        return stream


def _stop_result(outcome: Stream | StopFailure) -> stream_service_pb2.StopResult:
    if isinstance(outcome, Stream):
        return stream_service_pb2.StopResult(stream=stream_message(outcome))
    return stream_service_pb2.StopResult(stream=stream_message(outcome.stream), error=_stop_error(outcome.error))


def _stop_error(error: CallstreamError) -> stream_pb2.StreamError:
    relays = isinstance(error, RelayRejected | RelayFailed)
    return error_message(
        StreamError(
            error.reason,
            str(error),
            ErrorOrigin.RELAY if relays else ErrorOrigin.GATEWAY,
            retryable=isinstance(error, Unavailable | Exhausted | OutcomeUnknown),
            relay_code=error.code if isinstance(error, RelayRejected | RelayFailed) else "",
        )
    )
