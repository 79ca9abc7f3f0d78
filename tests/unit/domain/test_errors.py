"""The error tree: stable reasons, details as text, causes for people, and no secrets."""

import inspect
import re
from collections.abc import Callable
from typing import Final

import pytest

from gateway.domain import errors
from gateway.domain.errors import CallstreamError, Violation

LEAVES: Final[dict[type[CallstreamError], Callable[[], CallstreamError]]] = {
    errors.InvalidRequest: lambda: errors.InvalidRequest(
        [Violation("url", "use wss://"), Violation("name", "too long")]
    ),
    errors.BadToken: errors.BadToken,
    errors.ScopeMissing: lambda: errors.ScopeMissing("StartStream", "streams:write"),
    errors.UrlNotAllowed: lambda: errors.UrlNotAllowed("url", "evil.example.com:443"),
    errors.NotAllowed: lambda: errors.NotAllowed("contexts", "not for a token of some contexts"),
    errors.CallNotFound: lambda: errors.CallNotFound("call-1"),
    errors.StreamNotFound: lambda: errors.StreamNotFound("call-1", "stream-1"),
    errors.StreamExists: lambda: errors.StreamExists("call-1", "stream-1", "STREAMING", "wss://a"),
    errors.CallEnded: lambda: errors.CallEnded("call-1"),
    errors.DialFailed: lambda: errors.DialFailed("tag-1"),
    errors.RelayRejected: lambda: errors.RelayRejected("calling.stream", "422", "bad codec"),
    errors.StreamLimit: lambda: errors.StreamLimit(7, "too many streams"),
    errors.WatchLimit: lambda: errors.WatchLimit(8, "too many watches", 2.5),
    errors.RateLimit: lambda: errors.RateLimit(5, "too many starts", 0.25),
    errors.CursorCompacted: lambda: errors.CursorCompacted(3, 9),
    errors.CursorAhead: lambda: errors.CursorAhead(9, 3),
    errors.EpochChanged: lambda: errors.EpochChanged("aaaa", "bbbb"),
    errors.RelayDisconnected: lambda: errors.RelayDisconnected("no session"),
    errors.RelayFailed: lambda: errors.RelayFailed("calling.stream", "503", "overloaded"),
    errors.JournalUnavailable: lambda: errors.JournalUnavailable("disk full"),
    errors.WatchExpired: lambda: errors.WatchExpired("max_age was reached", 0.0),
    errors.Draining: lambda: errors.Draining("shutting down", 0.5),
    errors.OutcomeUnknown: lambda: errors.OutcomeUnknown("the answer was lost"),
    errors.DeadlineExceeded: lambda: errors.DeadlineExceeded("too late", sent=True),
}
DETAILS: Final[dict[type[CallstreamError], dict[str, str]]] = {
    errors.ScopeMissing: {"method": "StartStream", "scope": "streams:write"},
    errors.UrlNotAllowed: {"field": "url", "place": "evil.example.com:443"},
    errors.NotAllowed: {"limit": "contexts"},
    errors.CallNotFound: {"call_id": "call-1"},
    errors.StreamNotFound: {"call_id": "call-1", "stream": "stream-1"},
    errors.StreamExists: {"call_id": "call-1", "control_id": "stream-1", "state": "STREAMING", "url": "wss://a"},
    errors.CallEnded: {"call_id": "call-1"},
    errors.DialFailed: {"tag": "tag-1"},
    errors.RelayRejected: {"relay_method": "calling.stream", "relay_code": "422", "relay_message": "bad codec"},
    errors.StreamLimit: {"limit": "7"},
    errors.WatchLimit: {"limit": "8"},
    errors.RateLimit: {"limit": "5"},
    errors.CursorCompacted: {"oldest_sequence": "9"},
    errors.CursorAhead: {"head_sequence": "3"},
    errors.EpochChanged: {"cursor_epoch": "aaaa", "epoch": "bbbb"},
    errors.RelayFailed: {"relay_method": "calling.stream", "relay_code": "503", "relay_message": "overloaded"},
    errors.DeadlineExceeded: {"sent": "true"},
}
# What errors are made of.
NAMES: Final = {
    "after",
    "call_id",
    "code",
    "control_id",
    "cursor_epoch",
    "epoch",
    "field",
    "head",
    "limit",
    "message",
    "method",
    "oldest",
    "place",
    "retry_after",
    "scope",
    "sent",
    "state",
    "stream",
    "tag",
    "url",
    "violations",
}
by_name = pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)


