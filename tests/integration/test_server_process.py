"""The gateway as a process: what it writes and returns when it can't start, and how it ends when something hangs."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import structlog

import gateway.server
from callstream.v1 import event_pb2, stream_service_pb2
from gateway.emulator.actions import Hold
from gateway.emulator.faults import Fault
from gateway.emulator.frames import CLIENT_TO_SERVER
from gateway.engine.engine import Engine
from gateway.journal.options import JournalOptions
from gateway.journal.sqlite import SqliteJournal
from gateway.journal.writer import Writer
from gateway.relay import wire
from gateway.server import serve
from gateway.settings.settings import ExplicitSettings, Settings
from tests.support.authority import Authority
from tests.support.processes import finished
from tests.support.running import PROJECT, TOKEN, Client, running_emulator, settings_for, start_gateway_process
from tests.support.serving import wait_until
from tests.support.streaming import World, open_endpoint


def environment(relay_host: str, **more: str) -> dict[str, str]:
    """What a gateway of an emulator is told."""
    return {
        "SIGNALWIRE_PROJECT_ID": PROJECT,
        "SIGNALWIRE_API_TOKEN": TOKEN,
        "SIGNALWIRE_RELAY_HOST": relay_host,
        "SIGNALWIRE_RELAY_SCHEME": "ws",
        "CALLSTREAM_LISTEN": "127.0.0.1:0",
        "CALLSTREAM_DATA_DIR": ":memory:",
        "CALLSTREAM_LOG_LEVEL": "error",
        **more,
    }


class TestItDoesNotStart:
    """One line that says what to do, and an exit code; neither a traceback nor what libraries write of their own."""

    @pytest.fixture
    def wrong(self, tmp_path: Path) -> Iterator[dict[str, dict[str, str]]]:
        """What is wrong, by a name."""
        good, other, expired = (Authority(tmp_path / name) for name in ("good", "other", "expired"))
        good.renew()
        other.renew()
        expired.renew(ago=3)
        (tmp_path / "file").touch()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            yield {
                "port": {"CALLSTREAM_LISTEN": f"127.0.0.1:{taken.getsockname()[1]}"},
                "socket": {"CALLSTREAM_LISTEN": f"unix:{tmp_path}/nowhere/s"},
                "directory": {"CALLSTREAM_DATA_DIR": str(tmp_path / "file")},
                "key": {"CALLSTREAM_TLS_CERT_FILE": str(good.certificate), "CALLSTREAM_TLS_KEY_FILE": str(other.key)},
                "expired": {
                    "CALLSTREAM_TLS_CERT_FILE": str(expired.certificate),
                    "CALLSTREAM_TLS_KEY_FILE": str(expired.key),
                },
                "clients": {
                    "CALLSTREAM_TLS_CERT_FILE": str(good.certificate),
                    "CALLSTREAM_TLS_KEY_FILE": str(good.key),
                    "CALLSTREAM_TLS_CLIENT_CA_FILE": str(good.key),
                },
                "tokens": {"CALLSTREAM_TOKENS_FILE": str(tmp_path / "gone.toml")},
            }

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("port", "another process has the port; end it, or use another --listen"),
            ("socket", "make it, or use another --listen"),
            ("directory", "--data-dir"),
            ("key", "is not the key of"),
            ("expired", "clients would refuse it (certificate has expired)"),
            ("clients", "holds no PEM certificate"),
            ("tokens", "gone.toml"),
        ],
    )
    async def test_for_a_reason(self, wrong: dict[str, dict[str, str]], name: str, says: str) -> None:
        """Exit code 4."""
        ran = await finished("serve", **environment("127.0.0.1:1", **wrong[name]))
        assert ran.code == 4
        (line,) = ran.err.splitlines()
        assert line.startswith("error: ")
        assert says in line
        assert ran.out == ""

    async def test_wrong_credentials(self) -> None:
        """Exit code 5, once RELAY has refused them a few times."""
        async with running_emulator() as emulator:
            ran = await finished("serve", **environment(emulator.host, SIGNALWIRE_API_TOKEN="hunter2"))
        assert ran.code == 5
        serves, line = ran.err.splitlines()
        assert serves.startswith("callstream serves gRPC on ")
        assert line.startswith("error: RELAY refuses the credentials")
        assert "hunter2" not in ran.err


class TestASecondSignal:
    """Whoever asks twice does not want to wait."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    async def test_it_ends_at_once(self, tmp_path: Path, number: signal.Signals) -> None:
        """Exit code 6 while a start is under way and ten minutes of grace are left; the start is settled later."""
        async with open_endpoint(tmp_path) as endpoint:
            relay, data = endpoint.emulator, tmp_path / "data"
            environment = {"CALLSTREAM_DRAIN_GRACE": "10m", "CALLSTREAM_LOG_LEVEL": "info"}
            first = await start_gateway_process(relay.host, data, **environment)
            assert first.process.stderr is not None
            world = World(relay, endpoint.sink, first.client)
            call = await world.call()
            relay.faults.add(Fault(Hold(), method=wire.STREAM, response=True))
            start = world.starting(call)
            await world.held()
            first.process.send_signal(signal.SIGTERM)
            while b'"draining"' not in await first.process.stderr.readline():
                pass
            first.process.send_signal(number)
            async with asyncio.timeout(10):
                assert await first.process.wait() == 6
            log = (await first.process.stderr.read()).decode()
            assert '"ending_at_once"' in log
            assert f'"signal": "{number.name}"' in log
            start.cancel()
            await first.client.channel.close()
            relay.faults.clear()
            second = await start_gateway_process(relay.host, data)
            await second.client.until(event_pb2.EVENT_TYPE_STREAM_STREAMING)
            assert await second.terminate() == 0


