"""Lists hold what their filters say."""

from typing import Any

import pytest

from gateway.domain.calls import Call, CallState, Direction
from gateway.domain.streams import Stream, StreamState
from gateway.service.paging import PageRequest
from gateway.service.validation.queries import CallsQuery, StreamsQuery

PAGE = PageRequest(100, b"")
STREAM = Stream("c", "s", StreamState.STREAMING, 1, 1, name="agent", labels={"a": "1", "b": "2"})
CALL = Call("c", CallState.RINGING, 1, 1, tag="t", context="office", direction=Direction.INBOUND)


@pytest.mark.parametrize(
    ("conditions", "matches"),
    [
        ({}, True),
        ({"call_id": "c"}, True),
        ({"call_id": "d"}, False),
        ({"states": frozenset({StreamState.STARTING, StreamState.STREAMING})}, True),
        ({"states": frozenset({StreamState.STARTING})}, False),
        ({"name": "agent"}, True),
        ({"name": "other"}, False),
        ({"labels": {"a": "1"}}, True),
        ({"labels": {"a": "1", "b": "3"}}, False),
        ({"labels": {"c": ""}}, False),
        ({"call_id": "c", "name": "other"}, False),
    ],
)
def test_streams(conditions: dict[str, Any], matches: bool) -> None:
    """All conditions that are given must hold."""
    assert StreamsQuery(PAGE, **conditions).matches(STREAM) is matches


@pytest.mark.parametrize(
    ("conditions", "matches"),
    [
        ({}, True),
        ({"states": frozenset({CallState.RINGING})}, True),
        ({"states": frozenset({CallState.ENDED})}, False),
        ({"direction": Direction.INBOUND}, True),
        ({"direction": Direction.OUTBOUND}, False),
        ({"context": "office"}, True),
        ({"context": "other"}, False),
        ({"tag": "t"}, True),
        ({"tag": "other"}, False),
        ({"context": "office", "tag": "other"}, False),
    ],
)
def test_calls(conditions: dict[str, Any], matches: bool) -> None:
    """All conditions that are given must hold."""
    assert CallsQuery(PAGE, **conditions).matches(CALL) is matches
