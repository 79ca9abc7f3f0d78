"""Partial comparison of JSON: what a scenario expects, held against what a driver reported.

An object matches if each member that is expected matches; others may be there. A list matches element by element.
Numbers and their texts are equal, as 64-bit numbers are texts in proto3 JSON. What is expected to be a default value
may be left out. An object with one member whose name begins with `$` is a condition:

==================  ==========================================================
`$present: true`    there is a value, and it is no default value
`$absent: true`     there is none, or a default value
`$contains: text`   a text that has this in it
`$has: [a, b]`      a list in which each of these is matched by some element
`$count: n`         a list, object or text of this length
`$at_least: n`      a number that is no less
`$not: x`           anything that does not match
==================  ==========================================================
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

__all__ = ["MISSING", "differences", "matches"]

MISSING: Final = object()
"""Stands for a member that is not there."""


def matches(expected: Any, actual: Any) -> bool:
    """Whether it matches."""
    return not differences(expected, actual)


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """Where it does not match, a line for each place; empty if it does."""
    place = path or "it"
    if isinstance(expected, Mapping):
        condition = _condition(expected)
        if condition is not None:
            return _judge(*condition, actual, place)
        return _members(expected, actual, path)
    if isinstance(expected, list):
        return _elements(expected, actual, path)
    if _equal(expected, actual) or (actual is MISSING and _is_default(expected)):
        return []
    return [f"{place} is {_shown(actual)}, not {_shown(expected)}"]


def _condition(expected: Mapping[str, Any]) -> tuple[str, Any] | None:
    if len(expected) != 1:
        return None
    ((name, value),) = expected.items()
    return (name, value) if name.startswith("$") else None


def _members(expected: Mapping[str, Any], actual: Any, path: str) -> list[str]:
    if actual is MISSING:
        actual = {}
    if not isinstance(actual, Mapping):
        return [f"{path or 'it'} is {_shown(actual)}, not an object"]
    found = []
    for name, value in expected.items():
        found += differences(value, actual.get(name, MISSING), f"{path}.{name}" if path else name)
    return found


def _elements(expected: Sequence[Any], actual: Any, path: str) -> list[str]:
    if actual is MISSING:
        actual = []
    if not isinstance(actual, list):
        return [f"{path or 'it'} is {_shown(actual)}, not a list"]
    if len(actual) != len(expected):
        return [f"{path or 'it'} has {len(actual)} elements, not {len(expected)}: {_shown(actual)}"]
    found = []
    for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
        found += differences(one, other, f"{path}[{index}]")
    return found


def _judge(name: str, wanted: Any, actual: Any, place: str) -> list[str]:
    if name == "$has":
        elements = actual if isinstance(actual, list) else []
        lacking = [one for one in wanted if not any(matches(one, element) for element in elements)]
        return [f"{place} has none like {_shown(one)}: {_shown(actual)}" for one in lacking]
    empty = actual is MISSING or _is_default(actual)
    verdicts: dict[str, Callable[[], bool]] = {
        "$present": lambda: empty is not wanted,
        "$absent": lambda: empty is wanted,
        "$contains": lambda: isinstance(actual, str) and wanted in actual,
        "$count": lambda: (0 if actual is MISSING else len(actual)) == wanted,
        "$at_least": lambda: float(0 if actual is MISSING else actual) >= wanted,
        "$not": lambda: not matches(wanted, actual),
    }
    if name not in verdicts:
        raise ValueError(f"{name} is no condition; use {', '.join([*verdicts, '$has'])}")
    return [] if verdicts[name]() else [f"{place} is {_shown(actual)}, which is not {name} {_shown(wanted)}"]


def _equal(expected: Any, actual: Any) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, int | float) and isinstance(actual, str):
        return str(expected) == actual
    if isinstance(expected, str) and isinstance(actual, int | float):
        return expected == str(actual)
    return bool(expected == actual)


def _is_default(value: Any) -> bool:
    return (
        value in ("", "0", [], {}) or value in (0, None) or (isinstance(value, str) and value.endswith("_UNSPECIFIED"))
    )


def _shown(value: Any) -> str:
    text = "nothing" if value is MISSING else repr(value)
    return text if len(text) <= 400 else f"{text[:400]}…"
