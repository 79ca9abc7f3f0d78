"""What drivers answer, and what scenarios expect of it, in the same shape."""

from collections.abc import Mapping
from typing import Any

__all__ = ["described", "events_of", "with_details"]


def events_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The events of a message."""
    found = message.get("events", [])
    events: list[dict[str, Any]] = found.get("events", []) if isinstance(found, Mapping) else found
    return events


def with_details(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result whose details are members by the short names of their types."""
    details = {detail["type"].rpartition(".")[2]: detail["value"] for detail in result.get("details", [])}
    return {**result, **details}


def described(expected: Mapping[str, Any]) -> dict[str, Any]:
    """An expectation in which `reason`, `metadata`, `fields` and `retry` stand for the members of details."""
    told = dict(expected)
    info: dict[str, Any] = {}
    if "reason" in told:
        info = {"reason": told.pop("reason"), "domain": "callstream"}
    if "metadata" in told:
        info["metadata"] = told.pop("metadata")
    if info:
        told["ErrorInfo"] = info
    if "fields" in told:
        wrong = [{"field": name, "description": {"$present": True}} for name in told.pop("fields")]
        told["BadRequest"] = {"fieldViolations": {"$has": wrong}}
    if told.pop("retry", False):
        told["RetryInfo"] = {"$present": True}
    return told
