"""Starting streams: once per control id, whatever is retried, lost or interrupted.

The intent is durable before anything is sent, so a stream that RELAY may have is always known. From the moment the
start is sent it is seen to its end, with or without its caller; a lost answer is settled by asking again with the same
control id while the caller waits (RELAY then says 200 or 409), and otherwise by events or the start timeout.
"""

import asyncio
import enum

from gateway.domain.errors import (
    CallEnded,
    CallNotFound,
    CallstreamError,
    DeadlineExceeded,
    InvalidRequest,
    JournalUnavailable,
    OutcomeUnknown,
    RelayDisconnected,
    RelayFailed,
    RelayRejected,
    StreamExists,
    StreamLimit,
)
from gateway.domain.events import Draft, EventType
from gateway.domain.registry import Registry
from gateway.domain.rules import Decision, call_gone, call_mentioned
from gateway.domain.streams import ErrorOrigin, Stream, StreamError, StreamInput, StreamKey, StreamState, Track
from gateway.engine.context import Caller, Context
from gateway.engine.orders import ConflictPolicy, StartStream
from gateway.engine.settlement import Settlement
from gateway.engine.stops import Stops
from gateway.relay import commands

__all__ = ["Starts"]

_LOST = "the start was sent and its answer was lost; ask again with the same control_id"
_WIRE_TRACKS = {Track.INBOUND: "inbound_track", Track.OUTBOUND: "outbound_track", Track.BOTH: "both_tracks"}


class _Way(enum.Enum):
    """What a start comes down to, given the stream that has its control id."""

    BEGIN = enum.auto()
    ASK_AGAIN = enum.auto()
    USE = enum.auto()
    REPLACE = enum.auto()


def _way(existing: Stream | None, order: StartStream) -> _Way:
    """Chooses, or refuses with StreamExists."""
    if existing is not None and not existing.carries(order.own_labels):
        raise StreamExists.of_another(existing.call_id)
    if existing is None or existing.state is StreamState.FAILED:
        return _Way.BEGIN
    if order.conflict_policy is ConflictPolicy.REPLACE:
        return _Way.REPLACE if existing.active else _Way.BEGIN
    same = existing.request_digest == order.digest if existing.request_digest else existing.url in {"", order.url}
    if order.conflict_policy is ConflictPolicy.FAIL or not same:
        raise StreamExists(existing.call_id, existing.control_id, existing.state.name, existing.url)
    return _Way.ASK_AGAIN if existing.state is StreamState.UNKNOWN else _Way.USE


