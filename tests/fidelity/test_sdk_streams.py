"""SignalWire's SDK streams calls of the emulator: every parameter, stop, wait, endings, and what is lost on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from signalwire.relay import RelayError
from signalwire.relay.event import RelayEvent

from gateway.emulator.actions import CloseSocket, Reorder
from gateway.emulator.certificates import Certificates
from gateway.emulator.faults import Fault
from gateway.emulator.frames import REDACTED
from tests.support.sdk_client import sdk_world

STREAM = "calling.call.stream"


@asynccontextmanager
async def webhooks() -> AsyncIterator[tuple[str, asyncio.Queue[dict[str, object]]]]:
    """An HTTP server for status webhooks: its URL, and the bodies that came."""
    bodies: asyncio.Queue[dict[str, object]] = asyncio.Queue(10)

    async def take(request: web.Request) -> web.Response:
        bodies.put_nowait(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/status", take)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/status")), bodies


class TestStart:
    """calling.stream."""

    async def test_every_parameter_arrives(self, certificates: Certificates) -> None:
        """What stream() is given stands on the wire under the same names, and shows at the endpoint."""
        async with webhooks() as (status_url, bodies), sdk_world(certificates, bearer_token="secret") as world:
            await world.connected()
            call, taken = await world.answered(tag="sales")
            url = f"{world.sink.url}audio"
            action = await taken.stream(
                url,
                name="transcript",
                codec="L16@16000h",
                track="both_tracks",
                status_url=status_url,
                status_url_method="POST",
                authorization_bearer_token="secret",
                custom_parameters={"customer": "42", "nested": {"deep": True}},
                control_id="stream-1",
            )
            assert action.control_id == "stream-1"
            assert world.sent("calling.stream")[0].params == {
                "node_id": call.node_id,
                "call_id": call.call_id,
                "control_id": "stream-1",
                "url": url,
                "name": "transcript",
                "codec": "L16@16000h",
                "track": "both_tracks",
                "status_url": status_url,
                "status_url_method": "POST",
                "authorization_bearer_token": REDACTED,
                "custom_parameters": {"customer": "42", "nested": {"deep": True}},
            }
            received = await world.sink.wait_stream()
            for track in ("inbound", "outbound"):
                await received.wait_audio(100, track)
            assert (received.path, received.authorization) == ("/audio", "Bearer secret")
            assert (received.call_id, received.start["accountSid"]) == (call.call_id, "demo")
            assert received.custom_parameters == {"customer": "42", "nested": {"deep": True}}
            assert received.start["tracks"] == ["inbound", "outbound"]
            assert received.start["mediaFormat"] == {"encoding": "audio/x-L16", "sampleRate": 16000, "channels": 1}
            assert received.problems == []
            async with asyncio.timeout(10):
                body = await bodies.get()
            told = {"state": "streaming", "control_id": "stream-1", "name": "transcript", "url": url, "tag": "sales"}
            assert body["event_type"] == STREAM
            assert isinstance(inner := body["params"], dict)
            assert told.items() <= inner.items()
            await action.stop()
            await received.wait_stopped()

    async def test_only_a_url_is_needed(self, certificates: Certificates) -> None:
        """Without parameters the SDK makes a control id and sends nothing else; inbound audio as PCMU comes."""
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.answered()
            action = await taken.stream(world.sink.url)
            assert world.sent("calling.stream")[0].params == {
                "node_id": call.node_id,
                "call_id": call.call_id,
                "control_id": action.control_id,
                "url": world.sink.url,
            }
            received = await world.sink.wait_stream()
            await received.wait_audio(100)
            assert (received.tracks, received.start["mediaFormat"]["encoding"]) == (["inbound"], "audio/x-mulaw")

    async def test_streams_of_a_call_are_told_apart(self, certificates: Certificates) -> None:
        """Two streams run side by side, and the end of one is not the end of the other."""
        async with sdk_world(certificates) as world:
            await world.connected()
            _, taken = await world.answered()
            one, two = await taken.stream(world.sink.url), await taken.stream(world.sink.url, track="outbound_track")
            await world.sink.wait_stream(2)
            await two.stop()
            assert (await two.wait(timeout=10)).params["control_id"] == two.control_id
            assert not one.is_done
            await taken.hangup()
            assert (await one.wait(timeout=10)).params["control_id"] == one.control_id

    async def test_streaming_may_come_before_the_result(self, certificates: Certificates) -> None:
        """The SDK knows the control id before it asks, so an event that overtakes the result is heard."""
        async with sdk_world(certificates) as world:
            await world.connected()
            _, taken = await world.answered()
            states: list[str] = []
            taken.on(STREAM, lambda event: states.append(event.params["state"]))
            world.emulator.faults.add(Fault(Reorder(), method="calling.stream", response=True, times=1))
            action = await taken.stream(world.sink.url)
            assert states == ["streaming"]
            await action.stop()
            await action.wait(timeout=10)
            assert states == ["streaming", "finished"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"track": "inbound"},
            {"track": "outbound"},
            {"track": "both"},
            {"codec": "OPUS"},
            {"url": "ws://127.0.0.1:1/"},
            {"url": " wss://127.0.0.1:1/"},
            {"status_url_method": "PUT"},
        ],
        ids=str,
    )
    async def test_what_the_emulator_refuses_is_raised(self, certificates: Certificates, wrong: dict[str, Any]) -> None:
        """The SDK checks nothing itself, not even its own words for tracks; a 400 is a RelayError."""
        async with sdk_world(certificates) as world:
            await world.connected()
            _, taken = await world.answered()
            with pytest.raises(RelayError) as refused:
                await taken.stream(**{"url": world.sink.url, **wrong})
            assert refused.value.code == 400
            assert not world.emulator.streams

    async def test_control_id_in_use_is_refused(self, certificates: Certificates) -> None:
        """409 is raised; and the first stream's handle, replaced by the second try's, never hears of its end."""
        async with sdk_world(certificates) as world:
            await world.connected()
            _, taken = await world.answered()
            first = await taken.stream(world.sink.url, control_id="one")
            with pytest.raises(RelayError) as refused:
                await taken.stream(world.sink.url, control_id="one")
            assert refused.value.code == 409
            await taken.hangup()
            await taken.wait_for_ended(timeout=10)
            assert not first.is_done

    async def test_stream_of_a_call_that_is_gone_is_complete_at_once(self, certificates: Certificates) -> None:
        """A 410 completes the action with an event that has no type, and runs on_completed."""
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.answered()
            completed: list[RelayEvent] = []
            await world.emulator.hang_up(call.call_id)
            action = await taken.stream(world.sink.url, on_completed=completed.append)
            assert (await action.wait(timeout=10)).event_type == ""
            assert [event.event_type for event in completed] == [""]


class TestEnd:
    """Stop, and endings that nobody asked for."""

    async def test_stop_wait_and_callback(self, certificates: Certificates) -> None:
        """Stop names call and control id; wait() and on_completed get the event `finished`."""
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.answered()
            completed: asyncio.Queue[RelayEvent] = asyncio.Queue(10)
            action = await taken.stream(world.sink.url, name="n", on_completed=completed.put)
            received = await world.sink.wait_stream()
            await received.wait_audio(100)
            ids = {"call_id": call.call_id, "control_id": action.control_id}
            assert await action.stop() == {"code": "200", "message": "Stream stopped", **ids}
            assert world.sent("calling.stream.stop")[0].params == {"node_id": call.node_id, **ids}
            finished = await action.wait(timeout=10)
            assert finished.event_type == STREAM
            assert finished.params == {
                **ids,
                "node_id": call.node_id,
                "segment_id": call.segment_id,
                "state": "finished",
                "url": world.sink.url,
                "name": "n",
            }
            async with asyncio.timeout(10):
                assert await completed.get() is finished
            await received.wait_stopped()
            assert received.problems == []

    async def test_stop_of_an_ended_stream_is_a_no_op(self, certificates: Certificates) -> None:
        """To the SDK a 404 about the stream is a 404 about the call: it raises nothing."""
        async with sdk_world(certificates) as world:
            await world.connected()
            _, taken = await world.answered()
            action = await taken.stream(world.sink.url)
            await action.stop()
            assert await action.stop() == {}

    async def test_stream_that_relay_ends_is_complete(self, certificates: Certificates) -> None:
        """`finished` without a stop completes the action while the call goes on."""
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.answered()
            action = await taken.stream(world.sink.url)
            await world.emulator.drop_stream(call.call_id, action.control_id)
            assert (await action.wait(timeout=10)).params["state"] == "finished"
            assert taken.state == "answered"

    async def test_stream_ends_with_its_call(self, certificates: Certificates) -> None:
        """`finished` before `ended`, the emulator's default, completes the action."""
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.answered()
            action = await taken.stream(world.sink.url)
            received = await world.sink.wait_stream()
            await world.emulator.hang_up(call.call_id)
            assert (await action.wait(timeout=10)).params["state"] == "finished"
            await taken.wait_for_ended(timeout=10)
            await received.wait_stopped()

    @pytest.mark.parametrize("order", ["after", "omitted"])
    async def test_without_finished_before_ended_the_action_never_completes(
        self, certificates: Certificates, order: str
    ) -> None:
        """The SDK forgets a call on `ended` and completes no action for it: wait() would hang for ever."""
        async with sdk_world(certificates, finished_at_call_end=order) as world:
            await world.connected()
            call, taken = await world.answered()
            action = await taken.stream(world.sink.url)
            await world.sink.wait_stream()
            await world.emulator.hang_up(call.call_id)
            await taken.wait_for_ended(timeout=10)
            await world.settled()
            assert not world.session.unacked
            assert not action.is_done


