"""A timer that is moved often."""

import asyncio

from gateway.service.alarm import Alarm


async def test_rings_at_the_time_that_was_set_last() -> None:
    """Moved later it does not ring at the former time; moved earlier it rings then; and once."""
    loop = asyncio.get_running_loop()
    rang: list[float] = []
    alarm = Alarm(lambda: rang.append(loop.time()))
    began = loop.time()
    alarm.set(began + 0.02)
    alarm.set(began + 0.1)
    alarm.set(began + 0.06)
    await asyncio.sleep(0.2)
    assert len(rang) == 1
    assert rang[0] >= began + 0.06
    alarm.set(loop.time() + 10)
    alarm.set(loop.time())
    await asyncio.sleep(0.05)
    assert len(rang) == 2


async def test_a_cancelled_one_does_not_ring() -> None:
    """And can be cancelled again, also before it was ever set."""
    rang: list[bool] = []
    alarm = Alarm(lambda: rang.append(True))
    alarm.cancel()
    alarm.set(asyncio.get_running_loop().time() + 0.01)
    alarm.cancel()
    alarm.cancel()
    await asyncio.sleep(0.05)
    assert not rang


async def test_moving_it_later_makes_no_timer() -> None:
    """That is what it is for."""
    loop = asyncio.get_running_loop()
    made = 0
    call_at = loop.call_at

    def counted(*args: object, **kwargs: object) -> asyncio.TimerHandle:
        nonlocal made
        made += 1
        return call_at(*args, **kwargs)  # type: ignore[arg-type]

    loop.call_at = counted  # type: ignore[method-assign]
    alarm = Alarm(lambda: None)
    for step in range(100):
        alarm.set(loop.time() + 10 + step)
    alarm.cancel()
    assert made == 1
