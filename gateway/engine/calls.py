"""Commands about calls: answering, ending, passing and dialling."""

import asyncio

from msgspec.structs import replace

from gateway.domain.calls import Call, CallState, Dial, DialState
from gateway.domain.errors import (
    CallEnded,
    CallNotFound,
    CallstreamError,
    DialFailed,
    OutcomeUnknown,
    RelayRejected,
)
from gateway.domain.events import key_of
from gateway.domain.rules import call_gone, call_mentioned, call_passed, dial_moved
from gateway.engine.context import Caller, Context
from gateway.engine.orders import AnswerCall, DialOrder, EndCall, PassCall
from gateway.engine.settlement import Settlement
from gateway.relay import commands
from gateway.relay.commands import Command

__all__ = ["Calls"]

_GONE = frozenset({"404", "410"})


class Calls:
    """Carries out the RPCs of CallService."""

    def __init__(self, context: Context, settlement: Settlement) -> None:
        self._context = context
        self._settlement = settlement
        # Tags of dials that failed before RELAY tried any device: the same tag may be dialled again.
        self._never_rang: set[str] = set()

    async def answer(self, order: AnswerCall, deadline: float | None) -> Call:
        """Answers a call; succeeds at once if it is answered already.

        Raises:
            CallNotFound, CallEnded: It can't be answered.
            RelayRejected, RelayFailed, RelayDisconnected, OutcomeUnknown, DeadlineExceeded: As their names say.
        """
        call = self._known(order.call_id, order.node_id)
        if call.state is not CallState.ANSWERED:
            if call.ended:
                raise CallEnded(call.call_id)
            command = commands.answer(node_id=call.node_id, call_id=call.call_id, codecs=order.codecs)
            await self._command(call, command, deadline)
        return self._now(call)

    async def pass_on(self, order: PassCall, deadline: float | None) -> Call:
        """Declines a call, so that RELAY offers it to somebody else. Raises as `answer`."""
        call = self._known(order.call_id, order.node_id)
        if call.ended:
            raise CallEnded(call.call_id)
        command = commands.pass_call(node_id=call.node_id, call_id=call.call_id)
        await self._command(call, command, deadline, passing=True)
        return self._now(call)

    async def end(self, order: EndCall, deadline: float | None) -> Call:
        """Hangs up; succeeds at once if the call has ended. Raises as `answer`, but for CallEnded."""
        known = self._context.registry.call(order.call_id)
        call = self._known(order.call_id, order.node_id)
        if not call.ended:
            command = commands.end(node_id=call.node_id, call_id=call.call_id, reason=order.reason)
            self._context.hanging_up.add(call.call_id)
            try:
                await self._command(call, command, deadline)
            except (CallEnded, CallNotFound):
                self._context.hanging_up.discard(call.call_id)
                if known is None:
                    raise
            except BaseException:
                self._context.hanging_up.discard(call.call_id)
                raise
        return self._now(call)

    def _known(self, call_id: str, node_id: str) -> Call:
        call = self._context.registry.call(call_id)
        if call is not None:
            return replace(call, node_id=call.node_id or node_id)
        if not node_id:
            raise CallNotFound(
                call_id, f"no call {call_id!r} is known; give node_id for a call that came in on another session"
            )
        now = self._context.now()
        return Call(call_id, CallState.UNKNOWN, now, now, node_id)

    def _now(self, call: Call) -> Call:
        return self._context.registry.call(call.call_id) or call

    async def _command(self, call: Call, command: Command, deadline: float | None, *, passing: bool = False) -> None:
        self._context.admit()
        caller = Caller(deadline)
        await self._context.connected(caller)
        running = self._run(call, command, caller, passing=passing)
        await self._context.carry(caller, self._context.spawn(running, f"{command.method} {call.call_id}"))

    async def _run(self, call: Call, command: Command, caller: Caller, *, passing: bool) -> None:
        context = self._context
        try:
            await context.session.execute(command, send_by=caller.deadline, on_sent=caller.mark_sent)
        except RelayRejected as refusal:
            if refusal.code not in _GONE:
                raise
            self._settlement.carry_out(call_gone(context.registry, call.call_id, context.now(), "not_found"))
            if refusal.code == "410":
                raise CallEnded(call.call_id) from refusal
            raise CallNotFound(call.call_id, f"RELAY has no call {call.call_id!r}") from refusal
        # RELAY took it, so it has the call: worth knowing if only a client had said so.
        self._settlement.carry_out(call_mentioned(context.registry, call.call_id, call.node_id, context.now()))
        if passing:
            self._settlement.carry_out(call_passed(context.registry, call.call_id, context.now()))

    async def dial(self, order: DialOrder, deadline: float | None) -> tuple[Dial, Call]:
        """Calls somebody, and returns the call once a device has answered. Idempotent by tag.

        Raises:
            DialFailed: Nobody answered.
            RelayRejected, RelayFailed: RELAY refused to try.
            RelayDisconnected, JournalUnavailable, Draining: Nothing was sent.
            OutcomeUnknown: RELAY may be trying; ask again with the same tag.
            DeadlineExceeded: Nothing was sent in time.
        """
        registry = self._context.registry
        if registry.dial(order.tag) is None or order.tag in self._never_rang:
            self._context.admit()
            caller = Caller(deadline)
            await self._context.connected(caller)
            await self._context.carry(caller, self._context.spawn(self._dial(order, caller), f"dial {order.tag}"))
        while (dial := registry.dial(order.tag)) is not None and dial.state is DialState.DIALING:
            await self._context.recorder.changes.wait(key_of(dial))
        if dial is not None:
            await self._context.recorder.settled(dial)
        if dial is None or dial.state is DialState.FAILED:
            raise DialFailed(order.tag)
        now = self._context.now()
        return dial, registry.call(dial.call_id) or Call(dial.call_id, CallState.UNKNOWN, now, now, dial.node_id)

    async def _dial(self, order: DialOrder, caller: Caller) -> None:
        context = self._context
        again = order.tag in self._never_rang
        if context.registry.dial(order.tag) is not None and not again:
            return  # somebody with the same tag came first: it is their attempt that counts
        self._never_rang.discard(order.tag)
        sequence = self._settlement.carry_out(
            dial_moved(context.registry, order.tag, DialState.DIALING, context.now(), again=again)
        )
        command = commands.dial(
            tag=order.tag,
            devices=order.devices,
            region=order.region,
            max_price_per_minute=order.max_price_per_minute or None,
            max_duration=order.max_duration_minutes or None,
        )
        try:
            await context.journal.committed(sequence)
            await context.session.execute(command, send_by=caller.deadline, on_sent=caller.mark_sent)
        except OutcomeUnknown:
            raise  # it may ring: RELAY's reports tell, or it counts as failed in the end
        except (CallstreamError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and caller.sent:
                raise  # the process leaves; the next one hears what becomes of it
            self._settlement.carry_out(dial_moved(context.registry, order.tag, DialState.FAILED, context.now()))
            self._never_rang = {tag for tag in self._never_rang if context.registry.dial(tag)} | {order.tag}
            raise
