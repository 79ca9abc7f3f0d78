"""`callstream demo`: what the product page of RELAY's call.stream shows, done through the gateway and checked.

A call comes in; a gRPC client answers it, streams its inbound audio with custom parameters, watches the events, stops
the stream and ends the call. The client knows the contract only; everything it meets is real but the telephone.
"""

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import grpc.aio

from callstream.v1 import (
    call_service_pb2,
    call_service_pb2_grpc,
    event_pb2,
    stream_pb2,
    stream_service_pb2,
    stream_service_pb2_grpc,
)
from gateway.demo.timeline import Timeline
from gateway.demo.world import BEARER_TOKEN, World, open_world
from gateway.emulator.exchange import NoReceiver
from gateway.emulator.sink import Received

__all__ = ["run_demo"]

_CONTROL_ID = "demo-stream"
_AUDIO_MS = 3000
_TIMEOUT = 10.0
_PARAMETERS = {"session_id": "abc123"}


async def run_demo(
    *,
    keep: bool,
    output: Path,
    echo: Callable[[str], None],
    world: Callable[[Path], AbstractAsyncContextManager[World]] = open_world,
) -> int:
    """Runs the demo.

    Args:
        keep: Leave everything running afterwards, until cancelled.
        output: Where the received audio goes, as WAV.
        echo: Takes the lines for the terminal.
        world: Opens what the client meets, given a directory to work in: a broken one has to be noticed.

    Returns:
        The exit code: 0 only if everything was as it has to be.
    """
    timeline = Timeline(echo)
    with tempfile.TemporaryDirectory(prefix="callstream-demo-") as directory:
        async with world(Path(directory)) as opened:
            timeline.say("emulator", f"a RELAY server on {opened.emulator.url}")
            timeline.say("endpoint", f"takes audio on {opened.sink.url}")
            timeline.say("gateway", f"serves gRPC on {opened.address}")
            try:
                async with grpc.aio.insecure_channel(opened.address) as channel, asyncio.timeout(6 * _TIMEOUT):
                    await _Client(channel, opened, timeline, output).run()
            except* (grpc.aio.AioRpcError, NoReceiver, EOFError, TimeoutError) as failures:
                timeline.check(f"the story came to its end: {_told(failures)}", good=False)
            if keep and timeline.good:
                await _keep(opened, echo)
    echo("everything is as it has to be" if timeline.good else "the demo FAILED: see the lines marked FAIL")
    return 0 if timeline.good else 1


def _told(failures: BaseExceptionGroup[Exception]) -> str:
    """What went wrong first, in one line."""
    first: BaseException = failures
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    if isinstance(first, grpc.aio.AioRpcError):
        return f"{first.code().name}, {first.details()}"
    return f"{type(first).__name__}, {str(first) or 'it took too long'}"


