"""How expectations are held against what a driver reports."""

from typing import Any

import pytest

from tests.conformance.matching import differences, matches
from tests.conformance.scenarios import load_scenarios, substituted, value_at


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": {"b": [1, {"c": "x"}]}}, {"a": {"b": [1, {"c": "x", "d": 0}]}}),
        ({"sequence": 5}, {"sequence": "5"}),
        ({"count": "5"}, {"count": 5}),
        ({"text": "", "number": 0, "flag": False, "list": [], "state": "X_UNSPECIFIED"}, {}),
        ({"a": {"b": 0}}, {}),
        ({"a": {"$present": True}}, {"a": "x"}),
        ({"a": {"$absent": True}}, {"a": ""}),
        ({"a": {"$absent": True}}, {}),
        ({"a": {"$contains": "ell"}}, {"a": "hello"}),
        ({"$has": [{"a": 2}]}, [{"a": 1}, {"a": 2}]),
        ({"$count": 2}, [1, 2]),
        ({"$at_least": 2}, "3"),
        ({"$not": {"a": 1}}, {"a": 2}),
    ],
)
def test_matches(expected: Any, actual: Any) -> None:
    """What is expected is there, whatever else is."""
    assert differences(expected, actual) == []


@pytest.mark.parametrize(
    ("expected", "actual", "place"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "a.b is 2, not 1"),
        ({"a": 1}, {}, "a is nothing, not 1"),
        ({"a": [1, 2]}, {"a": [1]}, "a has 1 elements"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "a[1] is 3"),
        ({"a": True}, {"a": 1}, "a is 1"),
        ({"a": False}, {"a": True}, "a is True"),
        ({"a": {"b": 1}}, {"a": "x"}, "a is 'x', not an object"),
        ({"a": [1]}, {"a": 1}, "a is 1, not a list"),
        ({"a": {"$present": True}}, {"a": 0}, "a is 0"),
        ({"a": {"$absent": True}}, {"a": "x"}, "a is 'x'"),
        ({"a": {"$contains": "x"}}, {}, "a is nothing"),
        ({"$has": [3]}, [1, 2], "it has none like 3"),
        ({"$count": 2}, [], "it is []"),
        ({"$at_least": 4}, "3", "it is '3'"),
        ({"$not": 1}, 1, "it is 1"),
    ],
)
def test_tells_where_it_does_not_match(expected: Any, actual: Any, place: str) -> None:
    """A difference names the place, what is there and what was expected."""
    (found,) = differences(expected, actual)
    assert place in found
    assert not matches(expected, actual)


def test_unknown_conditions_are_errors() -> None:
    """A misspelt condition can't pass for one that holds."""
    with pytest.raises(ValueError, match="contians"):
        differences({"$contians": "x"}, "x")


def test_variables() -> None:
    """A variable by itself keeps its type, within a text it is written out; an unknown one is an error."""
    variables = {"n": [1], "name": "x"}
    assert substituted({"a": "${n}", "b": ["<${name}${name}>"], "c": 1}, variables) == {"a": [1], "b": ["<xx>"], "c": 1}
    with pytest.raises(KeyError):
        substituted("${other}", variables)


def test_paths() -> None:
    """Values are found by members and places."""
    assert value_at({"a": [{"b": 7}]}, "a.0.b") == 7


def test_scenarios_are_well_formed() -> None:
    """All scenarios can be read, and there are enough of them to speak of a suite."""
    scenarios = load_scenarios()
    assert len(scenarios) >= 30
    assert any(scenario.resumes for scenario in scenarios)
