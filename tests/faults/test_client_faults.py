"""Clients that leave, run out of time, do not read, or speak nonsense: nobody else notices, and RELAY is left clean."""

import asyncio
import contextlib
import enum
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.struct_pb2 import Struct

from callstream.v1 import call_pb2, call_service_pb2, event_pb2, gateway_service_pb2, stream_service_pb2
from gateway.domain.calls import CallState, DialState
from gateway.domain.streams import EndReason, StreamKey, StreamState
from gateway.emulator.actions import Drop, Hold
from gateway.emulator.faults import Fault
from gateway.emulator.frames import SERVER_TO_CLIENT, Frame
from gateway.emulator.model import Call
from gateway.emulator.options import NoAnswer
from gateway.emulator.server import Emulator
from gateway.relay import wire
from gateway.relay.session import SessionState
from gateway.service.watch import _Watch
from tests.support.engines import UNREACHABLE, frames_of
from tests.support.running import Client, running_emulator
from tests.support.serving import Served, served, wait_until

PATIENT = 60.0
"""Seconds of a client that will leave by itself."""
SHORT = 0.8
"""Seconds that an impatient client gives its call: enough for it to come where the test wants it to be."""


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


class Way(enum.Enum):
    """How a client goes away."""

    CANCELLED = enum.auto()
    EXPIRED = enum.auto()


class Command(enum.Enum):
    """What it has ordered, by RELAY's method."""

    START = wire.STREAM
    STOP = wire.STREAM_STOP
    DIAL = wire.DIAL


@dataclass(frozen=True)
class Scene:
    """A gateway on a real port, with its RELAY and a call."""

    emulator: Emulator
    gateway: Served
    call: Call

    def order(self, command: Command, *, way: Way, until_end: bool = False) -> Any:
        """Sends the RPC of a command; its subject is the stream or dial `mine`."""
        client, timeout = self.gateway.client, SHORT if way is Way.EXPIRED else PATIENT
        if command is Command.START:
            return self.start("mine", timeout=timeout, until_streaming=until_end)
        if command is Command.STOP:
            states = stream_service_pb2
            wait = states.STOP_WAIT_UNTIL_ENDED if until_end else states.STOP_WAIT_UNTIL_ACCEPTED
            stop = stream_service_pb2.StopStreamRequest(call_id=self.call.call_id, control_id="mine", wait_until=wait)
            return client.streams.StopStream(stop, timeout=timeout)
        phone = call_pb2.PhoneDevice(from_number="+15550001111", to_number="+15550002222")
        group = call_service_pb2.DeviceGroup(devices=[call_pb2.Device(phone=phone)])
        return client.calls.Dial(call_service_pb2.DialRequest(tag="mine", groups=[group]), timeout=timeout)

    def start(self, control_id: str, *, timeout: float | None = 10, until_streaming: bool = False) -> Any:
        """Starts a stream of which RELAY will never report audio."""
        states = stream_service_pb2
        wait = states.START_WAIT_UNTIL_STREAMING if until_streaming else states.START_WAIT_UNTIL_ACCEPTED
        url = UNREACHABLE.replace("ws:", "wss:")
        request = states.StartStreamRequest(call_id=self.call.call_id, control_id=control_id, url=url, wait_until=wait)
        return self.gateway.client.streams.StartStream(request, timeout=timeout)

    def sent(self, command: Command) -> list[Frame]:
        """The requests of a command that came to RELAY, but for those of the marker."""
        frames = frames_of(self.emulator, command.value)
        return [frame for frame in frames if frame.params.get("control_id") != "marker"]

    async def seen_by_relay(self, command: Command) -> None:
        """RELAY has the command."""
        await self.emulator.frames.wait_for(lambda _: bool(self.sent(command)), 10)

    async def marker(self) -> None:
        """A later command comes to RELAY: what was sent before it is there too."""
        await self.start("marker")

    def underway(self) -> int:
        """Commands that the gateway is busy with."""
        return len(self.gateway.engine._context._operations)

    async def agree(self) -> set[StreamKey]:
        """RELAY and the gateway come to know the same streams; returns them."""

        def at_relay() -> set[StreamKey]:
            return {key for key, stream in self.emulator.streams.items() if stream.active}

        def here() -> set[StreamKey]:
            return {stream.key for stream in self.gateway.engine.registry.active_streams()}

        await wait_until(lambda: at_relay() == here() and not self.underway())
        return here()

    def stream_state(self) -> StreamState:
        """The state of the stream `mine`."""
        stream = self.gateway.engine.registry.stream(self.call.call_id, "mine")
        assert stream is not None
        return stream.state

    def dial_state(self) -> DialState:
        """The state of the dial `mine`."""
        dial = self.gateway.engine.registry.dial("mine")
        assert dial is not None
        return dial.state


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """A call that is known."""
    async with running_emulator(ping_interval=None) as emulator, served(relay_host=emulator.host) as gateway:
        call = await emulator.place_call(timeout=10)
        await gateway.client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED)
        yield Scene(emulator, gateway, call)


