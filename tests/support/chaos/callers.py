"""Clients that live with calls: they answer or dial, start, stop, wait, hang up, and change their minds."""

import asyncio
import contextlib
from typing import Final

from callstream.v1 import call_pb2, call_service_pb2, stream_pb2, stream_service_pb2
from gateway.emulator.exchange import NoReceiver, UnknownCall, UnknownStream
from gateway.relay import wire
from tests.support.chaos.asking import Asking
from tests.support.chaos.world import World

__all__ = ["LABELS", "Caller"]

LABELS: Final = ("red", "green", "blue")
_NODE: Final = "emulator-node"
_UNREACHABLE: Final = "wss://127.0.0.1:1/"
_RECEIVED_WITHIN: Final = 2.0


class Caller:
    """One client, which has one call after the other."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._name = f"caller-{number}"
        self._chance = world.chance(self._name)
        self._asking = Asking(world, self._chance)
        self._stubs = world.stubs()
        self._made = 0

    async def run(self) -> None:
        """Has calls until calm sets in."""
        while not self._world.calm.is_set():
            call_id = await (self._dialled() if self._chance.random() < 0.15 else self._received())
            if call_id:
                await self._life(call_id)
            await self._world.until_calm(self._chance.uniform(0.0, 0.5))

    async def _received(self) -> str:
        """An inbound call that this client answers."""
        try:
            call = await self._world.emulator.place_call(timeout=_RECEIVED_WITHIN)
        except NoReceiver:
            return ""
        if self._chance.random() < 0.5:
            await asyncio.sleep(0.1)  # as if it had been told of the call
            node_id = ""
        else:
            node_id = call.node_id  # as if another session had
        request = call_service_pb2.AnswerCallRequest(call_id=call.call_id, node_id=node_id)
        await self._asking.until_answered(self._stubs.calls.AnswerCall, request, wire.ANSWER, call.call_id)
        return call.call_id

    async def _dialled(self) -> str:
        """A call that this client makes."""
        self._made += 1
        tag = f"{self._name}-{self._made}"
        number = self._chance.choice(("+15550000001", "+15550000002", "+15550000003"))
        device = call_pb2.Device(phone=call_pb2.PhoneDevice(from_number="+15550000009", to_number=number))
        request = call_service_pb2.DialRequest(tag=tag, groups=[call_service_pb2.DeviceGroup(devices=[device])])
        response = await self._asking.until_answered(self._stubs.calls.Dial, request, wire.DIAL, tag)
        return "" if response is None else response.call.call_id

    async def _life(self, call_id: str) -> None:
        streams = [self._request(call_id) for _ in range(self._chance.randint(1, 3))]
        for request in streams:
            await self._start(request)
        for _ in range(self._chance.randint(0, 4)):
            await self._world.until_calm(self._chance.uniform(0.0, 0.6))
            await self._do_something(self._chance.choice(streams))
        await self._leave(call_id)

    def _request(self, call_id: str) -> stream_service_pb2.StartStreamRequest:
        self._made += 1
        control_id = f"{self._name}-{self._made}"
        request = stream_service_pb2.StartStreamRequest(
            call_id=call_id,
            node_id=_NODE if self._chance.random() < 0.5 else "",
            control_id=control_id,
            url=self._world.sink.url if self._chance.random() < 0.8 else _UNREACHABLE,
            authorization_bearer_token=self._chance.choice(self._world.bearer_tokens),
            labels={"team": self._chance.choice(LABELS)},
            wait_until=self._chance.choice(
                (stream_service_pb2.START_WAIT_UNTIL_ACCEPTED, stream_service_pb2.START_WAIT_UNTIL_STREAMING)
            ),
        )
        if self._chance.random() < 0.15:
            request.max_duration.FromMilliseconds(1000)
        return request

    async def _start(self, request: stream_service_pb2.StartStreamRequest) -> None:
        response = await self._asking.until_answered(
            self._stubs.streams.StartStream, request, wire.STREAM, request.call_id, request.control_id
        )
        if response is not None:
            self._world.counts[f"starts answered with {stream_pb2.StreamState.Name(response.stream.state)}"] += 1

    async def _do_something(self, request: stream_service_pb2.StartStreamRequest) -> None:
        """Something happens to a stream."""
        call_id, control_id, streams = request.call_id, request.control_id, self._stubs.streams
        match self._chance.choices(("stop", "stop all", "start", "replace", "drop", "wait"), (5, 1, 2, 2, 2, 1))[0]:
            case "stop":
                stop = stream_service_pb2.StopStreamRequest(
                    call_id=call_id,
                    control_id=control_id,
                    wait_until=self._chance.choice(
                        (stream_service_pb2.STOP_WAIT_UNTIL_ACCEPTED, stream_service_pb2.STOP_WAIT_UNTIL_ENDED)
                    ),
                )
                await self._asking.until_answered(streams.StopStream, stop, wire.STREAM_STOP, call_id, control_id)
            case "stop all":
                stop_all = stream_service_pb2.StopCallStreamsRequest(call_id=call_id)
                await self._asking.until_answered(streams.StopCallStreams, stop_all, wire.STREAM_STOP, call_id)
            case "start":
                await self._start(request)
            case "replace":
                again = stream_service_pb2.StartStreamRequest()
                again.CopyFrom(request)
                again.conflict_policy = stream_service_pb2.CONFLICT_POLICY_REPLACE
                await self._start(again)
            case "drop":
                with contextlib.suppress(UnknownCall, UnknownStream):
                    await self._world.emulator.drop_stream(call_id, control_id)
            case _:
                wait = stream_service_pb2.WaitStreamRequest(call_id=call_id, control_id=control_id)
                # It leads to no command, so there is nothing that could be late.
                await self._asking.until_answered(streams.WaitStream, wait, "", call_id, control_id)

    async def _leave(self, call_id: str) -> None:
        """Hangs up, is hung up on, or leaves the call as it is."""
        draw = self._chance.random()
        if draw < 0.4:
            request = call_service_pb2.EndCallRequest(call_id=call_id, node_id=_NODE)
            await self._asking.until_answered(self._stubs.calls.EndCall, request, wire.END, call_id)
        elif draw < 0.75:
            with contextlib.suppress(UnknownCall):
                await self._world.emulator.hang_up(call_id)
