"""Resolves requirements/*.txt from pyproject.toml: exact versions with hashes, and no address of any index."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).parent / "uv"
COMMON = (
    "--python-version=3.11",
    "--universal",
    "--generate-hashes",
    "--no-annotate",
    "--no-emit-index-url",
    "--quiet",
    "--custom-compile-command=make lock",
)
# Each file is bounded by the one before, so that all of them name the same versions.
FILES = (
    ("runtime.txt", ("pyproject.toml",)),
    ("emulator.txt", ("pyproject.toml", "--extra=emulator", "--constraint=requirements/runtime.txt")),
    ("tracing.txt", ("pyproject.toml", "--extra=tracing", "--constraint=requirements/emulator.txt")),
    (
        "dev.txt",
        (
            "pyproject.toml",
            "--extra=emulator",
            "--extra=tracing",
            "--group=dev",
            "--constraint=requirements/emulator.txt",
            "--constraint=requirements/tracing.txt",
        ),
    ),
    # Without the project's own dependencies.
    ("build.txt", ("--group=build", "--constraint=requirements/dev.txt")),
    ("supply-chain.txt", ("--group=supply-chain", "--constraint=requirements/dev.txt")),
)


def main() -> None:
    """Writes the files, in order."""
    for name, arguments in FILES:
        command = [UV, "pip", "compile", *COMMON, *arguments, f"--output-file=requirements/{name}"]
        subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
