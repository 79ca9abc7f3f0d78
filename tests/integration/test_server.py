"""One gateway process: how it starts, why it does not, and how it ends."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import structlog
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc

from callstream.v1 import event_pb2, gateway_service_pb2, stream_pb2, stream_service_pb2
from gateway.domain.streams import StreamState
from gateway.emulator.actions import Hold
from gateway.emulator.faults import Fault
from gateway.journal.options import JournalOptions
from gateway.journal.record import Record
from gateway.journal.sqlite import open_journal
from gateway.server import EXIT_CREDENTIALS, EXIT_START, StartFailed, serve
from gateway.settings.settings import Settings
from tests.support.running import (
    PROJECT,
    TOKEN,
    Client,
    running_emulator,
    running_gateway,
    settings_for,
    start_gateway_process,
)
from tests.support.serving import Watch, error_details
from tests.support.streaming import World, open_endpoint

NOBODY = "127.0.0.1:1"
BEARER = "planted-bearer-token"


class Serving:
    """`serve` under way in this process."""

    def __init__(self, task: "asyncio.Task[None]", client: Client, stop: asyncio.Event | None) -> None:
        self.task = task
        self.client = client
        self.stop = stop


@contextlib.asynccontextmanager
async def serving(settings: Settings, stop: asyncio.Event | None) -> AsyncIterator[Serving]:
    """Serves; the test ends it."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(settings, ready.set_result, stop))
    waited: list[asyncio.Future[Any]] = [ready, task]
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    client = Client(ready.result())
    yield Serving(task, client, stop)
    await client.channel.close()
    async with asyncio.timeout(20):
        await task


async def refused(settings: Settings) -> StartFailed:
    """Why it does not start."""
    with pytest.raises(StartFailed) as caught:
        await serve(settings)
    assert "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value)
    return caught.value


async def info(client: Client) -> gateway_service_pb2.GetGatewayInfoResponse:
    """What the gateway says of itself."""
    return await client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest())


def health(client: Client) -> Any:
    """The stub of the health service, which has no types."""
    return health_pb2_grpc.HealthStub(client.channel)


class TestStart:
    """Beginning to serve."""

    async def test_any_port(self) -> None:
        """With port 0 the address that is told has the port it got."""
        async with running_emulator() as emulator, running_gateway(emulator.host) as client:
            host, _, port = client.address.rpartition(":")
            assert host == "127.0.0.1"
            assert int(port) > 0
            assert (await info(client)).replica

    async def test_ipv6(self) -> None:
        """An IPv6 address stays in its brackets."""
        async with running_emulator() as emulator, running_gateway(emulator.host, listen="[::1]:0") as client:
            assert client.address.startswith("[::1]:")
            assert (await info(client)).replica

    async def test_unix_socket(self, tmp_path: Path) -> None:
        """A socket in the file system serves as well."""
        address = f"unix:{tmp_path}/gateway.sock"
        async with running_emulator() as emulator, running_gateway(emulator.host, listen=address) as client:
            assert client.address == address
            assert (await info(client)).replica

    async def test_memory(self) -> None:
        """A gateway that keeps nothing says so, in the log and in its info."""
        with structlog.testing.capture_logs() as logged:
            async with running_emulator() as emulator, running_gateway(emulator.host) as client:
                assert not (await info(client)).journal.durable
        (line,) = [line for line in logged if line["event"] == "nothing_is_kept"]
        assert line["log_level"] == "warning"

    async def test_relay_is_unreachable(self) -> None:
        """It serves, and is not ready: history can be read, commands are refused; it is ready once RELAY is there."""
        async with running_emulator() as emulator:
            emulator.refuse_connections()
            async with running_gateway(emulator.host) as client:
                watch = health(client).Watch(health_pb2.HealthCheckRequest())
                assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
                page = await client.streams.ListEvents(stream_service_pb2.ListEventsRequest())
                assert page.at_head
                emulator.refuse_connections(None)
                assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
                session = (await info(client)).relay_session
                assert session.state == gateway_service_pb2.RELAY_SESSION_STATE_CONNECTED
                assert "503" in session.last_error
                watch.cancel()


