"""Storage and clocks that fail under a whole gateway: nothing is lost, nothing is pretended, and clients are told."""

import asyncio
import itertools
import os
import resource
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from callstream.v1 import event_pb2, gateway_service_pb2, stream_service_pb2
from gateway.domain.calls import CallState
from gateway.domain.streams import EndReason, StreamState
from gateway.emulator.actions import Hold
from gateway.emulator.faults import Fault
from gateway.emulator.frames import SERVER_TO_CLIENT
from gateway.emulator.model import Call
from gateway.emulator.server import Emulator
from gateway.engine.clock import Clock
from gateway.engine.orders import ConflictPolicy
from gateway.relay import wire
from tests.support.engines import UNREACHABLE, in_time, order_for, running_engine, world
from tests.support.running import PROJECT, TOKEN, Client, GatewayProcess, running_emulator, start_gateway_process
from tests.support.serving import error_details, wait_until

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
HOUR_US = 3_600_000_000


@asynccontextmanager
async def gateway_process(emulator: Emulator, data_dir: Path) -> AsyncIterator[GatewayProcess]:
    """`callstream serve`, with its session; ended in order unless the test has ended it."""
    process = await start_gateway_process(emulator.host, data_dir, CALLSTREAM_RELAY_WAIT="0")
    try:
        await becomes(process.client, SERVING)
        yield process
    finally:
        if process.process.returncode is None:
            await process.terminate()


async def becomes(client: Client, wanted: "health_pb2.HealthCheckResponse.ServingStatus.ValueType") -> None:
    """Returns once the gateway says of its health what is wanted."""
    stub = health_pb2_grpc.HealthStub(client.channel)
    answers = stub.Watch(health_pb2.HealthCheckRequest())
    try:
        async with asyncio.timeout(10):
            while (await answers.read()).status != wanted:
                pass
    finally:
        answers.cancel()  # an open RPC would hold up the end of the gateway


async def history(client: Client) -> list[event_pb2.Event]:
    """All events so far."""
    page = await client.streams.ListEvents(stream_service_pb2.ListEventsRequest(page_size=1000), timeout=10)
    return list(page.events)


def start_request(call: Call, control_id: str) -> stream_service_pb2.StartStreamRequest:
    """A stream that RELAY takes, and never reports."""
    url = UNREACHABLE.replace("ws:", "wss:")
    return stream_service_pb2.StartStreamRequest(call_id=call.call_id, control_id=control_id, url=url)


@contextmanager
def full_disk(process: GatewayProcess) -> Iterator[None]:
    """No file of the gateway can grow: SQLite meets what it meets on a full disk."""
    unlimited = resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (1, unlimited[1]))
    try:
        yield
    finally:
        if process.process.returncode is None:
            resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, unlimited)


class TestFullDisk:
    """There is no room for events."""

    async def test_nothing_is_promised_and_nothing_lost(self, tmp_path: Path) -> None:
        """Starts are refused, events stay with RELAY, not ready; with room all is committed in order, and ready."""
        async with running_emulator() as emulator, gateway_process(emulator, tmp_path / "data") as gateway:
            client = gateway.client
            call = await emulator.place_call(timeout=10)
            await client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED)
            (session,) = emulator.sessions.values()
            await wait_until(lambda: not session.unacked)
            before = await history(client)
            with full_disk(gateway):
                ids = [
                    (await emulator.send_event(wire.CALL_STREAM, _told(call, f"s{number}", "streaming")))[0]
                    for number in range(10)
                ]
                await becomes(client, NOT_SERVING)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await client.streams.StartStream(start_request(call, "mine"), timeout=10)
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
                assert error_details(caught.value).reason == "JOURNAL_UNAVAILABLE"
                info = await client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest())
                assert info.journal.failure
                assert info.journal.backlog >= 10
                assert [event.sequence for event in await history(client)] == [event.sequence for event in before]
                assert set(ids) <= set(session.unacked)
            await becomes(client, SERVING)
            await wait_until(lambda: not session.unacked)
            events = await history(client)
            assert [event.sequence for event in events] == list(range(1, len(events) + 1))
            assert [event.event_id for event in events if event.event_id in ids] == ids
            assert not [frame for frame in emulator.frames if frame.method == wire.STREAM]
            await client.streams.StartStream(start_request(call, "mine"), timeout=10)

    async def test_killed_meanwhile(self, tmp_path: Path) -> None:
        """What was not acknowledged comes again to the next process: the full disk has cost nothing but time."""
        async with running_emulator() as emulator:
            async with gateway_process(emulator, tmp_path / "data") as first:
                call = await emulator.place_call(timeout=10)
                await first.client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED)
                with full_disk(first):
                    (told,) = await emulator.send_event(wire.CALL_STREAM, _told(call, "s", "streaming"))
                    await becomes(first.client, NOT_SERVING)
                    await first.kill()
            async with gateway_process(emulator, tmp_path / "data") as second:
                event = await second.client.until(event_pb2.EVENT_TYPE_STREAM_STREAMING)
                assert event.event_id == told
                types = [event.type for event in await history(second.client)]
                assert types.count(event_pb2.EVENT_TYPE_STREAM_STREAMING) == 1
                assert event_pb2.EVENT_TYPE_SESSION_RESUMED in types


