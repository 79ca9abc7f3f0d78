"""One gateway process: journal, engine and gRPC server, from start to a clean end."""

import asyncio
import contextlib
import functools
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from gateway import __version__
from gateway.access.tokens import Tokens
from gateway.access.tokens_file import TokensFileUnusable
from gateway.engine.engine import Engine
from gateway.journal.base import CommitObserver, Journal
from gateway.journal.errors import OpenFailed
from gateway.journal.session_store import MemorySessionStore, SessionStore
from gateway.journal.sqlite import open_journal
from gateway.relay.resume import ResumeState, ResumeStore
from gateway.relay.session import CredentialsRefused, Session, SessionObserver, SessionOptions
from gateway.service.codec import ContractCodec
from gateway.service.gate import TokenGate
from gateway.service.info import Identity
from gateway.service.policy import Policy
from gateway.service.rpc import Surroundings
from gateway.service.services import Services
from gateway.serving.ending import bounded, stop_signals
from gateway.serving.failure import EXIT_CREDENTIALS, EXIT_START, StartFailed
from gateway.serving.listener import listen, new_server
from gateway.settings.operations import OFF
from gateway.settings.settings import MEMORY, Settings
from gateway.telemetry.operations import Pages, serving_pages
from gateway.telemetry.telemetry import Telemetry, TracingMissing, open_telemetry

__all__ = ["EXIT_CREDENTIALS", "EXIT_START", "StartFailed", "serve"]

_log = structlog.get_logger(__name__)

_LAST_WORDS: Final = 0.25
"""Seconds that the last answers have to reach their clients."""
_LATER: Final = 1.0
"""Seconds beyond the grace for commands that are cancelled then, to say so."""
_SESSION_LEAVES_WITHIN: Final = 5.0
"""Seconds to leave RELAY, also when its socket or the journal hangs. The journal's own end has its own bound."""


@dataclass(frozen=True, slots=True)
class _Storage:
    """What outlives the process."""

    journal: Journal
    session: ResumeStore


def _open_storage(settings: Settings, observe: CommitObserver) -> _Storage:
    try:
        if settings.data_dir == MEMORY:
            _log.warning("nothing_is_kept", data_dir=MEMORY, consequence="events and session end with this process")
            return _Storage(open_journal(None, settings.journal_options(), observe=observe), MemorySessionStore())
        directory = Path(settings.data_dir)
        journal = open_journal(directory, settings.journal_options(), observe=observe)
        return _Storage(journal, SessionStore(directory / "session.json", ResumeState))
    except OpenFailed as error:
        raise StartFailed(f"{error}; see --data-dir") from error
    except OSError as error:
        message = f"data directory {settings.data_dir}: {error.strerror or error}; use --data-dir to name another"
        raise StartFailed(message) from error


