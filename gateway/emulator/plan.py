"""What becomes of one frame: effects for the link to carry out, and how each fault action changes them."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.emulator.actions import (
    Action,
    CloseSocket,
    Delay,
    Drop,
    Duplicate,
    HalfOpen,
    Hold,
    Omit,
    Patch,
    Reorder,
    Reply,
    ReplyError,
    SendRaw,
)  # fmt: skip
from gateway.emulator.frames import CLIENT_TO_SERVER, Direction

__all__ = ["Answer", "Deliver", "Effect", "Plan", "apply"]


@dataclass(frozen=True, slots=True)
class Deliver:
    """Let a frame pass: now, after `delay` seconds, when the fault `held_by` is released, or after the next frame."""

    frame: Any
    delay: float = 0.0
    held_by: str = ""
    after_next: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a request in the server's stead."""

    frame: dict[str, Any]


Effect = Deliver | Answer | CloseSocket | HalfOpen | SendRaw


@dataclass(slots=True)
class Plan:
    """What becomes of one frame: effects in order, and the names of the faults that struck."""

    effects: list[Effect]
    struck: list[str] = field(default_factory=list)

    @property
    def passes(self) -> bool:
        """Whether the frame arrives at some time."""
        return any(isinstance(effect, Deliver) for effect in self.effects)


def apply(plan: Plan, name: str, action: Action, direction: Direction, frame: dict[str, Any]) -> None:  # noqa: C901 - one case per action
    """Change the plan as the action of the fault `name` asks."""
    match action:
        case Drop():
            _each_delivery(plan, lambda _: [])
        case Duplicate(n=n):
            _each_delivery(plan, lambda delivery: [delivery] * (n + 1))
        case Delay(seconds=seconds):
            _each_delivery(plan, lambda d: [Deliver(d.frame, d.delay + seconds, d.held_by, d.after_next)])
        case Hold():
            _each_delivery(plan, lambda d: [Deliver(d.frame, d.delay, name, d.after_next)])
        case Reorder():
            _each_delivery(plan, lambda d: [Deliver(d.frame, d.delay, d.held_by, after_next=True)])
        case Omit(fields=fields):
            _change(plan, lambda changed: _omit(changed, fields))
        case Patch(set=values):
            _change(plan, lambda changed: _put(changed, values))
        case Reply(code=code, message=message):
            _answer(plan, direction, frame, {"result": {"code": code, "message": message}})
        case ReplyError(code=number, message=message):
            _answer(plan, direction, frame, {"error": {"code": number, "message": message}})
        case CloseSocket(when="before") | SendRaw(when="before"):
            plan.effects.insert(0, action)
        case CloseSocket() | SendRaw():
            plan.effects.append(action)
        case HalfOpen():
            plan.effects[:] = [action]


def _each_delivery(plan: Plan, change: Callable[[Deliver], list[Deliver]]) -> None:
    effects: list[Effect] = []
    for effect in plan.effects:
        effects.extend(change(effect) if isinstance(effect, Deliver) else [effect])
    plan.effects[:] = effects


def _change(plan: Plan, change: Callable[[dict[str, Any]], None]) -> None:
    def changed(delivery: Deliver) -> list[Deliver]:
        # The session keeps the frame to send it again: only this copy is spoiled.
        frame = copy.deepcopy(delivery.frame)
        change(frame)
        return [Deliver(frame, delivery.delay, delivery.held_by, delivery.after_next)]

    _each_delivery(plan, changed)


def _answer(plan: Plan, direction: Direction, frame: dict[str, Any], body: dict[str, Any]) -> None:
    """Replace a request by its answer; a response is replaced in its own direction."""
    answer = {"jsonrpc": "2.0", "id": frame.get("id"), **body}
    if "method" not in frame:
        _each_delivery(plan, lambda d: [Deliver(answer, d.delay, d.held_by, d.after_next)])
    elif direction == CLIENT_TO_SERVER:
        plan.effects[:] = [
            Answer(answer),
            *(effect for effect in plan.effects if not isinstance(effect, Deliver)),
        ]


def _omit(frame: dict[str, Any], paths: Sequence[str]) -> None:
    for path in paths:
        *parents, last = path.split(".")
        target: Any = frame
        for name in parents:
            target = target.get(name) if isinstance(target, dict) else None
        if isinstance(target, dict):
            target.pop(last, None)


def _put(frame: dict[str, Any], values: Mapping[str, Any]) -> None:
    for path, value in values.items():
        *parents, last = path.split(".")
        target = frame
        for name in parents:
            child = target.get(name)
            if not isinstance(child, dict):
                child = target[name] = {}
            target = child
        target[last] = value
