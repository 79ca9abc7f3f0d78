"""A figure: what the gateway does against a bare baseline, in rounds that alternate, as ratios within one run."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

__all__ = ["LOAD_BOUND", "Figure", "Round"]

LOAD_BOUND: Final = 0.9
"""Of a core: a load generator that was busier than that may be what held the measurement up."""


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement of both, right after each other."""

    ours: float
    baseline: float
    load_busy: float = 0.0


@dataclass(slots=True)
class Figure:
    """A row of the table.

    Attributes:
        name: What is measured.
        unit: Of both values.
        wanted: The least ratio, or the most if `lower_is_better`. None: it is only reported.
        rounds: The measurements.
        note: What should be known of it.
        limit: What it may be at most, in its unit: for what is not compared with anything.
    """

    name: str
    unit: str
    wanted: float | None = None
    lower_is_better: bool = False
    rounds: list[Round] = field(default_factory=list)
    note: str = ""
    limit: float | None = None

    def add(self, ours: float, baseline: float = 0.0, load_busy: float = 0.0) -> None:
        """Another round."""
        self.rounds.append(Round(ours, baseline, load_busy))

    @property
    def ratios(self) -> Sequence[float]:
        """Ours by the baseline's, round by round."""
        return [each.ours / each.baseline for each in self.rounds if each.baseline]

    @property
    def ratio(self) -> float:
        """The median of the ratios; not a number without a baseline."""
        return statistics.median(self.ratios) if self.ratios else float("nan")

    @property
    def value(self) -> float:
        """The median of ours."""
        return statistics.median(each.ours for each in self.rounds)

    @property
    def met(self) -> bool | None:
        """Whether it is as good as wanted; None if nothing was."""
        if self.limit is not None:
            return self.value <= self.limit
        if self.wanted is None or not self.ratios:
            return None
        return self.ratio <= self.wanted if self.lower_is_better else self.ratio >= self.wanted

    @property
    def load_bound(self) -> bool:
        """Whether the load generator may have held it up."""
        return any(each.load_busy > LOAD_BOUND for each in self.rounds)

    def as_json(self) -> dict[str, Any]:
        """Everything of it."""
        return {**asdict(self), "ratio": self.ratio, "met": self.met, "load_bound": self.load_bound}

    def row(self) -> list[str]:
        """Its row: name, ours, baseline, ratio with spread, wanted, verdict."""
        baseline = statistics.median(each.baseline for each in self.rounds)
        ratio = f"{self.ratio:.2f} ({min(self.ratios):.2f}-{max(self.ratios):.2f})" if self.ratios else "-"
        bound = "" if self.wanted is None else f"{'at most' if self.lower_is_better else 'at least'} {self.wanted:g}"
        if self.limit is not None:
            bound = f"at most {self.limit:g} {self.unit}"
        verdict = {True: "met", False: "short", None: ""}[self.met] + (", load-bound" if self.load_bound else "")
        shown = f"{baseline:,.4g} {self.unit}" if baseline else "-"
        return [self.name, f"{self.value:,.4g} {self.unit}", shown, ratio, bound, verdict]
