"""The gateway as a process that is killed, paused and started again on the same data directory and address."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from tests.support.histories import Place

__all__ = ["GatewayUnderTest"]

_STARTS_WITHIN = 30.0
_ENDS_WITHIN = 30.0
_LINE_LIMIT = 64 * 1024 * 1024
"""Bytes of a line of the log: at debug level a frame of RELAY is one, and a fault may make it as large as it may be."""


class GatewayUnderTest:
    """One address and one data directory, and the processes that serve them one after the other.

    Attributes:
        address: Where it serves gRPC, the same for every process.
        data_dir: Where it keeps what it keeps.
        starts, kills: How many processes there were, and how many were killed.
        crashes: Processes that ended without having been told to.
    """

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.address = f"unix:{directory / 'gateway.sock'}"
        self.data_dir = directory / "data"
        self.starts = 0
        self.kills = 0
        self.crashes: list[str] = []
        self._environment = {
            **{
                name: value for name, value in os.environ.items() if not name.startswith(("CALLSTREAM_", "SIGNALWIRE_"))
            },
            "CALLSTREAM_LISTEN": self.address,
            "CALLSTREAM_DATA_DIR": str(self.data_dir),
            **environment,
        }
        self._process: asyncio.subprocess.Process | None = None
        self._log: asyncio.Task[None] | None = None
        self._lines: list[str] = []
        self._serves = asyncio.Event()
        self._changing = asyncio.Lock()

    @property
    def log(self) -> Place:
        """What all processes have written to standard error."""
        return Place("the log", "".join(self._lines))

    async def start(self) -> None:
        """Starts a process; returns once it serves."""
        self.starts += 1
        self._serves.clear()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "serve",
            env=self._environment, stderr=asyncio.subprocess.PIPE, limit=_LINE_LIMIT,
        )  # fmt: skip
        self._log = asyncio.create_task(self._read_log(self._process), name="gateway log")
        async with asyncio.timeout(_STARTS_WITHIN):
            await self._serves.wait()

    async def revive(self) -> None:
        """Starts a process if the last one has crashed, so that what is left can be judged.

        Raises:
            RuntimeError: It does not start any more.
        """
        async with self._changing:
            for _ in range(2):
                if self._process is not None and self._process.returncode is None:
                    return
                await self.start()
        raise RuntimeError(f"the gateway does not start: {self.crashes[-1] if self.crashes else 'nothing is known'}")

    async def kill(self, pause: float) -> None:
        """SIGKILL, and another process after so many seconds."""
        async with self._changing:
            self.kills += 1
            await self._end(signal.SIGKILL)
            await asyncio.sleep(pause)
            await self.start()

    async def hang(self, seconds: float) -> None:
        """The process does nothing for a while, and does not know it."""
        async with self._changing:
            with contextlib.suppress(ProcessLookupError):  # it has crashed
                self._signal(signal.SIGSTOP)
                await asyncio.sleep(seconds)
                self._signal(signal.SIGCONT)

    async def terminate(self) -> None:
        """SIGTERM; returns once the process has ended."""
        async with self._changing:
            code = await self._end(signal.SIGTERM)
            if code not in {0, None}:
                self.crashes.append(f"the gateway ended with code {code} after SIGTERM")

    async def abandon(self) -> None:
        """Leaves no process behind, whatever has happened."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        if self._log is not None:
            await asyncio.wait([self._log])

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    async def _end(self, number: signal.Signals) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        async with asyncio.timeout(_ENDS_WITHIN):
            code = await process.wait()
        if self._log is not None:
            await self._log
        return code

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := (await process.stderr.readline()).decode("latin-1"):
            self._lines.append(line)
            if "serves gRPC on" in line:
                self._serves.set()
        code = await process.wait()
        if self._process is process:  # nobody has ended it
            self.crashes.append(f"the gateway ended by itself with code {code}: {''.join(self._lines[-3:])[-1000:]}")
            self._serves.set()
