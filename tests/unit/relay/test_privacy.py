"""The token goes to RELAY and nowhere else, and what RELAY quotes of it goes nowhere at all."""

import asyncio
import logging

import pytest
import structlog
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from gateway.domain.errors import CallstreamError
from gateway.relay import commands
from gateway.relay.connection import ConnectionFailed, open_connection
from gateway.relay.endpoint import Endpoint
from tests.support.relay_observer import TOKEN, KeptState, RecordingObserver, fast, running_session
from tests.support.scripted_relay import scripted_relay

BEARER = "b3arer-0f-the-endpoint"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    """A host that sends the client elsewhere does not send the token there."""
    async with scripted_relay() as elsewhere:

        def redirect(connection: ServerConnection, request: Request) -> Response:
            return Response(status, "Elsewhere", Headers({"Location": f"ws://{elsewhere.host}/"}))

        async def never(connection: ServerConnection) -> None:
            raise AssertionError("a redirect opens nothing")

        async with serve(never, "127.0.0.1", 0, process_request=redirect) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            with pytest.raises(ConnectionFailed, match=f"HTTP {status}"):
                await open_connection(Endpoint(f"127.0.0.1:{port}", scheme="ws"), 5.0)
        assert elsewhere.attempts == 0


async def test_library_does_not_log_frames(caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at debug level the WebSocket library still keeps the client's frames to itself."""
    observer = RecordingObserver()
    with caplog.at_level(logging.DEBUG):
        async with scripted_relay() as relay, running_session(relay.endpoint, observer):
            await relay.session("p")
            await observer.until(lambda told: told.ups)
    ours = [record for record in caplog.records if record.name != "websockets.server"]
    # It shortens the frames that it logs, so the token itself may or may not be in what it shows.
    assert not [record for record in ours if "TEXT" in record.getMessage()]


async def test_refusals_are_told_without_the_bearer_token() -> None:
    """RELAY may quote the token that it does not like; the error does not."""
    observer = RecordingObserver()
    command = commands.start_stream(
        node_id="n", call_id="c", control_id="s", url="wss://x", authorization_bearer_token=BEARER
    )
    async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
        peer = await relay.session("p")
        await observer.until(lambda told: told.ups)
        for quoting in (
            {"result": {"code": "422", "message": f"bad token {BEARER}"}},
            {"result": {"code": "500", "message": f"bad token {BEARER}"}},
            {"error": {"code": -32602, "message": f"bad token {BEARER}"}},
        ):
            caller = asyncio.create_task(session.execute(command, send_by=None))
            request = await peer.request("calling.stream")
            assert request["params"]["authorization_bearer_token"] == BEARER
            await peer.send({"jsonrpc": "2.0", "id": request["id"], **quoting})
            with pytest.raises(CallstreamError, match="bad token") as error:
                await caller
            assert BEARER not in f"{error.value!r} {error.value} {dict(error.value.details)}"


async def test_frames_in_the_log_quote_no_secret() -> None:
    """At debug level, when RELAY sends the token back under a name of its own, the log does not show it."""
    observer, store = RecordingObserver(), KeptState()
    with structlog.testing.capture_logs() as logs:
        async with (
            scripted_relay() as relay,
            running_session(relay.endpoint, observer, store, fast(show_frames=True)),
        ):
            peer = await relay.accept()
            request = await peer.request("signalwire.connect")
            await peer.refuse(request, -32603, f"can't look up {TOKEN}")
            peer = await relay.accept()
            await peer.accept("p", echo=f"hello {TOKEN}", **{TOKEN: 1})
            await observer.until(lambda told: told.ups)
    frames = [entry for entry in logs if entry["event"] == "relay_frame"]
    assert any("hello" in entry["frame"] for entry in frames)
    assert TOKEN not in str(logs)
