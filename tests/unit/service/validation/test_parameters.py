"""A Struct becomes the JSON that its client meant."""

import json
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from hypothesis import given
from hypothesis import strategies as st

from gateway.service.validation.parameters import json_object

text = st.text(st.characters(codec="utf-8"), max_size=8)
plain = st.one_of(
    st.none(), st.booleans(), text, st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False)
)
objects = st.dictionaries(
    text, st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3))
)

LIMIT = 16 * 1024


def struct(content: dict[str, Any]) -> Struct:
    """A Struct with this content."""
    return ParseDict(content, Struct())


@given(objects)
def test_json_comes_through(content: dict[str, Any]) -> None:
    """Whatever JSON a client puts in comes out with the same meaning."""
    assert json_object(struct(content), 1 << 20) == content


def test_whole_numbers_are_ints() -> None:
    """1 reaches RELAY as 1, not as 1.0; beyond what a double holds exactly, it stays a float."""
    content = json_object(struct({"one": 1, "half": 0.5, "big": 2**53, "bigger": 1e300, "deep": [{"n": -3}]}), LIMIT)
    assert json.dumps(content, sort_keys=True) == (
        '{"big": 9007199254740992, "bigger": 1e+300, "deep": [{"n": -3}], "half": 0.5, "one": 1}'
    )


def test_an_empty_object() -> None:
    """No parameters are an object too."""
    assert json_object(Struct(), LIMIT) == {}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_lacks(number: float) -> None:
    """NaN and infinities are refused, however deep they are."""
    content = Struct(fields={"a": Value(list_value=ListValue(values=[Value(number_value=number)]))})
    with pytest.raises(ValueError, match="finite numbers"):
        json_object(content, LIMIT)


def test_a_value_without_a_kind() -> None:
    """A value that says nothing is refused instead of guessed."""
    with pytest.raises(ValueError, match="null_value"):
        json_object(Struct(fields={"a": Value()}), LIMIT)


def test_the_limit_is_exact() -> None:
    """The limit counts the bytes of compact JSON."""
    content = struct({"a": "x" * 92})
    assert json_object(content, 100) == {"a": "x" * 92}
    with pytest.raises(ValueError, match="at most 99 bytes"):
        json_object(content, 99)


@pytest.mark.parametrize("content", [{"a": [0] * 500}, {"a": [[]] * 500}, {chr(n): None for n in range(48, 90)}])
def test_dense_json_within_the_limit_is_accepted(content: dict[str, Any]) -> None:
    """The first look at the size on the wire refuses nothing that is small as JSON."""
    size = len(json.dumps(content, separators=(",", ":")))
    assert json_object(struct(content), size) == content


def test_the_enormous_is_refused_unseen() -> None:
    """What can't be small enough is refused without being looked into: the NaN in it goes unnoticed."""
    content = Struct(fields={str(n): Value(number_value=float("nan")) for n in range(20_000)})
    with pytest.raises(ValueError, match="too large"):
        json_object(content, LIMIT)