class _Client:
    """A service that uses the gateway, in the order of the product page's example."""

    def __init__(self, channel: grpc.aio.Channel, world: World, timeline: Timeline, output: Path) -> None:
        self._streams = stream_service_pb2_grpc.StreamServiceStub(channel)
        self._calls = call_service_pb2_grpc.CallServiceStub(channel)
        self._world = world
        self._timeline = timeline
        self._output = output
        self._seen: list[event_pb2.Event] = []
        self._streaming = asyncio.Event()

    async def run(self) -> None:
        """The whole story."""
        async with asyncio.timeout(_TIMEOUT):
            call_id = await self._inbound_call()
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._watch(call_id), name="watch")
            await self._calls.AnswerCall(call_service_pb2.AnswerCallRequest(call_id=call_id), timeout=_TIMEOUT)
            self._timeline.say("client", "AnswerCall: RELAY took it")
            await self._stream(call_id)
            received = await self._listen()
            await self._streams.StopStream(
                stream_service_pb2.StopStreamRequest(call_id=call_id, control_id=_CONTROL_ID), timeout=_TIMEOUT
            )
            self._timeline.say("client", "StopStream: RELAY took it")
            waited = await self._streams.WaitStream(
                stream_service_pb2.WaitStreamRequest(call_id=call_id, control_id=_CONTROL_ID), timeout=_TIMEOUT
            )
            self._timeline.say("client", f"WaitStream: {_reason(waited.stream)}")
            await self._calls.EndCall(call_service_pb2.EndCallRequest(call_id=call_id), timeout=_TIMEOUT)
            self._timeline.say("client", "EndCall: RELAY took it")
            async with asyncio.timeout(_TIMEOUT):
                await watch
        self._timeline.say("client", "WatchEvents: complete, the call has ended")
        await self._check(call_id, received, waited.stream)

    async def _inbound_call(self) -> str:
        """Waits for a call, as a service does: with a watch. The emulator places one as soon as the watch is open."""
        request = stream_service_pb2.WatchEventsRequest(
            filter=stream_service_pb2.EventFilter(types=[event_pb2.EVENT_TYPE_CALL_RECEIVED])
        )
        watch = self._streams.WatchEvents(request)
        async for response in watch:
            if response.HasField("opened"):
                call = await self._world.emulator.place_call(
                    context="default", from_number="+15551230001", to_number="+15551230002", timeout=_TIMEOUT
                )
                self._timeline.say("emulator", f"{call.device['params']['from_number']} calls")
            for event in response.events.events:
                watch.cancel()
                self._timeline.say("client", f"an inbound call: {event.call_id}")
                return event.call_id
        raise EOFError("the watch ended before a call came in")

    async def _watch(self, call_id: str) -> None:
        """Everything about the call, from its first event, until it has ended."""
        request = stream_service_pb2.WatchEventsRequest(
            filter=stream_service_pb2.EventFilter(call_ids=[call_id]),
            from_oldest=True,
            until=stream_service_pb2.WATCH_UNTIL_CALL_ENDED,
        )
        async for response in self._streams.WatchEvents(request):
            for event in response.events.events:
                self._seen.append(event)
                name = event_pb2.EventType.Name(event.type).removeprefix("EVENT_TYPE_")
                self._timeline.say("event", f"{event.sequence:>3} {name}")
                if event.type == event_pb2.EVENT_TYPE_STREAM_STREAMING:
                    self._streaming.set()

    async def _stream(self, call_id: str) -> None:
        request = stream_service_pb2.StartStreamRequest(
            call_id=call_id,
            control_id=_CONTROL_ID,
            url=f"{self._world.sink.url}audio-stream",
            track=stream_pb2.TRACK_INBOUND,
            codec="PCMU",
            authorization_bearer_token=BEARER_TOKEN,
        )
        request.custom_parameters.update(_PARAMETERS)
        started = await self._streams.StartStream(request, timeout=_TIMEOUT)
        self._timeline.say("client", f"StartStream: {started.stream.codec} to {started.stream.url}")
        async with asyncio.timeout(_TIMEOUT):
            await self._streaming.wait()

    async def _listen(self) -> Received:
        """Follows the audio as it arrives at the endpoint."""
        received = await self._world.sink.wait_stream(within=_TIMEOUT)
        for milliseconds in range(1000, _AUDIO_MS + 1, 1000):
            await received.wait_audio(milliseconds)
            self._timeline.say("endpoint", f"has {milliseconds // 1000} s of audio")
        return received

    async def _check(self, call_id: str, received: Received, stream: stream_pb2.Stream) -> None:
        check = self._timeline.check
        await received.wait_closed()
        sent = self._world.emulator.streams[call_id, _CONTROL_ID].records["inbound"]
        audio = received.audio()
        same = not sent.truncated and sent.payload == audio
        check(f"the {len(audio)} bytes of audio received are those that were sent", good=bool(audio) and same)
        check("every message was in order and well formed", good=not received.problems)
        check(f"the endpoint got {_PARAMETERS}", good=received.custom_parameters == _PARAMETERS)
        check(f"the stream ended because it was asked to: {_reason(stream)}", good=_stopped(stream))
        sequences = [event.sequence for event in self._seen]
        check("events came in order, each once", good=sequences == sorted(set(sequences)))
        types = [event.type for event in self._seen]
        story = [
            event_pb2.EVENT_TYPE_CALL_RECEIVED,
            event_pb2.EVENT_TYPE_CALL_ANSWERED,
            event_pb2.EVENT_TYPE_STREAM_STREAMING,
            event_pb2.EVENT_TYPE_STREAM_FINISHED,
            event_pb2.EVENT_TYPE_CALL_ENDED,
        ]
        check("and tell the whole story", good=[kind for kind in types if kind in story] == story)
        self._output.parent.mkdir(parents=True, exist_ok=True)
        received.write_wav(self._output)
        self._timeline.say("client", f"wrote {received.milliseconds() / 1000:.1f} s of audio to {self._output}")


def _stopped(stream: stream_pb2.Stream) -> bool:
    finished = stream.state == stream_pb2.STREAM_STATE_FINISHED
    return finished and stream.end_reason == stream_pb2.STREAM_END_REASON_STOP_REQUESTED


def _reason(stream: stream_pb2.Stream) -> str:
    state = stream_pb2.StreamState.Name(stream.state).removeprefix("STREAM_STATE_")
    return f"{state}, {stream_pb2.StreamEndReason.Name(stream.end_reason).removeprefix('STREAM_END_REASON_')}"


async def _keep(world: World, echo: Callable[[str], None]) -> None:
    """Says what can be tried, and waits to be interrupted."""
    address = world.address
    echo(
        f"""
Everything keeps running until Ctrl-C. In another terminal:

  curl -X POST {world.emulator.control_url}/calls                                   # a call comes in
  grpcurl -plaintext {address} list
  grpcurl -plaintext {address} callstream.v1.CallService/ListCalls
  grpcurl -plaintext -d '{{"call_id": "CALL"}}' {address} callstream.v1.CallService/AnswerCall
  grpcurl -plaintext -d '{{"call_id": "CALL", "url": "{world.sink.url}audio",
      "authorization_bearer_token": "{BEARER_TOKEN}"}}' {address} callstream.v1.StreamService/StartStream
  grpcurl -plaintext -d '{{"from_oldest": true}}' {address} callstream.v1.StreamService/WatchEvents
"""
    )
    await asyncio.Event().wait()
