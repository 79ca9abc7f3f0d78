"""The asyncio client: stubs on one channel, and watches that survive what happens to gateways and connections."""

import asyncio
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
        self.streams = StreamServiceStub(self._channel)
        self.calls = CallServiceStub(self._channel)
        self.gateway = GatewayServiceStub(self._channel)

    def watch(self, request: WatchEventsRequest | None = None, options: WatchOptions | None = None) -> "ResumingWatch":
        """Watches events; goes on where it was when the connection breaks or the gateway leaves."""
        resumption = Resumption(request or WatchEventsRequest(), options or WatchOptions())
        return ResumingWatch(self._target, self._channel, resumption)

    async def close(self) -> None:
        """Ends all RPCs and the connection."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class ResumingWatch(AsyncIterator[WatchItem]):
    """A watch without end but its own: iterate it for events, snapshots and bookmarks in order.

    It has one stream open at a time. It ends when its `until` is reached. Leave it by cancelling the task that iterates
    it, with `close`, or with an `async with`.

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
            if self._call is None:
                self._call = StreamServiceStub(self._channel).WatchEvents(self._resumption.next_request())
            try:
                async with asyncio.timeout(self._resumption.silence):
                    response = await self._call.read()
            except asyncio.CancelledError:
                # Whoever gave up waiting may come back: the next read opens the watch again where it was.
                self._call.cancel()
                self._call = None
                raise
            except TimeoutError:
                self._call.cancel()
                self._call = None
                await self._leave_connection()
                await asyncio.sleep(self._resumption.failed(grpc.StatusCode.UNAVAILABLE) or 0.0)
            except grpc.aio.AioRpcError as error:
                self._call = None
                pause = self._resumption.failed(error.code(), error_details(error).retry_after)
                if pause is None:
                    await self.close()
                    raise
                await asyncio.sleep(pause)
            else:
                if response is grpc.aio.EOF:
                    await self.close()
                    break
                item = self._resumption.received(cast("WatchEventsResponse", response))
                if item is not None:
                    return item
        raise StopAsyncIteration

    async def close(self) -> None:
        """Ends the watch; not while another task iterates it, which is to be cancelled instead."""
        self._closed = True
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
        fresh, self._fresh_channel = self._fresh_channel, None
        if fresh is not None:
            await fresh.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _leave_connection(self) -> None:
        """Nothing passes on the old connection: another watch on it would be as deaf."""
        if self._fresh_channel is not None:
            await self._fresh_channel.close()
        self._channel = self._fresh_channel = self._target.aio_channel()
