"""Sessions: credentials, resuming, and events kept until they are acked."""

import asyncio
import hmac
import secrets
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gateway.emulator.link import Link
from gateway.emulator.options import EmulatorOptions
from gateway.emulator.rpc import Params, RpcError
from gateway.emulator.tasks import Tasks
from gateway.relay import wire

__all__ = ["Session", "Sessions"]


@dataclass(eq=False)
class Session:
    """A RELAY session. `link` is its socket, None while that is lost. `unacked` maps event ids to envelopes."""

    protocol: str
    project: str
    agent: str
    event_acks: bool
    contexts: set[str]
    link: Link | None = None
    unacked: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict)
    unacked_dropped: int = 0
    connects: int = 0
    lost_at: float | None = None
    last_offer: float = 0.0
    forgotten: bool = False
    # Issued states by the id of the event that told them; the first is the oldest one still good for a resume.
    states: OrderedDict[str, str] = field(default_factory=OrderedDict, repr=False)

    @property
    def connected(self) -> bool:
        """Whether the session has a socket now; a forgotten one has none that counts, though it may still be open."""
        return self.link is not None and not self.forgotten

    @property
    def authorization_state(self) -> str:
        """The latest state told to the client."""
        return next(reversed(self.states.values()), "")


class Sessions:
    """All sessions, by protocol; those that were lost stay for `session_linger`."""

    def __init__(self, options: EmulatorOptions, tasks: Tasks) -> None:
        self._options = options
        self._tasks = tasks
        self._sessions: dict[str, Session] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}
        self._signature = secrets.token_hex(16)

    @property
    def view(self) -> Mapping[str, Session]:
        """The sessions by protocol, live."""
        return MappingProxyType(self._sessions)

    def connect(self, link: Link, value: Any) -> tuple[Session, dict[str, Any]]:
        """Authenticate, then resume or begin a session on `link`; returns it and the result to answer with.

        The caller sends the result, then calls `begin`.
        """
        params = Params(value)
        params.object("version")
        if not isinstance(params.optional_object("version").get("major"), int):
            raise params.wrong("version.major", "a number")
        agent = params.text("agent")
        project = self._authenticate(params.object("authentication"))
        contexts = params.texts("contexts", required=False)
        event_acks = params.flag("event_acks", default=False)
        former = params.optional_text("protocol")
        session = self._resumed(former, params.optional_text("authorization_state"), project) if former else None
        restored = session is not None
        if session is None:
            session = Session(self._new_protocol(project), project, agent, event_acks, set(contexts))
            self._sessions[session.protocol] = session
        elif session.link is not None:
            session.link.cut()  # the client has given that socket up
        session.agent, session.event_acks = agent, event_acks
        session.contexts.update(contexts)
        session.link, session.lost_at = link, None
        session.connects += 1
        link.session = session.protocol
        expiry = self._expiries.pop(session.protocol, None)
        if expiry is not None:
            expiry.cancel()
        result: dict[str, Any] = {
            "protocol": session.protocol,
            "identity": f"{uuid.uuid4()}@{project}",
            "sessionid": str(uuid.uuid4()),
            "nodeid": "emulator",
            "authorization": {"project_id": project, "expires_at": None},
            "ice_servers": [],
        }
        if self._options.tell_session_restored:
            result["session_restored"] = restored
        return session, result

    def begin(self, session: Session) -> None:
        """Tell a new state, then send again what the client has not acked."""
        pending = list(session.unacked.items())
        self.renew_authorization(session)
        for event_id, params in pending:
            self._transmit(session, event_id, params)

    def renew_authorization(self, session: Session) -> None:
        """Send a new `signalwire.authorization.state`; older states are stale once it is acked."""
        event_id, state = str(uuid.uuid4()), secrets.token_urlsafe(32)
        session.states[event_id] = state
        if len(session.states) > self._options.unacked_limit:
            session.states.popitem(last=False)
        inner = {"authorization_state": state}
        # Not kept for redelivery: a resume tells a newer one anyway.
        self._transmit(session, event_id, self._envelope(session, wire.AUTHORIZATION_STATE, inner, None))

    def emit(self, session: Session, event_type: str, inner: dict[str, Any], context: str | None = None) -> str:
        """Send an event, and keep it until it is acked; returns its id."""
        event_id = str(uuid.uuid4())
        params = self._envelope(session, event_type, inner, context)
        if session.event_acks:
            session.unacked[event_id] = params
            while len(session.unacked) > self._options.unacked_limit:
                session.unacked.popitem(last=False)
                session.unacked_dropped += 1
        self._transmit(session, event_id, params)
        return event_id

    def envelope(self, project: str, event_type: str, inner: dict[str, Any]) -> dict[str, Any]:
        """The outer params of an event of no session in particular, for webhooks."""
        return {
            "event_type": event_type,
            "timestamp": time.time(),
            "project_id": project,
            "space_id": self._options.space_id,
            "params": inner,
        }

    def acked(self, session: Session, event_id: str) -> None:
        """The client has an event; unknown ids are ignored."""
        session.unacked.pop(event_id, None)
        if event_id in session.states:
            while next(iter(session.states)) != event_id:
                session.states.popitem(last=False)

    def redeliver(self, session: Session) -> None:
        """Send all un-acked events again."""
        for event_id, params in list(session.unacked.items()):
            self._transmit(session, event_id, params)

    def lost(self, link: Link) -> None:
        """A socket is gone; its session can be resumed for a while."""
        session = self._sessions.get(link.session)
        if session is None or session.link is not link:
            return
        session.link = None
        session.lost_at = time.time()

        def expire() -> None:
            self.forget(session)

        self._expiries[session.protocol] = self._tasks.later(self._options.session_linger, expire)

    def forget(self, session: Session) -> None:
        """Drop a session: it can't be resumed any more, and its calls go over to who commands them next."""
        session.forgotten = True
        self._sessions.pop(session.protocol, None)
        expiry = self._expiries.pop(session.protocol, None)
        if expiry is not None:
            expiry.cancel()

    def receiver(self, context: str, project: str | None = None, exclude: Iterable[Session] = ()) -> Session | None:
        """Who gets the next call in a context: connected sessions in turn, else a lost one that keeps events."""
        passed = set(map(id, exclude))
        able = [
            session
            for session in self._sessions.values()
            if context in session.contexts
            and project in {None, session.project}
            and id(session) not in passed
            and (session.connected or session.event_acks)
        ]
        chosen = min(able, key=lambda session: (not session.connected, session.last_offer), default=None)
        if chosen is not None:
            chosen.last_offer = time.monotonic()
        return chosen

    def _authenticate(self, authentication: Params) -> str:
        if "jwt_token" in authentication:
            token = authentication.text("jwt_token")
            for known, project in self._options.jwt_tokens.items():
                if hmac.compare_digest(known.encode(), token.encode()):
                    return project
        else:
            project, token = authentication.text("project"), authentication.text("token")
            if hmac.compare_digest(self._options.projects.get(project, "").encode(), token.encode()):
                return project
        raise RpcError(wire.AUTHENTICATION_FAILED, "Authentication service failed with status 401 Unauthorized")

    def _resumed(self, protocol: str, state: str, project: str) -> Session | None:
        session = self._sessions.get(protocol)
        if session is not None and session.project == project and state in session.states.values():
            return session
        if self._options.stale_resume == "fresh":
            return None
        raise RpcError(wire.REQUESTER_VALIDATION_FAILED, "Requester validation failed")

    def _new_protocol(self, project: str) -> str:
        return f"signalwire_{self._signature}_{uuid.uuid4()}_{project}"

    def _envelope(
        self, session: Session, event_type: str, inner: dict[str, Any], context: str | None
    ) -> dict[str, Any]:
        envelope = self.envelope(session.project, event_type, inner)
        envelope["event_channel"] = session.protocol
        if context is not None:
            envelope["context"] = context
        return envelope

    def _transmit(self, session: Session, event_id: str, params: dict[str, Any]) -> None:
        if session.link is not None:
            session.link.request(event_id, wire.EVENT, params)
