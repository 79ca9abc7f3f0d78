"""Generates the Python stubs from proto/, or checks that the committed ones are what a fresh generation makes."""

import argparse
import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
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


def main() -> None:
    """Generates, or with --check compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        names = sorted(path.name for path in (fresh / PACKAGE).iterdir())
        if not arguments.check:
            shutil.rmtree(TARGET / PACKAGE, ignore_errors=True)
            shutil.copytree(fresh / PACKAGE, TARGET / PACKAGE)
            return
        committed = sorted(path.name for path in (TARGET / PACKAGE).iterdir() if path.is_file())
        same = filecmp.cmpfiles(fresh / PACKAGE, TARGET / PACKAGE, names, shallow=False)
        different = sorted({*same[1], *same[2], *(set(committed) ^ set(names))})
        if different:
            sys.exit(f"the stubs are not what proto/ makes; run `make gen`: {', '.join(different)}")


if __name__ == "__main__":
    main()
