"""Executes conformance commands with grpcurl, which knows the contract by reflection only. It has no resuming watch."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.json_format import MessageToDict, ParseDict

from callstream.v1 import call_service_pb2, gateway_service_pb2, stream_service_pb2

LIMIT = 64 * 1024 * 1024
CODES = {status.value[0]: status.name for status in grpc.StatusCode}
FILES = (call_service_pb2, gateway_service_pb2, stream_service_pb2)
"""Imported so that the pool knows the contract: grpcurl writes fields by their proto names, the protocol by JSON's."""


class Driver:
    """Takes commands; each is a grpcurl process, and a task that reads it."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._running: dict[int, asyncio.Task[None]] = {}

    async def run(self, commands: asyncio.StreamReader) -> None:
        """Reads commands until `exit` or the end of the input."""
        while line := await commands.readline():
            command = json.loads(line)
            number = command["id"]
            match command["op"]:
                case "exit":
                    write({"id": number, "code": "OK"})
                    break
                case "unary" | "watch":
                    self._running[number] = self._tasks.create_task(self._execute(number, command), name=f"{number}")
                case "cancel":
                    if (task := self._running.get(command["target"])) is not None:
                        task.cancel()
                    write({"id": number, "code": "OK"})
                case _:
                    write({"id": number, "code": "INVALID_COMMAND"})
        for task in self._running.values():
            task.cancel()

    async def _execute(self, number: int, command: dict[str, Any]) -> None:
        watching = command["op"] == "watch"
        method = "callstream.v1.StreamService/WatchEvents" if watching else command["method"]
        arguments = ["-format-error", "-max-msg-sz", str(LIMIT), "-d", "@", *_credentials()]
        if "timeout_ms" in command:
            arguments += ["-max-time", str(command["timeout_ms"] / 1000)]
        process = await asyncio.create_subprocess_exec(
            "grpcurl",
            *arguments,
            os.environ["CALLSTREAM_TARGET"],
            method,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LIMIT,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        result: dict[str, Any] = {"code": "CANCELLED", "message": "cancelled by a command", "details": []}
        try:
            process.stdin.write(json.dumps(command.get("request", {})).encode())
            await process.stdin.drain()
            process.stdin.close()
            answer: dict[str, Any] = {}
            async for message in _objects(process.stdout):
                answer = _renamed(method, message)
                if watching:
                    write({"id": number, "message": answer})
            errors = (await process.stderr.read()).decode()
            if await process.wait() == 0:
                result = {"code": "OK"} if watching else {"code": "OK", "response": answer}
            else:
                result = _failure(errors)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            write({"id": number, **result, **({"done": True} if watching else {})})


def _credentials() -> list[str]:
    authority, token = os.environ.get("CALLSTREAM_CA_FILE"), os.environ.get("CALLSTREAM_TOKEN")
    transport = ["-cacert", authority] if authority else ["-plaintext"]
    return [*transport, "-H", f"authorization: Bearer {token}"] if token else transport


async def _objects(output: asyncio.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """The objects that grpcurl prints: each begins with a line "{" and ends with a line "}"."""
    lines: list[bytes] = []
    while line := await output.readline():
        lines.append(line)
        if line.rstrip() in {b"}", b"{}"}:
            yield json.loads(b"".join(lines))
            lines.clear()


def _renamed(method: str, message: dict[str, Any]) -> dict[str, Any]:
    path, _, name = method.partition("/")
    found = descriptor_pool.Default().FindServiceByName(path).methods_by_name[name]
    return MessageToDict(ParseDict(message, message_factory.GetMessageClass(found.output_type)()))


def _failure(errors: str) -> dict[str, Any]:
    try:
        status = json.loads(errors)
    except ValueError:
        return {"code": "UNAVAILABLE", "message": errors.strip(), "details": []}  # it did not even connect
    details = []
    for detail in status.get("details", []):
        kind = detail.pop("@type").rpartition("/")[2]
        details.append({"type": kind, "value": _camel(detail)})
    return {"code": CODES[status["code"]], "message": status.get("message", ""), "details": details}


def _camel(value: Any) -> Any:
    """Members of google.rpc messages in JSON's names; what is in `metadata` keeps its own."""
    if isinstance(value, list):
        return [_camel(member) for member in value]
    if not isinstance(value, dict):
        return value
    return {
        name.split("_")[0] + "".join(map(str.capitalize, name.split("_")[1:])): member
        if name == "metadata"
        else _camel(member)
        for name, member in value.items()
    }


def write(line: dict[str, Any]) -> None:
    """Writes a line at once."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Serves standard input."""
    commands = asyncio.StreamReader(LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    async with asyncio.TaskGroup() as tasks:
        await Driver(tasks).run(commands)


if __name__ == "__main__":
    asyncio.run(main())
