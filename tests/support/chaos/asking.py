"""How a client asks: with a deadline, sometimes leaving early, and again by the rules of the contract."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from tests.support.chaos.world import World
from tests.support.histories import Ask

__all__ = ["LEAVES", "RESTLESS", "Asking", "reason_of"]

_Response = TypeVar("_Response", bound=Message)

_AGAIN: Final = frozenset({"UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"})
"""After these the contract says to ask again, with the same id."""
_ATTEMPTS: Final = 6
RESTLESS: Final = (0.02, 0.1, 0.3, 1.0, 2.0, 5.0, 5.0, 5.0)
"""Deadlines of clients that are in a hurry, mostly too short."""
LEAVES: Final = 0.15
"""How often a client changes its mind."""
_BACKOFF: Final = 0.1
_BACKOFF_MAXIMUM: Final = 1.5


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """ErrorInfo's reason; "" if the error did not come from the gateway's own table."""
    status = rpc_status.from_call(error)
    for packed in () if status is None else status.details:
        info = error_details_pb2.ErrorInfo()
        if packed.Unpack(info):
            return str(info.reason)
    return ""


class Asking:
    """One client's way of asking; what it asked and was answered is noted in the world."""

    def __init__(
        self, world: World, chance: random.Random, patience: Sequence[float] = RESTLESS, leaves: float = LEAVES
    ) -> None:
        """Prepares it.

        Args:
            world: The run.
            chance: Decides about the following.
            patience: Deadlines to choose from, in seconds.
            leaves: How often the client changes its mind while it waits.
        """
        self._world = world
        self._chance = chance
        self._patience = patience
        self._leaves = leaves

    async def until_answered(
        self,
        rpc: "Callable[..., grpc.aio.UnaryUnaryCall[Any, _Response]]",
        request: Message,
        method: str,
        call_id: str,
        control_id: str = "",
    ) -> _Response | None:
        """Asks, and again where the contract says so; None if the answer is no, or the client has left for good."""
        delay = _BACKOFF
        for _ in range(_ATTEMPTS):
            leaves = self._chance.uniform(0.0, 0.8) if self._chance.random() < self._leaves else None
            ask, response = await self.once(rpc, request, method, call_id, control_id, leaves)
            if response is not None:
                return response
            if ask.outcome == "LEFT" and self._chance.random() < 0.5:
                return None
            if ask.outcome not in _AGAIN | {"LEFT"}:
                return None
            await asyncio.sleep(delay)
            delay = min(2 * delay, _BACKOFF_MAXIMUM)
        return None

    async def once(
        self,
        rpc: "Callable[..., grpc.aio.UnaryUnaryCall[Any, _Response]]",
        request: Message,
        method: str,
        call_id: str,
        control_id: str = "",
        leaves: float | None = None,
    ) -> tuple[Ask, _Response | None]:
        """Asks once; the client leaves after so many seconds if it is not answered by then."""
        patience = self._chance.choice(self._patience)
        sent = time.time()
        response, reason = None, ""
        try:
            async with asyncio.timeout(leaves):
                response = await rpc(request, timeout=patience)
            outcome = "OK"
            self._world.told.add(str(response))
        except TimeoutError:
            outcome = "LEFT"
        except grpc.aio.AioRpcError as error:
            outcome, reason = error.code().name, reason_of(error)
            self._world.told.add(f"{error.details()} {error.trailing_metadata()!r}")
        over = min(time.time(), sent + patience)
        ask = Ask(method, call_id, control_id, sent, over, outcome, reason)
        self._world.asks.append(ask)
        self._world.counts[f"asks: {outcome} {reason}".rstrip()] += 1
        return ask, response