class Starts:
    """Carries out StartStream."""

    def __init__(self, context: Context, settlement: Settlement, stops: Stops) -> None:
        self._context = context
        self._settlement = settlement
        self._stops = stops

    async def start(self, order: StartStream, deadline: float | None) -> tuple[Stream, bool]:
        """Starts a stream.

        Args:
            order: What to start.
            deadline: Loop time until which it may be sent, None for ever.

        Returns:
            The stream, and whether this order made it.

        Raises:
            CallNotFound, CallEnded, StreamExists, StreamLimit: It cannot be started.
            RelayRejected, RelayFailed: RELAY said no.
            RelayDisconnected, JournalUnavailable, Draining: Nothing was sent.
            OutcomeUnknown, DeadlineExceeded: RELAY may have it; ask again with the same control id.
        """
        stream, created = await self._started(order, deadline)
        if order.until_streaming and not order.validate_only:
            stream = await self._streaming(stream)
        return stream, created

    async def _started(self, order: StartStream, deadline: float | None) -> tuple[Stream, bool]:
        key = (order.call_id, order.control_id)
        while True:
            self._context.admit()
            running = self._context.starting.get(key)
            existing = self._context.registry.stream(*key)
            way = _way(existing, order)
            if order.validate_only:
                return self._dry_run(order, existing, way)
            if existing is not None and way is _Way.USE and running is None:
                return existing, False
            if running is not None and way is not _Way.REPLACE:
                await asyncio.wait([running])  # how it went shows in the registry
                continue
            if existing is not None and way is _Way.REPLACE:
                await self._stops.stop(existing, deadline, until_ended=True)
                continue
            caller = Caller(deadline)
            await self._context.connected(caller)
            if self._context.starting.get(key) is None and self._context.registry.stream(*key) is existing:
                return await self._context.carry(caller, self._launch(key, order, caller, way)), True

    def _launch(self, key: StreamKey, order: StartStream, caller: Caller, way: _Way) -> asyncio.Task[Stream]:
        """Begins a start. From here on the next caller finds it under way, also before its task has run."""
        again = way is _Way.ASK_AGAIN
        task = self._context.spawn(self._run(key, order, caller, again=again), f"start {key[1]}")
        self._context.starting[key] = task
        task.add_done_callback(lambda _: self._context.starting.pop(key, None))
        return task

    async def _streaming(self, stream: Stream) -> Stream:
        """Returns the stream once audio has flowed, or it has ended; one that is being stopped before will end."""
        registry = self._context.registry
        while stream.active and not stream.start_time:
            await self._context.recorder.wait_for_change(stream)
            stream = registry.stream(*stream.key) or stream
        await self._context.recorder.settled(stream)
        return stream

    def _dry_run(self, order: StartStream, existing: Stream | None, way: _Way) -> tuple[Stream, bool]:
        if existing is not None and way in {_Way.USE, _Way.ASK_AGAIN}:
            return existing, False
        _check(self._context.registry, order, self._context.options.max_streams_per_call)
        return self._new(order), True

    def _new(self, order: StartStream) -> Stream:
        call = self._context.registry.call(order.call_id)
        now = self._context.now()
        return Stream(
            order.call_id,
            order.control_id,
            StreamState.STARTING,
            now,
            now,
            node_id=(call.node_id if call else "") or order.node_id,  # what RELAY has said is surer
            segment_id=call.segment_id if call else "",
            url=order.url,
            name=order.name,
            codec=order.codec,
            track=order.track or Track.INBOUND,
            labels=order.labels,
            tag=call.tag if call else "",
            max_duration=order.max_duration,
            request_digest=order.digest,
        )

    async def _run(self, key: StreamKey, order: StartStream, caller: Caller, *, again: bool) -> Stream:
        if not again:
            await self._begin(key, order)
        while True:
            stream = self._to_ask_for(key, order)
            if again and stream.accepted:
                return stream  # an event has told meanwhile
            try:
                await self._ask(stream, order, caller, again=again)
                return self._context.registry.stream(*key) or stream
            except OutcomeUnknown:
                again = True
                caller.in_flight = False
            except (RelayDisconnected, RelayFailed, DeadlineExceeded) as error:
                if again and caller.sent:
                    raise OutcomeUnknown(_LOST) from error  # that says nothing about the first one
                raise
            # If the caller is still here, the same question settles it, once there is a session to ask.
            await self._back_in_time(caller)

    async def _begin(self, key: StreamKey, order: StartStream) -> None:
        """Makes the intent durable."""
        context = self._context
        _check(context.registry, order, context.options.max_streams_per_call)
        mentioned = call_mentioned(context.registry, order.call_id, order.node_id, context.now())
        started = Draft.of(EventType.STREAM_STARTING, self._new(order))
        sequence = self._settlement.carry_out(Decision((*mentioned.drafts, started)))
        try:
            await context.journal.committed(sequence)
        except (asyncio.CancelledError, JournalUnavailable) as error:
            self._not_sent(key, error)
            raise

    def _to_ask_for(self, key: StreamKey, order: StartStream) -> Stream:
        """The stream, unless it has ended or is being stopped: a start that came after its stop would run for ever.

        Raises:
            CallEnded: Its call has ended meanwhile.
            OutcomeUnknown: It was stopped meanwhile.
        """
        registry = self._context.registry
        stream, call = registry.stream(*key), registry.call(order.call_id)
        if stream is not None and (stream.accepted or (stream.active and stream.state is not StreamState.STOPPING)):
            return stream
        if call is not None and call.ended:
            raise CallEnded(order.call_id)
        raise OutcomeUnknown("the stream was stopped while its start was under way; see GetStream")

    async def _back_in_time(self, caller: Caller) -> None:
        """Waits for the session as long as the caller does.

        Raises:
            OutcomeUnknown: It did not come back in time, or nobody waits for it: events or the start timeout will
                settle the stream.
        """
        if caller.deadline is None or caller.gone:
            raise OutcomeUnknown(_LOST)
        try:
            await self._context.connected(caller)
        except RelayDisconnected as error:
            raise OutcomeUnknown(_LOST) from error

    async def _ask(self, stream: Stream, order: StartStream, caller: Caller, *, again: bool) -> None:
        """Sends the start once, and records what came of it."""
        key, context, settlement = stream.key, self._context, self._settlement
        command = commands.start_stream(
            node_id=stream.node_id,
            call_id=order.call_id,
            control_id=order.control_id,
            url=order.url,
            name=order.name,
            codec=order.codec,
            track=_WIRE_TRACKS[order.track or Track.INBOUND],
            status_url=order.status_url,
            status_url_method=order.status_url_method,
            authorization_bearer_token=order.authorization_bearer_token,
            custom_parameters=order.custom_parameters,
        )
        try:
            await context.session.execute(command, send_by=caller.deadline, on_sent=caller.mark_sent)
        except RelayRejected as refusal:
            if again and refusal.code == "409":
                settlement.happened(key, StreamInput.ACCEPTED)  # it runs: the first answer was yes
                return
            self._rejected(key, order, refusal)
            raise _meaning(order.call_id, refusal) from refusal
        except RelayFailed as failure:
            if not again:
                error = StreamError(
                    failure.reason, str(failure), ErrorOrigin.RELAY, retryable=True, relay_code=failure.code
                )
                settlement.happened(key, StreamInput.REJECTED, error=error)
            raise
        except OutcomeUnknown as lost:
            self._lost(key, str(lost))
            raise
        except (RelayDisconnected, DeadlineExceeded, InvalidRequest, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and caller.sent:
                self._lost(key, "the process left before RELAY answered")
            elif not again:
                self._not_sent(key, error)
            raise
        settlement.happened(key, StreamInput.ACCEPTED)

    def _lost(self, key: StreamKey, message: str) -> None:
        error = StreamError(OutcomeUnknown.reason, message, ErrorOrigin.GATEWAY, retryable=True)
        self._settlement.happened(key, StreamInput.ANSWER_LOST, error=error)

    def _not_sent(self, key: StreamKey, error: BaseException) -> None:
        if isinstance(error, CallstreamError):
            wrong = isinstance(error, InvalidRequest)
            clients = wrong or isinstance(error, DeadlineExceeded)
            origin = ErrorOrigin.CLIENT if clients else ErrorOrigin.GATEWAY
            told = StreamError(error.reason, str(error), origin, retryable=not wrong)
        else:
            told = StreamError(
                "CANCELLED", "the caller left before anything was sent", ErrorOrigin.CLIENT, retryable=True
            )
        self._settlement.happened(key, StreamInput.NOT_SENT, error=told)

    def _rejected(self, key: StreamKey, order: StartStream, refusal: RelayRejected) -> None:
        error = StreamError(refusal.reason, str(refusal), ErrorOrigin.RELAY, retryable=False, relay_code=refusal.code)
        self._settlement.happened(key, StreamInput.REJECTED, error=error)
        if refusal.code in {"404", "410"}:
            now = self._context.now()
            self._settlement.carry_out(call_gone(self._context.registry, order.call_id, now, "not_found"))


def _meaning(call_id: str, refusal: RelayRejected) -> CallstreamError:
    """RELAY's 404 and 410 to a start are about the call: the stream did not exist before."""
    if refusal.code == "404":
        return CallNotFound(call_id, f"RELAY has no call {call_id!r}")
    return CallEnded(call_id) if refusal.code == "410" else refusal


def _check(registry: Registry, order: StartStream, limit: int) -> None:
    """Refuses a start that cannot succeed, before anything is recorded or sent."""
    call = registry.call(order.call_id)
    if call is None and not order.node_id:
        raise CallNotFound(
            order.call_id,
            f"no call {order.call_id!r} is known; give node_id for a call that came in on another session",
        )
    if call is not None and call.ended:
        raise CallEnded(order.call_id)
    others = [stream for stream in registry.streams_of(order.call_id) if stream.control_id != order.control_id]
    active = [stream for stream in others if stream.active]
    for stream in active:
        if order.name and stream.name == order.name:
            if not stream.carries(order.own_labels):
                raise StreamExists.of_another(stream.call_id)
            raise StreamExists(stream.call_id, stream.control_id, stream.state.name, stream.url)
    if len(active) >= limit:
        raise StreamLimit(limit, f"call {order.call_id!r} has {len(active)} active streams, as many as are allowed")
