"""The synchronous client: stubs on one channel, and watches that survive what happens to gateways and connections."""

import contextlib
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, Self, cast

import grpc

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
    """A client of the gateway at `address`. Nothing is connected before the first RPC. Use it in a `with`.

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
    """The services of a gateway. Threads may share it.

    Attributes:
        streams: StreamService. `watch` is the better WatchEvents.
        calls: CallService.
        gateway: GatewayService.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._channel = target.channel()
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

    def close(self) -> None:
        """Ends all watches, RPCs and the connection."""
        for watch in list(self._watches):
            watch.close()
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ResumingWatch(Iterator[WatchItem]):
    """A watch without end but its own: iterate it for events, snapshots and bookmarks in order.

    It has one stream open at a time. It ends when its `until` is reached or after `close`. Leave it with `close` or a
    `with`; one that is only forgotten is closed once it is collected. One thread iterates, any may close.

    Raises:
        grpc.RpcError: While iterating: an error that opening again would not mend (INVALID_ARGUMENT,
            RESOURCE_EXHAUSTED, …).
    """

    def __init__(self, target: Target, channel: grpc.Channel, resumption: Resumption) -> None:
        self._target = target
        self._channel = channel
        self._fresh_channel: grpc.Channel | None = None
        self._resumption = resumption
        self._call: _Call | None = None
        self._guard = _Guard()
        self._finalizer = weakref.finalize(self, self._guard.close)

    @property
    def cursor(self) -> str:
        """Where a later watch can go on (`after_cursor`); empty before the first place that counts."""
        return self._resumption.cursor

    def __next__(self) -> WatchItem:
        while not self._guard.closed.is_set():
            if self._call is None:
                self._call = StreamServiceStub(self._channel).WatchEvents(self._resumption.next_request())
                self._guard.take(self._call)
            try:
                with self._guard.limit(self._resumption.silence):
                    response = next(self._call)
            except StopIteration:
                self.close()
            except grpc.RpcError as error:
                self._call = None
                if not self._guard.closed.is_set():
                    self._pause_after(error)
            else:
                item = self._resumption.received(response)
                if item is not None:
                    return item
        raise StopIteration

    def close(self) -> None:
        """Ends the watch: who waits in it gets StopIteration."""
        self._finalizer()
        fresh, self._fresh_channel = self._fresh_channel, None
        if fresh is not None:
            fresh.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pause_after(self, error: grpc.RpcError) -> None:
        if self._guard.found_dead:
            pause = self._resumption.failed(grpc.StatusCode.UNAVAILABLE)
            self._leave_connection()
        else:
            status = cast("grpc.Call", error)  # it is one as well, which types can't say
            pause = self._resumption.failed(status.code(), error_details(error).retry_after)
        if pause is None:
            self.close()
            raise error
        self._guard.closed.wait(pause)

    def _leave_connection(self) -> None:
        """Nothing passes on the old connection: another watch on it would be as deaf."""
        if self._fresh_channel is not None:
            self._fresh_channel.close()
        self._channel = self._fresh_channel = self._target.channel()


class _Call(Protocol):
    def __next__(self) -> WatchEventsResponse: ...

    def cancel(self) -> object: ...


class _Guard:
    """Cancels a call that is silent for too long while it is read, and any call once the watch is closed.

    gRPC's blocking read has no time limit, hence a thread, which ends with the watch. It knows the call but not the
    watch, so that a forgotten watch can be collected.
    """

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.found_dead = False
        self._condition = threading.Condition()
        self._call: _Call | None = None
        self._expiry = 0.0
        self._reading = False
        self._asleep = False
        self._thread: threading.Thread | None = None

    def take(self, call: _Call) -> None:
        """Watches over `call` from now on."""
        with self._condition:
            self._call = call
            self.found_dead = False
            if self.closed.is_set():
                call.cancel()

    @contextlib.contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """The read in the `with` may take so long."""
        with self._condition:
            self._expiry = time.monotonic() + seconds
            self._reading = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="callstream watch", daemon=True)
                self._thread.start()
            elif self._asleep:
                self._condition.notify()
        try:
            yield
        finally:
            with self._condition:
                self._reading = False

    def close(self) -> None:
        """Ends the thread and the call."""
        with self._condition:
            self.closed.set()
            if self._call is not None:
                self._call.cancel()
            self._condition.notify()

    def _run(self) -> None:
        with self._condition:
            while not self.closed.is_set():
                # A read that ends in time does not wake the thread: it looks again when the time would have been up.
                left = self._expiry - time.monotonic()
                if left > 0:
                    self._condition.wait(left)
                elif self._reading and self._call is not None and not self.found_dead:
                    self.found_dead = True
                    self._call.cancel()
                else:
                    self._asleep = True
                    self._condition.wait()
                    self._asleep = False
