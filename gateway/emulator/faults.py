"""Faults: rules that match frames and say what goes wrong with them.

Deciding is done here and touches no socket: `FaultSet.plan` turns one frame into the list of effects that the link
carries out. The same rules, seed and frames give the same effects.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.emulator.actions import Action, Delay, Duplicate
from gateway.emulator.frames import Direction
from gateway.emulator.plan import Deliver, Plan, apply

__all__ = ["Fault", "FaultSet", "Subject"]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A rule: what to match (everything that is given must hold) and the action.

    A response matches by the method, event type, call and control id of the request it answers; so
    `Fault(Drop(), direction="client_to_server", event_type=...)` loses the acks of events of that type.
    `response` narrows to requests (False) or responses (True). `nth` is the first match that counts (1 is the first),
    `times` how often the fault strikes at most, `probability` the chance that it strikes.
    """

    action: Action
    direction: Direction | None = None
    method: str | None = None
    event_type: str | None = None
    call_id: str | None = None
    control_id: str | None = None
    response: bool | None = None
    nth: int = 1
    times: int | None = None
    probability: float = 1.0

    def __post_init__(self) -> None:
        """Refuse numbers that can't be meant."""
        if self.nth < 1:
            raise ValueError("nth: counts from 1")
        if self.times is not None and self.times < 1:
            raise ValueError("times: at least 1, or left out for no limit")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError("probability: from 0 to 1")
        if isinstance(self.action, Delay) and self.action.seconds < 0:
            raise ValueError("action.seconds: at least 0")
        if isinstance(self.action, Duplicate) and self.action.n < 1:
            raise ValueError("action.n: at least 1")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a frame is about, which its response is about as well."""

    method: str = ""
    event_type: str = ""
    call_id: str = ""
    control_id: str = ""

    @classmethod
    def of(cls, frame: dict[str, Any]) -> "Subject":
        """The subject of a request or an event."""
        params = frame.get("params")
        if not isinstance(params, dict):
            return cls(str(frame.get("method", "")))
        event_type = params.get("event_type")
        inner = params.get("params") if isinstance(event_type, str) else params
        inner = inner if isinstance(inner, dict) else {}
        call = inner.get("call")
        call_id = inner.get("call_id") or (call.get("call_id") if isinstance(call, dict) else "")
        return cls(
            str(frame.get("method", "")),
            event_type if isinstance(event_type, str) else "",
            str(call_id or ""),
            str(inner.get("control_id") or ""),
        )


@dataclass(slots=True)
class _Rule:
    fault: Fault
    chance: random.Random
    matched: int = 0
    struck: int = 0


class FaultSet:
    """The faults in force. They apply in the order in which they were added; each sees what the former left."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._rules: dict[str, _Rule] = {}
        self._held: list[tuple[str, Callable[[], None]]] = []
        self._added = 0

    def __len__(self) -> int:
        return len(self._rules)

    def __iter__(self) -> Iterator[tuple[str, Fault]]:
        return iter([(name, rule.fault) for name, rule in self._rules.items()])

    def add(self, fault: Fault) -> str:
        """Put a fault in force; returns the name to remove it by."""
        self._added += 1
        name = f"fault-{self._added}"
        # Each rule draws from its own sequence, so adding one doesn't change when the others strike.
        self._rules[name] = _Rule(fault, random.Random(f"{self.seed}/{self._added}"))  # noqa: S311 - not a secret
        return name

    def remove(self, name: str) -> None:
        """End one fault and release what it holds; KeyError when there is none of that name."""
        del self._rules[name]
        self.release(name)

    def clear(self) -> None:
        """End all faults and release what they hold."""
        self._rules.clear()
        self.release()

    def reseed(self, seed: int) -> None:
        """Start from here with another seed: clears, and names count from 1 again."""
        self.clear()
        self.seed = seed
        self._added = 0

    def struck(self, name: str) -> int:
        """How often a fault has struck."""
        return self._rules[name].struck

    @property
    def held(self) -> int:
        """Frames that wait for `release`."""
        return len(self._held)

    def hold(self, name: str, resume: Callable[[], None]) -> None:
        """Keep `resume` until the fault is released; called by the link."""
        self._held.append((name, resume))

    def release(self, name: str | None = None) -> int:
        """Let held frames go, all or those of one fault, in order; returns how many."""
        going = [resume for holder, resume in self._held if name in {None, holder}]
        self._held = [] if name is None else [entry for entry in self._held if entry[0] != name]
        for resume in going:
            resume()
        return len(going)

    def plan(self, direction: Direction, frame: dict[str, Any], subject: Subject) -> Plan:
        """Decide what becomes of a frame."""
        plan = Plan([Deliver(frame)])
        for name, rule in self._rules.items():
            if _matches(rule.fault, direction, frame, subject) and _strikes(rule):
                plan.struck.append(name)
                apply(plan, name, rule.fault.action, direction, frame)
        return plan


def _matches(fault: Fault, direction: Direction, frame: dict[str, Any], subject: Subject) -> bool:
    return (
        fault.direction in {None, direction}
        and fault.method in {None, subject.method}
        and fault.event_type in {None, subject.event_type}
        and fault.call_id in {None, subject.call_id}
        and fault.control_id in {None, subject.control_id}
        and fault.response in {None, "method" not in frame}
    )


def _strikes(rule: _Rule) -> bool:
    rule.matched += 1
    if rule.matched < rule.fault.nth:
        return False
    if rule.fault.times is not None and rule.struck >= rule.fault.times:
        return False
    if rule.fault.probability < 1.0 and rule.chance.random() >= rule.fault.probability:
        return False
    rule.struck += 1
    return True
