"""A rolling restart under load: no watch misses an event, no start fails, and nothing shows a secret.

`make rolling` makes it as long as a minute; it is short otherwise.
"""

import os
from pathlib import Path

import pytest

from tests.support.rolling_restart import Outcome, Plan, run_rolling_restart

SECONDS = float(os.environ.get("ROLLING_SECONDS", "12"))


@pytest.mark.timeout(120 + SECONDS)
async def test_two_restarts_under_load(tmp_path: Path) -> None:
    """Two restarts, 50 watches over TLS with a token, 20 starts per second by clients that follow the retry rules."""
    plan = Plan(seconds=SECONDS)
    outcome = await run_rolling_restart(plan, tmp_path)
    print(f"{outcome.started} started, {dict(outcome.answers)}, out for {outcome.gaps} s, {len(outcome.listed)} events")  # noqa: T201
    assert outcome.crashes == []
    assert outcome.failed == []
    assert outcome.started == round(SECONDS * plan.starts_per_second)
    assert len(outcome.watched) == plan.watches
    assert outcome.wrong_watches() == []
    assert outcome.leaks == []
    assert (len(outcome.gaps), outcome.restored) == (2, 2)


@pytest.mark.parametrize(
    ("name", "seen", "complaint"),
    [
        ("all", [1, 2, 3, 4], ""),
        ("red", [1, 2, 4], ""),
        ("red", [1, 4], "red 0: of 3 missed [2], should not have seen []"),
        ("red", [1, 2, 2, 4], "red 0: of 3 missed [], should not have seen [2]"),
        ("blue", [1, 2, 3, 4], "blue 0: of 3 missed [], should not have seen [2]"),
        ("blue", [1, 4, 3], "blue 0: of 3 missed [], should not have seen []"),
        ("all", [], "all 0: of 4 missed [1, 2, 3, 4], should not have seen []"),
    ],
)
def test_what_a_watch_may_see(name: str, seen: list[int], complaint: str) -> None:
    """Every event that its filter lets pass, once and in order; the judge of the run above finds anything else."""
    outcome = Outcome(listed=[(1, "*"), (2, "red"), (3, "blue"), (4, "*")], watched={f"{name} 0": seen})
    assert outcome.wrong_watches() == ([complaint] if complaint else [])
