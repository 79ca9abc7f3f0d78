"""calling.dial: groups of devices in turn, the devices of a group at the same time, the first to answer wins."""

import asyncio
from dataclasses import dataclass
from typing import Any

from gateway.emulator.calls import Calls
from gateway.emulator.model import Call
from gateway.emulator.options import Answer, Busy, Devices, EmulatorOptions, NoAnswer
from gateway.emulator.rpc import Params, Refused
from gateway.emulator.sessions import Session, Sessions
from gateway.emulator.tasks import Tasks
from gateway.relay import wire

__all__ = ["Dials"]

_ADDRESSES = {"phone": ("to_number", "from_number"), "sip": ("to", "from"), "webrtc": ("to", "from")}


@dataclass(frozen=True)
class _Device:
    wire: dict[str, Any]
    number: str
    timeout: float | None


class Dials:
    """The dials in progress, by project and tag."""

    def __init__(
        self, options: EmulatorOptions, devices: Devices, sessions: Sessions, calls: Calls, tasks: Tasks
    ) -> None:
        self._options = options
        self._devices = devices
        self._sessions = sessions
        self._calls = calls
        self._tasks = tasks
        self._active: set[tuple[str, str]] = set()

    def start(self, session: Session, params: Params) -> None:
        """Begin to dial; what comes of it is told by events that carry the tag."""
        tag = params.text("tag")
        groups = [_group(group, f"params.devices[{index}]") for index, group in enumerate(params.items("devices"))]
        params.optional_text("region")
        params.optional_number("max_price_per_minute")
        params.optional_number("max_duration")
        key = (session.project, tag)
        if key in self._active:
            raise Refused("409", f"A dial with tag {tag} is in progress")
        self._active.add(key)
        task = self._tasks.spawn(self._dial(session, tag, groups), f"dial-{tag}")
        task.add_done_callback(lambda _: self._active.discard(key))

    async def _dial(self, session: Session, tag: str, groups: list[list[_Device]]) -> None:
        self._tell(session, tag, "dialing")
        for group in groups:
            winner = await self._ring(session, tag, group)
            if winner is not None:
                self._tell(session, tag, "answered", winner)
                return
        self._tell(session, tag, "failed")

    async def _ring(self, session: Session, tag: str, group: list[_Device]) -> Call | None:
        """Ring all devices of a group; the one that answered, None when none did. The others have ended then."""
        legs = [(self._calls.create(session, "outbound", device.wire, tag=tag), device) for device in group]
        for leg, device in legs:
            leg.rivals = [rival for rival, _ in legs if rival is not leg]
            self._calls.advance(leg, "created")
            self._calls.advance(leg, "ringing")
            self._schedule(leg, device)
        waiting = {asyncio.create_task(leg.settled.wait(), name=f"leg-{leg.call_id}") for leg, _ in legs}
        try:
            while waiting and not any(leg.answered_at for leg, _ in legs):
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        return next((leg for leg, _ in legs if leg.answered_at), None)

    def _schedule(self, leg: Call, device: _Device) -> None:
        """Let the far end do what its number does."""
        timeout = self._options.ring_timeout if device.timeout is None else device.timeout
        match self._devices[device.number]:
            case Answer(after=after) if after < timeout:
                leg.timer = self._tasks.later(after, lambda: self._calls.answered(leg))
            case Busy(after=after) if after < timeout:
                leg.timer = self._tasks.later(after, lambda: self._calls.end(leg, "busy"))
            case NoAnswer(after=None):
                leg.timer = self._tasks.later(timeout, lambda: self._calls.end(leg, "noAnswer"))
            case behaviour:
                ringing = min(behaviour.after or 0.0, timeout)
                leg.timer = self._tasks.later(ringing, lambda: self._calls.end(leg, "noAnswer"))

    def _tell(self, session: Session, tag: str, state: str, winner: Call | None = None) -> None:
        inner: dict[str, Any] = {"tag": tag, "node_id": "emulator-node", "dial_state": state}
        if winner is not None:
            inner["node_id"] = winner.node_id
            inner["call"] = {
                "call_id": winner.call_id,
                "node_id": winner.node_id,
                "segment_id": winner.segment_id,
                "tag": tag,
                "device": winner.device,
                "dial_winner": True,
            }
            session = winner.session or session
        self._sessions.emit(session, wire.CALL_DIAL, inner)


def _group(value: Any, path: str) -> list[_Device]:
    devices = Params({"group": value}, path)
    return [_device(device, f"{path}[{index}]") for index, device in enumerate(devices.items("group"))]


def _device(value: Any, path: str) -> _Device:
    device = Params(value, path)
    kind = device.text("type")
    if kind not in _ADDRESSES:
        raise Refused("400", f"{path}.type must be one of {', '.join(_ADDRESSES)}; got {kind!r}")
    params = device.object("params")
    to, from_ = _ADDRESSES[kind]
    number = params.text(to)
    params.text(from_)
    return _Device(value, number, params.optional_number("timeout"))
