"""The Python stubs on a synchronous channel, as services without asyncio use them."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import grpc
import pytest

from callstream.v1 import (
    call_service_pb2,
    call_service_pb2_grpc,
    event_pb2,
    gateway_service_pb2,
    gateway_service_pb2_grpc,
    stream_pb2,
    stream_service_pb2,
    stream_service_pb2_grpc,
)
from tests.support.serving import error_details
from tests.support.streaming import World, open_world

WITHIN = 10.0


def service(address: str, sink: str, on_watching: threading.Event) -> list[str]:
    """A small service: takes the call that comes in, streams it, stops, hangs up; returns what it saw."""
    with grpc.insecure_channel(address) as channel:
        streams = stream_service_pb2_grpc.StreamServiceStub(channel)
        calls = call_service_pb2_grpc.CallServiceStub(channel)
        seen: list[str] = []
        call_id = ""
        for response in streams.WatchEvents(stream_service_pb2.WatchEventsRequest(), timeout=3 * WITHIN):
            if response.HasField("opened"):
                on_watching.set()
            for event in response.events.events:
                seen.append(event_pb2.EventType.Name(event.type).removeprefix("EVENT_TYPE_"))
                if event.type == event_pb2.EVENT_TYPE_CALL_RECEIVED:
                    call_id = event.call_id
                    calls.AnswerCall(call_service_pb2.AnswerCallRequest(call_id=call_id), timeout=WITHIN)
                    start = stream_service_pb2.StartStreamRequest(call_id=call_id, control_id="s", url=sink)
                    assert streams.StartStream(start, timeout=WITHIN).created
                elif event.type == event_pb2.EVENT_TYPE_STREAM_STREAMING:
                    stop = stream_service_pb2.StopStreamRequest(call_id=call_id, control_id="s")
                    streams.StopStream(stop, timeout=WITHIN)
                elif event.type == event_pb2.EVENT_TYPE_STREAM_FINISHED:
                    assert event.stream.end_reason == stream_pb2.STREAM_END_REASON_STOP_REQUESTED
                    calls.EndCall(call_service_pb2.EndCallRequest(call_id=call_id), timeout=WITHIN)
                elif event.type == event_pb2.EVENT_TYPE_CALL_ENDED:
                    return seen
    raise AssertionError("the watch ended first")


async def in_thread(world: World, on_watching: threading.Event) -> list[str]:
    """Runs the service beside the loop that serves it."""
    return await asyncio.to_thread(service, world.client.address, f"{world.sink.url}audio", on_watching)


async def test_the_main_job(tmp_path: Path) -> None:
    """Watch, answer, start, stop and hang up work from a thread, in the order of events."""
    async with open_world(tmp_path) as world:
        await world.client.until(event_pb2.EVENT_TYPE_SESSION_UP)
        watching = threading.Event()
        running = asyncio.create_task(in_thread(world, watching))
        assert await asyncio.to_thread(watching.wait, WITHIN)
        await world.emulator.place_call()
        seen = await running
        story = [
            "CALL_RECEIVED",
            "CALL_ANSWERED",
            "STREAM_STARTING",
            "STREAM_STREAMING",
            "STREAM_FINISHED",
            "CALL_ENDED",
        ]
        assert [kind for kind in seen if kind in story] == story


async def test_errors_and_deadlines(tmp_path: Path) -> None:
    """A synchronous client unpacks the details of errors, and its deadlines hold."""

    def ask(address: str) -> tuple[grpc.RpcError, grpc.StatusCode]:
        with grpc.insecure_channel(address) as channel:
            gateway = gateway_service_pb2_grpc.GatewayServiceStub(channel)
            assert gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest(), timeout=WITHIN).version
            streams = stream_service_pb2_grpc.StreamServiceStub(channel)
            with pytest.raises(grpc.RpcError) as unknown:
                streams.GetStream(stream_service_pb2.GetStreamRequest(call_id="c", control_id="s"), timeout=WITHIN)
            with pytest.raises(grpc.RpcError) as late:
                for _ in streams.WatchEvents(stream_service_pb2.WatchEventsRequest(), timeout=0.3):
                    pass
            status: Any = late.value  # it is a grpc.Call as well, which types can't say
            return unknown.value, status.code()

    async with open_world(tmp_path) as world:
        unknown, late = await asyncio.to_thread(ask, world.client.address)
    assert error_details(unknown).reason == "STREAM_NOT_FOUND"
    assert late is grpc.StatusCode.DEADLINE_EXCEEDED
