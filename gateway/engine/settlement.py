"""Ends what has to end: stops that the gateway itself owes to RELAY, and the deadlines of streams.

A stop is owed when a stream did not begin in time, has reached its longest duration, was given up for lost and shows
life, or when the answer to a client's stop was lost. Owed stops are sent when there is a session, and asked again after
every resume, until RELAY says that the stream is over. Stops can be repeated without harm, so this needs no caller; a
start is never sent without one.
"""

import asyncio
from collections.abc import Sequence

import structlog

from gateway.domain.calls import Dial, DialState
from gateway.domain.errors import OutcomeUnknown, RelayDisconnected, RelayFailed, RelayRejected
from gateway.domain.events import Draft, EventType
from gateway.domain.rules import Decision, call_gone, dial_moved, stream_happened
from gateway.domain.streams import EndReason, Stream, StreamError, StreamInput, StreamKey, StreamState
from gateway.engine.clock import SECOND
from gateway.engine.context import Context
from gateway.relay import commands
from gateway.relay.session import SessionState

__all__ = ["Settlement"]

_HEARING = 2.0
"""Seconds that RELAY has after a (re)connect to tell what happened meanwhile, before its silence counts."""

_log = structlog.get_logger(__name__)


class Settlement:
    """Carries out decisions: journals them, watches over the deadlines of streams, and sends owed stops."""

    def __init__(self, context: Context) -> None:
        self._context = context
        # Owed stops by stream, with the create time of the stream meant: its control id may be used again.
        self._owed: dict[StreamKey, int] = {}
        self._sending: set[StreamKey] = set()
        self._asked_again: set[StreamKey] = set()
        self._up_since = 0.0

    def happened(
        self,
        key: StreamKey,
        what: StreamInput,
        *,
        reason: EndReason = EndReason.UNSPECIFIED,
        error: StreamError | None = None,
    ) -> int:
        """Something happened to a stream: records it, and does what follows.

        Returns:
            The sequence of the event, 0 if it changed nothing.
        """
        context = self._context
        decision = stream_happened(context.registry, key, what, context.now(), reason=reason, error=error)
        return self.carry_out(decision)

    def carry_out(self, decision: Decision) -> int:
        """Records a decision and does what follows from it; returns the sequence of its last event, or 0."""
        sequence = self._context.recorder.record(decision.drafts)
        self.follow(decision.drafts, decision.stops)
        return sequence

    def follow(self, drafts: Sequence[Draft], stops: Sequence[StreamKey] = ()) -> None:
        """Sets the timers of streams that moved, and sends the stops that were decided."""
        for draft in drafts:
            if isinstance(draft.subject, Stream) and draft.type is not EventType.STREAM_UPDATED:
                self.watch_over(draft.subject)
            elif isinstance(draft.subject, Dial):
                self.watch_over_dial(draft.subject)
        for key in stops:
            self.owe_stop(key)

    def watch_over(self, stream: Stream) -> None:
        """Sets the timer that a stream's state calls for.

        RELAY's time to start or stop begins when it can be heard, so after a restart it begins anew. The longest
        duration of a stream is of its audio, and does not.
        """
        options = self._context.options
        match stream.state:
            case StreamState.STARTING | StreamState.UNKNOWN if stream.request_digest:  # else it is somebody else's
                self._context.timers.after(options.start_timeout, lambda: self._start_timeout(stream))
            case StreamState.STREAMING if stream.max_duration:
                left = (stream.start_time + stream.max_duration - self._context.now()) / SECOND
                self._context.timers.after(left, lambda: self._max_duration(stream))
            case StreamState.STOPPING:
                self._context.timers.after(options.stop_timeout, lambda: self._stop_timeout(stream))
            case _:
                pass

    def watch_over_dial(self, dial: Dial) -> None:
        """Sets the timer of a dial that nobody has answered yet; it begins anew with every change."""
        if dial.state is DialState.DIALING:
            self._context.timers.after(self._context.options.dial_timeout, lambda: self._dial_timeout(dial))

    def owe_stop(self, key: StreamKey) -> None:
        """RELAY has to be told to stop this stream: now, or once there is a session."""
        stream = self._context.registry.stream(*key)
        if stream is not None:
            self._owed[key] = stream.create_time
            self._send(key)

    def stop_given_up(self, known: Stream) -> None:
        """Owes the stop of a stream that was given up (again): the last one may have been lost with its process."""
        stream, call = self._current(known), self._context.registry.call(known.call_id)
        if stream is not None and stream.given_up and not (call is not None and call.ended):
            self.owe_stop(stream.key)

    def session_up(self) -> None:
        """Asks again for every stop whose end is not known, and sends those that could not be sent."""
        self._up_since = asyncio.get_running_loop().time()
        for stream in self._context.registry.active_streams():
            if stream.state is StreamState.STOPPING:
                self._owed[stream.key] = stream.create_time
        for key in list(self._owed):
            self._send(key)

    def refused(self, key: StreamKey, refusal: RelayRejected) -> None:
        """RELAY refused a stop: finds out what that says of the stream."""
        if refusal.code == "404":
            self.happened(key, StreamInput.STOP_MISSED)
        elif refusal.code == "410":
            self.carry_out(call_gone(self._context.registry, key[0], self._context.now(), "not_found"))
        else:
            _log.warning("stop_refused", call_id=key[0], control_id=key[1], relay_code=refusal.code)
            self._goes_on(key)

    def _goes_on(self, key: StreamKey) -> None:
        """RELAY will not stop a stream: it has its deadlines again, which may have passed, but not at once."""
        context = self._context
        decision = stream_happened(context.registry, key, StreamInput.STOP_REFUSED, context.now())
        context.recorder.record(decision.drafts)
        stream = context.registry.stream(*key)
        if stream is None:
            return
        if stream.given_up:
            context.timers.after(context.options.start_timeout, lambda: self.stop_given_up(stream))
        elif stream.state is StreamState.STREAMING and stream.max_duration:
            context.timers.after(context.options.start_timeout, lambda: self._max_duration(stream))
        else:
            self.watch_over(stream)

    def _start_timeout(self, started: Stream) -> None:
        stream = self._current(started)
        if stream is None or stream.state not in {StreamState.STARTING, StreamState.UNKNOWN}:
            return
        news = stream.update_time - started.update_time  # asked again, or accepted: RELAY's time began anew
        hearing = min(_HEARING, self._context.options.start_timeout)
        if news > 0:
            # No more than that has passed, whatever the system's clock says.
            left = min(news / SECOND, self._context.options.start_timeout)
            self._context.timers.after(left, lambda: self._start_timeout(stream))
        elif self._listening_for() < hearing:
            self._context.timers.after(hearing, lambda: self._start_timeout(started))
        else:
            self.happened(stream.key, StreamInput.START_TIMEOUT)

    def _listening_for(self) -> float:
        """Seconds since RELAY can be heard again; 0 if it can't."""
        if self._context.session.state is not SessionState.CONNECTED:
            return 0.0
        return asyncio.get_running_loop().time() - self._up_since

    def _max_duration(self, started: Stream) -> None:
        stream = self._current(started)
        if stream is not None and stream.state is StreamState.STREAMING:
            self.happened(stream.key, StreamInput.STOP, reason=EndReason.MAX_DURATION)
            self.owe_stop(stream.key)

    def _stop_timeout(self, stopped: Stream) -> None:
        stream = self._current(stopped)
        if stream is None or stream.state is not StreamState.STOPPING:
            self._asked_again.discard(stopped.key)
        elif stream.key in self._owed:
            self.watch_over(stream)  # RELAY has not answered yet: without its word nothing is concluded
        elif stream.key in self._asked_again:
            self._asked_again.discard(stream.key)
            self.happened(stream.key, StreamInput.STOP_TIMEOUT)
        else:
            self._asked_again.add(stream.key)
            self.owe_stop(stream.key)
            self.watch_over(stream)

    def _dial_timeout(self, dialled: Dial) -> None:
        registry = self._context.registry
        dial = registry.dial(dialled.tag)
        if dial is not None and dial.update_time == dialled.update_time:
            self.carry_out(dial_moved(registry, dial.tag, DialState.FAILED, self._context.now()))

    def _current(self, known: Stream) -> Stream | None:
        """The stream as it is now; None if another one has taken its control id."""
        stream = self._context.registry.stream(*known.key)
        return stream if stream is not None and stream.create_time == known.create_time else None

    def _send(self, key: StreamKey) -> None:
        connected = self._context.session.state is SessionState.CONNECTED
        if key in self._owed and key not in self._sending and connected:
            self._sending.add(key)
            _ = self._context.spawn(self._stop(key), f"settle {key[1]}")

    async def _stop(self, key: StreamKey) -> None:
        stream = self._context.registry.stream(*key)
        meant = self._owed[key]
        try:
            if stream is not None and stream.create_time == meant:
                stop = commands.stop_stream(node_id=stream.node_id, call_id=key[0], control_id=key[1])
                await self._context.session.execute(stop, send_by=None)
        except RelayRejected as refusal:
            self._paid(key, meant)
            self.refused(key, refusal)
        except (RelayDisconnected, RelayFailed, OutcomeUnknown) as error:
            _log.info("stop_owed", call_id=key[0], control_id=key[1], reason=error.reason)
        else:
            self._paid(key, meant)
        finally:
            self._sending.discard(key)
            if key in self._owed:  # still, or for another stream of this control id by now
                self._context.timers.after(self._context.options.retry_delay, lambda: self._send(key))

    def _paid(self, key: StreamKey, meant: int) -> None:
        if self._owed.get(key) == meant:
            del self._owed[key]
