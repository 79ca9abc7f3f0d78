"""The Python clients against all scenarios; `make conformance` runs the other languages."""

import copy
from dataclasses import replace

import pytest

from tests.conformance.access import Access
from tests.conformance.languages import LANGUAGES
from tests.conformance.runner import Result, known_failures, matrix, run_language, wrong
from tests.conformance.scenarios import Scenario, load_scenarios

PYTHON = ("python-sync", "python-aio")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", PYTHON)
async def test_python(name: str) -> None:
    """Both Python clients do what every scenario says, but for what is known and explained."""
    results = await run_language(LANGUAGES[name], load_scenarios(), known_failures())
    assert not wrong(results), matrix(results, {})


@pytest.mark.timeout(60)
async def test_a_scenario_can_fail() -> None:
    """A scenario whose expectation is wrong fails and says where, and the next one has a world of its own."""
    (passing,) = [scenario for scenario in load_scenarios() if scenario.name == "calls/unknown"]
    steps = copy.deepcopy(list(passing.steps))
    steps[0]["expect"]["reason"] = "STREAM_NOT_FOUND"
    failing = replace(passing, name="failing", steps=tuple(steps))
    results = await run_language(LANGUAGES["python-aio"], [failing, passing], {})
    assert [result.mark for result in results] == ["FAILED", "ok"]
    assert "step 1 (unary): ErrorInfo.reason is 'CALL_NOT_FOUND'" in str(results[0].failure)


@pytest.mark.parametrize(
    ("failure", "known", "mark", "fails"),
    [
        (None, "", "ok", False),
        ("broken", "", "FAILED", True),
        ("broken", "a reason", "known", False),
        (None, "a reason", "FIXED", True),
    ],
)
def test_known_failures(failure: str | None, known: str, mark: str, *, fails: bool) -> None:
    """A known failure does not fail a run; one that passes does, so that the list stays true."""
    result = Result("go", "a/b", failure, known=known)
    assert result.mark == mark
    assert wrong([result]) == ([result] if fails else [])
    assert mark in matrix([result], {"rust": "cargo not on PATH"})


async def test_what_a_language_cannot_do_is_skipped() -> None:
    """A client without a resuming watch is not asked to resume."""
    scenario = Scenario(
        "x/y",
        "about",
        own_world=True,
        gateway={},
        emulator={},
        access=Access(),
        steps=({"watch": "w", "resume": True},),
    )
    (result,) = await run_language(LANGUAGES["grpcurl"], [scenario], {})
    assert result.mark == "-"
    assert not wrong([result])
