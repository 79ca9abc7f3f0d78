"""WatchEvents: a reader of the journal that nobody pushes to.

A watch holds a position and nothing that grows. It wakes once per commit, takes everything between its position and the
head (bounded) as one message of events that were encoded when they were journalled, and tells its position in every
message. One loop sends everything, so a bookmark cannot overtake an event.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace

from msgspec.structs import replace as replace_filter

from callstream.v1 import stream_pb2, stream_service_pb2
from gateway.access.client import Client
from gateway.domain.calls import Call
from gateway.domain.errors import BadToken, CallstreamError, Draining, Unavailable, WatchExpired, WatchLimit
from gateway.domain.events import EventType
from gateway.domain.registry import Registry
from gateway.domain.streams import Stream
from gateway.engine.clock import SECOND
from gateway.engine.engine import Engine
from gateway.journal.base import Journal
from gateway.journal.record import Filter, Record
from gateway.service.alarm import Alarm
from gateway.service.batches import SharedBatches, encode_batch
from gateway.service.encode import call_message, duration, stream_message
from gateway.service.fitting import MAX_BYTES
from gateway.service.policy import Policy
from gateway.service.positions import cursor_at, position_of
from gateway.service.rpc import Call as Rpc
from gateway.service.sight import Sight
from gateway.service.validation import watch_events
from gateway.service.validation.queries import Until, WatchQuery

__all__ = ["DeliveryObserver", "Watches", "untold"]

_SNAPSHOT_PART = 500
"""Streams and calls in one part at most."""
_STREAM_ENDS = frozenset({EventType.STREAM_FINISHED, EventType.STREAM_FAILED})
_RETRY_AFTER = 1.0
_JITTER = 0.1

DeliveryObserver = Callable[[float], None]
"""Is told, once per message of events that are new, how many seconds ago the oldest of them came in. gRPC has taken the
message by then; what a client reads of its own past is not told."""


def untold(_seconds: float) -> None:
    """Observes no deliveries."""


class Watches:
    """Serves WatchEvents, and knows all watches that are open."""

    def __init__(
        self,
        engine: Engine,
        replica: str,
        limit: int,
        delivered: DeliveryObserver = untold,
        max_age: float = 0.0,
        policy: Policy | None = None,
    ) -> None:
        """Prepares it.

        Args:
            engine: Where events are.
            replica: The name of this process.
            limit: How many watches may be open.
            delivered: Is told how long events took.
            max_age: Seconds that a watch lasts, more or less by a tenth, so that watches which were opened together
                do not come back together; 0 for ever. A shorter max_age of the request comes first.
            policy: How many watches each client may open.
        """
        self._policy = policy or Policy()
        self._engine = engine
        self._replica = replica
        self._limit = limit
        self._delivered = delivered
        self._max_age = max_age
        self._batches = SharedBatches(engine.journal, lambda position: cursor_at(engine.journal, position))
        self._open: set[_Watch] = set()
        self._none_open = asyncio.Event()
        self._none_open.set()
        self._draining = False

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    @property
    def limit(self) -> int:
        """How many may be."""
        return self._limit

    def lags(self) -> list[int]:
        """How many events each open watch is behind the head of the journal, in no promised order."""
        return [watch.lag for watch in self._open]

    def drain(self) -> None:
        """Closes all watches: each says so, and ends with UNAVAILABLE at a cursor to resume from."""
        self._draining = True
        for watch in self._open:
            watch.end(Draining("this process is shutting down; resume the watch at its cursor", _RETRY_AFTER))

    def recheck(self, now_of: Callable[[Client], Client | None]) -> None:
        """Ends the watches whose clients are nobody any more, and lets those come back whose clients have changed.

        Args:
            now_of: What has become of a client; None if it is nobody any more.
        """
        for watch in self._open:
            client = now_of(watch.client)
            if client is None:
                watch.end(BadToken())
            elif client != watch.client:
                watch.end(WatchExpired("what the token may has changed; resume the watch at its cursor", 0.0))

    async def closed(self) -> None:
        """Returns once none is open: after `drain`, when all clients have taken their last message."""
        await self._none_open.wait()

    async def watch(self, request: stream_service_pb2.WatchEventsRequest, rpc: Rpc) -> AsyncIterator[bytes]:
        """Handles WatchEvents."""
        query = watch_events(request)
        if self._draining:
            raise Draining("this process is shutting down; watch at another one", _RETRY_AFTER)
        if len(self._open) >= self._limit:
            raise WatchLimit(self._limit, f"{self._limit} watches are open, as many as are allowed")
        sight = Sight(self._engine.registry, rpc.client)
        query = replace(query, filter=sight.narrowed(query.filter), max_age=self._age(query.max_age))
        watch = _Watch(self._engine, query, self._replica, self._delivered, self._batches, rpc.client)
        counted = self._policy.open_watch(rpc)
        self._open.add(watch)
        self._none_open.clear()
        try:
            async for message in watch.messages():
                yield message
        finally:
            watch.closed()
            self._open.discard(watch)
            self._policy.close_watch(counted)
            if not self._open:
                self._none_open.set()

    def _age(self, asked: float | None) -> float | None:
        """Seconds that a watch may last whose request asks for so many; None for ever."""
        if not self._max_age:
            return asked
        given = self._max_age * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - not a secret
        return given if asked is None else min(asked, given)


class _Watch:
    def __init__(
        self,
        engine: Engine,
        query: WatchQuery,
        replica: str,
        delivered: DeliveryObserver,
        batches: SharedBatches,
        client: Client,
    ) -> None:
        self.client = client
        self._sight = Sight(engine.registry, client)
        self._engine = engine
        self._journal: Journal = engine.journal
        self._query = query
        self._replica = replica
        self._delivered = delivered
        self._batches = batches
        self._filter: Filter | None = None if query.filter.accepts_all else query.filter
        self._wakes_on = self._filter
        if query.until is not Until.FOREVER:
            self._wakes_on = replace_filter(
                query.filter, types=frozenset()
            )  # the end shows in any event of its subject
        self._position = engine.journal.head
        self._in_step = False
        self._end_seen = False
        self._ending: CallstreamError | None = None
        self._waiting: asyncio.Future[int] | None = None
        self._alarm = Alarm(self._wake)

    @property
    def lag(self) -> int:
        """How many events lie between its position and the head; none while it waits for what matches."""
        return 0 if self._waiting is not None else max(0, self._journal.head - self._position)

    def end(self, why: CallstreamError) -> None:
        """Ends the watch at its next turn, which comes now; with `closing` before, if it is to be resumed."""
        self._ending = why
        self._wake()

    def _wake(self) -> None:
        """Lets a watch that waits look around; nothing up to the head matches."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(self._journal.head)

    async def messages(self) -> AsyncIterator[bytes]:
        """All messages, encoded, from `opened` to the end.

        Raises:
            CursorCompacted: Reading fell behind compaction.
            Draining, WatchExpired: After `closing`.
            BadToken: Its client is nobody any more.
        """
        loop = asyncio.get_running_loop()
        expiry = None if self._query.max_age is None else loop.time() + self._query.max_age
        registry = self._engine.registry
        if self._query.include_snapshot:
            # The registry runs a moment ahead of what is durable: the snapshot is of what it knows now, and is shown
            # once that is durable.
            self._position = max(registry.sequence, self._journal.last_sequence)
            snapshot = self._snapshot(registry)
            await self._journal.committed(self._position)
        else:
            self._position = await position_of(self._journal, self._query.start)
            snapshot = iter(())
        yield self._opened()
        for part in snapshot:
            yield part
        bookmark_due = loop.time() + self._query.bookmark_interval
        while not self._complete(registry):
            response, oldest_us = await self._next()
            if response:
                yield response
                if self._in_step:
                    self._delivered((self._engine.recorder.clock.now() - oldest_us) / SECOND)
                bookmark_due = loop.time() + self._query.bookmark_interval
            elif loop.time() >= bookmark_due:
                yield self._bookmark()
                bookmark_due = loop.time() + self._query.bookmark_interval
            if (why := self._to_end(expiry)) is not None:
                if isinstance(why, Unavailable):
                    yield self._closing(why)
                raise why
            if self._position >= self._journal.head and not self._complete(registry):
                await self._wait(bookmark_due if expiry is None else min(bookmark_due, expiry))

    def closed(self) -> None:
        """Lets go of its timer."""
        self._alarm.cancel()

    def _to_end(self, expiry: float | None) -> CallstreamError | None:
        """Why it is to end now, None if it is not."""
        if self._ending is None and expiry is not None and asyncio.get_running_loop().time() >= expiry:
            return WatchExpired("max_age was reached; resume the watch at its cursor", 0.0)
        return self._ending

    async def _next(self) -> tuple[bytes, int]:
        """Reads on: the next response, and when its first event was received; an empty one if nothing matches."""
        if self._filter is None:
            shared = await self._batches.read(self._position)
            self._position = shared.position
            return shared.encoded, shared.oldest_us
        batch = await self._journal.read(self._position, self._filter)
        self._position = batch.position
        if not batch.records:
            return b"", 0
        self._notice_end(batch.records)
        return encode_batch(batch, self._cursor()), batch.records[0].time_us

    async def _wait(self, until: float) -> None:
        """Returns when there is something beyond the position, at `until` (loop time), or when it is to end."""
        self._in_step = True  # for good: what it falls behind from now on, it takes long to deliver
        self._alarm.set(until)
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            self._position = await self._journal.wait_for(self._position, self._wakes_on, self._waiting)
        finally:
            self._waiting = None

    def _notice_end(self, records: tuple[Record, ...]) -> None:
        query = self._query
        if query.until is Until.STREAM_ENDED:
            self._end_seen |= any(record.type in _STREAM_ENDS for record in records)
        elif query.until is Until.CALL_ENDED:
            self._end_seen |= any(record.type == EventType.CALL_ENDED for record in records)

    def _complete(self, registry: Registry) -> bool:
        """Whether the end that the watch is for lies behind its position."""
        if self._query.until is Until.FOREVER:
            return False
        subject = self._subject()
        if subject is None:
            return self._end_seen  # it ended so long ago that it was forgotten
        ended = not subject.active if isinstance(subject, Stream) else subject.ended
        return ended and registry.sequence_of(subject) <= self._position

    def _subject(self) -> Stream | Call | None:
        (call_id,) = self._query.filter.call_ids
        if self._query.until is Until.CALL_ENDED:
            return self._sight.call(call_id)
        (control_id,) = self._query.filter.control_ids
        return self._sight.stream(call_id, control_id)

    def _cursor(self) -> str:
        return cursor_at(self._journal, self._position)

    def _message(self, **kind: object) -> bytes:
        response = stream_service_pb2.WatchEventsResponse(cursor=self._cursor(), **kind)  # type: ignore[arg-type]
        return response.SerializeToString()

    def _opened(self) -> bytes:
        return self._message(
            opened=stream_service_pb2.WatchOpened(
                epoch=self._journal.epoch,
                oldest_cursor=cursor_at(self._journal, self._journal.oldest - 1),
                head_cursor=cursor_at(self._journal, self._journal.head),
                replica=self._replica,
                bookmark_interval=duration(round(self._query.bookmark_interval * 1_000_000)),
            )
        )

    def _bookmark(self) -> bytes:
        return self._message(bookmark=stream_service_pb2.WatchBookmark())

    def _closing(self, why: Unavailable) -> bytes:
        drained = stream_service_pb2.WATCH_CLOSE_REASON_DRAINING
        reason = drained if isinstance(why, Draining) else stream_service_pb2.WATCH_CLOSE_REASON_MAX_AGE
        retry_after = duration(round(why.retry_after * 1_000_000))
        return self._message(closing=stream_service_pb2.WatchClosing(reason=reason, retry_after=retry_after))

    def _snapshot(self, registry: Registry) -> Iterator[bytes]:
        """What there is now, in parts; each is encoded when it is sent, so that a large one holds nobody up."""
        match = self._query.filter
        sight = self._sight
        streams = [
            each for each in registry.active_streams() if _shows_stream(match, each) and sight.shows_stream(each)
        ]
        calls = [each for each in registry.active_calls() if _shows_call(match, each) and sight.shows_call(each)]
        return (self._message(snapshot=part) for part in _parts(streams, calls))


def _parts(streams: Sequence[Stream], calls: Sequence[Call]) -> Iterator[stream_service_pb2.WatchSnapshot]:
    part = stream_service_pb2.WatchSnapshot()
    count, room = 0, MAX_BYTES
    subjects: list[Stream | Call] = [*streams, *calls]
    for subject in subjects:
        message = stream_message(subject) if isinstance(subject, Stream) else call_message(subject)
        room -= message.ByteSize()
        if count and (count == _SNAPSHOT_PART or room < 0):
            yield part
            part = stream_service_pb2.WatchSnapshot()
            count, room = 0, MAX_BYTES - message.ByteSize()
        if isinstance(message, stream_pb2.Stream):
            part.streams.append(message)
        else:
            part.calls.append(message)
        count += 1
    part.last = True
    yield part


def _shows_stream(match: Filter, stream: Stream) -> bool:
    return (
        (not match.call_ids or stream.call_id in match.call_ids)
        and (not match.control_ids or stream.control_id in match.control_ids)
        and all(stream.labels.get(name) == value for name, value in match.labels.items())
    )


def _shows_call(match: Filter, call: Call) -> bool:
    return not match.control_ids and (not match.call_ids or call.call_id in match.call_ids)