class TestLoss:
    """A socket that is lost in the middle."""

    async def test_stream_outlives_its_socket(self, certificates: Certificates) -> None:
        """Audio flows on while the SDK is away; after the resume it stops the stream as if nothing had been."""
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.answered()
            action = await taken.stream(world.sink.url)
            received = await world.sink.wait_stream()
            await received.wait_audio(100)
            await world.emulator.cut()
            await received.wait_audio(received.milliseconds() + 500)
            assert world.session.link is None
            await world.connected(2)
            await action.stop()
            assert (await action.wait(timeout=10)).params["state"] == "finished"
            await received.wait_stopped()
            await world.stream_of(call, action.control_id).done.wait()
            assert received.problems == []
            assert received.audio() == world.stream_of(call, action.control_id).records["inbound"].payload

    async def test_end_that_was_missed_comes_after_the_resume(self, certificates: Certificates) -> None:
        """`finished` that fell between two sockets is kept by the emulator and completes the action later."""
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.answered()
            action = await taken.stream(world.sink.url)
            await world.sink.wait_stream()
            await world.emulator.cut()
            await world.emulator.drop_stream(call.call_id, action.control_id)
            assert (await action.wait(timeout=10)).params["state"] == "finished"
            assert world.session.connects == 2

    async def test_stream_outlives_a_restart_of_the_session(self, certificates: Certificates) -> None:
        """After disconnect with restart the new session commands the call, and hears of its stream again."""
        async with sdk_world(certificates) as world:
            await world.connected()
            _, taken = await world.answered()
            action = await taken.stream(world.sink.url)
            await world.sink.wait_stream()
            await world.emulator.disconnect(restart=True)
            await world.connected(2)
            await action.stop()
            assert (await action.wait(timeout=10)).params["state"] == "finished"

    async def test_start_whose_answer_is_lost_runs_without_a_handle(self, certificates: Certificates) -> None:
        """The SDK reports a failure though RELAY has started; asked again, the control id is taken."""
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.answered()
            world.emulator.faults.add(
                Fault(CloseSocket(when="after"), method="calling.stream", response=False, times=1)
            )
            with pytest.raises(RelayError, match="Connection closed"):
                await taken.stream(world.sink.url, control_id="one")
            await world.sink.wait_stream()
            await world.connected(2)
            with pytest.raises(RelayError) as refused:
                await taken.stream(world.sink.url, control_id="one")
            assert refused.value.code == 409
            assert world.stream_of(call, "one").active
