"""A chaos run: RELAY and the gateway go wrong at random, and then every promise is held against what was seen.

    python tools/chaos.py --seed 7 --minutes 2

The exit code is 1 if a promise was broken; the history is then kept, so that the validators can be run on it again.
"""

import argparse
import asyncio
import secrets
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the parts of a run are shared with the tests

from tests.support.chaos.run import CALM_BEGINS_WITH, Outcome, Plan, run_chaos  # noqa: E402 - after the path
from tests.support.histories import save_history  # noqa: E402
from tests.support.validators.promises import PROMISES  # noqa: E402

SHOWN = 20


def show(outcome: Outcome) -> None:
    """Prints what happened, and what was broken."""
    width = max(map(len, outcome.counts))
    for name, count in sorted(outcome.counts.items()):
        print(f"  {name:<{width}}  {count:>8,}")
    print()
    for name in dict.fromkeys([*PROMISES, "No defects", *outcome.broken]):
        wrong = outcome.broken.get(name, [])
        print(f"  {name:<{width}}  {f'BROKEN, {len(wrong)} times' if wrong else 'kept':>8}")
        for line in wrong[:SHOWN]:
            print(f"      {line}")


def main() -> None:
    """Runs, shows, and says how to repeat it."""
    parser = argparse.ArgumentParser(description="Hold the promises against chaos.")
    parser.add_argument("--seed", type=int, default=None, help="repeat what was drawn; a new one by default")
    parser.add_argument("--minutes", type=float, default=2.0, help="how long trouble is made")
    parser.add_argument("--callers", type=int, default=6, help="how many clients have calls")
    parser.add_argument("--kills", type=int, default=0, help="kill the gateway that often beyond what comes by itself")
    parser.add_argument("--log-level", default="debug", help="the gateway's")
    parser.add_argument("--calm", choices=CALM_BEGINS_WITH, help="what the quiet time begins with")
    parser.add_argument("--save", type=Path, help="keep the history here, also if all went well")
    given = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    plan = Plan(seed, 60 * given.minutes, given.callers, given.log_level, given.calm, given.kills)
    began = time.monotonic()
    print(f"chaos with SEED={seed} MINUTES={given.minutes:g} KILLS={given.kills}")
    outcome = asyncio.run(run_chaos(plan, lambda text: print(f"{time.monotonic() - began:7.1f} s  {text}", flush=True)))
    show(outcome)
    path = given.save or (ROOT / "out" / f"chaos-{seed}.json" if outcome.broken else None)
    if path is not None:
        files = [place.name for place in outcome.history.places if "journal.db" in place.name]
        save_history(outcome.history, path, without_places=[] if "Private" in outcome.broken else files)
        print(f"\nthe history is in {path}")
    if outcome.broken:
        again = f"make chaos SEED={seed} MINUTES={given.minutes:g} KILLS={given.kills}"
        print(f"\nbroken: {', '.join(outcome.broken)}; again with: {again}")
        sys.exit(1)


if __name__ == "__main__":
    main()
