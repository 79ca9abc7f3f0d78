"""All services on a real gRPC server over a real journal, without RELAY: tests write the events, clients read them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from callstream.v1 import event_pb2, stream_service_pb2
from gateway.domain.calls import CallState
from gateway.domain.events import Draft, EventType, SessionChange
from gateway.domain.streams import StreamState
from gateway.engine.engine import Engine
from gateway.engine.options import EngineOptions
from gateway.journal.options import JournalOptions
from gateway.journal.session_store import MemorySessionStore
from gateway.journal.sqlite import SqliteJournal, open_journal
from gateway.relay.endpoint import Credentials, Endpoint
from gateway.relay.observer import RequestObserver, nobody
from gateway.relay.resume import ResumeState
from gateway.relay.session import Session, SessionObserver
from gateway.service.codec import ContractCodec
from gateway.service.info import Identity
from gateway.service.policy import Policy
from gateway.service.rpc import Surroundings
from gateway.service.services import Services
from gateway.service.watch import DeliveryObserver, untold
from tests.support.domain_values import call_in, stream_in
from tests.support.running import PROJECT, TOKEN, Client

__all__ = ["ErrorDetails", "Served", "Watch", "error_details", "served", "wait_until"]

REPLICA = "replica-1"
_NOBODY = "127.0.0.1:1"
_WITHIN = 10.0
"""Seconds after which what a test waits for counts as never coming."""
_TEN_YEARS_US = 10 * 365 * 86_400 * 1_000_000


class Watch:
    """One WatchEvents as a client sees it. Reads only when asked to."""

    def __init__(self, client: Client, **request: Any) -> None:
        self.call = client.streams.WatchEvents(stream_service_pb2.WatchEventsRequest(**request))
        self.cursor = ""
        """Of the newest response read."""

    async def next(self) -> stream_service_pb2.WatchEventsResponse:
        """The next response; grpc.aio.AioRpcError if the watch failed, EOFError if it ended with OK."""
        async with asyncio.timeout(_WITHIN):
            response = await self.call.read()
        if response is grpc.aio.EOF:
            raise EOFError
        assert isinstance(response, stream_service_pb2.WatchEventsResponse)
        self.cursor = response.cursor
        return response

    async def opened(self) -> stream_service_pb2.WatchOpened:
        """The first response."""
        response = await self.next()
        assert response.WhichOneof("kind") == "opened", response
        return response.opened

    async def until(self, kind: str) -> stream_service_pb2.WatchEventsResponse:
        """The next response of a kind; others are passed over."""
        while (response := await self.next()).WhichOneof("kind") != kind:
            pass
        return response

    async def snapshot(self) -> list[stream_service_pb2.WatchSnapshot]:
        """All parts of the snapshot."""
        parts: list[stream_service_pb2.WatchSnapshot] = []
        while not parts or not parts[-1].last:
            response = await self.next()
            assert response.WhichOneof("kind") == "snapshot", response
            parts.append(response.snapshot)
        return parts

    async def events(self, number: int) -> list[event_pb2.Event]:
        """So many events; bookmarks between them are passed over."""
        found: list[event_pb2.Event] = []
        while len(found) < number:
            response = await self.next()
            assert response.WhichOneof("kind") in {"events", "bookmark"}, response
            found += response.events.events
        assert len(found) == number, f"{len(found)} events instead of {number}"
        return found

    async def event(self) -> event_pb2.Event:
        """One event, alone in its batch."""
        return (await self.events(1))[0]

    async def rest(self) -> tuple[list[stream_service_pb2.WatchEventsResponse], grpc.StatusCode]:
        """All responses up to the end, and the status."""
        responses = []
        try:
            while True:
                responses.append(await self.next())
        except EOFError:
            return responses, grpc.StatusCode.OK
        except grpc.aio.AioRpcError as error:
            return responses, error.code()

    async def failure(self) -> grpc.aio.AioRpcError:
        """What the watch fails with, now."""
        try:
            response = await self.next()
        except grpc.aio.AioRpcError as error:
            return error
        raise AssertionError(f"the watch goes on: {response}")


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """The google.rpc messages of an error, as a client unpacks them; None for those it does not have."""

    reason: str
    domain: str
    metadata: dict[str, str]
    violations: dict[str, str]
    retry_after: float | None


def error_details(error: grpc.RpcError) -> ErrorDetails:
    """Unpacks the details of an error; it must have ErrorInfo."""
    status = rpc_status.from_call(error)
    assert status is not None, f"no details: {error}"
    found: dict[str, Any] = {}
    for packed in status.details:
        name = packed.TypeName().removeprefix("google.rpc.")
        message: Message = getattr(error_details_pb2, name)()
        assert packed.Unpack(message)
        found[name] = message
    info = found["ErrorInfo"]
    bad_request = found.get("BadRequest", error_details_pb2.BadRequest())
    retry = found.get("RetryInfo")
    return ErrorDetails(
        info.reason,
        info.domain,
        dict(info.metadata),
        {violation.field: violation.description for violation in bad_request.field_violations},
        None if retry is None else retry.retry_delay.ToTimedelta().total_seconds(),
    )


class Served:
    """The parts that a test works with."""

    def __init__(
        self, engine: Engine, journal: SqliteJournal, services: Services, client: Client, age: list[int]
    ) -> None:
        self.engine = engine
        self.journal = journal
        self.services = services
        self.client = client
        self._age = age

    async def compact(self) -> None:
        """Compacts everything that is durable, as if it were older than its retention."""
        self._age.append(_TEN_YEARS_US)
        await self.journal.compact()
        self._age.clear()

    def watch(self, **request: Any) -> Watch:
        """Opens a watch."""
        return Watch(self.client, **request)

    def write(self, *drafts: Draft) -> int:
        """Journals events; returns the sequence of the last one, which is not durable yet."""
        return self.engine.recorder.record(drafts)

    async def written(self, *drafts: Draft) -> int:
        """Journals events; returns the sequence of the last one once it is durable."""
        sequence = self.write(*drafts)
        await self.journal.committed(sequence)
        return sequence

    @contextlib.contextmanager
    def commits_held(self) -> Iterator[None]:
        """Nothing becomes durable meanwhile."""
        with self.journal._database._turn:
            yield

    def stream(self, state: StreamState, control_id: str = "stream-1", **fields: Any) -> Draft:
        """The event that a stream is in a state now."""
        fields["control_id"] = control_id
        return Draft.of(EventType.of_stream(None, state), stream_in(state, **fields))

    def call(self, state: CallState, call_id: str = "call-1", **fields: Any) -> Draft:
        """The event that a call is in a state now."""
        return Draft.of(EventType.of_call(None, state), call_in(state, call_id=call_id, **fields))

    def session(self, kind: EventType = EventType.SESSION_DOWN) -> Draft:
        """An event of the session."""
        return Draft(kind, SessionChange("made by a test"))

    def others(self, number: int, call_id: str = "call-1", control_id: str = "") -> Iterable[Draft]:
        """Events that change nothing."""
        return (Draft(EventType.RELAY_OTHER, None, call_id, control_id) for _ in range(number))


@contextlib.asynccontextmanager
async def served(
    *,
    journal: JournalOptions | None = None,
    engine: EngineOptions | None = None,
    max_watches: int = 100,
    relay_host: str = "",
    around: Surroundings | None = None,
    delivered: DeliveryObserver = untold,
    max_watch_age: float = 0.0,
    policy: Policy | None = None,
    requests: RequestObserver = nobody,
) -> AsyncIterator[Served]:
    """Serves all services over a journal in memory; with a session if `relay_host` is given.

    No task may be left behind at the end.
    """
    before = asyncio.all_tasks()
    age: list[int] = []
    store = open_journal(None, journal, now_us=lambda: time.time_ns() // 1000 + sum(age))

    def connect(observer: SessionObserver) -> Session:
        return Session(
            endpoint=Endpoint(relay_host or _NOBODY, scheme="ws"),
            credentials=Credentials(PROJECT, TOKEN),
            contexts=("default",),
            observer=observer,
            store=MemorySessionStore[ResumeState](),
            agent="test/1",
            requests=requests,
        )

    parts = Engine(store, ContractCodec(), connect, engine)
    services = Services(
        parts, Identity(REPLICA, relay_host or _NOBODY, PROJECT), max_watches, around, delivered, max_watch_age, policy
    )
    server = grpc.aio.server()
    await services.register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    client = Client(f"127.0.0.1:{port}")
    running = [asyncio.create_task(parts.run(), name="engine")] if relay_host else []
    try:
        yield Served(parts, store, services, client, age)
    finally:
        await client.channel.close()
        await server.stop(0)
        for task in running:
            task.cancel()
            await asyncio.wait([task])
        await store.close()
        ending = asyncio.current_task()  # of a fixture another one than it began in
        await wait_until(lambda: not any(task is not ending for task in asyncio.all_tasks() - before))


async def wait_until(condition: Callable[[], bool]) -> None:
    """Lets the loop turn until something is so that has no event of its own; fails if it never is."""
    async with asyncio.timeout(_WITHIN):
        while not condition():  # noqa: ASYNC110 - what tasks and gRPC do inside tells nobody
            await asyncio.sleep(0)
