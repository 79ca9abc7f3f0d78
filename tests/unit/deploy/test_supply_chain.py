"""An audit fails for what is vulnerable, and never takes silence for an answer."""

import json
from pathlib import Path

import pytest

from tools.supply_chain import Verdict, audit_file, judge

CLEAN = {"name": "click", "version": "8.1.7", "vulns": []}
BAD = {
    "name": "grpcio",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-2020-1"], "fix_versions": ["1.1"], "description": ""}],
}
UNKNOWN = {"name": "uvloop", "skip_reason": "Dependency not found on PyPI and could not be audited: uvloop (0.1)"}


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with a program in the place of pip-audit, which answers what lies beside it under the service's name."""
    program = tmp_path / "pip-audit"
    program.write_text(
        "#!/bin/sh\n"
        'while [ "$1" != --vulnerability-service ]; do shift; done\n'
        f'cat "{tmp_path}/$2.json" || exit 1\n'
        f'case "$2" in bad) exit 1;; esac\n'
    )
    program.chmod(0o755)
    return tmp_path


def answer(tools: Path, service: str, *packages: object) -> None:
    """Lets a service answer."""
    (tools / f"{service}.json").write_text(json.dumps({"dependencies": packages}))


def test_a_vulnerability_is_told_with_its_names_and_its_cure() -> None:
    """One line has what somebody needs to mend it."""
    verdict = judge({"dependencies": [CLEAN, BAD]})
    assert verdict == Verdict(2, ["grpcio 1.0: PYSEC-1, CVE-2020-1; fixed by 1.1"], [])


def test_what_the_service_does_not_know_is_not_audited() -> None:
    """pip-audit passes over it with success; here it is counted."""
    assert judge({"dependencies": [CLEAN, UNKNOWN]}) == Verdict(1, [], ["uvloop"])


def test_a_vulnerability_without_a_cure_is_one() -> None:
    """It is told that nothing mends it yet."""
    found = {"id": "GHSA-1", "fix_versions": []}
    [line] = judge({"dependencies": [{"name": "a", "version": "1", "vulns": [found]}]}).vulnerable
    assert line == "a 1: GHSA-1; fixed by nothing yet"


def test_the_first_service_that_knows_something_is_believed(tools: Path) -> None:
    """The second is not asked then."""
    answer(tools, "pypi", BAD, UNKNOWN)
    answer(tools, "osv", CLEAN)
    assert audit_file(tools, tools / "some.txt").vulnerable


def test_a_service_that_knows_nothing_is_no_answer(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mirror without data on vulnerabilities makes every audit succeed: the next service is asked."""
    answer(tools, "pypi", UNKNOWN)
    answer(tools, "osv", CLEAN)
    assert audit_file(tools, tools / "some.txt") == Verdict(1)
    assert capsys.readouterr().out == "some.txt: no data from pypi: it knows none of the packages\n"


def test_when_nobody_answers_nothing_is_audited(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both services are named with what went wrong."""
    assert audit_file(tools, tools / "some.txt") == Verdict(0)
    told = capsys.readouterr().out
    assert "some.txt: no data from pypi" in told
    assert "some.txt: no data from osv" in told
