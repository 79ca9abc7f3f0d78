"""The life of calls: created, ringing, answered, ending, ended, each told by an event in that order."""

import time
import uuid
from functools import partial
from typing import Any, Literal

from gateway.emulator.model import END_REASONS, Call, CallState, CallTable
from gateway.emulator.options import EmulatorOptions
from gateway.emulator.rpc import Params, Refused
from gateway.emulator.sessions import Session, Sessions
from gateway.emulator.streams import Streams
from gateway.emulator.tasks import Tasks
from gateway.relay import wire

__all__ = ["Calls"]

_NODE_ID = "emulator-node"
# The reasons a client may give to calling.end; the others are RELAY's own.
_CLIENT_REASONS = END_REASONS[:6]


class Calls:
    """The state machine of all calls."""

    def __init__(
        self, options: EmulatorOptions, sessions: Sessions, streams: Streams, table: CallTable, tasks: Tasks
    ) -> None:
        self._options = options
        self._sessions = sessions
        self._streams = streams
        self._table = table
        self._tasks = tasks

    def create(
        self, session: Session, direction: Literal["inbound", "outbound"], device: dict[str, Any], *,
        context: str = "", tag: str = "",
    ) -> Call:  # fmt: skip
        """A new call that belongs to `session`; nothing is told yet."""
        call = Call(
            str(uuid.uuid4()), _NODE_ID, str(uuid.uuid4()), session.project, context, direction, device, tag=tag,
            session=session,
        )  # fmt: skip
        self._table.add(call)
        return call

    def offer(self, call: Call) -> None:
        """Tell an inbound call to its session, and let it ring until someone answers."""
        call.state = self._options.receive_state
        inner = {**call.wire(), "call_state": call.state, "context": call.context, "project_id": call.project}
        if call.session is not None:
            self._sessions.emit(call.session, wire.CALL_RECEIVE, inner, call.context)
        if call.timer is None:
            call.timer = self._tasks.later(self._options.ring_timeout, lambda: self.end(call, "noAnswer"))

    def advance(self, call: Call, state: CallState) -> None:
        """Enter a state and tell it."""
        call.state = state
        inner = {**call.wire(), "call_state": state}
        if state == "ended":
            inner["end_reason"] = call.end_reason
        if call.session is not None:
            self._sessions.emit(call.session, wire.CALL_STATE, inner, call.context or None)

    def answered(self, call: Call) -> None:
        """The call is up; its lifetime begins."""
        call.answered_at = time.time()
        self._stop_timer(call)
        self.advance(call, "answered")
        call.settled.set()
        for rival in call.rivals:
            self.end(rival, "cancel", told_ending=False)
        if self._options.call_lifetime is not None:
            call.timer = self._tasks.later(self._options.call_lifetime, lambda: self.end(call, "max_duration"))

    def end(self, call: Call, reason: str, *, told_ending: bool = True) -> None:
        """End a call with its streams; does nothing when it has ended. The order of events is an option ([GAP])."""
        if call.ended:
            return
        self._stop_timer(call)
        call.end_reason = reason
        call.ended_at = time.time()
        if told_ending:
            self.advance(call, "ending")
        order = self._options.finished_at_call_end
        streams = call.active_streams
        for stream in streams:
            self._streams.finish(call, stream, tell=order == "before")
        self.advance(call, "ended")
        call.settled.set()
        self._table.ended(call)
        for stream in streams:
            if order == "after":
                self._streams.tell(call, stream, "finished")
            elif order == "late":
                self._tasks.later(self._options.late_finish, partial(self._streams.tell, call, stream, "finished"))

    def answerable(self, session: Session, params: Params) -> Call:
        """The call that calling.answer is about; Refused with 409 unless it is an inbound call that rings."""
        call = self.commanded(session, params)
        if call.direction != "inbound" or call.state == "answered":
            raise Refused("409", f"Call {call.call_id} is {call.direction} and {call.state}: it can't be answered")
        return call

    def commanded(self, session: Session, params: Params) -> Call:
        """The live call that a command names."""
        node_id, call_id = params.text("node_id"), params.text("call_id")
        return self._table.find(session, node_id, call_id)

    def end_reason(self, params: Params) -> str:
        """The reason given to calling.end."""
        return params.choice("reason", _CLIENT_REASONS, "hangup")

    def passed(self, call: Call) -> None:
        """Offer an inbound call to the next session in its context; it ends when all have passed."""
        if call.session is not None:
            call.passed_by.append(call.session)
        call.session = self._sessions.receiver(call.context, call.project, exclude=call.passed_by)
        if call.session is None:
            self.end(call, "noAnswer")
        else:
            self.offer(call)

    def _stop_timer(self, call: Call) -> None:
        if call.timer is not None:
            call.timer.cancel()
            call.timer = None
