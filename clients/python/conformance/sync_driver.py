"""Executes conformance commands with the synchronous client."""

import json
import sys
import threading
from typing import Any

import grpc

import callstream
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


class Driver:
    """Takes commands; each is a thread's or gRPC's until it has ended."""

    def __init__(self, client: callstream.Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._running: dict[int, Any] = {}
        self._cancelled: set[int] = set()

    def run(self) -> None:
        """Reads commands until `exit` or the end of the input."""
        for line in sys.stdin:
            command = json.loads(line)
            if command["op"] == "exit":
                self._write({"id": command["id"], "code": "OK"})
                return
            self._start(command)

    def _start(self, command: dict[str, Any]) -> None:
        number = command["id"]
        match command["op"]:
            case "unary":
                self._unary(number, command)
            case "watch":
                work = self._resuming if command.get("resume") else self._watch
                threading.Thread(target=work, args=(number, command), name=f"watch {number}", daemon=True).start()
            case "cancel":
                self._cancelled.add(command["target"])
                running = self._running.get(command["target"])
                if isinstance(running, callstream.ResumingWatch):
                    running.close()
                elif running is not None:
                    running.cancel()
                self._write({"id": number, "code": "OK"})
            case _:
                self._write({"id": number, "code": "INVALID_COMMAND"})

    def _unary(self, number: int, command: dict[str, Any]) -> None:
        stub, method, request = unary_request(command)
        timeout = command["timeout_ms"] / 1000 if "timeout_ms" in command else None
        future = getattr(getattr(self._client, stub), method).future(request, timeout=timeout)
        self._running[number] = future

        def end(_: object) -> None:
            result: dict[str, Any]
            try:
                result = {"code": "OK", "response": message_json(future.result())}
            except grpc.FutureCancelledError:
                result = CANCELLED
            except grpc.RpcError as error:
                result = failure(error)
            self._write({"id": number, **result})

        future.add_done_callback(end)

    def _watch(self, number: int, command: dict[str, Any]) -> None:
        call = self._client.streams.WatchEvents(watch_request(command))
        self._running[number] = call
        result: dict[str, Any] = {"code": "OK"}
        try:
            for response in call:
                self._write({"id": number, "message": message_json(response)})
        except grpc.RpcError as error:
            result = failure(error)
        self._write({"id": number, **result, "done": True})

    def _resuming(self, number: int, command: dict[str, Any]) -> None:
        result: dict[str, Any] = {"code": "OK"}
        with self._client.watch(watch_request(command), watch_options(command)) as watch:
            self._running[number] = watch
            try:
                for item in watch:
                    self._write({"id": number, "item": item_json(item)})
            except grpc.RpcError as error:
                result = failure(error)
        if number in self._cancelled:
            result = CANCELLED
        self._write({"id": number, **result, "done": True})

    def _write(self, line: dict[str, Any]) -> None:
        with self._lock:
            write(line)


if __name__ == "__main__":
    with callstream.connect(**connection()) as opened:
        Driver(opened).run()