class TestTheLastMoment:
    """Requests that arrive while the process goes."""

    async def test_they_may_be_sent_again(self) -> None:
        """Whenever they come, they are answered or UNAVAILABLE, and never a bare CANCELLED that nobody may repeat."""
        answers: Counter[grpc.StatusCode] = Counter()

        async def ask(client: Client, until: asyncio.Event) -> None:
            request = stream_service_pb2.GetStreamRequest(call_id="c", control_id="s")
            while not until.is_set():
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await client.streams.GetStream(request, timeout=10)
                answers[caught.value.code()] += 1

        async with running_emulator() as emulator:
            gateway_process = await start_gateway_process(emulator.host, Path(":memory:"))
            clients = [Client(gateway_process.client.address, own_connection=True) for _ in range(4)]
            over = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                for client in clients * 5:
                    tasks.create_task(ask(client, over))
                assert await gateway_process.terminate() == 0
                over.set()
            for client in clients:
                await client.channel.close()
        assert set(answers) <= {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAVAILABLE}
        assert answers[grpc.StatusCode.NOT_FOUND] > len(clients)


class Hasty(ExplicitSettings):
    """Settings of a gateway that does not wait long for its disk."""

    def journal_options(self) -> JournalOptions:
        """With little time to close, and with little room: soon RELAY's events have to wait for the disk as well."""
        return JournalOptions(close_timeout=0.2, backlog_records=1)


@contextlib.asynccontextmanager
async def ending(settings: Settings) -> AsyncIterator[tuple[Client, asyncio.Event]]:
    """A gateway in this process, which has to have ended within the time at the end of the block."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    task = asyncio.create_task(serve(settings, ready.set_result, stop))
    client = Client(await ready)
    yield client, stop
    async with asyncio.timeout(10):
        await task
    await client.channel.close()


class TestSomethingHangs:
    """Each step of the end has its time, whatever holds it."""

    async def test_the_disk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A disk that does not answer keeps neither RELAY nor the process; the log says what was not written."""
        hangs, go_on = threading.Event(), threading.Event()
        write = Writer._write

        def hanging(writer: Writer, *args: Any, **kwargs: Any) -> Any:
            if hangs.is_set():
                go_on.wait()
            return write(writer, *args, **kwargs)

        reading: list[None] = []
        capacity = SqliteJournal.capacity

        async def waiting(journal: SqliteJournal) -> None:
            if journal._is_over_capacity:
                reading.append(None)
            await capacity(journal)

        monkeypatch.setattr(Writer, "_write", hanging)
        monkeypatch.setattr(SqliteJournal, "capacity", waiting)
        async with running_emulator() as emulator:
            given = settings_for(emulator.host).model_dump(exclude_unset=True)
            with structlog.testing.capture_logs() as logged:
                async with ending(Hasty(**given)) as (client, stop):
                    await client.until(event_pb2.EVENT_TYPE_SESSION_UP)
                    hangs.set()
                    for _ in range(5):
                        await emulator.send_event("calling.made.up", {})
                    await wait_until(lambda: len(reading) > 0)
                    stop.set()
            go_on.set()
            told = {line["event"] for line in logged}
            assert {"journal_close_timed_out", "journal_closed_with_backlog"} <= told

    async def test_relay(self) -> None:
        """A RELAY that hears nothing any more does not keep the process."""
        async with running_emulator() as emulator:
            async with ending(settings_for(emulator.host)) as (client, stop):
                await client.until(event_pb2.EVENT_TYPE_SESSION_UP)
                emulator.faults.add(Fault(Hold(), direction=CLIENT_TO_SERVER))
                stop.set()
            emulator.faults.clear()

    async def test_whatever_else(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A step that does not end is left behind, and named in the log; what comes after it is done all the same.

        So is what would go on: the events that RELAY still sends meet no journal that is closed.
        """
        monkeypatch.setattr(gateway.server, "_SESSION_LEAVES_WITHIN", 0.1)

        async def hanging(_engine: Engine) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(Engine, "close", hanging)
        with structlog.testing.capture_logs() as logged:
            async with running_emulator() as emulator:
                over = asyncio.Event()

                async def traffic() -> None:
                    while not over.is_set():
                        await emulator.send_event("calling.made.up", {})
                        await asyncio.sleep(0.01)  # RELAY's pace

                async with asyncio.TaskGroup() as tasks:
                    async with ending(settings_for(emulator.host)) as (client, stop):
                        await client.until(event_pb2.EVENT_TYPE_SESSION_UP)
                        tasks.create_task(traffic())
                        stop.set()
                    over.set()
        steps = [line.get("step") for line in logged if line["event"] in {"drain_step_timed_out", "ended"}]
        assert steps == ["leave RELAY", None]
