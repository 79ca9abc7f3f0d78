"""A process that is told what to do, one JSON object a line, and answers each with one."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

__all__ = ["Handler", "obey"]

Handler = Callable[..., Awaitable[Mapping[str, Any]]]


async def obey(handlers: Mapping[str, Handler], **hello: Any) -> None:
    """Says that it is ready, then carries out commands in order until its input ends."""
    reader = asyncio.StreamReader(limit=1 << 26)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say(hello)
    while line := await reader.readline():
        command = json.loads(line)
        _say(await handlers[command.pop("do")](**command))


def _say(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