def _told(call: Call, control_id: str, state: str) -> dict[str, Any]:
    return {"call_id": call.call_id, "node_id": call.node_id, "control_id": control_id, "state": state}


async def refused_start(emulator_host: str, data_dir: Path) -> str:
    """What `callstream serve` says on standard error when it cannot begin."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "serve", "--listen", "127.0.0.1:0",
        env={
            **os.environ,
            "CALLSTREAM_DATA_DIR": str(data_dir),
            "SIGNALWIRE_PROJECT_ID": PROJECT,
            "SIGNALWIRE_API_TOKEN": TOKEN,
            "SIGNALWIRE_RELAY_HOST": emulator_host,
            "SIGNALWIRE_RELAY_SCHEME": "ws",
            "CALLSTREAM_OPS_LISTEN": "off",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(20):
        out, err = await process.communicate()
    assert process.returncode == 4
    assert out == b""
    return err.decode()


def _sql(path: Path, statement: str) -> Any:
    """Runs a statement; returns the first value of its first row, if it has any."""
    connection = sqlite3.connect(path)
    try:
        row = connection.execute(statement).fetchone()
        connection.commit()
        return row[0] if row else None
    finally:
        connection.close()


class TestWhatIsFound:
    """What lies in the data directory when the gateway starts."""

    async def test_a_directory_that_cannot_be_written(self, tmp_path: Path) -> None:
        """One line names the directory and the reason."""
        directory = tmp_path / "data"
        directory.mkdir(mode=0o500)
        if os.geteuid() == 0:  # whom modes do not stop
            directory = Path("/sys/kernel")
        said = await refused_start("127.0.0.1:1", directory)
        assert said.count("\n") == 1, said
        assert f"data directory {directory} can't be written: " in said

    async def test_a_newer_journal(self, tmp_path: Path) -> None:
        """It is refused in one line and stays as it is: the newer version reads it again."""
        async with running_emulator() as emulator:
            async with gateway_process(emulator, tmp_path) as gateway:
                epoch = (
                    await gateway.client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest())
                ).journal
            version = _sql(tmp_path / "journal.db", "PRAGMA user_version")
            _sql(tmp_path / "journal.db", "PRAGMA user_version = 99")
            said = await refused_start(emulator.host, tmp_path)
            assert said.count("\n") == 1, said
            assert "run the newer callstream" in said
            _sql(tmp_path / "journal.db", f"PRAGMA user_version = {version}")
            async with gateway_process(emulator, tmp_path) as gateway:
                info = await gateway.client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest())
                assert info.journal.epoch == epoch.epoch

    async def test_an_empty_file(self, tmp_path: Path) -> None:
        """The oldest version there is, as a crash right after its making leaves it, becomes a journal."""
        (tmp_path / "journal.db").touch()
        async with running_emulator() as emulator, gateway_process(emulator, tmp_path) as gateway:
            await gateway.client.until(event_pb2.EVENT_TYPE_SESSION_UP)
        assert not (tmp_path / "journal.db.damaged-1").exists()

    async def test_a_damaged_database(self, tmp_path: Path) -> None:
        """It is kept aside; cursors of before are refused with both epochs, and a snapshot begins anew."""
        async with running_emulator() as emulator:
            async with gateway_process(emulator, tmp_path) as gateway:
                call = await emulator.place_call(timeout=10)
                await gateway.client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED)
                page = await gateway.client.streams.ListEvents(stream_service_pb2.ListEventsRequest())
            database = tmp_path / "journal.db"
            content = bytearray(database.read_bytes())
            content[4096:8192] = b"\xff" * 4096
            database.write_bytes(content)
            async with gateway_process(emulator, tmp_path) as gateway:
                watch = gateway.client.streams.WatchEvents(
                    stream_service_pb2.WatchEventsRequest(after_cursor=page.next_cursor), timeout=10
                )
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await watch.read()
                assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE
                details = error_details(caught.value)
                assert details.reason == "EPOCH_CHANGED"
                assert details.metadata["cursor_epoch"] != details.metadata["epoch"]
                assert (tmp_path / "journal.db.damaged-1").read_bytes() == content
                await emulator.hang_up(call.call_id)
                ended = await gateway.client.until(event_pb2.EVENT_TYPE_CALL_ENDED)
                assert ended.call_id == call.call_id

    async def test_a_directory_in_use(self, tmp_path: Path) -> None:
        """The second gateway says who has the directory."""
        async with running_emulator() as emulator, gateway_process(emulator, tmp_path) as gateway:
            said = await refused_start(emulator.host, tmp_path)
            assert said.count("\n") == 1, said
            assert f"in use by process {gateway.process.pid}" in said


class TestClocks:
    """The machine's clock is set while the gateway works."""

    @staticmethod
    def _clock() -> tuple[Clock, Callable[[int], None]]:
        skew = [0]
        return Clock(lambda: time.time_ns() // 1000 + sum(skew)), skew.append

    async def test_receive_times_never_fall(self) -> None:
        """Whatever the clock does, times of events rise, and the next process goes on from there."""
        clock, jump = self._clock()
        async with world() as relay, running_engine(relay.emulator, clock=clock) as gateway:
            for number, by in enumerate((HOUR_US, -2 * HOUR_US, 0, 3 * HOUR_US, -HOUR_US)):
                jump(by)
                call = await relay.incoming(gateway)
                await gateway.engine.starts.start(order_for(call, control_id=f"s{number}"), in_time())
                await relay.emulator.hang_up(call.call_id)
                await gateway.call(call.call_id, CallState.ENDED)
            times = [event.receive_time for event in await gateway.events()]
            assert all(before <= after for before, after in itertools.pairwise(times))
            later = Clock()
            later.not_before(times[-1])
            assert later.now() >= times[-1]

    @pytest.mark.parametrize("by", [HOUR_US, -HOUR_US])
    async def test_deadlines_of_streams_are_kept(self, by: int) -> None:
        """Start timeout and longest duration count the seconds that pass, not those that the clock jumps."""
        clock, jump = self._clock()
        async with world() as relay, running_engine(relay.emulator, clock=clock, start_timeout=0.2) as gateway:
            call = await relay.incoming(gateway)
            order = order_for(call, relay.sink.url, control_id="long", max_duration=200_000)
            await gateway.engine.starts.start(order, in_time())
            await gateway.engine.starts.start(order_for(call, control_id="silent"), in_time())
            await gateway.stream("long", StreamState.STREAMING)
            jump(by)
            await gateway.stream("long", StreamState.FINISHED)
            await gateway.stream("silent", StreamState.FAILED)
            reasons = {stream.control_id: stream.end_reason for stream in gateway.registry.streams()}
            assert reasons == {"long": EndReason.MAX_DURATION, "silent": EndReason.START_TIMEOUT}

    async def test_a_start_that_is_accepted_after_a_jump(self) -> None:
        """RELAY's time to report audio begins anew with its answer, and is not prolonged by what the clock jumped."""
        clock, jump = self._clock()
        async with world() as relay, running_engine(relay.emulator, clock=clock, start_timeout=0.2) as gateway:
            call = await relay.incoming(gateway)
            relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM, direction=SERVER_TO_CLIENT))
            order = order_for(call, control_id="s")
            starting = asyncio.create_task(gateway.engine.starts.start(order, in_time()))
            await relay.command(wire.STREAM)
            jump(HOUR_US)
            relay.emulator.faults.clear()
            await starting
            failed = await gateway.stream("s", StreamState.FAILED)
            assert failed.end_reason is EndReason.START_TIMEOUT

    async def test_a_control_id_that_is_used_again_while_the_clock_is_behind(self) -> None:
        """The deadlines of the former stream of that name do not meet the new one."""
        clock, jump = self._clock()
        async with world() as relay, running_engine(relay.emulator, clock=clock) as gateway:
            call = await relay.incoming(gateway)
            jump(-HOUR_US)
            created = set()
            for _ in range(3):
                order = order_for(call, control_id="s", conflict_policy=ConflictPolicy.REPLACE)
                stream, _ = await gateway.engine.starts.start(order, in_time())
                created.add(stream.create_time)
                await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
                await relay.emulator.frames.wait_for(lambda frame: frame.method == wire.STREAM_STOP)
            assert len(created) == 3


