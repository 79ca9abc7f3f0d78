"""What the gateway is made of, and whether anything of that is known to be vulnerable.

    python tools/supply_chain.py sbom      # out/sbom/*.cdx.json: CycloneDX, of what the images hold of Python
    python tools/supply_chain.py audit     # every locked requirement, asked about at PyPI, then at OSV

The tools are locked in requirements/supply-chain.txt and live in an environment of their own. An audit fails when a
vulnerability is found. When nobody can be asked it says so, and does not fail: a build must not stand or fall with the
network. `--strict` makes it fail then, too.
"""

import argparse
import json
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
PLACE = ROOT / ".cache" / "supply-chain"
OUTPUT = ROOT / "out" / "sbom"
# What is in the images; then all that is locked: dev.txt holds the others, except for the tools used here.
VARIANTS = ("runtime", "emulator", "tracing")
AUDITED = ("dev.txt", "supply-chain.txt")
SERVICES = ("pypi", "osv")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an audit of one file of requirements found."""

    audited: int = 0
    vulnerable: list[str] = field(default_factory=list)
    """One line for each vulnerability."""
    unknown: list[str] = field(default_factory=list)
    """Packages that the service does not know, or that it was not reached for."""


def judge(report: dict[str, Any]) -> Verdict:
    """Reads pip-audit's report.

    pip-audit passes over what its service does not know with a remark, also if that is everything: a mirror of PyPI
    without the part that tells vulnerabilities makes each audit succeed. Here that counts as not audited.
    """
    verdict = Verdict(sum("vulns" in package for package in report["dependencies"]))
    for package in report["dependencies"]:
        if "vulns" not in package:
            verdict.unknown.append(package["name"])
            continue
        for found in package["vulns"]:
            names = ", ".join([found["id"], *found.get("aliases", ())])
            fixed = ", ".join(found["fix_versions"]) or "nothing yet"
            verdict.vulnerable.append(f"{package['name']} {package['version']}: {names}; fixed by {fixed}")
    return verdict


def audit_file(tools: Path, requirements: Path) -> Verdict:
    """Asks one service after the other about a file of requirements, until one of them answers."""
    for service in SERVICES:
        done = subprocess.run(
            [
                *(tools / "pip-audit", "--requirement", requirements, "--disable-pip"),
                *("--vulnerability-service", service, "--format=json", "--progress-spinner=off", "--timeout=15"),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.stdout.startswith("{") and (verdict := judge(json.loads(done.stdout))).audited:
            return verdict
        reason = "it knows none of the packages" if done.returncode == 0 else last_line(done.stderr)
        print(f"{requirements.name}: no data from {service}: {reason}", flush=True)
    return Verdict()


def last_line(text: str) -> str:
    """The end of what a program said, short enough for a line."""
    return (text.strip().splitlines() or ["it said nothing"])[-1][:160]


def audit(*, strict: bool) -> int:
    """Audits every file; returns the exit code."""
    tools = ensure_environment("tools", REQUIREMENTS / "supply-chain.txt")
    code = 0
    for name in AUDITED:
        verdict = audit_file(tools, REQUIREMENTS / name)
        for line in verdict.vulnerable:
            print(f"{name}: VULNERABLE: {line}")
        if not verdict.audited:
            print(f"{name}: NOT AUDITED: no data on vulnerabilities could be reached from here")
        else:
            unknown = f"; not known to the service: {', '.join(verdict.unknown)}" if verdict.unknown else ""
            print(f"{name}: {verdict.audited} packages audited, {len(verdict.vulnerable)} vulnerabilities{unknown}")
        if verdict.vulnerable or (strict and not verdict.audited):
            code = 1
    return code


def sbom() -> int:
    """Writes a bill of materials for each variant of the image; returns the exit code."""
    tools = ensure_environment("tools", REQUIREMENTS / "supply-chain.txt")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for variant in VARIANTS:
        # Of an environment rather than of the list: only there are the licences, and who needs whom.
        environment = ensure_environment(variant, REQUIREMENTS / f"{variant}.txt", with_pip=False)
        target = OUTPUT / f"callstream-{variant}.cdx.json"
        subprocess.run(
            [
                *(tools / "cyclonedx-py", "environment", "--output-reproducible", "--validate", "--spec-version=1.6"),
                *("--pyproject", ROOT / "pyproject.toml", "--mc-type=application"),
                *(f"--output-file={target}", environment / "python3"),
            ],
            check=True,
        )
        components = json.loads(target.read_text())["components"]
        print(f"{target.relative_to(ROOT)}: {len(components)} components")
    return 0


def ensure_environment(name: str, requirements: Path, *, with_pip: bool = True) -> Path:
    """Makes a virtual environment with locked requirements, unless it is there; returns its bin directory."""
    place = PLACE / name
    stamp = place / "requirements.txt"
    if not stamp.exists() or stamp.read_bytes() != requirements.read_bytes():
        venv.create(place, clear=True, with_pip=with_pip, symlinks=True)
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "--python", place / "bin" / "python3", "--disable-pip-version-check"),
                *("install", "--quiet", "--require-hashes", "--requirement", requirements),
            ],
            check=True,
        )
        stamp.write_bytes(requirements.read_bytes())
    return place / "bin"


def main() -> None:
    """Does what the command line asks for."""
    parser = argparse.ArgumentParser(description="A bill of materials, or an audit.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("sbom", help="write what the images hold")
    asked = commands.add_parser("audit", help="look for known vulnerabilities")
    asked.add_argument("--strict", action="store_true", help="fail as well when nobody could be asked")
    given = parser.parse_args()
    sys.exit(audit(strict=given.strict) if given.command == "audit" else sbom())


if __name__ == "__main__":
    main()
