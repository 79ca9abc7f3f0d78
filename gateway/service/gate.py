"""The gate: every RPC of the contract shows a token, and may do what its scopes are for.

Health and reflection are no part of the contract and stay open: probes have no token, and the contract is public.
"""

from collections.abc import Mapping
from typing import Final

from google.protobuf.descriptor import MethodDescriptor

from gateway.access.client import Client, Scope
from gateway.access.token import bearer_of
from gateway.access.tokens import Tokens
from gateway.domain.errors import BadToken, ScopeMissing
from gateway.service.rpc import Call

__all__ = ["SCOPES", "TokenGate"]

SCOPES: Final[Mapping[str, Scope | None]] = {
    "callstream.v1.StreamService.StartStream": Scope.STREAMS_WRITE,
    "callstream.v1.StreamService.StopStream": Scope.STREAMS_WRITE,
    "callstream.v1.StreamService.StopCallStreams": Scope.STREAMS_WRITE,
    "callstream.v1.StreamService.GetStream": Scope.STREAMS_READ,
    "callstream.v1.StreamService.ListStreams": Scope.STREAMS_READ,
    "callstream.v1.StreamService.WaitStream": Scope.STREAMS_READ,
    "callstream.v1.StreamService.WatchEvents": Scope.EVENTS_READ,
    "callstream.v1.StreamService.ListEvents": Scope.EVENTS_READ,
    "callstream.v1.CallService.Dial": Scope.CALLS_WRITE,
    "callstream.v1.CallService.AnswerCall": Scope.CALLS_WRITE,
    "callstream.v1.CallService.EndCall": Scope.CALLS_WRITE,
    "callstream.v1.CallService.PassCall": Scope.CALLS_WRITE,
    "callstream.v1.CallService.GetCall": Scope.STREAMS_READ,
    "callstream.v1.CallService.ListCalls": Scope.STREAMS_READ,
    "callstream.v1.GatewayService.GetGatewayInfo": None,
    "callstream.v1.GatewayService.UpdateContexts": Scope.ADMIN,
}
"""The scope that each method needs; None for any valid token. A method without a row is refused, and fails a test."""


class TokenGate:
    """Lets clients in by their tokens, or by their certificates where those are in the tokens file."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def admit(self, method: MethodDescriptor, call: Call) -> Client:
        """The client that asks.

        Raises:
            BadToken: It has no valid token. It is not told what is wrong with it.
            ScopeMissing: Its token is not for this method.
        """
        client = self._client(call)
        scope = SCOPES[method.full_name]
        if scope is not None and not client.has(scope):
            raise ScopeMissing(method.name, scope)
        return client

    def _client(self, call: Call) -> Client:
        header = call.authorization
        if header is None:
            client = self._tokens.by_certificate(call.certificate_names)
        else:
            token = bearer_of(header)
            client = None if token is None else self._tokens.by_token(token)
        if client is None:
            raise BadToken
        return client

    def recheck(self, client: Client) -> None:
        """Lets an RPC go on, whose client was admitted before.

        Raises:
            BadToken: Its token has been removed or has expired since.
        """
        if self._tokens.now_of(client) is None:
            raise BadToken
