"""A driver process, and the commands it is carrying out."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from tests.conformance.languages import ROOT, Language, environment

__all__ = ["Driver", "DriverFailed", "Exchange"]

_LINE_LIMIT = 64 * 1024 * 1024
_LEAVES_WITHIN = 10.0


class DriverFailed(Exception):
    """A driver left, or wrote what is no answer."""


class Exchange:
    """A command and what the driver has said to it so far."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.messages: list[dict[str, Any]] = []
        self.result: dict[str, Any] | None = None
        self.failure = ""
        self._changed = asyncio.Condition()

    async def message(self, index: int) -> dict[str, Any]:
        """The message at this place, once it has come.

        Raises:
            EOFError: The command ended before.
            DriverFailed: The driver left.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.messages) > index or self.result is not None or self.failure)
        if len(self.messages) > index:
            return self.messages[index]
        if self.failure:
            raise DriverFailed(self.failure)
        raise EOFError(f"it has ended: {self.result}")

    async def end(self) -> dict[str, Any]:
        """The last line, once it has come.

        Raises:
            DriverFailed: The driver left.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self.result is not None or self.failure)
        if self.result is None:
            raise DriverFailed(self.failure)
        return self.result

    async def take(self, line: dict[str, Any]) -> None:
        """A line that belongs to it."""
        async with self._changed:
            if self.result is not None:
                self.failure = f"a line after the last one: {line}"
            elif "message" in line and "code" not in line:
                self.messages.append(line["message"])
            elif "item" in line:
                self.messages.append(line["item"])
            else:
                self.result = line
            self._changed.notify_all()

    async def fail(self, reason: str) -> None:
        """No line will come any more."""
        async with self._changed:
            self.failure = reason
            self._changed.notify_all()


class Driver:
    """A process that carries out commands. Use it in an `async with`."""

    def __init__(self, language: Language, variables: Mapping[str, str], log: Path) -> None:
        self.language = language
        self._variables = variables
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._exchanges: dict[int, Exchange] = {}
        self._numbers = 0
        self._leaving = False
        self.failure = ""

    async def __aenter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.language.command,
                cwd=ROOT,
                env={**environment(), **self._variables},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=_LINE_LIMIT,
            )
        self._reading = asyncio.create_task(self._read(), name="driver")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._reading is not None
        assert self._process.stdin is not None
        self._leaving = True
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_LEAVES_WITHIN):
                await self._process.wait()
        except TimeoutError:
            self.failure = self.failure or "the driver did not leave at the end of its input"
        finally:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            await asyncio.wait([self._reading])

    async def send(self, op: str, **command: Any) -> Exchange:
        """Gives it a command."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._numbers += 1
        exchange = self._exchanges[self._numbers] = Exchange(self._numbers)
        if self.failure:
            await exchange.fail(self.failure)
            return exchange
        line = json.dumps({"id": exchange.number, "op": op, **command})
        self._process.stdin.write(line.encode() + b"\n")
        with contextlib.suppress(ConnectionError):  # the reader says why
            await self._process.stdin.drain()
        return exchange

    async def exit(self) -> int:
        """Tells it to leave, and returns its exit code."""
        assert self._process is not None
        exchange = await self.send("exit")
        self._leaving = True
        answer = await exchange.end()
        if answer.get("code") != "OK":
            raise DriverFailed(f"exit was answered with {answer}")
        return await self._process.wait()

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            while line := await self._process.stdout.readline():
                answer = json.loads(line)
                await self._exchanges[answer["id"]].take(answer)
            if self._leaving:
                return
            reason = "the driver has left"
        except (ValueError, LookupError, TypeError) as error:
            reason = f"the driver wrote what is no answer: {error!r}"
        self.failure = f"{reason}: {self._log.read_text(errors='replace')[-2000:]}"
        for exchange in self._exchanges.values():
            await exchange.fail(self.failure)
