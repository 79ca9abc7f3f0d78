"""Runs scenarios with drivers, judges by the list of known failures, and shows a matrix."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from tests.conformance.languages import LANGUAGES, Language
from tests.conformance.scenarios import Scenario
from tests.conformance.steps import Failed, play
from tests.conformance.world import open_world

__all__ = ["KNOWN_FAILURES", "Result", "known_failures", "matrix", "run_language", "wrong"]

KNOWN_FAILURES: Final = Path(__file__).with_name("known_failures.yaml")
_WORLDS: Final = 3
"""Worlds at the same time: most of what a scenario does is to wait."""
_SCENARIO_WITHIN: Final = 120.0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a scenario.

    Attributes:
        language: The driver's name.
        scenario: The scenario's name.
        failure: What went wrong; None if nothing did.
        skipped: True if the driver can't do what the scenario needs.
        known: Why it is known to fail; empty if it is not.
        seconds: How long it took.
    """

    language: str
    scenario: str
    failure: str | None
    skipped: bool = False
    known: str = ""
    seconds: float = 0.0

    @property
    def mark(self) -> str:
        """How it is shown in the matrix."""
        if self.skipped:
            return "-"
        if self.failure is None:
            return "FIXED" if self.known else "ok"
        return "known" if self.known else "FAILED"


def known_failures(path: Path = KNOWN_FAILURES) -> Mapping[tuple[str, str], str]:
    """Reasons by language and scenario."""
    entries = yaml.safe_load(path.read_text()) or []
    return {(entry["language"], entry["scenario"]): entry["reason"] for entry in entries}


def wrong(results: Iterable[Result]) -> list[Result]:
    """The results that fail a run: unknown failures, and known ones that pass."""
    return [result for result in results if result.mark in {"FAILED", "FIXED"}]


async def run_language(
    language: Language,
    scenarios: Sequence[Scenario],
    known: Mapping[tuple[str, str], str],
    told: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """Runs scenarios with a driver that has been built.

    Scenarios that share a world run one after the other, beside those of other worlds.
    """
    results: list[Result] = []

    def note(scenario: Scenario, failure: str | None, seconds: float = 0.0, *, skipped: bool = False) -> None:
        reason = known.get((language.name, scenario.name), "")
        results.append(Result(language.name, scenario.name, failure, skipped, reason, seconds))
        told(results[-1])

    able = [
        scenario
        for scenario in scenarios
        if (language.resumes or not scenario.resumes) and (language.example or not scenario.shows_example)
    ]
    for scenario in scenarios:
        if scenario not in able:
            note(scenario, None, skipped=True)
    turn = asyncio.Semaphore(_WORLDS)

    async def run(group: Sequence[Scenario]) -> None:
        async with turn:
            await _run_together(language, group, note)

    async with asyncio.TaskGroup() as tasks:
        for group in _groups(able):
            tasks.create_task(run(group), name=f"{language.name} {group[0].name}")
    order = {scenario.name: place for place, scenario in enumerate(scenarios)}
    return sorted(results, key=lambda result: order[result.scenario])


def _groups(scenarios: Iterable[Scenario]) -> list[list[Scenario]]:
    """Scenarios that share a world, the largest group first, since it takes longest."""
    groups: dict[str, list[Scenario]] = {}
    for scenario in scenarios:
        groups.setdefault(scenario.world, []).append(scenario)
    return sorted(groups.values(), key=len, reverse=True)


async def _run_together(
    language: Language, scenarios: Sequence[Scenario], note: Callable[[Scenario, str | None, float], None]
) -> None:
    """Runs scenarios that share a world; those after a failure get another one.

    Nobody knows what a scenario that failed has left behind.
    """
    left = list(scenarios)
    while left:
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-")))
            settings = (left[0].gateway, left[0].emulator, left[0].access)
            world, driver = await stack.enter_async_context(open_world(language, folder, *settings))
            failure: str | None = None
            while left and failure is None:
                scenario = left.pop(0)
                began = time.monotonic()
                try:
                    async with asyncio.timeout(_SCENARIO_WITHIN):
                        await play(scenario, world, driver)
                except (Failed, TimeoutError) as error:
                    failure = str(error) or "it took too long"
                failure = failure or driver.failure or None
                note(scenario, failure, time.monotonic() - began)


def matrix(results: Sequence[Result], skipped: Mapping[str, str]) -> str:
    """Scenarios by languages, then what was wrong, then who was left out and why."""
    languages = [name for name in LANGUAGES if any(result.language == name for result in results)]
    scenarios = list(dict.fromkeys(result.scenario for result in results))
    marks = {(result.language, result.scenario): result.mark for result in results}
    width = max(map(len, scenarios), default=0)
    lines = [f"{'':<{width}}  {'  '.join(f'{name:>11}' for name in languages)}"]
    for scenario in scenarios:
        cells = "  ".join(f"{marks.get((name, scenario), ''):>11}" for name in languages)
        lines.append(f"{scenario:<{width}}  {cells}")
    lines.append("")
    for name in languages:
        own = [result for result in results if result.language == name]
        counts = {mark: sum(result.mark == mark for result in own) for mark in ("ok", "known", "FAILED", "FIXED", "-")}
        lines.append(f"{name}: {', '.join(f'{count} {mark}' for mark, count in counts.items() if count)}")
    lines += [f"{name}: skipped, {reason}" for name, reason in skipped.items()]
    for result in results:
        if result.mark == "FAILED":
            lines.append(f"\nFAILED {result.language} {result.scenario}\n  {result.failure}")
        elif result.mark == "FIXED":
            lines.append(
                f"\nFIXED {result.language} {result.scenario}: it passes; take it off the list ({result.known})"
            )
        elif result.mark == "known":
            lines.append(f"known {result.language} {result.scenario}: {result.known}")
    return "\n".join(lines)
