"""How long to wait before the next attempt."""

import random
from collections.abc import Callable, Iterator

__all__ = ["backoff"]


def backoff(initial: float, maximum: float, jitter: Callable[[], float] = random.random) -> Iterator[float]:
    """Seconds to wait: doubled each time up to `maximum`, each taken between half and all of it.

    The jitter keeps clients that lost RELAY together from coming back together.
    """
    delay = initial
    while True:
        yield delay * (0.5 + 0.5 * jitter())
        delay = min(2 * delay, maximum)
