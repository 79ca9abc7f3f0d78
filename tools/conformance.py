"""Runs the conformance suite: every client against the same scenarios.

    python tools/conformance.py [--language go] [--scenario start]

A language whose tools are not on this machine is skipped by name; with CI=true that is an error.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the suite belongs to the tests

from gateway.logs.setup import configure_logging  # noqa: E402 - after the path
from tests.conformance.languages import LANGUAGES, BuildFailed, Language  # noqa: E402
from tests.conformance.runner import Result, known_failures, matrix, run_language, wrong  # noqa: E402
from tests.conformance.scenarios import Scenario, load_scenarios  # noqa: E402


async def run(languages: Sequence[Language], scenarios: Sequence[Scenario]) -> int:
    """Builds and runs each language in turn, shows the matrix; returns the exit code."""
    known = known_failures()
    results: list[Result] = []
    skipped: dict[str, str] = {}
    broken: dict[str, str] = {}
    for language in languages:
        if not language.exists:
            print(f"{language.name}: there is no client yet")
            continue
        if language.missing:
            skipped[language.name] = language.missing
            continue
        began = time.monotonic()
        print(f"{language.name}: ", end="", flush=True)
        try:
            await language.build()
        except BuildFailed as error:
            broken[language.name] = str(error)
            print("can't be built")
            continue
        results += await run_language(
            language, scenarios, known, lambda result: print(_sign(result), end="", flush=True)
        )
        print(f" {time.monotonic() - began:.0f} s", flush=True)
    print(f"\n{matrix(results, skipped)}")
    for name, reason in broken.items():
        print(f"\nFAILED {name}: {reason}")
    if skipped and os.environ.get("CI") == "true":
        print(f"\nCI must have all languages: {', '.join(skipped)} can't be run here")
        return 1
    return 1 if broken or wrong(results) else 0


def _sign(result: Result) -> str:
    return {"ok": ".", "-": "-", "known": "k"}.get(result.mark, "F")


def main() -> None:
    """Chooses and runs."""
    parser = argparse.ArgumentParser(description="Hold every client to the same scenarios.")
    parser.add_argument("--language", action="append", choices=LANGUAGES, help="only this one; may be repeated")
    parser.add_argument("--scenario", help="only those whose name has this in it")
    given = parser.parse_args()
    configure_logging("error", "console")
    languages = [LANGUAGES[name] for name in given.language or LANGUAGES]
    scenarios = [scenario for scenario in load_scenarios() if (given.scenario or "") in scenario.name]
    if not scenarios:
        sys.exit(f"no scenario has {given.scenario!r} in its name")
    sys.exit(asyncio.run(run(languages, scenarios)))


if __name__ == "__main__":
    main()
