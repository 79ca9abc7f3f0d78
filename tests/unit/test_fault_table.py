"""The table of faults names every fault test, and each test it names exists."""

import re
from pathlib import Path

FAULTS = Path(__file__).resolve().parents[1] / "faults"
TABLE = (FAULTS / "README.md").read_text()


def existing() -> set[str]:
    """The fault tests that there are, but those of the validators themselves."""
    return {
        f"{file.name}::{name}"
        for file in FAULTS.glob("test_*.py")
        if file.name != "test_validators.py"
        for name in re.findall(r"^ *(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }


def test_the_table_is_what_is_tested() -> None:
    """No fault test without its row, no row without its test."""
    named = set(re.findall(r"`(test_\w+\.py::test_\w+)`", TABLE))
    assert named == existing()


def test_what_is_tested_elsewhere_is_there() -> None:
    """A row may name a test outside this folder by its path."""
    for path, name in re.findall(r"`(\w+/[\w/]+\.py)::(test_\w+)`", TABLE):
        assert f"def {name}(" in (FAULTS.parent / path).read_text()
