"""A TCP proxy between driver and gateway: it outlives gateways, and connections through it can be cut or go silent."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Self

__all__ = ["Proxy"]

_PIECE = 64 * 1024
_LINGERS = 0.2


class _Connection:
    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.sides = (near, far)
        self.flows = asyncio.Event()
        self.flows.set()

    def cut(self) -> None:
        for side in self.sides:
            side.transport.abort()


class Proxy:
    """Listens at `address`; connects to `target` ("host:port"), or refuses while that is empty."""

    def __init__(self) -> None:
        self.address = ""
        self.target = ""
        self.accepted = 0
        self._cut_after: int | None = None
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Resets all connections."""
        for connection in tuple(self._connections):
            connection.cut()

    def cut_after(self, count: int) -> None:
        """Resets all connections once so many bytes more have passed to the driver; once."""
        self._cut_after = count

    def _passes(self, piece: bytes) -> bytes:
        """What of a piece for the driver still passes."""
        if self._cut_after is None:
            return piece
        passing = piece[: self._cut_after]
        self._cut_after -= len(passing)
        return passing

    def freeze(self) -> None:
        """Lets nothing pass on the connections there are, for ever; they stay open, and new ones work."""
        for connection in self._connections:
            connection.flows.clear()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name="proxy connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        host, _, port = self.target.rpartition(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
        except (OSError, ValueError):  # no gateway is there
            writer.transport.abort()
            return
        connection = _Connection(writer, far_writer)
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(connection, reader, far_writer), name="proxy to the gateway")
                to_driver = self._pump(connection, far_reader, writer, self._passes)
                pumps.create_task(to_driver, name="proxy to the driver")
        finally:
            self._connections.discard(connection)
            connection.cut()

    async def _pump(
        self,
        connection: _Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        passes: Callable[[bytes], bytes] = lambda piece: piece,
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(_PIECE):
                await connection.flows.wait()
                passing = passes(piece)
                writer.write(passing)
                await writer.drain()
                if len(passing) < len(piece):
                    self._cut_after = None
                    await asyncio.sleep(_LINGERS)  # what was written is read, and not lost in the reset
                    self.cut()
        await connection.flows.wait()  # what is frozen does not notice the end either
        connection.cut()
