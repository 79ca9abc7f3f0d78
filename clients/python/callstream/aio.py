"""The asyncio client: stubs on one channel, and watches that survive what happens to gateways and connections."""

import asyncio
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self, cast

import grpc
import grpc.aio

from callstream.channel import Target
from callstream.errors import error_details
from callstream.resume import Resumption, WatchItem, WatchOptions
from callstream.v1.call_service_pb2_grpc import CallServiceStub
from callstream.v1.gateway_service_pb2_grpc import GatewayServiceStub
from callstream.v1.stream_service_pb2 import WatchEventsRequest, WatchEventsResponse
from callstream.v1.stream_service_pb2_grpc import StreamServiceStub

__all__ = ["Client", "ResumingWatch", "connect"]


def connect(
    address: str, *, token: str | None = None, tls: bool = False, ca_file: str | Path | None = None
) -> "Client":
    """A client of the gateway at `address`. Nothing is connected before the first RPC. Use it in an `async with`.

    Args:
        address: "host:port", or "unix:/path".
        token: Sent as bearer token with each RPC.
        tls: Encrypt, and trust the system's certificates.
        ca_file: Encrypt, and trust these PEM certificates.

    Raises:
        ValueError: A token would leave this machine unencrypted.
        OSError: `ca_file` can't be read.
    """
    return Client(Target(address, token, tls, ca_file))


class Client:
    """The services of a gateway, for the event loop it was made in.

    Attributes:
        streams: StreamService. `watch` is the better WatchEvents.
        calls: CallService.
        gateway: GatewayService.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._channel = target.aio_channel()
        self._watches: weakref.WeakSet[ResumingWatch] = weakref.WeakSet()
        self.streams = StreamServiceStub(self._channel)
        self.calls = CallServiceStub(self._channel)
        self.gateway = GatewayServiceStub(self._channel)

    def watch(self, request: WatchEventsRequest | None = None, options: WatchOptions | None = None) -> "ResumingWatch":
        """Watches events; goes on where it was when the connection breaks or the gateway leaves."""
        resumption = Resumption(request or WatchEventsRequest(), options or WatchOptions())
        watch = ResumingWatch(self._target, self._channel, resumption)
        self._watches.add(watch)
        return watch

    async def close(self) -> None:
        """Ends all watches, RPCs and the connection."""
        for watch in list(self._watches):
            await watch.close()
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class ResumingWatch(AsyncIterator[WatchItem]):
    """A watch without end but its own: iterate it for events, snapshots and bookmarks in order.

    It has one stream open at a time. It ends when its `until` is reached or after `close`. Leave it with `close`, an
    `async with`, or by cancelling the task that iterates it.

    Raises:
        grpc.aio.AioRpcError: While iterating: an error that opening again would not mend (INVALID_ARGUMENT,
            RESOURCE_EXHAUSTED, …).
    """

    def __init__(self, target: Target, channel: grpc.aio.Channel, resumption: Resumption) -> None:
        self._target = target
        self._channel = channel
        self._fresh_channel: grpc.aio.Channel | None = None
        self._resumption = resumption
        self._call: grpc.aio.UnaryStreamCall[WatchEventsRequest, WatchEventsResponse] | None = None
        self._closed = False

    @property
    def cursor(self) -> str:
        """Where a later watch can go on (`after_cursor`); empty before the first place that counts."""
        return self._resumption.cursor

    async def __anext__(self) -> WatchItem:
        while not self._closed:
            response = await self._read()
            item = None if response is None else self._resumption.received(response)
            if item is not None:
                return item
        raise StopAsyncIteration

    async def _read(self) -> WatchEventsResponse | None:
        """The next message; None if the stream has ended instead, after a pause if there is to be another one."""
        if self._call is None:
            self._call = StreamServiceStub(self._channel).WatchEvents(self._resumption.next_request())
        try:
            async with asyncio.timeout(self._resumption.silence):
                response = await self._call.read()
        except TimeoutError:
            self._drop_call()
            await self._leave_connection()
            await self._pause(self._resumption.failed(grpc.StatusCode.UNAVAILABLE))
        except asyncio.CancelledError:
            if self._closed and not _being_cancelled():
                return None  # another task has closed the watch
            self._drop_call()
            raise  # whoever gave up waiting may come back: the next read opens the watch again where it was
        except grpc.aio.AioRpcError as error:
            self._drop_call()
            pause = self._resumption.failed(error.code(), error_details(error).retry_after)
            if pause is None:
                await self.close()
                raise
            await self._pause(pause)
        else:
            if response is not grpc.aio.EOF:
                return cast("WatchEventsResponse", response)
            await self.close()
        return None

    async def close(self) -> None:
        """Ends the watch: the task that waits in it gets StopAsyncIteration."""
        self._closed = True
        self._drop_call()
        fresh, self._fresh_channel = self._fresh_channel, None
        if fresh is not None:
            await fresh.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _drop_call(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    async def _pause(self, seconds: float | None) -> None:
        await asyncio.sleep(seconds or 0.0)

    async def _leave_connection(self) -> None:
        """Nothing passes on the old connection: another watch on it would be as deaf."""
        if self._fresh_channel is not None:
            await self._fresh_channel.close()
        self._channel = self._fresh_channel = self._target.aio_channel()


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