async def leave(rpc: Any, way: Way) -> None:
    """The client goes away, or waits until its time is over."""
    if way is Way.CANCELLED:
        rpc.cancel()
        with pytest.raises(asyncio.CancelledError):
            await rpc
    else:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rpc
        assert caught.value.code() in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("command", Command)
class TestLeaving:
    """A client leaves at every point of a command."""

    async def test_while_there_is_no_session(self, command: Command, way: Way) -> None:
        """Nothing is sent when the session is back, and nothing is recorded of it."""
        async with scene() as here:
            if command is Command.STOP:
                await here.start("mine")
            here.emulator.refuse_connections()
            await here.emulator.cut()
            session = here.gateway.engine.session
            await wait_until(lambda: session.state is not SessionState.CONNECTED)
            before = len(here.sent(command))
            rpc = here.order(command, way=way)
            await wait_until(lambda: bool(session._waiters))
            await leave(rpc, way)
            await wait_until(lambda: not session._waiters)
            here.emulator.refuse_connections(None)
            await here.gateway.client.until(event_pb2.EVENT_TYPE_SESSION_RESUMED)
            await here.marker()
            assert len(here.sent(command)) == before
            assert here.gateway.engine.registry.dial("mine") is None
            own = {(here.call.call_id, "mine")} if command is Command.STOP else set()
            assert await here.agree() == {(here.call.call_id, "marker"), *own}

    async def test_before_it_is_sent(self, command: Command, way: Way) -> None:
        """A start or dial waits for its intent to be durable, a stop for the start before it: neither is sent then."""
        async with scene() as here:
            if command is Command.STOP:
                here.emulator.faults.add(Fault(Hold(), method=wire.STREAM, direction=SERVER_TO_CLIENT))
                starting = asyncio.ensure_future(here.start("mine"))
                await here.seen_by_relay(Command.START)
                rpc = here.order(command, way=way)
                await wait_until(lambda: here.underway() == 2)
                await leave(rpc, way)
                await wait_until(lambda: here.underway() == 1)
                here.emulator.faults.clear()
                await starting
            else:
                with here.gateway.commits_held():
                    rpc = here.order(command, way=way)
                    await wait_until(lambda: here.underway() == 1)
                    await leave(rpc, way)
                    await wait_until(lambda: here.underway() == 0)
            await here.marker()
            assert not here.sent(command)
            await here.agree()
            if command is Command.START:
                assert here.stream_state() is StreamState.FAILED
            elif command is Command.DIAL:
                assert here.dial_state() is DialState.FAILED

    async def test_before_it_is_answered(self, command: Command, way: Way) -> None:
        """What RELAY has is seen to its end: the gateway knows what became of it."""
        async with scene() as here:
            if command is Command.STOP:
                await here.start("mine")
            here.emulator.faults.add(Fault(Hold(), method=command.value, direction=SERVER_TO_CLIENT))
            rpc = here.order(command, way=way)
            await here.seen_by_relay(command)
            await leave(rpc, way)
            here.emulator.faults.clear()
            streams = await here.agree()
            if command is Command.START:
                assert streams == {(here.call.call_id, "mine")}
                stream = here.gateway.engine.registry.stream(here.call.call_id, "mine")
                assert stream is not None
                assert stream.accepted
            elif command is Command.STOP:
                assert here.stream_state() is StreamState.FINISHED
            else:
                await here.gateway.client.until(event_pb2.EVENT_TYPE_DIAL_ANSWERED)
                assert here.dial_state() is DialState.ANSWERED
            assert len(here.sent(command)) == 1

    async def test_after_the_answer(self, command: Command, way: Way) -> None:
        """What RELAY has taken goes on: the stream is known, its end is heard, the dialled call comes in."""
        async with scene() as here:
            here.emulator.devices.default = NoAnswer()
            if command is Command.STOP:
                await here.start("mine")
                here.emulator.faults.add(Fault(Drop(), event_type=wire.CALL_STREAM, direction=SERVER_TO_CLIENT))
            rpc = here.order(command, way=way, until_end=True)
            await here.emulator.frames.wait_for(lambda frame: frame.is_response and frame.method == command.value, 10)
            await leave(rpc, way)
            await wait_until(lambda: here.underway() == 0)
            if command is Command.START:
                assert await here.agree() == {(here.call.call_id, "mine")}
                assert here.stream_state() is StreamState.STARTING
            elif command is Command.STOP:
                assert here.stream_state() is StreamState.STOPPING
                await here.emulator.hang_up(here.call.call_id)
                assert await here.agree() == set()
                stream = here.gateway.engine.registry.stream(here.call.call_id, "mine")
                assert stream is not None
                assert stream.end_reason is EndReason.STOP_REQUESTED
            else:
                assert here.dial_state() is DialState.DIALING
                (leg,) = [call for call in here.emulator.calls.values() if call.tag == "mine"]
                await here.emulator.answer_far_end(leg.call_id)
                answered = await here.gateway.client.until(event_pb2.EVENT_TYPE_DIAL_ANSWERED)
                assert answered.call_id == leg.call_id
            assert len(here.sent(command)) == 1


