"""The operations port of a whole gateway: what probes and scrapers learn of it, in good times and in bad."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio
import pytest
import structlog

from gateway.server import StartFailed, serve
from tests.support.running import TOKEN, running_emulator, running_gateway, settings_for
from tests.support.scrape import Scrape
from tests.support.serving import Watch
from tests.support.streaming import World, open_endpoint

BEARER = "s3cr3t-of-an-endpoint"


class Port:
    """The operations port, asked from this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def get(self, page: str) -> tuple[int, str]:
        """Status and text of a page."""
        connector = aiohttp.UnixConnector(str(self.path))
        async with aiohttp.ClientSession(connector=connector) as session, session.get(f"http://gateway{page}") as got:
            return got.status, await got.text()

    async def until_ready(self, status: int = 200) -> dict[str, Any]:
        """What readiness says once it has that status."""
        async with asyncio.timeout(20):
            while (answer := await self.get("/readyz"))[0] != status:
                pass
        found: dict[str, Any] = json.loads(answer[1])
        return found

    async def scrape(self) -> Scrape:
        """The metrics now."""
        status, text = await self.get("/metrics")
        assert status == 200
        return Scrape(text)


@pytest.fixture
def port(tmp_path: Path) -> Port:
    """A port in the file system, where no other test is."""
    return Port(tmp_path / "operations.sock")


@contextlib.asynccontextmanager
async def streaming(directory: Path, port: Port) -> AsyncIterator[World]:
    """A gateway with that port, and what it needs to stream."""
    async with (
        open_endpoint(directory) as endpoint,
        running_gateway(endpoint.emulator.host, ops_listen=f"unix:{port.path}") as client,
    ):
        yield World(endpoint.emulator, endpoint.sink, client)


async def test_readiness_follows_the_session(port: Port) -> None:
    """503 with the reason while RELAY is away, 200 once commands can be carried out; alive all the time."""
    async with running_emulator() as emulator:
        emulator.refuse_connections()
        async with running_gateway(emulator.host, ops_listen=f"unix:{port.path}"):
            said = await port.until_ready(503)
            assert said["ready"] is False
            assert "the RELAY session is" in said["obstacles"][0]
            assert await port.get("/livez") == (200, "alive\n")
            emulator.refuse_connections(None)
            assert await port.until_ready() == {"ready": True, "obstacles": []}


async def test_liveness_is_the_loops_own(port: Port) -> None:
    """A loop that hangs answers no probe: nobody else says for it that it lives."""
    async with running_emulator() as emulator, running_gateway(emulator.host, ops_listen=f"unix:{port.path}"):
        assert (await port.get("/livez"))[0] == 200
        answered: list[bytes] = []
        asked, released = threading.Event(), threading.Event()

        def probe() -> None:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(port.path))
                client.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
                client.settimeout(0.2)
                with contextlib.suppress(TimeoutError):
                    answered.append(client.recv(1))
                asked.set()
                released.wait()

        thread = threading.Thread(target=probe)
        thread.start()
        asked.wait()  # on purpose on the loop: this is how it hangs
        assert answered == []
        released.set()
        thread.join()
        assert (await port.get("/livez"))[0] == 200


async def test_metrics_of_a_gateway_that_did_its_work(tmp_path: Path, port: Port) -> None:
    """A call, a stream that ran and one that was refused, a watch: each left its mark."""
    async with streaming(tmp_path, port) as world:
        call = await world.call()
        watch = Watch(world.client, bookmark_interval={"seconds": 1})
        await watch.opened()
        await watch.until("bookmark")
        await world.stream(call, authorization_bearer_token=BEARER)
        await watch.until("events")
        with pytest.raises(grpc.aio.AioRpcError):
            await world.starting(call, "refused", codec="NOTHING", authorization_bearer_token=BEARER)
        found = await port.scrape()
        for page in ("/metrics", "/readyz"):
            text = (await port.get(page))[1]
            assert TOKEN not in text
            assert BEARER not in text
        watch.call.cancel()
    assert found("callstream_ready") == 1
    assert found("callstream_streams", state="streaming") == found("callstream_calls") == 1
    assert found("callstream_stream_starts_total", outcome="streaming") == 1
    assert found("callstream_stream_starts_total", outcome="rejected") == 1
    assert (found("callstream_relay_request_seconds_count", method="calling.stream", code="200") or 0) == 1
    assert (found("callstream_event_delivery_seconds_count") or 0) >= 1
    assert (found("callstream_journal_commit_records_sum") or 0) == found("callstream_journal_head_sequence")
    start = {
        "grpc_type": "unary",
        "grpc_service": "callstream.v1.StreamService",
        "grpc_method": "StartStream",
    }
    assert found("grpc_server_handled_total", **start, grpc_code="OK") == 1
    assert found("grpc_server_handled_total", **start, grpc_code="FailedPrecondition") == 1
    assert found("callstream_client_rpcs_total", client="anyone", grpc_code="OK") is not None


async def test_no_label_is_made_up_by_others(tmp_path: Path, port: Port) -> None:
    """However many calls and streams there were, there are as many series as before."""
    async with streaming(tmp_path, port) as world:
        call = await world.call()
        await world.stream(call, "stream-0")
        before = (await port.scrape()).samples.keys()
        for number in range(1, 8):
            await world.stream(call, f"stream-{number}", name=f"name-{number}", labels={"l": str(number)})
        after = (await port.scrape()).samples.keys()
    assert after == before


async def test_a_taken_port(port: Port) -> None:
    """One line that says what to do, and nothing is left of the start."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(StartFailed, match=f"cannot serve operations on {address}.*--ops-listen"):
            await serve(settings_for("127.0.0.1:1", ops_listen=address))


async def test_where_it_is_served_is_logged() -> None:
    """As the port may be any; and off, if it is."""
    with structlog.testing.capture_logs() as logged:
        async with running_emulator() as emulator:
            async with running_gateway(emulator.host, ops_listen="127.0.0.1:0"):
                pass
            async with running_gateway(emulator.host):
                pass
    addresses = [line["operations"] for line in logged if line["event"] == "serving"]
    assert addresses[0].startswith("127.0.0.1:")
    assert not addresses[0].endswith(":0")
    assert addresses[1] == "off"
