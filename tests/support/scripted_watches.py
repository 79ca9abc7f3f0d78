"""A gRPC server whose watches follow a script: what a client does next is decided by what a test put there."""

import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any, Never, Self

import grpc
from google.protobuf.message import Message

from callstream.v1.stream_service_pb2 import (
    ListStreamsRequest,
    ListStreamsResponse,
    WatchEventsRequest,
    WatchEventsResponse,
)
from gateway.service.status import rich_status

__all__ = ["Fails", "Script", "ScriptedWatches", "Stays"]


@dataclass(frozen=True, slots=True)
class Fails:
    """Ends a watch with a status."""

    code: grpc.StatusCode
    reason: str = "SCRIPTED"
    more: tuple[Message, ...] = ()

    def end(self, context: grpc.ServicerContext) -> Never:
        """Aborts the request."""
        context.abort_with_status(rich_status(self.code, self.reason, "as the script says", more=self.more))


@dataclass(frozen=True, slots=True)
class Stays:
    """Keeps a watch open and says nothing, until the client leaves; `left` is set then."""

    left: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)


Script = Sequence[WatchEventsResponse | Fails | Stays]


class ScriptedWatches:
    """Serves one script per watch, in order. Use it in a `with`.

    Attributes:
        address: Where it serves.
        requests: What watches were opened with.
        headers: The metadata of all requests.
        peers: The clients' ends of the connections.
        most_open: How many watches were open at the same time at most.
    """

    def __init__(self, *scripts: Script, credentials: grpc.ServerCredentials | None = None) -> None:
        self.address = ""
        self.requests: list[WatchEventsRequest] = []
        self.headers: list[dict[str, str | bytes]] = []
        self.peers: list[str] = []
        self.most_open = 0
        self._open = 0
        self._lock = threading.Lock()
        self._scripts: queue.SimpleQueue[Script] = queue.SimpleQueue()
        for script in scripts:
            self._scripts.put(script)
        self._credentials = credentials
        self._server = grpc.server(futures.ThreadPoolExecutor(8))

    def __enter__(self) -> Self:
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "WatchEvents": grpc.unary_stream_rpc_method_handler(
                self._watch_events, WatchEventsRequest.FromString, WatchEventsResponse.SerializeToString
            ),
            "ListStreams": grpc.unary_unary_rpc_method_handler(
                self._list_streams, ListStreamsRequest.FromString, ListStreamsResponse.SerializeToString
            ),
        }
        service = grpc.method_handlers_generic_handler("callstream.v1.StreamService", handlers)
        self._server.add_generic_rpc_handlers((service,))
        any_port = "127.0.0.1:0"
        if self._credentials is None:
            port = self._server.add_insecure_port(any_port)
        else:
            port = self._server.add_secure_port(any_port, self._credentials)
        self.address = f"127.0.0.1:{port}"
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait()

    def _watch_events(
        self, request: WatchEventsRequest, context: grpc.ServicerContext
    ) -> Iterator[WatchEventsResponse]:
        """Follows the next script."""
        self._note(context)
        self.requests.append(request)
        with self._lock:
            self._open += 1
            self.most_open = max(self.most_open, self._open)
        left = threading.Event()
        context.add_callback(left.set)
        try:
            for line in self._scripts.get_nowait():
                match line:
                    case WatchEventsResponse():
                        yield line
                    case Fails():
                        line.end(context)
                    case Stays():
                        line.reached.set()
                        left.wait()
                        line.left.set()
        finally:
            with self._lock:
                self._open -= 1

    def _list_streams(self, request: ListStreamsRequest, context: grpc.ServicerContext) -> ListStreamsResponse:
        """Fails as often as there are scripts, then answers."""
        self._note(context)
        if not self._scripts.empty():
            (line,) = self._scripts.get_nowait()
            assert isinstance(line, Fails)
            line.end(context)
        return ListStreamsResponse(next_page_token=request.page_token)

    def _note(self, context: grpc.ServicerContext) -> None:
        self.headers.append(dict(context.invocation_metadata()))
        self.peers.append(context.peer())
