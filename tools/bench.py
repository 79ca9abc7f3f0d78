"""All figures, or some: prints a table, and writes out/bench.json and out/bench.md.

    python tools/bench.py --only starts --rounds 5

The table is of ratios between the gateway and a bare baseline, measured in turn; the absolute values say little.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the parts of a measurement are beside the tests

from tests.bench import events, starts  # noqa: E402 - after the path
from tests.bench.figures import Figure  # noqa: E402

_HEAD: Final = ["figure", "gateway", "baseline", "ratio (spread)", "wanted", ""]


def _measurements(rounds: int, *, quick: bool) -> Mapping[str, Callable[[], Awaitable[list[Figure]]]]:
    watchers = (1, 10) if quick else (1, 100, 1_000)
    return {
        "starts": lambda: starts.measure(rounds, 0.4 if quick else 4.0),
        "throughput": lambda: events.throughput(rounds, 2_000 if quick else 60_000, watchers),
        "latency": lambda: events.latency(rounds, 0.5 if quick else 4.0, watchers=watchers),
    }


def _table(figures: list[Figure]) -> str:
    rows = [_HEAD, ["---"] * len(_HEAD), *(figure.row() for figure in figures)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


async def _run(rounds: int, only: list[str], *, quick: bool) -> list[Figure]:
    figures: list[Figure] = []
    for name, measure in _measurements(rounds, quick=quick).items():
        if not only or any(part in name for part in only):
            for figure in await measure():
                print("  ".join(figure.row()), flush=True)
                figures.append(figure)
    return figures


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description="Measure the gateway against the stack's own ceiling.")
    parser.add_argument("--quick", action="store_true", help="a moment of each: shows that it runs, and no more")
    parser.add_argument("--only", action="append", default=[], help="figures with this in the name of their group")
    parser.add_argument("--rounds", type=int, help="how often each is measured")
    given = parser.parse_args()
    rounds = given.rounds or (1 if given.quick else 5)
    figures = asyncio.run(_run(rounds, given.only, quick=given.quick))
    out = ROOT / "out"
    out.mkdir(exist_ok=True)
    table = _table(figures)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
    (out / "bench.md").write_text(table + "\n")
    (out / "bench.json").write_text(
        json.dumps({"machine": machine, "figures": [figure.as_json() for figure in figures]}, indent=1)
    )
    print(f"\n{table}\n\nout/bench.md, out/bench.json")


if __name__ == "__main__":
    main()
