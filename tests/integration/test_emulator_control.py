"""The HTTP control interface, with right and wrong input at every door."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from gateway.emulator.options import NoAnswer
from gateway.emulator.server import Emulator
from gateway.emulator.sink import AudioSink
from tests.support.raw_relay_client import RawRelayClient, connected, running_emulator


class Door:
    """A control interface, spoken to over HTTP."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self.client = client
        self.url = url

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """Send JSON (or a text as it is), and return the JSON answer, which must have that status."""
        sent = {"data": body} if isinstance(body, str) else {"json": body} if body is not None else {}
        async with self.client.request(method, self.url + path, **sent) as response:
            answer = await response.json()
            assert response.status == status, answer
            return answer


@asynccontextmanager
async def door(**options: Any) -> AsyncIterator[tuple[Emulator, Door, RawRelayClient]]:
    """An emulator with a control interface and one connected client."""
    async with (
        running_emulator(control="127.0.0.1:0", **options) as emulator,
        aiohttp.ClientSession() as http,
        connected(emulator) as client,
    ):
        assert emulator.control_url is not None
        yield emulator, Door(http, emulator.control_url), client


async def test_the_index_lists_every_endpoint() -> None:
    """GET / names methods, paths and fields."""
    async with door() as (_, control, _client):
        endpoints = (await control.ask("GET", "/"))["endpoints"]
        assert {
            "method": "POST",
            "path": "/calls/{call_id}/hangup",
            "about": "the far end hangs up",
            "fields": ["reason"],
        } in endpoints
        assert len(endpoints) == 24


async def test_a_call_from_beginning_to_end() -> None:
    """Place, look at, press digits, stream, read back what was sent, drop the stream, hang up."""
    async with AudioSink() as sink, door() as (_, control, client):
        placed = await control.ask("POST", "/calls", {"from_number": "+1", "to_number": "+2", "tag": "t"})
        ids = {"node_id": placed["node_id"], "call_id": placed["call_id"]}
        assert placed["device"]["params"] == {"from_number": "+1", "to_number": "+2"}
        await client.ok("calling.answer", **ids)
        await client.ok("calling.stream", **ids, control_id="c", url=sink.url, authorization_bearer_token="secret")
        received = await sink.wait_stream()
        path = f"/calls/{ids['call_id']}"
        assert await control.ask("POST", f"{path}/dtmf", {"digits": "5*", "duration": 100}) == {"streams": 1}
        await received.wait_digits(2)
        await received.wait_audio(100)
        stream_path = f"/streams/{ids['call_id']}/c"
        dropped = await control.ask("POST", f"{stream_path}/drop")
        assert dropped["state"] == "finished"
        await received.wait_closed()
        stream = await control.ask("GET", stream_path)
        assert stream["tracks"]["inbound"]["frames"] == received.frames()
        assert stream["tracks"]["inbound"]["bytes"] == len(received.audio())
        async with control.client.get(f"{control.url}{stream_path}/audio/inbound") as response:
            assert await response.read() == received.audio()
        assert (await control.ask("GET", "/streams"))["streams"] == [stream]
        assert (await control.ask("GET", "/calls"))["calls"][0]["streams"] == ["c"]
        ended = await control.ask("POST", f"{path}/hangup", {"reason": "busy"})
        assert (ended["state"], ended["end_reason"]) == ("ended", "busy")
        everything = str([await control.ask("GET", where) for where in ("/frames", "/streams", "/calls", "/sessions")])
        assert "secret" not in everything
        assert "demo-token" not in everything


async def test_the_far_end_of_a_dial_answers() -> None:
    """A ringing leg is answered over HTTP."""
    async with door(default_device=NoAnswer()) as (_, control, client):
        device = {"type": "phone", "params": {"to_number": "+1", "from_number": "+2"}}
        await client.ok("calling.dial", tag="t", devices=[[device]])
        leg = (await client.event("calling.call.state", call_state="ringing"))["call_id"]
        assert (await control.ask("POST", f"/calls/{leg}/answer"))["state"] == "answered"
        await client.event("calling.call.dial", dial_state="answered")


