"""How long to fuzz: a moment in every test run, for hours on demand."""

import os

from hypothesis import HealthCheck, settings

__all__ = ["STEPS_DONE", "count_step", "fuzz_settings"]

_STEPS_PER_EXAMPLE = 50
_STEPS_EXPECTED = 40  # some examples end early

STEPS_DONE: dict[str, int] = {}
"""Steps per machine, for the summary."""


def count_step(machine: str) -> None:
    """A machine has done one more step."""
    STEPS_DONE[machine] = STEPS_DONE.get(machine, 0) + 1


def fuzz_settings(examples: int) -> settings:
    """So many examples, always the same ones; or new ones until `FUZZ_STEPS` steps are done.

    An ordinary test run is to fail for what was changed and not by chance: `make fuzz` looks for what nobody has seen.
    """
    steps = int(os.environ.get("FUZZ_STEPS", "0"))
    return settings(
        max_examples=max(1, -(-steps // _STEPS_EXPECTED)) if steps else examples,
        stateful_step_count=_STEPS_PER_EXAMPLE,
        derandomize=not steps,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
