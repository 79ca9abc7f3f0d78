"""A histogram of plain numbers, for what happens with every message: at a fraction of what the library's own costs."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["PlainHistogram"]


class PlainHistogram(Collector):
    """Counts values by size. Without labels; works on the loop only."""

    def __init__(self, name: str, documentation: str, bounds: Sequence[float]) -> None:
        """Takes the upper bounds of its buckets, rising; one for all that is larger is added."""
        self._name = name
        self._documentation = documentation
        self._bounds = tuple(bounds)
        self._buckets = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Counts a value."""
        self._buckets[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def describe(self) -> Iterable[Metric]:
        """Its name, for the registry."""
        return [HistogramMetricFamily(self._name, self._documentation)]

    def collect(self) -> Iterator[Metric]:
        """The family, as it is now."""
        names = (*(str(float(bound)) for bound in self._bounds), "+Inf")
        buckets = list(zip(names, accumulate(self._buckets), strict=True))
        yield HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=self._sum)
