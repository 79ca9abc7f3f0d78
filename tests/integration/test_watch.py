"""Watches from RELAY to the client: what RELAY sends is what clients get, across reconnects and processes."""

import asyncio
import json
from pathlib import Path

import grpc
import pytest

from callstream.v1 import call_pb2, event_pb2, stream_pb2, stream_service_pb2
from gateway.service.cursor import decode_cursor
from tests.support.running import running_emulator, running_gateway
from tests.support.serving import Watch
from tests.support.streaming import open_endpoint, open_world

MADE_UP = "calling.made.up"


def name(event: event_pb2.Event) -> str:
    """The type of an event, short."""
    return event_pb2.EventType.Name(event.type).removeprefix("EVENT_TYPE_")


async def test_a_call_and_its_stream(tmp_path: Path) -> None:
    """The whole story of a call arrives in order, each event with the state it led to, and the watch is complete."""
    async with open_world(tmp_path) as world:
        call = await world.call()
        filter_ = {"call_ids": [call.call_id]}
        watch = Watch(world.client, filter=filter_, from_oldest=True, until=stream_service_pb2.WATCH_UNTIL_CALL_ENDED)
        await world.stream(call, labels={"team": "a"})
        await world.emulator.hang_up(call.call_id)
        responses, code = await watch.rest()
        assert code is grpc.StatusCode.OK
        events = [event for response in responses for event in response.events.events if event.call_id]
        told = [name(event) for event in events if event.type != event_pb2.EVENT_TYPE_STREAM_UPDATED]
        assert told[:3] == ["CALL_RECEIVED", "CALL_ANSWERED", "STREAM_STARTING"]
        assert told[3:] in (
            ["STREAM_STREAMING", "STREAM_FINISHED", "CALL_ENDED"],
            ["STREAM_STREAMING", "CALL_ENDING", "STREAM_FINISHED", "CALL_ENDED"],
            ["STREAM_STREAMING", "STREAM_FINISHED", "CALL_ENDING", "CALL_ENDED"],
        )
        for event in events:
            state = event_pb2.EventType.Name(event.type).rpartition("_")[2]
            if event.control_id and state != "UPDATED":
                assert event.stream.state == stream_pb2.StreamState.Value(f"STREAM_STATE_{state}")
            elif not event.control_id and state != "RECEIVED":
                assert event.call.state == call_pb2.CallState.Value(f"CALL_STATE_{state}")
            assert bool(event.relay_event_type) == bool(event.relay_params_json)
            if event.stream.labels:
                assert event.stream.labels == {"team": "a"}
        assert [event.sequence for event in events] == sorted({event.sequence for event in events})


async def test_relay_params_are_as_sent() -> None:
    """Params keep every byte: order, spaces, escapes and numbers, of events that the gateway does not know as well."""
    async with running_emulator() as emulator, running_gateway(emulator.host) as client:
        await client.until(event_pb2.EVENT_TYPE_SESSION_UP)
        inner = '{"z": 1.50, "call_id":"c1", "text":"\\u00e9 \\" é", "list":[1e3 , null]}'
        outer = f'{{"event_type":"{MADE_UP}","timestamp":1777565701.56,"params":{inner}}}'
        await emulator.send_frame(f'{{"jsonrpc":"2.0","id":"e-1","method":"signalwire.event","params":{outer}}}')
        event = await client.until(event_pb2.EVENT_TYPE_RELAY_OTHER)
        assert event.relay_params_json == inner
        assert (event.event_id, event.relay_event_type, event.call_id) == ("e-1", MADE_UP, "c1")
        assert event.relay_time.ToMicroseconds() == 1777565701560000


async def test_params_that_are_too_large() -> None:
    """An event whose params are larger than is kept arrives without them, and nothing after it is held up."""
    async with running_emulator() as emulator, running_gateway(emulator.host) as client:
        await client.until(event_pb2.EVENT_TYPE_SESSION_UP)
        watch = Watch(client)
        await watch.opened()
        for size in (1_000_000, 5_000_000, 1):
            await emulator.send_event(MADE_UP, {"text": "x" * size})
        large, none, small = await watch.events(3)
        assert len(large.relay_params_json) > 1_000_000
        assert not none.relay_params_json
        assert json.loads(small.relay_params_json) == {"text": "x"}


async def test_a_thousand_events_while_relay_and_client_reconnect() -> None:
    """Every event of RELAY arrives once and in order, while sockets on both sides are cut again and again."""
    total = 1000
    async with running_emulator() as emulator, running_gateway(emulator.host) as client:
        await client.until(event_pb2.EVENT_TYPE_SESSION_UP)

        async def send() -> None:
            for number in range(total):
                await emulator.send_event(MADE_UP, {"number": number})
                if number % 250 == 249:
                    await emulator.cut()
                elif number % 50 == 49:
                    await asyncio.sleep(0)

        found: list[int] = []
        sequences: list[int] = []
        watches = 0
        cursor = ""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(send())
            while len(found) < total:
                watches += 1
                watch = Watch(client, **({"after_cursor": cursor} if cursor else {"from_oldest": True}))
                await watch.opened()
                for _ in range(3):
                    response = await watch.next()
                    sequences += [event.sequence for event in response.events.events]
                    found += [
                        json.loads(event.relay_params_json)["number"]
                        for event in response.events.events
                        if event.relay_event_type == MADE_UP
                    ]
                    if len(found) >= total:
                        break
                cursor = watch.cursor
                watch.call.cancel()
        assert found == list(range(total))
        assert sequences == list(range(1, len(sequences) + 1))
        assert watches > 1
        assert decode_cursor(cursor).sequence == sequences[-1]


async def test_a_cursor_works_in_the_next_process(tmp_path: Path) -> None:
    """A cursor of one process goes on in the next on the same data directory, and is refused by another journal."""
    async with open_endpoint(tmp_path) as endpoint:
        host = endpoint.emulator.host
        async with running_gateway(host, data_dir=str(tmp_path / "data")) as client:
            await client.until(event_pb2.EVENT_TYPE_SESSION_UP)
            watch = Watch(client, from_oldest=True)
            await watch.opened()
            first = await watch.event()
            await endpoint.emulator.send_event(MADE_UP, {"number": 1})
            await client.until(event_pb2.EVENT_TYPE_RELAY_OTHER)
        async with running_gateway(host, data_dir=str(tmp_path / "data")) as client:
            again = Watch(client, after_cursor=watch.cursor)
            await again.opened()
            events: list[event_pb2.Event] = []
            while not events or name(events[-1]) != "SESSION_RESUMED":
                events += (await again.next()).events.events
            assert [event.sequence for event in events] == list(range(first.sequence + 1, events[-1].sequence + 1))
            assert [name(event) for event in events].count("RELAY_OTHER") == 1
        async with running_gateway(host, data_dir=str(tmp_path / "other")) as client:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await Watch(client, after_cursor=watch.cursor).opened()
            assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE


async def test_a_loss_of_the_session_is_told_to_everybody(tmp_path: Path) -> None:
    """A watch of one call hears that the session went and came back."""
    async with open_world(tmp_path) as world:
        call = await world.call()
        filter_ = {"call_ids": [call.call_id]}
        await world.client.until(event_pb2.EVENT_TYPE_CALL_ANSWERED, filter=filter_)
        watch = Watch(world.client, filter=filter_)
        await watch.opened()
        await world.emulator.cut()
        assert [name(event) for event in await watch.events(2)] == ["SESSION_DOWN", "SESSION_RESUMED"]
