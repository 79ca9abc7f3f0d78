"""The processes of a measurement: started, told what to do, weighed, and ended."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, Final, Self

__all__ = ["ROOT", "Process", "Usage"]

ROOT: Final = Path(__file__).resolve().parents[2]
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_ANSWERS_WITHIN: Final = 120.0


class Usage:
    """What a process has used of the machine between two moments."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began = self.cpu_seconds()

    def cpu_seconds(self) -> float:
        """Processor time of all its threads since it began, in seconds."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def cpu(self) -> float:
        """Processor time since this object was made, in seconds."""
        return self.cpu_seconds() - self._began

    @property
    def resident(self) -> int:
        """Bytes of memory it holds now."""
        return int(Path(f"/proc/{self._pid}/statm").read_text().split()[1]) * _PAGE


class Process:
    """A Python module at work in a process of its own, which obeys `commands.obey`."""

    def __init__(self, process: asyncio.subprocess.Process, hello: dict[str, Any]) -> None:
        self._process = process
        self.hello = hello

    @classmethod
    async def start(cls, module: str, *arguments: str) -> Self:
        """Starts it, and returns once it is ready."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"tests.bench.{module}", *arguments, cwd=ROOT,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 26,
        )  # fmt: skip
        return cls(process, await _line(process, module))

    async def ask(self, do: str, **what: Any) -> dict[str, Any]:
        """Has it do something, and returns its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **what}).encode() + b"\n")
        return await _line(self._process, do)

    def usage(self) -> Usage:
        """What it uses from now on."""
        return Usage(self._process.pid)

    async def end(self) -> None:
        """Ends it."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()


async def _line(process: asyncio.subprocess.Process, what: str) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(_ANSWERS_WITHIN):
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"{what}: the process ended with {await process.wait()}")
    answer: dict[str, Any] = json.loads(line)
    return answer
