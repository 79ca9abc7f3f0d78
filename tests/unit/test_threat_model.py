"""The threat model names tests that exist, and every test of access end to end has its row."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
PAGE = (TESTS.parent / "docs" / "threat-model.md").read_text()
THREATS = PAGE.split("## Threats\n", 1)[1].split("\n## ", 1)[0]
ROWS = [line for line in THREATS.splitlines() if line.startswith("|")][2:]
NAMED = re.findall(r"`([\w/]+\.py)::(test_\w+)`", THREATS)


@pytest.mark.parametrize("row", ROWS)
def test_each_threat_has_its_tests(row: str) -> None:
    """A row without a test is a wish; one whose test has another name by now is none either."""
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", row)
    assert named
    for path, name in named:
        assert re.search(rf"^ *(?:async )?def {name}\(", (TESTS / path).read_text(), re.MULTILINE), name


def test_each_test_of_access_end_to_end_has_a_row() -> None:
    """What was worth a real process is worth telling."""
    path = "integration/test_access.py"
    written = set(re.findall(r"^async def (test_\w+)", (TESTS / path).read_text(), re.MULTILINE))
    assert {name for file, name in NAMED if file == path} == written
