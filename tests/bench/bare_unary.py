"""What the stack forces on anyone: a grpc.aio handler that asks a WebSocket peer in JSON, and nothing else.

    python -m tests.bench.bare_unary HOST

No checks, no journal, no state, no retries; the same libraries as the gateway: msgspec, websockets, uvloop.
"""

import asyncio
import itertools
import sys
from typing import Any

import grpc
import grpc.aio
import msgspec
import uvloop
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_websocket

from callstream.v1 import stream_pb2, stream_service_pb2
from gateway.relay import wire
from tests.bench.commands import obey


class _Answer(msgspec.Struct):
    id: str
    result: dict[str, Any] = {}


_ANSWER = msgspec.json.Decoder(_Answer)
_ENCODE = msgspec.json.Encoder()


class Bare:
    """The handler and its socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[dict[str, str]]] = {}

    async def ask(self, method: str, params: dict[str, str]) -> dict[str, str]:
        """A round trip."""
        name = str(next(self._ids))
        answer = self._waiting[name] = asyncio.get_running_loop().create_future()
        frame = _ENCODE.encode({"jsonrpc": "2.0", "id": name, "method": method, "params": params})
        await self._socket.send(frame, text=True)
        result: dict[str, str] = await answer
        return result

    async def read(self) -> None:
        """Hands answers to those who wait."""
        while True:
            answer = _ANSWER.decode(await self._socket.recv(decode=False))
            self._waiting.pop(answer.id).set_result(answer.result)

    async def start_stream(self, data: bytes, _: Any) -> bytes:
        """StartStream, as bare as can be."""
        request = stream_service_pb2.StartStreamRequest.FromString(data)
        result = await self.ask(
            wire.STREAM,
            {"node_id": "node-1", "call_id": request.call_id, "control_id": "made-up", "url": request.url},
        )
        stream = stream_pb2.Stream(call_id=request.call_id, control_id=result["control_id"], url=request.url)
        return stream_service_pb2.StartStreamResponse(stream=stream, created=True).SerializeToString()


async def _main(host: str) -> None:
    async with connect_websocket(f"ws://{host}", compression=None, ping_interval=None) as socket:
        bare = Bare(socket)
        reading = asyncio.create_task(bare.read(), name="read")
        await bare.ask(wire.CONNECT, {})
        server = grpc.aio.server()
        handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(bare.start_stream)
        service = grpc.method_handlers_generic_handler("callstream.v1.StreamService", {"StartStream": handler})
        server.add_generic_rpc_handlers((service,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        await obey({}, address=f"127.0.0.1:{port}")
        reading.cancel()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))
