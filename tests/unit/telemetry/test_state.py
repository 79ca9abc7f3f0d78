"""What is read at each scrape, from a gateway with and without a session."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway import __version__
from gateway.domain.calls import CallState
from gateway.domain.streams import StreamState
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.state import StateCollector, quantile_of
from tests.support.running import running_emulator
from tests.support.scrape import Scrape, scraped
from tests.support.serving import Served, served, wait_until


def scrape(gateway: Served) -> Scrape:
    """The state of a gateway."""
    metrics = Metrics()
    metrics.registry.register(StateCollector(gateway.engine, gateway.services.watches))
    return scraped(metrics.registry)


async def test_without_a_session() -> None:
    """Not ready; exactly one state of the session is 1."""
    async with served() as gateway:
        found = scrape(gateway)
    assert found("callstream_ready") == found("callstream_draining") == 0
    assert found("callstream_relay_session_state", state="connecting") == 1
    states = found.labels("callstream_relay_session_state", "state")
    assert sum(found("callstream_relay_session_state", state=state) or 0 for state in states) == 1
    assert found.labels("callstream_build_info", "version") == {__version__}


async def test_with_a_session_that_was_lost_and_taken_up() -> None:
    """Ready again; the loss and the resume are counted, and what RELAY reported."""
    async with running_emulator() as emulator, served(relay_host=emulator.host) as gateway:
        soon = asyncio.get_running_loop().time() + 10
        await gateway.engine.session.wait_connected(soon)
        await emulator.place_call(timeout=10)
        await wait_until(lambda: gateway.engine.registry.active_call_count == 1)
        await emulator.cut()
        await wait_until(lambda: gateway.engine.session.status().losses == 1)
        await gateway.engine.session.wait_connected(soon)
        found = scrape(gateway)
        await gateway.engine.drain(0)
        after = scrape(gateway)
    assert found("callstream_ready") == 1
    assert found("callstream_relay_connections_total") == 2
    assert found("callstream_relay_resumes_total") == found("callstream_relay_losses_total") == 1
    assert (found("callstream_relay_events_received_total") or 0) >= 1
    assert found("callstream_calls") == 1
    assert (after("callstream_ready"), after("callstream_draining")) == (0, 1)


async def test_streams_calls_and_watches() -> None:
    """What has not ended, by state; states without any stream are 0."""
    async with served(max_watches=7) as gateway:
        await gateway.written(
            gateway.call(CallState.ANSWERED),
            gateway.stream(StreamState.STREAMING, "s1"),
            gateway.stream(StreamState.STREAMING, "s2"),
            gateway.stream(StreamState.STARTING, "s3"),
            gateway.stream(StreamState.FINISHED, "s4"),
        )
        watch = gateway.watch()
        await watch.opened()
        found = scrape(gateway)
    counts = {state: found("callstream_streams", state=state) for state in found.labels("callstream_streams", "state")}
    assert counts == {"starting": 1, "streaming": 2, "stopping": 0, "unknown": 0}
    assert found("callstream_calls") == found("callstream_watches") == 1
    assert found("callstream_watches_limit") == 7
    assert found("callstream_watch_lag_events", quantile="1.0") == 0


async def test_the_journal() -> None:
    """Its bounds, its size and its trouble."""
    async with served() as gateway:
        empty = scrape(gateway)
        await gateway.written(*gateway.others(5))
        filled = scrape(gateway)
        gateway.journal.on_failed("disk full")
        failing = scrape(gateway)
    assert (empty("callstream_journal_events"), empty("callstream_journal_oldest_timestamp_seconds")) == (0, 0)
    assert filled("callstream_journal_events") == filled("callstream_journal_head_sequence") == 5
    assert (filled("callstream_journal_oldest_timestamp_seconds") or 0) > 1_500_000_000
    assert (filled("callstream_journal_payload_bytes") or 0) > 0
    assert filled("callstream_journal_failing") == filled("callstream_journal_backlog_records") == 0
    assert failing("callstream_journal_failing") == 1


@pytest.mark.parametrize(
    ("values", "quantile", "expected"),
    [([], 1.0, 0), ([3], 0.5, 3), ([0, 9], 0.5, 0), ([0, 9], 0.9, 9), (range(101), 0.99, 99), (range(101), 1.0, 100)],
)
def test_quantiles_are_values_that_occurred(values: Sequence[int], quantile: float, expected: int) -> None:
    """The smallest one that so large a part is not above; 0 of nothing."""
    assert quantile_of(values, quantile) == expected