def _tree(kind: type[CallstreamError]) -> dict[str, list[str]]:
    children = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    tree = {kind.__name__: sorted(child.__name__ for child in children)}
    for child in children:
        tree |= _tree(child)
    return tree


def test_the_drawing_is_the_tree() -> None:
    """The tree in the module's docstring has every class in its place."""
    drawn: dict[str, list[str]] = {}
    path: list[str] = []
    for line in str(errors.__doc__).splitlines():
        node = re.match(r"    ((?:[│ ]   )*)(?:[├└]── )?([A-Z]\w+)", line)
        if node:
            depth = 0 if node[2] == "CallstreamError" else len(node[1]) // 4 + 1
            path = [*path[:depth], node[2]]
            drawn[node[2]] = []
            if depth:
                drawn[path[-2]].append(node[2])
    assert {name: sorted(children) for name, children in drawn.items()} == _tree(CallstreamError)


def test_every_error_that_can_be_met_is_tested_here() -> None:
    """What has no subclass is raised, what has one is not."""
    leaves = {name for name, children in _tree(CallstreamError).items() if not children}
    assert {kind.__name__ for kind in LEAVES} == leaves
    assert set(errors.__all__) == set(_tree(CallstreamError)) | {"Violation"}


def test_reasons_are_words_of_their_own() -> None:
    """Each error has a reason in upper snake case that no other has, and but for two its class is named after it."""
    reasons = {kind.reason: kind.__name__ for kind in LEAVES}
    assert len(reasons) == len(LEAVES)
    for reason, name in reasons.items():
        assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", reason)
        assert reason.replace("_", "").lower() == name.lower() or (reason, name) in {
            ("MAX_AGE", "WatchExpired"),
            ("SCOPE", "ScopeMissing"),
        }


@by_name
def test_an_error_tells_people_and_programs(kind: type[CallstreamError]) -> None:
    """Its message says something, and its details are text under lower snake case names."""
    error = LEAVES[kind]()
    assert str(error)
    assert error.details == DETAILS.get(kind, {})
    assert all(re.fullmatch(r"[a-z_]+", name) and isinstance(value, str) for name, value in error.details.items())


@by_name
def test_message_and_details_agree(kind: type[CallstreamError]) -> None:
    """People read the same ids, codes and bounds as programs."""
    error = LEAVES[kind]()
    elsewhere = {"url", "limit", "sent"}  # in the message of whoever raises it, or for programs only
    for name, value in error.details.items():
        assert name in elsewhere or value in str(error)


@by_name
def test_no_error_asks_for_a_secret(kind: type[CallstreamError]) -> None:
    """Errors are made of ids, codes and messages: none takes a token, headers, or the request itself."""
    taken = set(inspect.signature(kind.__init__).parameters) - {"self", "args", "kwargs"}
    assert taken <= NAMES
    assert set(vars(LEAVES[kind]())) <= NAMES | {"relay_message"}


def test_an_invalid_request_lists_every_wrong_field() -> None:
    """All violations are kept in order, and are in the message."""
    error = LEAVES[errors.InvalidRequest]()
    assert isinstance(error, errors.InvalidRequest)
    assert error.violations == (Violation("url", "use wss://"), Violation("name", "too long"))
    assert str(error) == "url: use wss://; name: too long"


def test_a_call_can_be_missed_in_other_words() -> None:
    """CallNotFound takes a message that fits better."""
    assert str(errors.CallNotFound("call-1", "node_id is needed")) == "node_id is needed"


def test_what_can_be_tried_again_says_when() -> None:
    """Unavailable and Exhausted tell how many seconds to wait: one, if the raiser knows no better."""
    waits = {kind.__name__: getattr(make(), "retry_after", None) for kind, make in LEAVES.items()}
    assert {name: seconds for name, seconds in waits.items() if seconds is not None} == {
        "StreamLimit": 1.0,
        "WatchLimit": 2.5,
        "RateLimit": 0.25,
        "RelayDisconnected": 1.0,
        "RelayFailed": 1.0,
        "JournalUnavailable": 1.0,
        "WatchExpired": 0.0,
        "Draining": 0.5,
    }