class TestWatches:
    """Watchers come and go, or fall asleep."""

    async def test_thousands_come_and_go(self) -> None:
        """2,000 watches, each dropped while it waits: nothing of them is left."""
        async with served(max_watches=2000) as gateway:
            info = gateway_service_pb2.GetGatewayInfoRequest()
            await gateway.client.gateway.GetGatewayInfo(info)
            tasks = len(asyncio.all_tasks())
            for _ in range(10):
                await self._open_and_drop(gateway, 200)
                await wait_until(lambda: len(asyncio.all_tasks()) <= tasks)
            gc.collect()
            assert not [kept for kept in gc.get_objects() if isinstance(kept, _Watch)]
            assert not len(gateway.journal._interests)

    @staticmethod
    async def _open_and_drop(gateway: Served, number: int) -> None:
        """Opens watches, sees that they are counted, and drops them all."""
        before = len(asyncio.all_tasks())
        watches = [gateway.watch() for _ in range(number)]
        for watch in watches:
            await watch.opened()
        info = await gateway.client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest())
        assert info.open_watches == number
        for watch in watches:
            watch.call.cancel()
        await wait_until(lambda: gateway.services.watches.count == 0)
        await wait_until(lambda: len(asyncio.all_tasks()) <= before)

    async def test_one_that_does_not_read(self) -> None:
        """20,000 events pass a watcher that is asleep: the others see them all, and so does it from its cursor on."""
        async with served() as gateway:
            lazy, keen = gateway.watch(), gateway.watch()
            await lazy.opened()
            await keen.opened()
            await gateway.written(gateway.call(CallState.RINGING))
            first = await lazy.event()
            reading = asyncio.create_task(_sequences(keen, 20_001))
            for _ in range(40):
                gateway.write(*gateway.others(500))
                await gateway.journal.capacity()
            assert await reading == list(range(first.sequence, first.sequence + 20_001))
            lazy.call.cancel()
            await wait_until(lambda: gateway.services.watches.count == 1)
            resumed = gateway.watch(after_cursor=lazy.cursor)
            await resumed.opened()
            assert await _sequences(resumed, 20_000) == list(range(first.sequence + 1, first.sequence + 20_001))

    async def test_one_that_wakes_up(self) -> None:
        """A watcher that slept over 20,000 events and then reads on sees them all in the same watch."""
        async with served() as gateway:
            lazy = gateway.watch()
            await lazy.opened()
            for _ in range(40):
                gateway.write(*gateway.others(500))
                await gateway.journal.capacity()
            await gateway.journal.committed(20_000)
            assert await _sequences(lazy, 20_000) == list(range(1, 20_001))


async def _sequences(watch: Any, number: int) -> list[int]:
    return [event.sequence for event in await watch.events(number)]


class TestNonsense:
    """Clients that break the rules of gRPC or HTTP/2 harm nobody but themselves."""

    @staticmethod
    async def _still_serves(client: Client) -> None:
        await client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest(), timeout=10)

    async def test_metadata_over_the_limit(self) -> None:
        """Headers of 100 KB are refused; the connection goes on."""
        async with served() as gateway:
            await self._still_serves(gateway.client)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await gateway.client.gateway.GetGatewayInfo(
                    gateway_service_pb2.GetGatewayInfoRequest(), metadata=[("x-large", "x" * 100_000)], timeout=10
                )
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            await self._still_serves(gateway.client)

    async def test_a_message_over_the_limit(self) -> None:
        """A request of more than 4 MiB is refused before it is parsed; the connection goes on."""
        async with served() as gateway:
            parameters = Struct()
            parameters["large"] = "x" * (4 << 20)
            request = stream_service_pb2.StartStreamRequest(call_id="c", url="wss://x/", custom_parameters=parameters)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await gateway.client.streams.StartStream(request, timeout=10)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            await self._still_serves(gateway.client)

    @pytest.mark.parametrize(
        "garbage",
        [
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"\x00\xff" * 5000,
            PREFACE + b"\xff" * 5000,
            PREFACE + SETTINGS + b"\x00\x00\x05\x01\x04\x00\x00\x00\x01" + b"\xff" * 5,
            PREFACE + SETTINGS + b"\x00\x00\x04\x00\x01\x00\x00\x00\x07data",
        ],
        ids=["HTTP/1.1", "noise", "noise after the preface", "headers that are none", "data of no stream"],
    )
    async def test_garbage(self, garbage: bytes) -> None:
        """Bytes that are no HTTP/2 end their own connection at most."""
        async with served() as gateway:
            watch = gateway.watch()
            await watch.opened()
            host, port = gateway.client.address.rsplit(":", 1)
            reader, writer = await asyncio.open_connection(host, int(port))
            async with asyncio.timeout(10):
                with contextlib.suppress(OSError):  # it may hang up at any moment
                    writer.write(garbage)
                    writer.write_eof()
                    while await reader.read(4096):
                        pass
            writer.close()
            await self._still_serves(gateway.client)
            await gateway.written(*gateway.others(1))
            assert (await watch.event()).sequence == 1
