"""The checks that all requests share. Each notes what is wrong and goes on: one answer lists every wrong field."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.domain.errors import InvalidRequest, Violation
from gateway.service.paging import PageRequest, decode_page_token

__all__ = ["MAX_ID_BYTES", "MAX_KEY_BYTES", "Checks"]

MAX_ID_BYTES: Final = 256
"""Ids of calls and nodes; and of streams where they are looked up, since RELAY may report ids that others made."""

MAX_KEY_BYTES: Final = 128
"""Idempotency keys: control ids and tags."""

_T = TypeVar("_T")

_MAX_LABELS: Final = 32
_MAX_LABEL_KEY_BYTES: Final = 63
_MAX_LABEL_VALUE_BYTES: Final = 255
_MAX_PAGE_SIZE: Final = 1000
_DEFAULT_PAGE_SIZE: Final = 100
_MAX_VIOLATIONS: Final = 100  # far more than a status can carry

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NOT_VISIBLE: Final = re.compile(r"[^\x21-\x7e]")

_NANOS: Final = 1_000_000_000
_MAX_DURATION_S: Final = 315_576_000_000  # the ranges of google.protobuf's own documentation
_MIN_TIME_S: Final = -62_135_596_800
_MAX_TIME_S: Final = 253_402_300_799


class Checks:
    """The wrong fields of one request, collected."""

    def __init__(self) -> None:
        self._violations: list[Violation] = []

    def wrong(self, field: str, description: str) -> None:
        """Notes that a field is wrong: its path in the proto, and what to write instead."""
        if len(self._violations) < _MAX_VIOLATIONS:
            self._violations.append(Violation(field, description))

    def finish(self) -> None:
        """Ends the checks.

        Raises:
            InvalidRequest: Anything was wrong.
        """
        if self._violations:
            raise InvalidRequest(self._violations)

    def text(self, field: str, value: str, max_bytes: int = MAX_ID_BYTES, *, required: bool = False) -> str:
        """Text of bounded length without control characters."""
        if required and not value:
            self.wrong(field, "is required")
        if len(value.encode()) > max_bytes:
            self.wrong(field, f"is too long: use at most {max_bytes} bytes")
        elif _CONTROL.search(value):
            self.wrong(field, "must have no control characters")
        return value

    def visible(self, field: str, value: str, max_bytes: int = MAX_KEY_BYTES) -> str:
        """Printable ASCII without spaces: idempotency keys, and tokens, which is why the value is never quoted."""
        if len(value.encode()) > max_bytes:
            self.wrong(field, f"is too long: use at most {max_bytes} bytes")
        elif _NOT_VISIBLE.search(value):
            self.wrong(field, "must be printable ASCII without spaces")
        return value

    def texts(
        self, field: str, values: Sequence[str], max_count: int, check: Callable[[str, str], object]
    ) -> tuple[str, ...]:
        """A list of bounded length, each item of which passes a check of its own."""
        if len(values) > max_count:
            self.wrong(field, f"has too many items: use at most {max_count}")
            return ()
        for index, value in enumerate(values):
            check(f"{field}[{index}]", value)
        return tuple(values)

    def required_text(self, field: str, value: str) -> str:
        """An id that must be there."""
        return self.text(field, value, required=True)

    def number(self, field: str, value: int, highest: int) -> int:
        """A whole number from 0 on."""
        if not 0 <= value <= highest:
            self.wrong(field, f"is out of range: use 0 to {highest}")
        return value

    def choice(self, field: str, number: int, meanings: Mapping[int, _T]) -> _T:
        """What an enum's number means. The first meaning stands in for a wrong one."""
        if number not in meanings:
            self.wrong(field, f"{number} is no known value: use {_listed(meanings)}")
            return next(iter(meanings.values()))
        return meanings[number]

    def choices(self, field: str, numbers: Iterable[int], meanings: Mapping[int, _T]) -> frozenset[_T]:
        """What the numbers in a repeated enum mean, for filters: the unspecified one is no answer."""
        chosen = set()
        for index, number in enumerate(numbers):
            if number in meanings:
                chosen.add(meanings[number])
            else:
                self.wrong(f"{field}[{index}]", f"{number} is no known value: use {_listed(meanings)}")
        return frozenset(chosen)

    def labels(self, field: str, labels: Mapping[str, str]) -> dict[str, str]:
        """Labels, or a filter of them."""
        if len(labels) > _MAX_LABELS:
            self.wrong(field, f"has too many entries: use at most {_MAX_LABELS}")
            return {}
        for key, value in labels.items():
            path = f"{field}[{json.dumps(key[: _MAX_LABEL_KEY_BYTES + 1])}]"
            if not key:
                self.wrong(path, "must have a key")
            elif len(key.encode()) > _MAX_LABEL_KEY_BYTES:
                self.wrong(path, f"has too long a key: use at most {_MAX_LABEL_KEY_BYTES} bytes")
            elif _CONTROL.search(key):
                self.wrong(path, "must have no control characters in its key")
            else:
                self.text(path, value, _MAX_LABEL_VALUE_BYTES)
        return dict(labels)

    def length(self, field: str, value: Duration, lowest_s: int, highest_s: int | None = None) -> int:
        """A length of time within bounds, in microseconds."""
        same_sign = value.seconds == 0 or value.nanos == 0 or (value.seconds < 0) == (value.nanos < 0)
        if abs(value.seconds) > _MAX_DURATION_S or abs(value.nanos) >= _NANOS or not same_sign:
            self.wrong(field, "is no valid google.protobuf.Duration: check seconds, nanos and their signs")
            return 0
        nanos = value.seconds * _NANOS + value.nanos
        if nanos < lowest_s * _NANOS or (highest_s is not None and nanos > highest_s * _NANOS):
            most = f" and at most {highest_s} s" if highest_s is not None else ""
            self.wrong(field, f"is out of range: use at least {lowest_s} s{most}")
        return nanos // 1000

    def time(self, field: str, value: Timestamp) -> int:
        """A time in microseconds since the epoch, rounded up: "at or after" stays true."""
        if not _MIN_TIME_S <= value.seconds <= _MAX_TIME_S or not 0 <= value.nanos < _NANOS:
            self.wrong(field, "is no valid google.protobuf.Timestamp: use the years 1 to 9999 and 0 to 999999999 nanos")
            return 0
        return value.seconds * 1_000_000 + -(-value.nanos // 1000)

    def page_size(self, size: int) -> int:
        """How many items a page has."""
        if not 0 <= size <= _MAX_PAGE_SIZE:
            self.wrong("page_size", f"is out of range: use 1 to {_MAX_PAGE_SIZE}, or 0 for {_DEFAULT_PAGE_SIZE}")
        return size or _DEFAULT_PAGE_SIZE

    def page(self, size: int, token: str, filters: bytes) -> PageRequest:
        """Which page of a list is meant, under these filters."""
        after = None
        if token:
            try:
                after = decode_page_token(token, filters)
            except ValueError as error:
                self.wrong("page_token", str(error))
        return PageRequest(self.page_size(size), filters, after)


def _listed(meanings: Mapping[int, object]) -> str:
    return ", ".join(map(str, sorted(meanings)))
