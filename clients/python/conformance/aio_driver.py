"""Executes conformance commands with the asyncio client."""

import asyncio
import json
import sys
from typing import Any

import grpc.aio
from google.protobuf.message import Message

import callstream.aio
from conformance.commands import (
    connection,
    failure,
    item_json,
    message_json,
    unary_request,
    watch_options,
    watch_request,
    write,
)

CANCELLED = {"code": "CANCELLED", "message": "cancelled by a command", "details": []}
LINE_LIMIT = 64 * 1024 * 1024


class Driver:
    """Takes commands; each is a task until it has ended."""

    def __init__(self, client: callstream.aio.Client, tasks: asyncio.TaskGroup) -> None:
        self._client = client
        self._tasks = tasks
        self._running: dict[int, asyncio.Task[None]] = {}

    async def run(self, commands: asyncio.StreamReader) -> None:
        """Reads commands until `exit` or the end of the input."""
        while line := await commands.readline():
            command = json.loads(line)
            if command["op"] == "exit":
                write({"id": command["id"], "code": "OK"})
                break
            self._start(command)
        for task in self._running.values():
            task.cancel()

    def _start(self, command: dict[str, Any]) -> None:
        number = command["id"]
        match command["op"]:
            case "unary" | "watch":
                self._running[number] = self._tasks.create_task(self._execute(number, command), name=f"{number}")
            case "cancel":
                task = self._running.get(command["target"])
                if task is not None:
                    task.cancel()
                write({"id": number, "code": "OK"})
            case _:
                write({"id": number, "code": "INVALID_COMMAND"})

    async def _execute(self, number: int, command: dict[str, Any]) -> None:
        result: dict[str, Any] = {"code": "OK"}
        try:
            if command["op"] == "unary":
                result["response"] = await self._unary(command)
            elif command.get("resume"):
                async with self._client.watch(watch_request(command), watch_options(command)) as watch:
                    async for item in watch:
                        write({"id": number, "item": item_json(item)})
            else:
                async for response in self._client.streams.WatchEvents(watch_request(command)):
                    write({"id": number, "message": message_json(response)})
        except grpc.aio.AioRpcError as error:
            result = failure(error)
        except asyncio.CancelledError:
            result = CANCELLED
            raise
        finally:
            write({"id": number, **result, **({"done": True} if command["op"] == "watch" else {})})

    async def _unary(self, command: dict[str, Any]) -> dict[str, Any]:
        stub, method, request = unary_request(command)
        timeout = command["timeout_ms"] / 1000 if "timeout_ms" in command else None
        response: Message = await getattr(getattr(self._client, stub), method)(request, timeout=timeout)
        return message_json(response)


async def main() -> None:
    """Serves standard input."""
    commands = asyncio.StreamReader(LINE_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    async with callstream.aio.connect(**connection()) as client, asyncio.TaskGroup() as tasks:
        await Driver(client, tasks).run(commands)


if __name__ == "__main__":
    asyncio.run(main())