def _engine(settings: Settings, storage: _Storage, telemetry: Telemetry) -> Engine:
    def connect(observer: SessionObserver) -> Session:
        return Session(
            endpoint=settings.endpoint(),
            credentials=settings.credentials(),
            contexts=settings.contexts,
            observer=observer,
            store=storage.session,
            agent=f"callstream/{__version__}",
            options=SessionOptions(show_frames=settings.log_level == "debug"),
            requests=telemetry.request,
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


def _tokens(settings: Settings) -> Tokens | None:
    if not settings.tokens_file:
        return None
    try:
        return Tokens(Path(settings.tokens_file))
    except TokensFileUnusable as error:
        raise StartFailed(f"tokens file {error}") from error


async def serve(
    settings: Settings,
    on_ready: Callable[[str], None] | None = None,
    stop: asyncio.Event | None = None,
    on_drained: Callable[[], None] | None = None,
) -> None:
    """Serves until it is to stop, then drains and returns.

    Args:
        settings: The settings.
        on_ready: Called with the address once gRPC is served; RELAY may not be connected yet.
        stop: Set it to stop. Without it SIGTERM and SIGINT do; with it they are the caller's.
        on_drained: Called when nothing is left to do but to close connections. A process may end in it: what still
            arrives then fails with UNAVAILABLE, whereas gRPC's own way to stop a server fails it with a bare CANCELLED.

    Raises:
        StartFailed: It cannot serve.
    """
    async with contextlib.AsyncExitStack() as stack:
        telemetry = _telemetry(settings)
        stack.push_async_callback(telemetry.close)
        storage = _open_storage(settings, telemetry.metrics.committed)
        stack.push_async_callback(storage.journal.close)
        engine = _engine(settings, storage, telemetry)
        _load(engine, settings.data_dir)
        identity = Identity(uuid.uuid4().hex[:12], settings.endpoint().host, settings.credentials().project)
        tokens = _tokens(settings)
        services = Services(
            engine,
            identity,
            settings.max_watches,
            _surroundings(tokens, telemetry),
            telemetry.metrics.delivered,
            max_watch_age=settings.max_watch_age,
            policy=Policy(settings.client_limits()),
        )
        telemetry.attach(engine, services)
        server = new_server(settings)
        await services.register(server)
        operations = await _operations(stack, settings.ops_listen, telemetry.pages(engine))
        address = await listen(server, settings)
        stack.push_async_callback(server.stop, 0)
        stopping = stack.enter_context(stop_signals()) if stop is None else stop
        async with _background(engine, services, tokens, stopping) as background:
            tls = bool(settings.tls_cert_file)
            _log.info("serving", address=address, operations=operations, version=__version__, tls=tls)
            if on_ready is not None:
                on_ready(address)
            await stopping.wait()
            if not background.failed.done():
                await _drain(engine, services, background, settings.drain_grace)
                await storage.journal.close()
                await telemetry.close()
                await asyncio.sleep(_LAST_WORDS)
                _log.info("ended")
                if on_drained is not None:
                    on_drained()
        if background.failed.done():
            raise background.failed.result()


def _telemetry(settings: Settings) -> Telemetry:
    try:
        return open_telemetry(settings.otlp_endpoint)
    except TracingMissing as error:
        message = f"traces: {error}: pip install 'callstream-gateway[tracing]', or leave --otlp-endpoint out"
        raise StartFailed(message) from error


def _surroundings(tokens: Tokens | None, telemetry: Telemetry) -> Surroundings:
    if tokens is None:
        return Surroundings(observer=telemetry.rpcs)
    return Surroundings(gate=TokenGate(tokens), observer=telemetry.rpcs)


async def _operations(stack: contextlib.AsyncExitStack, address: str, pages: Pages) -> str:
    """Serves the operations port for as long as the stack lasts; returns its address."""
    if address == OFF:
        return OFF
    try:
        return await stack.enter_async_context(serving_pages(address, pages))
    except OSError as error:
        message = f"cannot serve operations on {address}: {error.strerror or error}; use another --ops-listen, or off"
        raise StartFailed(message) from error


@dataclass(frozen=True, slots=True)
class _Background:
    """What runs beside the server.

    Attributes:
        engine: Ends when it has left RELAY.
        failed: Gets its result when the credentials are refused.
    """

    engine: asyncio.Task[None]
    failed: asyncio.Future[StartFailed]


async def _drain(engine: Engine, services: Services, background: _Background, grace: float) -> None:
    """Lets open requests end within `grace` seconds, then leaves RELAY. Commands are refused, reads still answered."""
    _log.info("draining", grace=grace)
    loop = asyncio.get_running_loop()
    end = loop.time() + grace
    await services.drain()
    await bounded("finish commands", grace + _LATER, engine.drain(grace))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(end):
            await services.watches_closed()
    # What is still open would last for ever (a watch of the health service), or has had its time.
    if not await bounded("leave RELAY", _SESSION_LEAVES_WITHIN, engine.close()):
        background.engine.cancel()  # it would meet a closed journal


@contextlib.asynccontextmanager
async def _background(
    engine: Engine, services: Services, tokens: Tokens | None, stop: asyncio.Event
) -> AsyncIterator[_Background]:
    """Runs engine, health and tokens until the end of the block. Refused credentials stop the process."""
    failed: asyncio.Future[StartFailed] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        try:
            await engine.run()
        except* CredentialsRefused as refused:
            failed.set_result(StartFailed(str(refused.exceptions[0]), EXIT_CREDENTIALS))
            stop.set()

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run(), name="engine")
        others = [tasks.create_task(services.health.run(), name="health")]
        if tokens is not None:
            recheck = functools.partial(services.watches.recheck, tokens.now_of)
            others.append(tasks.create_task(tokens.run(recheck), name="tokens"))
        try:
            yield _Background(running, failed)
        finally:
            for task in (running, *others):
                task.cancel()
