"""The clients that the suite is run with, and whether this machine can run them."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["LANGUAGES", "ROOT", "BuildFailed", "Language", "environment", "search_path"]

ROOT: Final = Path(__file__).resolve().parents[2]
_LOCAL_TOOLS: Final = ROOT / ".cache" / "bin"


class BuildFailed(Exception):
    """A driver could not be built; the message is the end of what the build said."""


@dataclass(frozen=True, slots=True)
class Language:
    """A driver: a folder with `build.sh` and `run.sh`.

    Attributes:
        name: As it is called on the command line and in the matrix.
        folder: Where the two scripts are, from the root.
        arguments: What `run.sh` is given.
        tools: Programs that must be on PATH.
        resumes: Whether it has a resuming watch.
    """

    name: str
    folder: str
    arguments: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    resumes: bool = True

    @property
    def exists(self) -> bool:
        """Whether there is a client in this language yet."""
        return (ROOT / self.folder / "run.sh").exists()

    @property
    def missing(self) -> str:
        """What keeps it from running on this machine; empty if nothing does."""
        lacking = [tool for tool in self.tools if shutil.which(tool, path=search_path()) is None]
        return f"{', '.join(lacking)} not on PATH" if lacking else ""

    @property
    def command(self) -> list[str]:
        """The driver."""
        return [str(ROOT / self.folder / "run.sh"), *self.arguments]

    @property
    def example(self) -> Path | None:
        """The script that runs its example with an endpoint's URL; None if it has none."""
        script = ROOT / self.folder / "example.sh"
        return script if script.exists() else None

    async def build(self) -> None:
        """Makes the driver ready.

        Raises:
            BuildFailed: It is not.
        """
        process = await asyncio.create_subprocess_exec(
            str(ROOT / self.folder / "build.sh"),
            cwd=ROOT,
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise BuildFailed(f"{self.folder}/build.sh: {output.decode(errors='replace')[-2000:]}")


def search_path() -> str:
    """PATH, with the tools that were installed below the root."""
    return os.pathsep.join([str(_LOCAL_TOOLS), os.environ.get("PATH", "")])


def environment() -> dict[str, str]:
    """The environment of drivers: without the settings of whoever runs the suite."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CALLSTREAM_", "SIGNALWIRE_"))}
    return {**kept, "PATH": search_path()}


LANGUAGES: Final[Mapping[str, Language]] = {
    language.name: language
    for language in (
        Language("python-sync", "clients/python/conformance", ("sync",)),
        Language("python-aio", "clients/python/conformance", ("aio",)),
        Language("go", "clients/go/conformance", tools=("go",)),
        Language("node", "clients/node/conformance", tools=("node", "npm")),
        Language("java", "clients/java/conformance", tools=("javac", "mvn")),
        Language("rust", "clients/rust/conformance", tools=("cargo",)),
        Language("cpp", "clients/cpp/conformance", tools=("cmake", "g++", "protoc", "grpc_cpp_plugin")),
        Language("grpcurl", "tests/conformance/grpcurl", tools=("grpcurl",), resumes=False),
    )
}
"""By name. The one table of languages: a client that is not in it is not tested."""
