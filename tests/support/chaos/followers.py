"""Clients that follow events: plain stubs, a cursor that is kept, and backoff. Everything they see is kept."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

import grpc.aio

from callstream.v1 import event_pb2, stream_service_pb2
from gateway.service.cursor import decode_cursor
from tests.support.chaos.asking import reason_of
from tests.support.chaos.world import World
from tests.support.histories import EventFilter, Message, Reading, Watcher
from tests.support.recording import sighting_of

__all__ = ["Follower", "Pager"]

_BACKOFF: Final = 0.1
_BACKOFF_MAXIMUM: Final = 1.0


@dataclass
class _Open:
    """A reading that goes on."""

    resumed_at: int | None
    epoch: str
    messages: list[Message] = field(default_factory=list)
    status: str = "LEFT"
    reason: str = ""

    def reading(self) -> Reading:
        """It as it is now."""
        return Reading(self.resumed_at, self.epoch, self.messages, self.status, self.reason)


class Follower:
    """Watches, for ever, from the oldest event or from now on; leaves at random and comes back."""

    def __init__(self, world: World, name: str, wanted: EventFilter, *, from_oldest: bool, steady: bool) -> None:
        """Prepares it.

        Args:
            world: The run.
            name: What violations call it.
            wanted: Its filter.
            from_oldest: Where it begins.
            steady: It only leaves when it is sent away.
        """
        self.name = name
        self.position = -1
        """Where it is; -1 before the first message."""
        self._world = world
        self._chance = world.chance(name)
        self._wanted = wanted
        self._from_oldest = from_oldest
        self._steady = steady
        self._stubs = world.stubs()
        self._cursor = ""
        self._readings: list[_Open] = []

    def watcher(self) -> Watcher:
        """What it has seen."""
        return Watcher(self.name, self._wanted, [reading.reading() for reading in self._readings])

    async def run(self) -> None:
        """Follows until cancelled."""
        delay = _BACKOFF
        while True:
            reading = self._begin()
            try:
                async with asyncio.timeout(self._stays()):
                    await self._read(reading)
                reading.status = "OK"
            except TimeoutError:
                pass
            except grpc.aio.AioRpcError as error:
                reading.status, reading.reason = error.code().name, reason_of(error)
                self._world.told.add(f"{error.details()} {error.trailing_metadata()!r}")
                if error.code() is grpc.StatusCode.OUT_OF_RANGE:
                    self._cursor = ""
            self._world.counts["readings"] += 1
            delay = _BACKOFF if reading.messages else min(2 * delay, _BACKOFF_MAXIMUM)
            await asyncio.sleep(delay * self._chance.uniform(0.5, 1.0))

    def _stays(self) -> float | None:
        return None if self._steady or self._world.calm.is_set() else self._chance.uniform(0.05, 4.0)

    def _begin(self) -> _Open:
        if not self._cursor:
            reading = _Open(None, "")
        else:
            cursor = decode_cursor(self._cursor)
            reading = _Open(cursor.sequence, cursor.epoch)
        self._readings.append(reading)
        return reading

    def _filter(self) -> stream_service_pb2.EventFilter:
        return stream_service_pb2.EventFilter(
            types=[event_pb2.EventType.Value(f"EVENT_TYPE_{name}") for name in self._wanted.types],
            labels=self._wanted.labels,
        )

    def _start(self, otherwise: str) -> dict[str, Any]:
        """Where the next reading begins, as fields of a request."""
        if self._cursor:
            return {"after_cursor": self._cursor}
        return {otherwise: True} if otherwise else {}

    async def _read(self, reading: _Open) -> None:
        request = stream_service_pb2.WatchEventsRequest(
            filter=self._filter(), **self._start("from_oldest" if self._from_oldest else "")
        )
        request.bookmark_interval.FromSeconds(1)
        if not self._steady and self._chance.random() < 0.2:
            request.max_age.FromSeconds(1)
        call = self._stubs.streams.WatchEvents(request)
        try:
            async for response in call:
                self._take(reading, response.WhichOneof("kind") or "", response.cursor, response.events.events)
        finally:
            call.cancel()

    def _take(self, reading: _Open, kind: str, cursor: str, events: Any) -> None:
        at = decode_cursor(cursor)
        reading.epoch = reading.epoch or at.epoch
        reading.messages.append(Message(kind, at.sequence, [sighting_of(event) for event in events]))
        self._cursor, self.position = cursor, at.sequence
        self._world.counts["events watched"] += len(events)


class Pager(Follower):
    """Follows by ListEvents, page by page, with long polls."""

    async def _read(self, reading: _Open) -> None:
        while True:
            request = stream_service_pb2.ListEventsRequest(
                filter=self._filter(), page_size=self._chance.randint(1, 200), **self._start("")
            )
            request.wait.FromMilliseconds(500)
            page = await self._stubs.streams.ListEvents(request, timeout=5)
            if not reading.messages:  # the walk began where it was asked to: at the cursor, or before the oldest
                begin = reading.resumed_at if reading.resumed_at is not None else 0
                reading.messages.append(Message("opened", begin))
            self._take(reading, "page", page.next_cursor, page.events)
