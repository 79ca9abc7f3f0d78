"""Stopping streams on a client's order."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.domain.errors import (
    CallNotFound,
    CallstreamError,
    OutcomeUnknown,
    RelayFailed,
    RelayRejected,
    StreamNotFound,
)
from gateway.domain.streams import EndReason, Stream, StreamInput
from gateway.engine.context import Caller, Context
from gateway.engine.settlement import Settlement
from gateway.relay import commands

__all__ = ["StopFailure", "Stops"]

_NO_LABELS: Final[Mapping[str, str]] = {}
_START_PATIENCE = 2.0
"""Seconds a stop waits for the answer to a start that is under way: RELAY may not know the stream before."""


@dataclass(frozen=True, slots=True)
class StopFailure:
    """A stream of a call that could not be stopped, and why."""

    stream: Stream
    error: CallstreamError


class Stops:
    """Carries out StopStream and StopCallStreams."""

    def __init__(self, context: Context, settlement: Settlement) -> None:
        self._context = context
        self._settlement = settlement

    def find(self, call_id: str, control_id: str, name: str, labels: Mapping[str, str] = _NO_LABELS) -> Stream:
        """The stream that an order names, by control id or else by name.

        Raises:
            StreamNotFound: There is none with these labels.
        """
        registry = self._context.registry
        stream = registry.stream(call_id, control_id) if control_id else registry.stream_named(call_id, name, labels)
        if stream is None or not stream.carries(labels):
            raise StreamNotFound(call_id, control_id or name)
        return stream

    async def stop(self, stream: Stream, deadline: float | None, *, until_ended: bool) -> Stream:
        """Stops a stream, at once if it has ended; returns it as it is then.

        One that RELAY refused because its control id is taken is stopped at RELAY as well: that is what runs there.

        Args:
            stream: The stream.
            deadline: Loop time until which the stop may be sent, None for ever.
            until_ended: Return once it has ended, not once RELAY has taken the stop.

        Raises:
            RelayRejected, RelayFailed: RELAY said no; the stream goes on.
            RelayDisconnected, JournalUnavailable, Draining: Nothing was sent.
            OutcomeUnknown: RELAY may have the stop; the gateway asks again by itself.
            DeadlineExceeded: Nothing was sent in time.
        """
        if stream.active or stream.taken:
            self._context.admit()
            caller = Caller(deadline)
            await self._context.connected(caller)
            stopping = self._context.spawn(self._run(stream, caller), f"stop {stream.control_id}")
            await self._context.carry(caller, stopping)
        return await self.ended(stream) if until_ended else self._now(stream)

    async def _run(self, stream: Stream, caller: Caller) -> None:
        key = stream.key
        starting = self._context.starting.get(key)
        if starting is not None:
            await asyncio.wait([starting], timeout=_START_PATIENCE)
        now = self._now(stream)
        if not now.active and not now.taken:
            return

        def sent() -> None:
            caller.mark_sent()
            self._settlement.happened(key, StreamInput.STOP, reason=EndReason.STOP_REQUESTED)

        command = commands.stop_stream(node_id=stream.node_id, call_id=stream.call_id, control_id=stream.control_id)
        try:
            await self._context.session.execute(command, send_by=caller.deadline, on_sent=sent)
        except RelayRejected as refusal:
            self._settlement.refused(key, refusal)
            if refusal.code not in {"404", "410"}:
                raise
        except (OutcomeUnknown, RelayFailed):
            self._settlement.owe_stop(key)
            raise

    async def ended(self, stream: Stream) -> Stream:
        """Returns the stream once it has ended and that is durable.

        Raises:
            StreamNotFound: It ended, and was forgotten at once.
        """
        current: Stream | None = self._now(stream)
        while current is not None and current.active:
            await self._context.recorder.wait_for_change(current)
            current = self._context.registry.stream(*stream.key)
        if current is None:
            raise StreamNotFound(*stream.key)
        await self._context.recorder.settled(current)
        return current

    async def stop_all(
        self, call_id: str, deadline: float | None, *, until_ended: bool, labels: Mapping[str, str] = _NO_LABELS
    ) -> list[Stream | StopFailure]:
        """Stops every active stream of a call that has these labels, side by side.

        Returns:
            For each the stream as it is then, or what went wrong.

        Raises:
            CallNotFound: The call is not known.
        """
        streams = self._context.registry.streams_of(call_id)
        active = [stream for stream in streams if stream.active and stream.carries(labels)]
        if not active and self._context.registry.call(call_id) is None:
            raise CallNotFound(call_id)
        outcomes = await asyncio.gather(*(self._outcome(stream, deadline, until_ended) for stream in active))
        return list(outcomes)

    async def _outcome(self, stream: Stream, deadline: float | None, until_ended: bool) -> Stream | StopFailure:
        try:
            return await self.stop(stream, deadline, until_ended=until_ended)
        except CallstreamError as error:
            return StopFailure(self._now(stream), error)

    def _now(self, stream: Stream) -> Stream:
        return self._context.registry.stream(*stream.key) or stream
