"""Generates the stubs of all clients from proto/, or checks that the committed ones are what a fresh generation makes.

Python's are made here. Every other language has a `clients/<language>/generate.sh`, which is called if its tools are on
this machine; with CI=true they must be.
"""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the one table of languages belongs to the conformance suite

from tests.conformance.languages import LANGUAGES, Language, search_path  # noqa: E402 - after the path

PROTO = ROOT / "proto"
TARGET = ROOT / "clients" / "python"
PACKAGE = Path("callstream/v1")


def generate(target: Path) -> None:
    """Writes the stubs of all of proto/ below `target`."""
    plugins = Path(sys.executable).parent
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={PROTO}",
            f"--proto_path={well_known}",
            f"--plugin=protoc-gen-mypy={plugins / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={plugins / 'protoc-gen-mypy_grpc'}",
            f"--python_out={target}",
            f"--grpc_python_out={target}",
            f"--mypy_out=quiet:{target}",
            f"--mypy_grpc_out=quiet:{target}",
            *files,
        ]
    )
    if status:
        sys.exit(f"protoc failed with status {status}")
    for package in ("callstream", "callstream/v1"):
        (target / package / "__init__.py").write_text(f'"""Generated stubs of the contract: {package}."""\n')


def python(*, check: bool) -> list[str]:
    """Generates Python's stubs, or with `check` names those that differ."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        names = sorted(path.name for path in (fresh / PACKAGE).iterdir())
        if not check:
            shutil.rmtree(TARGET / PACKAGE, ignore_errors=True)
            shutil.copytree(fresh / PACKAGE, TARGET / PACKAGE)
            return []
        committed = sorted(path.name for path in (TARGET / PACKAGE).iterdir() if path.is_file())
        same = filecmp.cmpfiles(fresh / PACKAGE, TARGET / PACKAGE, names, shallow=False)
        return sorted({*same[1], *same[2], *(set(committed) ^ set(names))})


def other(language: Language, *, check: bool) -> list[str]:
    """Runs a language's `generate.sh`; with `check` names the files that it changed, and puts them back."""
    folder = ROOT / "clients" / language.name
    before = contents(folder)
    environment = {**os.environ, "PATH": search_path(), "PYTHON": sys.executable}
    subprocess.run([folder / "generate.sh"], cwd=folder, env=environment, check=True)
    if not check:
        return []
    after = contents(folder)
    different = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    for path in different:
        if path in before:
            path.write_bytes(before[path])
        else:
            path.unlink()
    return [str(path.relative_to(ROOT)) for path in different]


def contents(folder: Path) -> Mapping[Path, bytes]:
    """All files below a folder but those that git ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "."]
    listed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    paths = [folder / name for name in listed.split("\0") if name]
    return {path: path.read_bytes() for path in paths if path.is_file()}


def main() -> None:
    """Generates, or with --check compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    different = python(check=check)
    for language in LANGUAGES.values():
        if not (ROOT / "clients" / language.name / "generate.sh").exists():
            continue
        if language.missing:
            message = f"the stubs of {language.name} are left alone: {language.missing}"
            if os.environ.get("CI") == "true":
                sys.exit(message)
            print(message)
            continue
        different += other(language, check=check)
    if different:
        sys.exit(f"the stubs are not what proto/ makes; run `make gen`: {', '.join(different)}")


if __name__ == "__main__":
    main()
