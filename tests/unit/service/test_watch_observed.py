"""What operators learn of watches: how long events take to them, and how far behind they are."""

from gateway.domain.events import Draft, EventType
from gateway.engine.recorder import Origin
from tests.support.serving import served, wait_until

_PARAMS = b'"' + b"x" * 900_000 + b'"'


async def test_new_events_are_told_once_per_message() -> None:
    """With the age of the oldest event in it; several events of one commit are one message."""
    told: list[float] = []
    async with served(delivered=told.append) as gateway:
        watch = gateway.watch(bookmark_interval={"seconds": 1})
        await watch.opened()
        assert (await watch.next()).HasField("bookmark")
        await gateway.written(*gateway.others(3))
        await watch.events(3)
        await wait_until(lambda: len(told) == 1)
        await gateway.written(*gateway.others(1))
        await watch.event()
        await wait_until(lambda: len(told) == 2)
    assert all(0 <= seconds < 60 for seconds in told)


async def test_the_past_is_no_delivery() -> None:
    """A client that reads history is not one whose events are late."""
    told: list[float] = []
    async with served(delivered=told.append) as gateway:
        await gateway.written(*gateway.others(300))
        watch = gateway.watch(from_oldest=True, bookmark_interval={"seconds": 1})
        await watch.opened()
        await watch.events(300)
        assert (await watch.next()).HasField("bookmark")
        assert told == []


async def test_lag_is_the_distance_to_the_head() -> None:
    """None for a watch that is in step; for one whose client does not read what it has not been given yet."""
    async with served() as gateway:
        await gateway.written(*gateway.others(5))
        watch = gateway.watch(bookmark_interval={"seconds": 1})
        await watch.opened()
        assert gateway.services.watches.lags() == [0]
        for _ in range(32):
            draft = Draft(EventType.RELAY_OTHER, None, "call-1")
            records = gateway.engine.recorder.stamp([draft], Origin("", "calling.made.up", 0, _PARAMS))
            gateway.engine.recorder.append(records)
        await gateway.journal.committed(gateway.journal.last_sequence)
        other = gateway.watch(from_oldest=True)
        await other.opened()
        await other.events(37)
        (slow, quick) = sorted(gateway.services.watches.lags(), reverse=True)
        assert quick == 0
        assert 0 < slow < 32