async def test_frames_can_be_read_and_sent() -> None:
    """The journal is filtered by the query; frames and events are injected."""
    async with door() as (emulator, control, client):
        session = next(iter(emulator.sessions))
        sent = await control.ask("POST", "/events", {"event_type": "a.b", "params": {"x": 1}, "session": session})
        await client.event("a.b", x=1)
        assert sent["event_ids"] == [client.requests[-1]["id"]]
        assert await control.ask("POST", "/frames", {"frame": "{odd"}) == {"sockets": 1}
        assert await control.ask("POST", "/frames", {"frame": {"odd": 1}, "session": session}) == {"sockets": 1}
        await client.raw_text('{"odd":1}')
        await emulator.frames.wait_for(lambda f: f.is_response and f.event_type == "a.b")
        listed = await control.ask("GET", "/frames?event_type=a.b&direction=server_to_client&limit=1")
        assert [frame["json"]["params"]["params"] for frame in listed["frames"]] == [{"x": 1}]
        assert (await control.ask("GET", f"/frames?after={listed['last_number']}"))["frames"] == []
        connects = (await control.ask("GET", "/frames?method=signalwire.connect"))["frames"]
        assert connects[0]["json"]["params"]["authentication"]["token"] == "<redacted>"


async def test_faults_are_kept_over_http() -> None:
    """Add, list, release, remove, seed and clear."""
    async with door() as (emulator, control, client):
        fault = {"action": {"do": "hold"}, "event_type": "a.b", "direction": "server_to_client"}
        name = (await control.ask("POST", "/faults", fault))["name"]
        await emulator.send_event("a.b", {})
        listed = await control.ask("GET", "/faults")
        assert listed == {"faults": [{"name": name, "struck": 1, "fault": fault}], "held": 1, "seed": 0}
        assert await control.ask("POST", "/faults/release") == {"released": 1}
        await client.event("a.b")
        await control.ask("DELETE", f"/faults/{name}")
        assert (await control.ask("POST", "/faults/seed", {"seed": 9}))["seed"] == 9
        await control.ask("POST", "/faults", {"action": {"do": "delay", "seconds": 1}, "probability": 0.5})
        await control.ask("DELETE", "/faults")
        assert not len(emulator.faults)


@pytest.mark.parametrize("how", ["clean", "restart", "abrupt"])
async def test_sessions_are_disconnected(how: str) -> None:
    """Each way ends the socket; restart forgets the session as well."""
    async with door() as (emulator, control, client):
        [session] = (await control.ask("GET", "/sessions"))["sessions"]
        assert session["connected"]
        assert session["contexts"] == ["default"]
        await control.ask("POST", "/sessions/disconnect", {"how": how, "session": session["protocol"]})
        await client.wait_closed()
        assert (session["protocol"] in emulator.sessions) == (how != "restart")


