"""The operations port as probes, scrapers and others meet it, over real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest
import structlog

from gateway.telemetry import operations
from gateway.telemetry.operations import Answer, serving_pages
from tests.support.serving import wait_until

PAGES = {"/page": lambda: Answer(b"text\n"), "/no": lambda: Answer(b"{}", "application/json", HTTPStatus.IM_A_TEAPOT)}


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """Where the pages are served."""
    async with serving_pages("127.0.0.1:0", PAGES) as address:
        yield address


async def raw(address: str, *pieces: bytes) -> bytes:
    """All that comes back for some bytes; nothing from a connection that is cut."""
    reader, writer = await asyncio.open_connection(*address.rsplit(":", 1))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        await cut(writer)


async def cut(writer: asyncio.StreamWriter) -> None:
    """Ends a connection at once."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def conversations() -> "set[asyncio.Task[None]]":
    """What still serves clients."""
    return {task for task in asyncio.all_tasks() if task.get_name() == "operations connection"}


async def test_a_page(address: str) -> None:
    """Its text, type and status, never from a cache; what stands behind a question mark is passed over."""
    async with aiohttp.ClientSession(f"http://{address}") as session:
        async with session.get("/page?x=1") as response:
            assert (response.status, await response.text()) == (200, "text\n")
            assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
            assert response.headers["Cache-Control"] == "no-store"
        async with session.get("/no") as response:
            assert (response.status, response.content_type, await response.text()) == (418, "application/json", "{}")
        async with session.head("/page") as response:
            assert (response.status, response.headers["Content-Length"], await response.read()) == (200, "5", b"")


async def test_a_request_in_pieces(address: str) -> None:
    """The network may cut it anywhere."""
    answer = await raw(address, b"GET /pa", b"ge HTTP/1.1\r\nHost: x\r", b"\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\ntext\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /page HTTP/1.1\r\n\r\n", 405),
        (b"GET /other HTTP/1.1\r\n\r\n", 404),
        (b"GET /../page HTTP/1.1\r\n\r\n", 404),
        (b"GET /\xff\x00 HTTP/1.1\r\n\r\n", 404),
        (b"GET /page\r\n\r\n", 400),
        (b"GET /page SPDY/3\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"\x16\x03\x01" + b"x" * 100 + b"\r\n\r\n", 400),
        (b"GET /page HTTP/1.1\r\nA: " + b"x" * 20_000 + b"\r\n\r\n", 431),
    ],
)
async def test_what_is_no_request_for_a_page(address: str, request_: bytes, status: int) -> None:
    """Each gets its status, and the next client its page."""
    answer = await raw(address, request_)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"Allow: GET, HEAD" in answer) == (status == 405)
    assert (b"/page, /no" in answer) == (status == 404)
    assert (await raw(address, b"GET /page HTTP/1.0\r\n\r\n")).endswith(b"text\n")


async def test_a_client_that_says_nothing_is_left() -> None:
    """After a while; it gets no answer, as it has asked nothing."""
    async with serving_pages("127.0.0.1:0", PAGES, within=0.01) as address:
        assert await raw(address) == b""
        assert await raw(address, b"GET /page HTTP/1.1\r\n") == b""


async def test_a_client_that_leaves_in_between(address: str) -> None:
    """Nothing remains of it."""
    _, writer = await asyncio.open_connection(*address.rsplit(":", 1))
    writer.write(b"GET /pa")
    await cut(writer)
    assert (await raw(address, b"GET /page HTTP/1.1\r\n\r\n")).endswith(b"text\n")


async def test_a_client_that_takes_no_answer_is_left() -> None:
    """The answer is larger than what sockets hold, and nobody reads it."""
    pages = {"/large": lambda: Answer(b"x" * (64 << 20))}
    async with serving_pages("127.0.0.1:0", pages, within=0.1) as address:
        _, writer = await asyncio.open_connection(*address.rsplit(":", 1), limit=1)
        writer.write(b"GET /large HTTP/1.1\r\n\r\n")
        await wait_until(lambda: bool(conversations()))
        async with asyncio.timeout(10):
            await asyncio.wait(conversations())
        await cut(writer)


async def test_connections_are_bounded(address: str) -> None:
    """One too many is cut at once, and room comes back when others leave."""
    held = [await asyncio.open_connection(*address.rsplit(":", 1)) for _ in range(operations._MAX_CONNECTIONS)]
    assert await raw(address, b"GET /page HTTP/1.1\r\n\r\n") == b""
    for _, writer in held:
        await cut(writer)
    await wait_until(lambda: not conversations())
    assert (await raw(address, b"GET /page HTTP/1.1\r\n\r\n")).endswith(b"text\n")


async def test_a_page_that_fails() -> None:
    """It is logged and answered with 500; the port goes on."""

    def broken() -> Answer:
        raise LookupError("it is broken")

    with structlog.testing.capture_logs() as logged:
        async with serving_pages("127.0.0.1:0", {"/broken": broken, **PAGES}) as address:
            answer = await raw(address, b"GET /broken HTTP/1.1\r\n\r\n")
            assert (await raw(address, b"GET /page HTTP/1.1\r\n\r\n")).endswith(b"text\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"it is broken" not in answer
    assert [(line["event"], line["path"]) for line in logged] == [("operations_page_failed", "/broken")]


async def test_other_addresses(tmp_path: Path) -> None:
    """IPv6 and a socket in the file system."""
    async with serving_pages("[::1]:0", PAGES) as address:
        assert address.startswith("[::1]:")
        async with aiohttp.ClientSession() as session, session.get(f"http://{address}/page") as response:
            assert response.status == 200
    path = tmp_path / "ops.sock"
    async with (
        serving_pages(f"unix:{path}", PAGES) as address,
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
        session.get("http://gateway/page") as response,
    ):
        assert address == f"unix:{path}"
        assert response.status == 200


async def test_a_taken_port(address: str) -> None:
    """Is the caller's to tell."""
    with pytest.raises(OSError, match="in use"):
        async with serving_pages(address, PAGES):
            raise AssertionError


async def test_the_end_does_not_wait_for_clients() -> None:
    """Connections that are open at the end are cut, and no task is left."""
    async with serving_pages("127.0.0.1:0", PAGES) as address:
        asking = asyncio.create_task(raw(address, b"GET /pa"))
        await wait_until(lambda: bool(conversations()))
    assert not conversations()
    assert await asking == b""
