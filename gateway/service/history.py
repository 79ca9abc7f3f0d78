"""ListEvents: the journal in pages, with long poll."""

import asyncio
from dataclasses import replace

from callstream.v1 import event_pb2, stream_service_pb2
from gateway.domain.errors import Draining
from gateway.engine.engine import Engine
from gateway.journal.record import Record
from gateway.service.fitting import MAX_BYTES
from gateway.service.positions import cursor_at, position_of
from gateway.service.rpc import Call
from gateway.service.sight import Sight
from gateway.service.validation import HistoryQuery, list_events

__all__ = ["History"]

_MARGIN = 0.9
"""The part of a client's time that a long poll may wait, so that it gets its empty page and not its deadline."""


class History:
    """Serves ListEvents."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._polls: set[asyncio.Timeout] = set()
        self._draining = False

    def drain(self) -> None:
        """Answers all long polls at once, and takes no more."""
        self._draining = True
        for poll in self._polls:
            if not poll.expired():  # else its empty page is on the way already
                poll.reschedule(asyncio.get_running_loop().time())

    async def list_events(
        self, request: stream_service_pb2.ListEventsRequest, call: Call
    ) -> stream_service_pb2.ListEventsResponse:
        """Handles ListEvents."""
        query = list_events(request)
        query = replace(query, filter=Sight(self._engine.registry, call.client).narrowed(query.filter))
        if self._draining:
            raise Draining("this process is shutting down; ask another one")
        journal = self._engine.journal
        now = asyncio.get_running_loop().time()
        until = now + query.wait
        if call.deadline is not None:
            until = min(until, now + _MARGIN * (call.deadline - now))
        position = await position_of(journal, query.start)
        found, position = await self._page(query, position)
        while not found and position >= journal.head and await self._more(position, until):
            found, position = await self._page(query, position)
        return stream_service_pb2.ListEventsResponse(
            events=[event_pb2.Event.FromString(record.payload) for record in found],
            next_cursor=cursor_at(journal, position),
            at_head=position >= journal.head,
        )

    async def _page(self, query: HistoryQuery, position: int) -> tuple[list[Record], int]:
        """Up to a page of matching events, reading on until there is one, or the head."""
        journal = self._engine.journal
        found: list[Record] = []
        room = MAX_BYTES
        while len(found) < query.page_size and room > 0:
            batch = await journal.read(position, query.filter, max_records=query.page_size - len(found), max_bytes=room)
            found += batch.records
            room -= sum(len(record.payload) for record in batch.records)
            position = batch.position
            if position >= journal.head:
                break
        return found, position

    async def _more(self, position: int, until: float) -> bool:
        """Waits for something beyond a position; False if nothing came until `until` (loop time), or while draining."""
        if self._draining:
            return False
        scope = asyncio.timeout_at(until)
        self._polls.add(scope)
        try:
            async with scope:
                await self._engine.journal.wait_beyond(position)
        except TimeoutError:
            return False
        finally:
            self._polls.discard(scope)
        return True