async def test_sockets_are_refused_and_all_is_reset() -> None:
    """New sockets get an HTTP status until told otherwise; a reset forgets everything."""
    async with door() as (emulator, control, client):
        seen = []
        for status in (502, None):
            await control.ask("POST", "/sessions/refuse", {"status": status})
            seen.append(emulator.refusing)
        assert seen == [502, None]
        await control.ask("POST", "/reset")
        await client.wait_closed()
        assert not emulator.sessions


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "named"),
    [
        ("GET", "/nowhere", None, 404, "GET / lists the endpoints"),
        ("PUT", "/calls", {}, 405, "use GET,POST"),
        ("POST", "/calls", "not json", 400, "not JSON"),
        ("POST", "/calls", [], 400, "Expected `object`"),
        ("POST", "/calls", {"contxt": "x"}, 400, "fields: context, from_number"),
        ("POST", "/calls", {"context": 5}, 400, "$.context"),
        ("POST", "/calls", {"timeout": -1}, 400, "timeout"),
        ("POST", "/calls", {"context": "nobody"}, 409, "'nobody'"),
        ("POST", "/calls", "x" * 300_000, 413, "Request Entity Too Large"),
        ("GET", "/calls/none", None, 404, "none"),
        ("POST", "/calls/none/hangup", {}, 404, "none"),
        ("POST", "/calls/none/hangup", {"reason": "bored"}, 400, "hangup, cancel, busy"),
        ("POST", "/calls/none/answer", {}, 404, "none"),
        ("POST", "/calls/none/answer", {"x": 1}, 400, "x"),
        ("POST", "/calls/none/dtmf", {}, 400, "digits"),
        ("POST", "/calls/none/dtmf", {"digits": "X"}, 400, "0-9 * # A-D"),
        ("POST", "/calls/none/dtmf", {"digits": "1", "duration": 0}, 400, "duration"),
        ("POST", "/calls/none/dtmf", {"digits": "1"}, 404, "none"),
        ("GET", "/streams/a/b", None, 404, "no stream 'b'"),
        ("GET", "/streams/a/b/audio/inbound", None, 404, "no stream 'b'"),
        ("POST", "/streams/a/b/drop", {}, 404, "no active stream 'b'"),
        ("GET", "/frames?after=x", None, 400, "after"),
        ("GET", "/frames?limit=-1", None, 400, "limit"),
        ("GET", "/frames?since=1", None, 400, "after, limit, direction"),
        ("GET", "/frames?direction=up", None, 400, "client_to_server, server_to_client"),
        ("POST", "/frames", {}, 400, "frame"),
        ("POST", "/frames", {"frame": "x", "session": "none"}, 404, "none"),
        ("POST", "/events", {"event_type": "x"}, 400, "params"),
        ("POST", "/faults", {}, 400, 'whose "do" is one of drop, duplicate'),
        ("POST", "/faults", {"action": {"do": "explode"}}, 400, "half_open, send_raw"),
        ("POST", "/faults", {"action": {"do": "delay"}}, 400, "seconds"),
        ("POST", "/faults", {"action": {"do": "delay", "seconds": -1}}, 400, "seconds"),
        ("POST", "/faults", {"action": {"do": "duplicate", "n": 0}}, 400, "n"),
        ("POST", "/faults", {"action": {"do": "drop"}, "nth": 0}, 400, "nth"),
        ("POST", "/faults", {"action": {"do": "drop"}, "times": 0}, 400, "times"),
        ("POST", "/faults", {"action": {"do": "drop"}, "probability": 2}, 400, "from 0 to 1"),
        ("POST", "/faults", {"action": {"do": "drop"}, "direction": "up"}, 400, "direction"),
        ("POST", "/faults/seed", {}, 400, "seed"),
        ("DELETE", "/faults/none", None, 404, "in force: none"),
        ("POST", "/sessions/disconnect", {"how": "rudely"}, 400, "clean, restart, abrupt"),
        ("POST", "/sessions/disconnect", {"session": "none"}, 404, "none"),
        ("POST", "/sessions/refuse", {"status": 99}, 400, "400 to 599"),
        ("POST", "/sessions/refuse", {"status": 200}, 400, "400 to 599"),
        ("POST", "/reset", {"hard": True}, 400, "hard"),
    ],
)
async def test_wrong_input_is_explained(method: str, path: str, body: Any, status: int, named: str) -> None:
    """Each wrong request gets its status and an error that names the field or what is allowed."""
    async with door() as (_, control, _client):
        assert named in (await control.ask(method, path, body, status))["error"]


async def test_a_stream_that_has_no_such_track() -> None:
    """The audio of a track that was not asked for is a 400 that names those there are."""
    async with AudioSink() as sink, door() as (_, control, client):
        placed = await control.ask("POST", "/calls", {})
        ids = {"node_id": placed["node_id"], "call_id": placed["call_id"]}
        await client.ok("calling.stream", **ids, control_id="c", url=sink.url)
        path = f"/streams/{ids['call_id']}/c/audio/outbound"
        assert "one of inbound" in (await control.ask("GET", path, status=400))["error"]


async def test_placing_a_call_can_wait() -> None:
    """With a timeout POST /calls waits for a session."""
    async with door() as (_, control, client):
        waiting = asyncio.create_task(control.ask("POST", "/calls", {"context": "later", "timeout": 5}))
        await client.ok("signalwire.receive", contexts=["later"])
        assert (await waiting)["context"] == "later"
