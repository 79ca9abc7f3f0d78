"""A short chaos run in every test run; `make chaos` makes longer ones with other seeds."""

import pytest

from tests.support.chaos.run import Plan, run_chaos

SEED = 429
SECONDS = 13.0


@pytest.mark.timeout(180)
async def test_every_promise_holds_while_relay_and_the_gateway_go_wrong() -> None:
    """RELAY misbehaves, the gateway is killed, and no validator finds anything; the trouble did take place."""
    outcome = await run_chaos(Plan(SEED, SECONDS, calm_begins_with="kill"))
    assert outcome.broken == {}
    counts = outcome.counts
    assert counts["gateway killed"] >= 2
    assert counts["session: down"] + counts["session: gap"] + counts["session: resumed"] >= 2
    assert counts["events acknowledged"] >= 50
    assert counts["events delivered again"] >= 1
    assert counts["events watched"] > counts["events journalled"]
    assert counts["asks: OK"] >= 50
    assert counts["readings"] >= 10
    assert counts["streams FINISHED"] >= 5
