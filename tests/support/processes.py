"""`callstream` commands as processes: started, read line by line, signalled, and waited for."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator

from tests.support.command_line import Ran

__all__ = ["Process", "finished", "started"]


class Process:
    """A command that runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._out: list[str] = []
        self._err: list[str] = []

    async def line(self, pattern: str) -> str:
        """Reads standard output up to a line that matches; returns its first group, or all of the match."""
        return await self._find(self._process.stdout, self._out, pattern)

    async def remark(self, pattern: str) -> str:
        """Reads standard error in the same way."""
        return await self._find(self._process.stderr, self._err, pattern)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self._process.send_signal(number)

    async def finish(self) -> Ran:
        """Waits for the end; returns all that was written."""
        out, err = await self._process.communicate()
        assert self._process.returncode is not None
        return Ran(self._process.returncode, "".join(self._out) + out.decode(), "".join(self._err) + err.decode())

    async def kill(self) -> None:
        """Ends it if a test has failed before it did."""
        if self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()

    async def _find(self, stream: asyncio.StreamReader | None, lines: list[str], pattern: str) -> str:
        assert stream is not None
        while line := (await stream.readline()).decode():
            lines.append(line)
            found = re.search(pattern, line)
            if found:
                return found[1] if found.re.groups else found[0]
        raise AssertionError(f"no line matches {pattern!r}: {''.join(lines)}{(await self.finish()).err}")


@contextlib.asynccontextmanager
async def started(*words: str, **environment: str) -> AsyncIterator[Process]:
    """A command in a process of its own, without the settings of whoever runs the tests and without a fixed port."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("CALLSTREAM_", "SIGNALWIRE_"))
    }
    process = Process(
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway",
            *words,
            env={**inherited, "CALLSTREAM_OPS_LISTEN": "off", **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    )
    try:
        yield process
    finally:
        await process.kill()


async def finished(*words: str, **environment: str) -> Ran:
    """A command that was run to its end."""
    async with started(*words, **environment) as process:
        return await process.finish()
