"""All services of the contract on one gRPC server."""

from dataclasses import replace
from typing import Final

import grpc.aio
from grpc_health.v1 import health, health_pb2_grpc

from callstream.v1 import call_service_pb2, gateway_service_pb2, stream_service_pb2
from gateway.engine.engine import Engine
from gateway.service.calls import Calls
from gateway.service.health import Health
from gateway.service.history import History
from gateway.service.info import Identity, Info
from gateway.service.policy import Policy
from gateway.service.reflection import add_reflection
from gateway.service.rpc import Surroundings, service_handlers
from gateway.service.streams import Streams
from gateway.service.watch import DeliveryObserver, Watches, untold

__all__ = ["DESCRIPTORS", "SERVICES", "Services"]

_STREAM: Final = stream_service_pb2.DESCRIPTOR.services_by_name["StreamService"]
_CALL: Final = call_service_pb2.DESCRIPTOR.services_by_name["CallService"]
_GATEWAY: Final = gateway_service_pb2.DESCRIPTOR.services_by_name["GatewayService"]

DESCRIPTORS: Final = (_STREAM, _CALL, _GATEWAY)
"""The contract's services."""
SERVICES: Final = tuple(service.full_name for service in DESCRIPTORS)
"""The full names of the contract's services."""


class Services:
    """The handlers of an engine, ready to be served."""

    def __init__(
        self,
        engine: Engine,
        identity: Identity,
        max_watches: int,
        around: Surroundings | None = None,
        delivered: DeliveryObserver = untold,
        max_watch_age: float = 0.0,
        policy: Policy | None = None,
    ) -> None:
        """Makes the handlers.

        Args:
            engine: What they serve.
            identity: Who this process is.
            max_watches: How many may be open.
            around: What every RPC passes; its epoch is the journal's, whatever it says.
            delivered: Is told how long events took to their watches.
            max_watch_age: Seconds that a watch lasts, more or less by a tenth; 0 for ever.
            policy: What the operator allows.
        """
        self._policy = policy or Policy()
        self._engine = engine
        self._around = replace(around or Surroundings(), epoch=engine.journal.epoch)
        self.watches = Watches(engine, identity.replica, max_watches, delivered, max_watch_age, self._policy)
        self._history = History(engine)
        self._info = Info(engine, self.watches, identity)
        self.health = Health(engine, SERVICES)

    async def register(self, server: grpc.aio.Server) -> None:
        """Adds the contract's services, health and reflection to a server that has not started."""
        await self.health.refresh()
        streams, calls, info = Streams(self._engine, self._policy), Calls(self._engine), self._info
        around = self._around
        server.add_generic_rpc_handlers(
            (
                service_handlers(
                    _STREAM,
                    {
                        "StartStream": streams.start_stream,
                        "StopStream": streams.stop_stream,
                        "StopCallStreams": streams.stop_call_streams,
                        "GetStream": streams.get_stream,
                        "ListStreams": streams.list_streams,
                        "WaitStream": streams.wait_stream,
                        "WatchEvents": self.watches.watch,
                        "ListEvents": self._history.list_events,
                    },
                    around,
                ),
                service_handlers(
                    _CALL,
                    {
                        "Dial": calls.dial,
                        "AnswerCall": calls.answer_call,
                        "EndCall": calls.end_call,
                        "PassCall": calls.pass_call,
                        "GetCall": calls.get_call,
                        "ListCalls": calls.list_calls,
                    },
                    around,
                ),
                service_handlers(
                    _GATEWAY,
                    {"GetGatewayInfo": info.get_gateway_info, "UpdateContexts": info.update_contexts},
                    around,
                ),
            )
        )
        health_pb2_grpc.add_HealthServicer_to_server(self.health.servicer, server)
        add_reflection(server, (*SERVICES, health.SERVICE_NAME))

    async def drain(self) -> None:
        """Not ready any more; watches and long polls are sent elsewhere."""
        await self.health.drain()
        self.watches.drain()
        self._history.drain()

    async def watches_closed(self) -> None:
        """Returns once all watches have ended, after `drain`."""
        await self.watches.closed()
