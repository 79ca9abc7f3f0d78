"""The operations port: metrics, liveness and readiness over plain HTTP, answered by the loop that serves gRPC.

That is on purpose: a thread would say that all is well while the loop hangs. Whoever can reach the port can ask; what
is answered is no secret, and nothing that is sent changes anything. One request per connection; the size of a request,
the time for it and the number of connections are bounded.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import structlog

__all__ = ["Answer", "Pages", "serving_pages"]

_UNIX: Final = "unix:"
_MAX_HEAD_BYTES: Final = 16 << 10
_MAX_CONNECTIONS: Final = 64
_WITHIN: Final = 10.0
"""Seconds for a client to send its request, and again to take the answer."""
_END: Final = b"\r\n\r\n"
_WORDS_OF_A_REQUEST: Final = 3

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page says."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK


Pages = Mapping[str, Callable[[], Answer]]
"""By path: what makes the answer. Called on the loop."""


@contextlib.asynccontextmanager
async def serving_pages(address: str, pages: Pages, *, within: float = _WITHIN) -> AsyncIterator[str]:
    """Serves pages inside the block; yields the address, with the port that it got.

    Args:
        address: host:port, [::1]:port or unix:/path.
        pages: What there is.
        within: Seconds for a client to send its request, and again to take the answer.

    Raises:
        OSError: The address can't be had.
    """
    port = _Port(pages, within)
    server = await port.listen(address)
    try:
        yield _address(server, address)
    finally:
        server.close()
        await port.leave()


def _address(server: asyncio.Server, address: str) -> str:
    if address.startswith(_UNIX):
        return address
    return f"{address.rpartition(':')[0]}:{server.sockets[0].getsockname()[1]}"


class _Port:
    """Owns the connections."""

    def __init__(self, pages: Pages, within: float) -> None:
        self._pages = pages
        self._within = within
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def listen(self, address: str) -> asyncio.Server:
        if address.startswith(_UNIX):
            path = address.removeprefix(_UNIX)
            return await asyncio.start_unix_server(self._accept, path, limit=_MAX_HEAD_BYTES)
        host, _, number = address.rpartition(":")
        return await asyncio.start_server(self._accept, host.strip("[]"), int(number), limit=_MAX_HEAD_BYTES)

    async def leave(self) -> None:
        conversations = dict(self._open)
        for task in conversations:
            task.cancel()
        if conversations:
            await asyncio.wait(conversations)
        for writer in conversations.values():
            await _cut(writer)  # one that was cancelled before it began has not done so

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= _MAX_CONNECTIONS:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._converse(reader, writer), name="operations connection")
        self._open[task] = writer
        task.add_done_callback(self._open.pop)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, its answer, and the end. Whatever a client does, it is the end of its own connection only."""
        try:
            async with asyncio.timeout(self._within):
                answer, with_body = await self._read(reader)
            async with asyncio.timeout(self._within):
                writer.write(_head(answer) + (answer.body if with_body else b""))
                await writer.drain()
                writer.close()  # what is written still leaves
                await writer.wait_closed()
        except (OSError, EOFError, TimeoutError):
            return
        finally:
            await _cut(writer)

    async def _read(self, reader: asyncio.StreamReader) -> tuple[Answer, bool]:
        """Reads a request; returns the answer, and whether it wants more than its head."""
        try:
            head = await reader.readuntil(_END)
        except asyncio.LimitOverrunError:
            return _problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), True
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != _WORDS_OF_A_REQUEST or not words[2].startswith(b"HTTP/1."):
            return _problem(HTTPStatus.BAD_REQUEST), True
        if words[0] not in {b"GET", b"HEAD"}:
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED), True
        return self._answer(words[1].partition(b"?")[0].decode("latin-1")), words[0] == b"GET"

    def _answer(self, path: str) -> Answer:
        page = self._pages.get(path)
        if page is None:
            return _problem(HTTPStatus.NOT_FOUND, f"; there are {', '.join(self._pages)}")
        try:
            return page()
        except Exception:  # noqa: BLE001 - a page that fails must not take the others with it
            _log.exception("operations_page_failed", path=path)
            return _problem(HTTPStatus.INTERNAL_SERVER_ERROR)


async def _cut(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _problem(status: HTTPStatus, more: str = "") -> Answer:
    return Answer(f"{status.phrase}{more}\n".encode(), status=status)


def _head(answer: Answer) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
        lines.append("Allow: GET, HEAD")
    return "\r\n".join(lines).encode("ascii") + _END
