"""The frame journal: what crossed the RELAY sockets, without the tokens."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["CLIENT_TO_SERVER", "REDACTED", "SERVER_TO_CLIENT", "Direction", "Frame", "FrameJournal", "redact"]

Direction = Literal["client_to_server", "server_to_client"]
CLIENT_TO_SERVER: Direction = "client_to_server"
SERVER_TO_CLIENT: Direction = "server_to_client"
REDACTED = "<redacted>"
_SECRETS = frozenset({"token", "jwt_token", "authorization_bearer_token", "password"})


def redact(value: Any) -> Any:
    """A deep copy of JSON in which the values of secret members are replaced."""
    if isinstance(value, Mapping):
        return {key: REDACTED if key in _SECRETS else redact(member) for key, member in value.items()}
    if isinstance(value, list):
        return [redact(member) for member in value]
    return value


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame that crossed a socket, or that a fault kept from crossing.

    `number` rises by one per frame, `time` is seconds since the epoch, `link` numbers the socket, `session` is the
    session's protocol ("" before connect). `method` and `event_type` of a response are those of its request. `fault`
    names the faults that touched the frame, `passed` is False when they kept it back.
    """

    number: int
    time: float
    direction: Direction
    link: int
    session: str
    json: Any
    method: str
    event_type: str
    fault: str = ""
    passed: bool = True

    @property
    def is_response(self) -> bool:
        """Whether the frame answers a request."""
        return isinstance(self.json, dict) and "method" not in self.json

    @property
    def params(self) -> dict[str, Any]:
        """The params of a request (for an event the inner params), else an empty object."""
        params = self.json.get("params") if isinstance(self.json, dict) else None
        if isinstance(params, dict) and self.event_type and isinstance(params.get("params"), dict):
            params = params["params"]
        return params if isinstance(params, dict) else {}


class FrameJournal:
    """The last frames, oldest first. Iterate it, or wait for one that is still to come."""

    def __init__(self, limit: int) -> None:
        self._frames: deque[Frame] = deque(maxlen=limit)
        self._waiting: list[tuple[Callable[[Frame], bool], asyncio.Future[Frame]]] = []
        self._number = 0

    def __iter__(self) -> Iterator[Frame]:
        return iter(tuple(self._frames))

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def last_number(self) -> int:
        """The number of the newest frame; 0 before the first."""
        return self._number

    def record(
        self, direction: Direction, link: int, session: str, json: Any, *,
        method: str = "", event_type: str = "", fault: str = "", passed: bool = True,
    ) -> None:  # fmt: skip
        """Note a frame and wake who waits for it."""
        self._number += 1
        if not self._waiting and not self._frames.maxlen:
            return
        frame = Frame(
            self._number, time.time(), direction, link, session, redact(json), method, event_type, fault, passed
        )
        self._frames.append(frame)
        for predicate, future in self._waiting:
            if future.done():
                continue
            try:
                if predicate(frame):
                    future.set_result(frame)
            except Exception as error:  # noqa: BLE001 - it is the waiter's, not the link's that records
                future.set_exception(error)

    async def wait_for(
        self,
        predicate: Callable[[Frame], bool],
        timeout: float = 5.0,  # noqa: ASYNC109 - raised by itself, with what was seen
        after: int = 0,
    ) -> Frame:
        """The first frame numbered above `after` that satisfies `predicate`, seen or to come.

        Raises TimeoutError after `timeout` seconds.
        """
        for frame in self._frames:
            if frame.number > after and predicate(frame):
                return frame
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        entry = (predicate, future)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(timeout):
                return await future
        finally:
            self._waiting.remove(entry)

    def clear(self) -> None:
        """Forget all frames; numbers go on."""
        self._frames.clear()
