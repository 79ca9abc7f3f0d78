"""GatewayService: what the gateway says of itself."""

import time
from dataclasses import dataclass

from callstream.v1 import gateway_service_pb2
from gateway import __version__
from gateway.engine.clock import SECOND
from gateway.engine.engine import Engine
from gateway.relay.session import SessionState
from gateway.service import validation
from gateway.service.encode import duration, timestamp
from gateway.service.rpc import Call
from gateway.service.sight import Sight
from gateway.service.watch import Watches

__all__ = ["Identity", "Info"]

_CAPABILITIES = ("event-history", "resume", "snapshot")
_STATES = {
    SessionState.CONNECTING: gateway_service_pb2.RELAY_SESSION_STATE_CONNECTING,
    SessionState.CONNECTED: gateway_service_pb2.RELAY_SESSION_STATE_CONNECTED,
    SessionState.WAITING: gateway_service_pb2.RELAY_SESSION_STATE_WAITING,
    SessionState.REFUSED: gateway_service_pb2.RELAY_SESSION_STATE_REFUSED,
    SessionState.CLOSED: gateway_service_pb2.RELAY_SESSION_STATE_CLOSED,
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this process is: its name among the replicas, and what it is a gateway of."""

    replica: str
    relay_host: str
    project: str


class Info:
    """Handlers of GatewayService."""

    def __init__(self, engine: Engine, watches: Watches, identity: Identity) -> None:
        self._engine = engine
        self._watches = watches
        self._identity = identity
        self._start_time = time.time_ns() // 1000

    async def get_gateway_info(
        self, _request: gateway_service_pb2.GetGatewayInfoRequest, _call: Call
    ) -> gateway_service_pb2.GetGatewayInfoResponse:
        """Handles GetGatewayInfo."""
        registry = self._engine.registry
        return gateway_service_pb2.GetGatewayInfoResponse(
            version=__version__,
            replica=self._identity.replica,
            start_time=timestamp(self._start_time),
            capabilities=_CAPABILITIES,
            limits=self._limits(),
            relay_session=self._session(),
            journal=self._journal(),
            active_calls=registry.active_call_count,
            active_streams=registry.active_stream_count,
            open_watches=self._watches.count,
        )

    def _limits(self) -> gateway_service_pb2.Limits:
        options = self._engine.options
        return gateway_service_pb2.Limits(
            max_streams_per_call=options.max_streams_per_call,
            max_watches=self._watches.limit,
            start_timeout=duration(round(options.start_timeout * SECOND)),
            relay_wait=duration(round(options.relay_wait * SECOND)),
            ended_retention=duration(round(options.ended_retention * SECOND)),
        )

    def _session(self) -> gateway_service_pb2.RelaySession:
        status = self._engine.session.status()
        return gateway_service_pb2.RelaySession(
            state=_STATES[status.state],
            state_time=timestamp(round(status.since * SECOND)),
            host=self._identity.relay_host,
            project_id=self._identity.project,
            contexts=sorted(self._engine.session.contexts),
            connections=status.connects,
            resumed=status.resumes,
            last_error=status.last_error or "",
            pending_requests=status.pending_requests,
        )

    def _journal(self) -> gateway_service_pb2.JournalInfo:
        stats = self._engine.journal.stats()
        return gateway_service_pb2.JournalInfo(
            epoch=stats.epoch,
            oldest_sequence=stats.oldest,
            head_sequence=stats.head,
            oldest_time=timestamp(stats.oldest_time_us or 0),
            size_bytes=stats.disk_bytes,
            durable=stats.path != ":memory:",
            backlog=stats.backlog_records,
            failure=stats.failure or "",
            retention=duration(round(stats.retention_seconds * SECOND)),
        )

    async def update_contexts(
        self, request: gateway_service_pb2.UpdateContextsRequest, call: Call
    ) -> gateway_service_pb2.UpdateContextsResponse:
        """Handles UpdateContexts."""
        Sight(self._engine.registry, call.client).admit_beyond_contexts("UpdateContexts")
        change = validation.update_contexts(request)
        contexts = await self._engine.update_contexts(change.add, change.remove, call.deadline)
        return gateway_service_pb2.UpdateContextsResponse(contexts=contexts)
