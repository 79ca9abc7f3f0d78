"""Readers that sleep until a record comes that they want: each commit wakes those it concerns, and no others."""

import asyncio
from collections.abc import Sequence

from gateway.journal.record import Filter, Record

__all__ = ["Interests"]

Waiter = asyncio.Future[int]


class Interests:
    """Who waits for which records; found by the record's call where the filter names calls."""

    def __init__(self) -> None:
        self._everything: dict[Waiter, None] = {}
        self._by_call: dict[str, dict[Waiter, Filter]] = {}
        self._others: dict[Waiter, Filter] = {}
        self._unscoped: frozenset[int] = frozenset()

    def __len__(self) -> int:
        named = {waiter for waiters in self._by_call.values() for waiter in waiters}
        return len(self._everything) + len(named) + len(self._others)

    async def wait(self, match: Filter | None, waiter: Waiter) -> int:
        """Return the position before the first record that is told and matches, or what else `waiter` is given."""
        if match is None:
            self._everything[waiter] = None
        elif match.call_ids:
            self._unscoped |= match.unscoped_types
            for call_id in match.call_ids:
                self._by_call.setdefault(call_id, {})[waiter] = match
        else:
            self._others[waiter] = match
        try:
            return await waiter
        finally:
            self._drop(match, waiter)

    def _drop(self, match: Filter | None, waiter: Waiter) -> None:
        if match is None:
            del self._everything[waiter]
        elif match.call_ids:
            for call_id in match.call_ids:
                waiters = self._by_call[call_id]
                del waiters[waiter]
                if not waiters:
                    del self._by_call[call_id]
        else:
            del self._others[waiter]

    def tell(self, records: Sequence[Record]) -> None:
        """Wake who wants one of these records, which continue those that were told before."""
        for waiter in self._everything:
            _wake(waiter, records[0])
        if self._by_call:
            for record in records:
                if record.type in self._unscoped:
                    for waiters in self._by_call.values():
                        _offer(waiters, record)
                elif record.call_id in self._by_call:
                    _offer(self._by_call[record.call_id], record)
        if self._others:
            for record in records:
                _offer(self._others, record)

    def fail(self, error: Exception) -> None:
        """Raise `error` in all who wait."""
        named = (waiter for waiters in self._by_call.values() for waiter in waiters)
        for waiter in (*self._everything, *named, *self._others):
            if not waiter.done():
                waiter.set_exception(error)


def _offer(waiters: dict[Waiter, Filter], record: Record) -> None:
    for waiter, match in waiters.items():
        if not waiter.done() and match.matches(record):
            waiter.set_result(record.sequence - 1)


def _wake(waiter: Waiter, record: Record) -> None:
    if not waiter.done():
        waiter.set_result(record.sequence - 1)
