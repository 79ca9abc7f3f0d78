"""What RELAY says about streams, their audio and webhooks (sections 5 to 7), over raw sockets and a real sink."""

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.emulator.certificates import Certificates, make_certificates
from gateway.emulator.exchange import UnknownStream
from gateway.emulator.model import Call
from gateway.emulator.server import Emulator
from gateway.emulator.sink import AudioSink, SinkOptions
from tests.support.raw_relay_client import RawRelayClient, connected, running_emulator

STREAM = "calling.call.stream"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One CA and server certificate for all tests here."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@asynccontextmanager
async def call_up(**options: Any) -> AsyncIterator[tuple[Emulator, RawRelayClient, dict[str, str], Call]]:
    """An emulator with a connected client and an answered call; the dict has the params that name the call."""
    async with running_emulator(**options) as emulator, connected(emulator) as client:
        call = await emulator.place_call()
        ids = {"node_id": call.node_id, "call_id": call.call_id}
        await client.ok("calling.answer", **ids)
        yield emulator, client, ids, call


def states(client: RawRelayClient) -> list[tuple[str, str]]:
    """Stream states told so far."""
    return [(event["control_id"], event["state"]) for event in client.events(STREAM)]


class TestAudio:
    """What the endpoint receives."""

    @pytest.mark.parametrize(
        ("codec", "media"),
        [
            (None, {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}),
            ("PCMU@40i", {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}),
            ("pcma", {"encoding": "audio/x-alaw", "sampleRate": 8000, "channels": 1}),
            ("L16@8000h", {"encoding": "audio/x-L16", "sampleRate": 8000, "channels": 1}),
            ("L16", {"encoding": "audio/x-L16", "sampleRate": 16000, "channels": 1}),
            ("L16@24000h@20i", {"encoding": "audio/x-L16", "sampleRate": 24000, "channels": 1}),
        ],
    )
    async def test_what_is_sent_arrives(
        self, codec: str | None, media: dict[str, Any], certificates: Certificates
    ) -> None:
        """Over verified wss:// every byte of both tracks arrives, in a faultless sequence with the right start."""
        sink_options = SinkOptions(certificate=certificates.certificate, key=certificates.key, bearer_token="endpoint")
        async with (
            AudioSink(sink_options) as sink,
            call_up(ca_file=certificates.ca) as (emulator, client, ids, call),
        ):
            extra = {} if codec is None else {"codec": codec}
            result = await client.ok(
                "calling.stream", **ids, control_id="c", url=sink.url + "path?q=1", track="both_tracks",
                authorization_bearer_token="endpoint", custom_parameters={"k": "v", "n": 1}, **extra,
            )  # fmt: skip
            assert result == {
                "code": "200", "message": "Stream started", "call_id": call.call_id, "control_id": "c",
            }  # fmt: skip
            received = await sink.wait_stream()
            await client.event(STREAM, state="streaming")
            for track in ("inbound", "outbound"):
                await received.wait_audio(5000, track)  # longer than the sample: it loops
            stopped = await client.ok("calling.stream.stop", **ids, control_id="c")
            assert stopped["message"] == "Stream stopped"
            await client.event(STREAM, state="finished")
            await received.wait_stopped()
            await received.wait_closed()
            stream = emulator.streams[call.call_id, "c"]
            assert received.problems == []
            assert received.start["mediaFormat"] == media
            assert received.start["tracks"] == ["inbound", "outbound"]
            assert received.start["accountSid"] == "demo"
            assert received.call_id == call.call_id
            assert received.custom_parameters == {"k": "v", "n": 1}
            assert received.path == "/path?q=1"
            assert received.authorization == "Bearer endpoint"
            for track, record in stream.records.items():
                assert record.payload == received.audio(track)
                assert record.frames == received.frames(track)
                assert not record.truncated
            assert received.audio("inbound") != received.audio("outbound")
            assert states(client) == [("c", "streaming"), ("c", "finished")]

    async def test_a_wav_file_is_played(self, tmp_path: Path) -> None:
        """The channels of a stereo file become the inbound and the outbound track."""
        with wave.open(str(tmp_path / "in.wav"), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(b"\x01\x00\x02\x00" * 8000)
        async with AudioSink() as sink, call_up(audio_file=tmp_path / "in.wav") as (_, client, ids, _call):
            await client.ok(
                "calling.stream", **ids, control_id="c", url=sink.url, codec="L16@8000h", track="both_tracks"
            )
            received = await sink.wait_stream()
            await received.wait_audio(100, "outbound")
            assert set(received.audio("inbound")[::2]) == {1}
            assert set(received.audio("outbound")[::2]) == {2}
            received.write_wav(tmp_path / "out.wav")
            with wave.open(str(tmp_path / "out.wav"), "rb") as file:
                assert file.getframerate() == 8000
                assert file.readframes(2) == b"\x01\x00\x01\x00"

    async def test_real_time_is_the_default(self) -> None:
        """Without a frame_interval no audio is early: half a second of it takes at least that long."""
        async with AudioSink() as sink, call_up(frame_interval=None) as (_, client, ids, _call):
            begin = asyncio.get_running_loop().time()
            await client.ok("calling.stream", **ids, control_id="c", url=sink.url)
            received = await sink.wait_stream()
            await received.wait_audio(520)
            assert asyncio.get_running_loop().time() - begin >= 0.49

    async def test_as_fast_as_it_goes(self) -> None:
        """With a frame_interval of 0 the endpoint's reading sets the pace."""
        async with AudioSink() as sink, call_up(frame_interval=0, record_bytes=100) as (emulator, client, ids, call):
            await client.ok("calling.stream", **ids, control_id="c", url=sink.url, track="outbound_track")
            received = await sink.wait_stream()
            await received.wait_audio(10_000, "outbound")
            await client.ok("calling.stream.stop", **ids, control_id="c")
            await received.wait_closed()
            record = emulator.streams[call.call_id, "c"].records["outbound"]
            assert record.truncated
            assert record.payload == received.audio("outbound")[:100]
            assert record.size == len(received.audio("outbound"))
            assert received.tracks == ["outbound"]

    async def test_digits_are_sent_between_media(self) -> None:
        """DTMF pressed by the far end reaches every active stream."""
        async with AudioSink() as sink, call_up() as (emulator, client, ids, call):
            await client.ok("calling.stream", **ids, control_id="c", url=sink.url)
            received = await sink.wait_stream()
            assert await emulator.send_dtmf(call.call_id, "12#") == 1
            await received.wait_digits(3)
            assert received.digits == ["1", "2", "#"]
            await received.wait_audio(100)
            assert received.problems == []


class TestLife:
    """Events of a stream, and how it can end."""

    async def test_the_event_says_what_relay_says(self) -> None:
        """calling.call.stream has the ids, state, url, name and the call's tag."""
        async with AudioSink() as sink, running_emulator() as emulator, connected(emulator) as client:
            call = await emulator.place_call(tag="tagged")
            ids = {"node_id": call.node_id, "call_id": call.call_id}
            await client.ok("calling.stream", **ids, control_id="c", url=sink.url, name="named")
            assert await client.event(STREAM, state="streaming") == {
                **ids,
                "segment_id": call.segment_id,
                "control_id": "c",
                "state": "streaming",
                "url": sink.url,
                "tag": "tagged",
                "name": "named",
            }
            stream = emulator.streams[call.call_id, "c"]
            assert stream.active
            await emulator.drop_stream(call.call_id, "c")
            await client.event(STREAM, state="finished")
            with pytest.raises(UnknownStream):
                await emulator.drop_stream(call.call_id, "c")

    async def test_control_ids_are_unique_among_active_streams(self) -> None:
        """A control id in use is 409, several streams are normal, and after the end the id is free again."""
        async with AudioSink() as sink, call_up() as (_, client, ids, _call):
            for control_id in ("a", "b"):
                await client.ok("calling.stream", **ids, control_id=control_id, url=sink.url)
            assert await client.code("calling.stream", **ids, control_id="a", url=sink.url) == "409"
            await client.ok("calling.stream.stop", **ids, control_id="a")
            assert await client.code("calling.stream.stop", **ids, control_id="a") == "404"
            await client.ok("calling.stream", **ids, control_id="a", url=sink.url)

    async def test_gap_codes_are_options(self) -> None:
        """The codes RELAY documents nowhere can be chosen."""
        options = {"duplicate_stream_code": "400", "unknown_stream_code": "410"}
        async with AudioSink() as sink, call_up(**options) as (_, client, ids, _call):
            await client.ok("calling.stream", **ids, control_id="a", url=sink.url)
            assert await client.code("calling.stream", **ids, control_id="a", url=sink.url) == "400"
            assert await client.code("calling.stream.stop", **ids, control_id="x") == "410"

    @pytest.mark.parametrize(
        ("order", "expected"),
        [
            ("before", ["ending", "finished", "ended"]),
            ("after", ["ending", "ended", "finished"]),
            ("late", ["ending", "ended", "finished"]),
            ("omitted", ["ending", "ended"]),
        ],
    )
    async def test_the_end_of_a_call_ends_its_streams(self, order: str, expected: list[str]) -> None:
        """The order of finished and ended is an option, and the endpoint gets its stop in any case."""
        async with (
            AudioSink() as sink,
            call_up(finished_at_call_end=order, late_finish=0) as (emulator, client, ids, call),
        ):
            await client.ok("calling.stream", **ids, control_id="c", url=sink.url)
            received = await sink.wait_stream()
            await client.event(STREAM, state="streaming")
            await emulator.hang_up(call.call_id)
            await received.wait_stopped()
            await client.event("calling.call.state", call_state="ended")
            if "finished" in expected:
                await client.event(STREAM, state="finished")
            inner = [f["params"]["params"] for f in client.requests if f["method"] == "signalwire.event"]
            told = [event.get("state") or event.get("call_state") for event in inner]
            assert told[-len(expected) :] == expected
            assert await client.code("calling.stream", **ids, control_id="d", url=sink.url) == "410"

    @pytest.mark.parametrize(("choice", "expected"), [("silence", []), ("finished", [("c", "finished")])])
    async def test_an_endpoint_that_refuses(self, choice: str, expected: list[tuple[str, str]]) -> None:
        """A wrong bearer token means silence by default, finished by option; streaming never."""
        right = SinkOptions(bearer_token="right")
        async with AudioSink(right) as sink, call_up(on_unreachable=choice) as (emulator, client, ids, call):
            await client.ok("calling.stream", **ids, control_id="c", url=sink.url, authorization_bearer_token="wrong")
            stream = emulator.streams[call.call_id, "c"]
            await stream.done.wait()
            assert sink.refused == 1
            assert "401" in stream.problem
            await client.ask("signalwire.ping", {})
            assert states(client) == expected
            # In silence the control id stays taken until the stream is stopped.
            assert await client.code("calling.stream.stop", **ids, control_id="c") == ("404" if expected else "200")

    async def test_an_untrusted_certificate_is_refused(self, certificates: Certificates) -> None:
        """Without the CA a wss:// endpoint can't be reached."""
        options = SinkOptions(certificate=certificates.certificate, key=certificates.key)
        async with AudioSink(options) as sink, call_up() as (emulator, client, ids, call):
            await client.ok("calling.stream", **ids, control_id="c", url=sink.url)
            stream = emulator.streams[call.call_id, "c"]
            await stream.done.wait()
            assert "CERTIFICATE_VERIFY_FAILED" in stream.problem

    async def test_stopping_while_it_connects(self) -> None:
        """A stream whose endpoint does not answer the upgrade can be stopped: finished without streaming."""
        accepted, gone = asyncio.Event(), asyncio.Event()

        async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.set()
            await reader.read()
            writer.close()
            gone.set()

        server = await asyncio.start_server(mute, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, call_up() as (emulator, client, ids, call):
            await client.ok("calling.stream", **ids, control_id="c", url=f"ws://127.0.0.1:{port}")
            await accepted.wait()
            await client.ok("calling.stream.stop", **ids, control_id="c")
            await client.event(STREAM, state="finished")
            await emulator.streams[call.call_id, "c"].done.wait()
            assert states(client) == [("c", "finished")]
            await gone.wait()

    @pytest.mark.parametrize(
        ("choice", "expected"), [("finished", ["streaming", "finished"]), ("silence", ["streaming"])]
    )
    async def test_an_endpoint_that_goes_away(self, choice: str, expected: list[str]) -> None:
        """When the endpoint closes a running stream RELAY says finished, or by option nothing."""
        async with AudioSink() as sink, call_up(on_endpoint_lost=choice) as (emulator, client, ids, call):
            await client.ok("calling.stream", **ids, control_id="c", url=sink.url)
            await sink.wait_stream()
            await client.event(STREAM, state="streaming")
            await sink.drop()
            stream = emulator.streams[call.call_id, "c"]
            await stream.done.wait()
            await client.ask("signalwire.ping", {})
            assert [state for _, state in states(client)] == expected
            assert stream.problem

    async def test_old_streams_are_forgotten(self) -> None:
        """Finished streams are remembered up to a limit."""
        async with AudioSink() as sink, call_up(stream_limit=1) as (emulator, client, ids, call):
            for control_id in ("a", "b"):
                await client.ok("calling.stream", **ids, control_id=control_id, url=sink.url)
                await client.ok("calling.stream.stop", **ids, control_id=control_id)
                await emulator.streams[call.call_id, control_id].done.wait()
            assert list(emulator.streams) == [(call.call_id, "b")]


class TestStrictness:
    """What RELAY refuses."""

    @pytest.mark.parametrize(
        ("params", "code", "named"),
        [
            ({"control_id": None}, "-32602", "params.control_id"),
            ({"url": ""}, "-32602", "params.url"),
            ({"node_id": None}, "-32602", "params.node_id"),
            ({"name": 5}, "-32602", "params.name"),
            ({"custom_parameters": "k=v"}, "-32602", "params.custom_parameters"),
            ({"track": "both"}, "400", "inbound_track"),
            ({"track": "inbound"}, "400", "inbound_track"),
            ({"url": "ws://audio.example.com"}, "400", "loopback"),
            ({"url": "https://audio.example.com"}, "400", "wss://"),
            ({"url": " wss://audio.example.com"}, "400", "white space"),
            ({"url": "wss://audio.example.com/\n"}, "400", "white space"),
            ({"url": "wss:///path"}, "400", "host"),
            ({"url": "wss://a:99999"}, "400", "url"),
            ({"codec": "OPUS"}, "400", "PCMU, PCMA or L16"),
            ({"codec": "L16@44100h"}, "400", "8000, 16000, 24000"),
            ({"codec": "PCMU@7i"}, "400", "ms"),
            ({"codec": "PCMU@loud"}, "400", "loud"),
            ({"status_url": "ftp://x"}, "400", "status_url"),
            ({"status_url_method": "PUT"}, "400", "GET, POST"),
            ({"authorization_bearer_token": "a\r\nb"}, "400", "authorization_bearer_token"),
            ({"call_id": "nobody"}, "404", "nobody"),
        ],
    )
    async def test_bad_streams(self, params: dict[str, Any], code: str, named: str) -> None:
        """What RELAY would not take is refused with its code, and the message names the cause."""
        async with call_up() as (emulator, client, ids, _call):
            good = {**ids, "control_id": "c", "url": "wss://audio.example.com"}
            answer = await client.ask("calling.stream", {**good, **params})
            body = answer.get("error") or answer["result"]
            assert str(body["code"]) == code
            assert named in body["message"]
            assert not emulator.streams

    async def test_ws_needs_the_option(self) -> None:
        """ws:// to loopback is refused unless it was allowed."""
        async with call_up(allow_insecure_stream_urls=False) as (_, client, ids, _call):
            assert await client.code("calling.stream", **ids, control_id="c", url="ws://127.0.0.1:1") == "400"

    async def test_stop_needs_its_params(self) -> None:
        """calling.stream.stop names what is missing."""
        async with call_up() as (_, client, ids, _call):
            assert await client.code("calling.stream.stop", **ids) == "-32602"


class TestWebhooks:
    """status_url."""

    @pytest.mark.parametrize("method", ["POST", "GET", None])
    async def test_each_state_is_told(self, method: str | None) -> None:
        """The webhook gets the outer params as JSON by POST, or flat in the query by GET."""
        told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def hook(request: web.Request) -> web.Response:
            told.put_nowait(await request.json() if request.method == "POST" else dict(request.query))
            return web.Response()

        async with web_server(hook) as url, AudioSink() as sink, call_up() as (emulator, client, ids, call):
            extra = {} if method is None else {"status_url_method": method}
            await client.ok("calling.stream", **ids, control_id="c", url=sink.url, status_url=url, **extra)
            await sink.wait_stream()
            first = await told.get()
            await client.ok("calling.stream.stop", **ids, control_id="c")
            second = await told.get()
            for hooked, state in ((first, "streaming"), (second, "finished")):
                inner = hooked if method == "GET" else hooked["params"]
                assert hooked["event_type"] == STREAM
                assert inner["state"] == state
                assert inner["call_id"] == call.call_id
            await emulator.webhooks.flushed()
            assert (emulator.webhooks.sent, emulator.webhooks.failed) == (2, 0)

    async def test_failures_and_floods_are_counted(self) -> None:
        """A hook that fails changes nothing else; those beyond the limit are dropped."""

        async def hook(_: web.Request) -> web.Response:
            return web.Response(status=500)

        async with (
            web_server(hook) as url,
            AudioSink() as sink,
            call_up(webhook_limit=1) as (emulator, client, ids, _call),
        ):
            await client.ok("calling.stream", **ids, control_id="c", url=sink.url, status_url=url)
            await client.event(STREAM, state="streaming")
            await emulator.hang_up(ids["call_id"])
            await emulator.webhooks.flushed()
            assert emulator.webhooks.sent == 0
            assert emulator.webhooks.failed == 2


@asynccontextmanager
async def web_server(hook: Any) -> AsyncIterator[str]:
    """An HTTP server with one handler; yields its URL."""
    app = web.Application()
    app.router.add_route("*", "/hook", hook)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()
