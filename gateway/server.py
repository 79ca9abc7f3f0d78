"""One gateway process: journal, engine and gRPC server, from start to a clean end."""

import asyncio
import contextlib
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc.aio
import structlog

from gateway import __version__
from gateway.engine.engine import Engine
from gateway.journal.base import Journal
from gateway.journal.errors import OpenFailed
from gateway.journal.session_store import MemorySessionStore, SessionStore
from gateway.journal.sqlite import open_journal
from gateway.relay.resume import ResumeState, ResumeStore
from gateway.relay.session import CredentialsRefused, Session, SessionObserver, SessionOptions
from gateway.service.codec import ContractCodec
from gateway.service.info import Identity
from gateway.service.services import Services
from gateway.settings.settings import MEMORY, Settings

__all__ = ["EXIT_CREDENTIALS", "EXIT_START", "StartFailed", "serve"]

_log = structlog.get_logger(__name__)

EXIT_START: Final = 4
"""Exit code: the process could not begin to serve (port taken, data directory unusable)."""
EXIT_CREDENTIALS: Final = 5
"""Exit code: RELAY refuses the credentials."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_LAST_WORDS: Final = 1.0
"""Seconds for the answers to requests that used up the time to drain."""
_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # two gateways on one port would share its clients by chance
    # A storm of reconnecting watches is let in: beyond 1,000 calls not yet accepted gRPC resets them otherwise.
    ("grpc.server.max_pending_requests", 50_000),
    ("grpc.server.max_pending_requests_hard_limit", 50_000),
    # Clients may ping to find dead connections.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


class StartFailed(Exception):
    """The process cannot serve; the message is one line that says what to do."""

    def __init__(self, message: str, exit_code: int = EXIT_START) -> None:
        self.exit_code = exit_code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class _Storage:
    """What outlives the process."""

    journal: Journal
    session: ResumeStore


def _open_storage(settings: Settings) -> _Storage:
    try:
        if settings.data_dir == MEMORY:
            _log.warning("nothing_is_kept", data_dir=MEMORY, consequence="events and session end with this process")
            return _Storage(open_journal(None, settings.journal_options()), MemorySessionStore())
        directory = Path(settings.data_dir)
        journal = open_journal(directory, settings.journal_options())
        return _Storage(journal, SessionStore(directory / "session.json", ResumeState))
    except OpenFailed as error:
        raise StartFailed(str(error)) from error
    except OSError as error:
        message = f"data directory {settings.data_dir}: {error.strerror or error}; use --data-dir to name another"
        raise StartFailed(message) from error


def _engine(settings: Settings, storage: _Storage) -> Engine:
    def connect(observer: SessionObserver) -> Session:
        return Session(
            endpoint=settings.endpoint(),
            credentials=settings.credentials(),
            contexts=settings.contexts,
            observer=observer,
            store=storage.session,
            agent=f"callstream/{__version__}",
            options=SessionOptions(show_frames=settings.log_level == "debug"),
        )

    return Engine(storage.journal, ContractCodec(), connect, settings.engine_options())


def _load(engine: Engine, data_dir: str) -> None:
    try:
        engine.load()
    except ValueError as error:
        message = (
            f"data directory {data_dir}: {error}; was it of a newer callstream? run that, or use another --data-dir"
        )
        raise StartFailed(message) from error


async def _listen(server: grpc.aio.Server, address: str) -> str:
    """Binds and starts the server; returns the address with the port that it got."""
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        message = f"cannot listen on {address}: is another process there? use --listen to name another address"
        raise StartFailed(message) from error
    await server.start()
    return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"


async def serve(
    settings: Settings, on_ready: Callable[[str], None] | None = None, stop: asyncio.Event | None = None
) -> None:
    """Serves until it is to stop, then drains and returns.

    Args:
        settings: The settings.
        on_ready: Called with the address once gRPC is served; RELAY may not be connected yet.
        stop: Set it to stop. Without it SIGTERM and SIGINT do; with it they are the caller's.

    Raises:
        StartFailed: It cannot serve.
    """
    storage = _open_storage(settings)
    try:
        engine = _engine(settings, storage)
        _load(engine, settings.data_dir)
        identity = Identity(uuid.uuid4().hex[:12], settings.endpoint().host, settings.credentials().project)
        services = Services(engine, identity, settings.max_watches)
        server = grpc.aio.server(options=_OPTIONS)
        await services.register(server)
        address = await _listen(server, settings.listen)
        try:
            with _signals() if stop is None else contextlib.nullcontext(stop) as stopping:
                await _run(engine, services, server, stopping, settings.drain_grace, address, on_ready)
        finally:
            await server.stop(0)
    finally:
        await storage.journal.close()


async def _run(
    engine: Engine,
    services: Services,
    server: grpc.aio.Server,
    stop: asyncio.Event,
    grace: float,
    address: str,
    on_ready: Callable[[str], None] | None,
) -> None:
    async with _background(engine, services, stop) as failed:
        _log.info("serving", address=address, version=__version__)
        if on_ready is not None:
            on_ready(address)
        await stop.wait()
        if not failed.done():
            _log.info("draining", grace=grace)
            loop = asyncio.get_running_loop()
            end = loop.time() + grace
            await services.drain()
            await engine.drain(grace)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(end):
                    await services.watches_closed()
            # What is still open then would last for ever (a watch of the health service), or has had its time.
            await server.stop(_LAST_WORDS)
            await engine.close()
    if failed.done():
        raise failed.result()


@contextlib.asynccontextmanager
async def _background(
    engine: Engine, services: Services, stop: asyncio.Event
) -> AsyncIterator[asyncio.Future[StartFailed]]:
    """Runs engine and health; a refusal of the credentials ends the process, and is the result of the future."""
    failed: asyncio.Future[StartFailed] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        try:
            await engine.run()
        except* CredentialsRefused as refused:
            failed.set_result(StartFailed(str(refused.exceptions[0]), EXIT_CREDENTIALS))
            stop.set()

    async with asyncio.TaskGroup() as tasks:
        background = [
            tasks.create_task(run(), name="engine"),
            tasks.create_task(services.health.run(), name="health"),
        ]
        try:
            yield failed
        finally:
            for task in background:
                task.cancel()


@contextlib.contextmanager
def _signals() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