class TestStalls:
    """The gateway's process stands still, as a machine that is suspended or starved does."""

    async def test_a_short_one(self, tmp_path: Path) -> None:
        """The session survives, and what came meanwhile is taken in."""
        options = {"ping_interval": 0.05, "ping_failures": 1000}
        async with running_emulator(**options) as emulator, gateway_process(emulator, tmp_path) as gateway:
            gateway.process.send_signal(signal.SIGSTOP)
            call = await emulator.place_call(timeout=10)
            number = emulator.frames.last_number
            await emulator.frames.wait_for(lambda frame: frame.method == wire.PING, after=number + 2)
            gateway.process.send_signal(signal.SIGCONT)
            received = await gateway.client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED)
            assert received.call_id == call.call_id
            info = await gateway.client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest())
            assert info.relay_session.connections == 1

    async def test_one_that_relay_does_not_wait_for(self, tmp_path: Path) -> None:
        """RELAY gives the connection up; the session is resumed, and nothing is missing."""
        options = {"ping_interval": 0.05, "ping_failures": 3}
        async with running_emulator(**options) as emulator, gateway_process(emulator, tmp_path) as gateway:
            (session,) = emulator.sessions.values()
            gateway.process.send_signal(signal.SIGSTOP)
            await wait_until(lambda: session.link is None)
            await emulator.send_event(
                wire.CALL_STATE, {"call_id": "c", "node_id": "n", "call_state": "ringing"}, session
            )
            gateway.process.send_signal(signal.SIGCONT)
            ringing = await gateway.client.until(event_pb2.EVENT_TYPE_CALL_RINGING)
            assert ringing.call_id == "c"
            assert event_pb2.EVENT_TYPE_SESSION_RESUMED in [event.type for event in await history(gateway.client)]
