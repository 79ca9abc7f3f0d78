"""The numbers and names of the domain are those of the contract: values pass between them without a table."""

import enum
import re
from typing import Any

import msgspec
import pytest

from callstream.v1 import call_pb2, event_pb2, stream_pb2
from gateway.domain import calls, errors, events, streams

PAIRS = [
    (streams.Track, stream_pb2.Track, "TRACK"),
    (streams.StreamState, stream_pb2.StreamState, "STREAM_STATE"),
    (streams.EndReason, stream_pb2.StreamEndReason, "STREAM_END_REASON"),
    (streams.ErrorOrigin, stream_pb2.StreamErrorOrigin, "STREAM_ERROR_ORIGIN"),
    (calls.CallState, call_pb2.CallState, "CALL_STATE"),
    (calls.Direction, call_pb2.CallDirection, "CALL_DIRECTION"),
    (calls.DialState, call_pb2.DialState, "DIAL_STATE"),
    (events.EventType, event_pb2.EventType, "EVENT_TYPE"),
]


@pytest.mark.parametrize(("domain", "contract", "prefix"), PAIRS, ids=[pair[2] for pair in PAIRS])
def test_an_enum_of_the_domain_is_that_of_the_contract(domain: type[enum.IntEnum], contract: Any, prefix: str) -> None:
    """Every value has the contract's name and number; a state has no value for `unspecified`."""
    named = {f"{prefix}_{member.name}": member.value for member in domain}
    named.setdefault(f"{prefix}_UNSPECIFIED", 0)
    assert named == dict(contract.items())


def test_every_enum_of_the_domain_is_checked() -> None:
    """An enum with numbers is one of the contract's."""
    numbered = {
        thing
        for module in (streams, calls, events, errors)
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, enum.IntEnum) and re.match("gateway", thing.__module__)
    }
    assert numbered == {domain for domain, _, _ in PAIRS}


@pytest.mark.parametrize(
    ("domain", "contract"),
    [
        (streams.Stream, stream_pb2.Stream),
        (streams.StreamError, stream_pb2.StreamError),
        (calls.Call, call_pb2.Call),
        (calls.Dial, call_pb2.Dial),
        (events.SessionChange, event_pb2.SessionChange),
    ],
)
def test_a_value_of_the_domain_has_the_contract_s_fields(domain: type, contract: Any) -> None:
    """What clients are told is what the domain holds, field by field."""
    told = {field.name for field in contract.DESCRIPTOR.fields}
    assert {field.name for field in msgspec.structs.fields(domain)} == told