class TestStartFails:
    """Not beginning to serve: exit code 4 or 5, and one line that says what to do."""

    async def test_port_taken(self) -> None:
        """Two gateways never share a port."""
        async with running_emulator() as emulator, running_gateway(emulator.host) as client:
            error = await refused(settings_for(emulator.host, listen=client.address))
            assert error.exit_code == EXIT_START == 4
            assert client.address in str(error)
            assert "--listen" in str(error)

    async def test_data_directory_in_use(self, tmp_path: Path) -> None:
        """Nor a data directory: the message names who has it."""
        async with running_emulator() as emulator, running_gateway(emulator.host, data_dir=str(tmp_path)):
            error = await refused(settings_for(emulator.host, data_dir=str(tmp_path)))
            assert error.exit_code == EXIT_START
            assert f"{tmp_path} is in use by process {os.getpid()}" in str(error)

    async def test_data_directory_is_a_file(self, tmp_path: Path) -> None:
        """Something else has the directory's name."""
        file = tmp_path / "file"
        file.touch()
        for name in (file, file / "below"):
            error = await refused(settings_for(NOBODY, data_dir=str(name)))
            assert error.exit_code == EXIT_START
            assert str(name) in str(error)

    async def test_no_working_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A relative directory in a working directory that is gone."""
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        error = await refused(settings_for(NOBODY, data_dir="data"))
        assert error.exit_code == EXIT_START
        assert "--data-dir" in str(error)

    async def test_events_of_another_version(self, tmp_path: Path) -> None:
        """A journal with events that this version does not understand is left alone."""
        journal = open_journal(tmp_path, JournalOptions())
        journal.append([Record(1, "e", int(StreamState.STREAMING), "c", "s", "stream/c/s", 1, {}, b"\xff\xff")])
        await journal.close()
        error = await refused(settings_for(NOBODY, data_dir=str(tmp_path)))
        assert error.exit_code == EXIT_START
        assert "newer callstream" in str(error)

    async def test_credentials_refused(self) -> None:
        """RELAY refuses the token again and again: exit code 5, and the settings to check."""
        async with running_emulator() as emulator:
            with pytest.raises(StartFailed) as caught:
                await serve(settings_for(emulator.host, api_token="wrong-token"), stop=asyncio.Event())
            assert caught.value.exit_code == EXIT_CREDENTIALS == 5
            assert "SIGNALWIRE_API_TOKEN" in str(caught.value)
            assert "wrong-token" not in str(caught.value)


class TestEnd:
    """Draining."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    async def test_signals(self, number: signal.Signals) -> None:
        """SIGTERM and SIGINT end a gateway that nobody else ends."""
        async with running_emulator() as emulator, serving(settings_for(emulator.host), None) as gateway:
            os.kill(os.getpid(), number)
            await gateway.task

    async def test_watches_and_a_start_in_flight(self, tmp_path: Path) -> None:
        """The start gets its answer, the watch a cursor for the next process, everybody else another address."""
        async with open_endpoint(tmp_path) as endpoint:
            emulator = endpoint.emulator
            settings = settings_for(emulator.host, data_dir=str(tmp_path / "data"), drain_grace=20)
            async with serving(settings, asyncio.Event()) as gateway:
                world = World(emulator, endpoint.sink, gateway.client)
                call = await world.call()
                emulator.faults.add(Fault(Hold(), method="calling.stream", response=True))
                start = world.starting(call)
                await world.held()
                watch = Watch(gateway.client, from_oldest=True)
                await watch.opened()
                checks = health(gateway.client).Watch(health_pb2.HealthCheckRequest())
                while (await checks.read()).status != health_pb2.HealthCheckResponse.SERVING:
                    pass
                assert gateway.stop is not None
                gateway.stop.set()
                assert (await checks.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
                responses, code = await watch.rest()
                assert responses[-1].closing.reason == stream_service_pb2.WATCH_CLOSE_REASON_DRAINING
                assert code is grpc.StatusCode.UNAVAILABLE
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await world.starting(call, "stream-2")
                assert error_details(caught.value).reason == "DRAINING"
                assert not gateway.task.done()
                emulator.faults.clear()
                started = await start
                assert started.created
                checks.cancel()
                await gateway.task
            async with running_gateway(emulator.host, data_dir=str(tmp_path / "data")) as client:
                again = Watch(client, after_cursor=watch.cursor)
                await again.opened()
                events = [event for response in responses for event in response.events.events]
                while event_pb2.EVENT_TYPE_SESSION_RESUMED not in [event.type for event in events]:
                    events += (await again.next()).events.events
                assert [event.sequence for event in events] == list(range(1, len(events) + 1))

    async def test_a_start_that_does_not_end(self, tmp_path: Path) -> None:
        """The drain does not wait longer than its grace; the next process finds the stream, and settles it."""
        async with open_endpoint(tmp_path) as endpoint:
            settings = settings_for(endpoint.emulator.host, data_dir=str(tmp_path / "data"), drain_grace=0.1)
            async with serving(settings, asyncio.Event()) as gateway:
                world = World(endpoint.emulator, endpoint.sink, gateway.client)
                call = await world.call()
                endpoint.emulator.faults.add(Fault(Hold(), method="calling.stream", response=True))
                start = world.starting(call)
                await world.held()
                assert gateway.stop is not None
                gateway.stop.set()
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await start
                assert caught.value.code() is grpc.StatusCode.ABORTED
                assert error_details(caught.value).reason == "OUTCOME_UNKNOWN"
                await gateway.task
            async with running_gateway(endpoint.emulator.host, data_dir=str(tmp_path / "data")) as client:
                await client.until(event_pb2.EVENT_TYPE_STREAM_STREAMING)
                request = stream_service_pb2.GetStreamRequest(call_id=call.call_id, control_id="stream-1")
                stream = (await client.streams.GetStream(request)).stream
                assert stream.state == stream_pb2.STREAM_STATE_STREAMING

    async def test_long_polls_and_waits(self, tmp_path: Path) -> None:
        """A long poll gets its page, a wait is sent elsewhere, both at once."""
        async with (
            open_endpoint(tmp_path) as endpoint,
            serving(settings_for(endpoint.emulator.host), asyncio.Event()) as gateway,
        ):
            world = World(endpoint.emulator, endpoint.sink, gateway.client)
            call = await world.call()
            await world.stream(call)
            streams = gateway.client.streams
            wait = streams.WaitStream(stream_service_pb2.WaitStreamRequest(call_id=call.call_id, control_id="stream-1"))
            request = stream_service_pb2.ListEventsRequest(from_now=True, wait=Duration(seconds=60))
            poll = streams.ListEvents(request)
            await info(gateway.client)  # requests of one channel arrive in their order
            assert gateway.stop is not None
            gateway.stop.set()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await wait
            assert error_details(caught.value).reason == "DRAINING"
            assert (await poll).at_head
            await gateway.task

    async def test_a_client_that_does_not_read(self, tmp_path: Path) -> None:
        """A watch that nobody reads does not keep the process longer than its grace."""
        async with (
            running_emulator() as emulator,
            serving(settings_for(emulator.host, drain_grace=0), asyncio.Event()) as gateway,
        ):
            await gateway.client.until(event_pb2.EVENT_TYPE_SESSION_UP)
            watch = Watch(gateway.client, from_oldest=True)
            await watch.opened()
            for _ in range(12):
                await emulator.send_event("calling.made.up", {"text": "x" * 900_000})
            other = Watch(gateway.client, from_oldest=True)
            await other.opened()
            await other.events(13)
            assert gateway.stop is not None
            gateway.stop.set()
            await gateway.task


class TestSecrets:
    """No secret leaves the process, but to where it belongs."""

    async def test_in_no_log_and_no_file(self, tmp_path: Path) -> None:
        """At debug level, with frames shown: neither the project's token nor that of an audio endpoint."""
        data = tmp_path / "data"
        async with open_endpoint(tmp_path) as endpoint:
            gateway = await start_gateway_process(endpoint.emulator.host, data, CALLSTREAM_LOG_LEVEL="debug")
            errors = gateway.process.stderr
            assert errors is not None
            reading = asyncio.create_task(errors.read())
            world = World(endpoint.emulator, endpoint.sink, gateway.client)
            call = await world.call()
            await world.stream(call, authorization_bearer_token=BEARER)
            received = await endpoint.sink.wait_stream()
            assert received.authorization == f"Bearer {BEARER}"
            with pytest.raises(grpc.aio.AioRpcError):
                await world.starting(call, "stream-2", codec="NOTHING", authorization_bearer_token=BEARER)
            await endpoint.emulator.renew_authorization(next(iter(endpoint.emulator.sessions.values())))
            state = next(iter(endpoint.emulator.sessions.values())).authorization_state
            await endpoint.emulator.cut()
            await gateway.client.until(event_pb2.EVENT_TYPE_SESSION_RESUMED)
            assert await gateway.terminate() == 0
            log = (await reading).decode()
        assert "relay_frame" in log
        assert "signalwire.connect" in log
        for secret in (TOKEN, BEARER, state):
            assert secret not in log
        files = [file for file in data.rglob("*") if file.is_file()]
        assert files
        for file in files:
            assert TOKEN.encode() not in file.read_bytes()
            assert BEARER.encode() not in file.read_bytes()
        assert PROJECT in (data / "session.json").read_text()


async def test_a_watch_of_the_health_service_does_not_hold_up_the_drain() -> None:
    """It has no end of its own, so it is not what the grace of ten minutes is for."""
    async with running_emulator() as emulator, asyncio.timeout(30), contextlib.AsyncExitStack() as afterwards:
        async with running_gateway(emulator.host, drain_grace=600.0) as client:
            # A channel of its own, which stays open while the gateway drains.
            channel = await afterwards.enter_async_context(grpc.aio.insecure_channel(client.address))
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            statuses = aiter(watch)
            async for response in statuses:
                if response.status == health_pb2.HealthCheckResponse.SERVING:
                    break
        assert (await anext(statuses)).status == health_pb2.HealthCheckResponse.NOT_SERVING
