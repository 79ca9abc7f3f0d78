"""What a client sees: a token can be limited to the calls of some contexts, and to streams with some labels.

What lies beyond is not there for it: NOT_FOUND, and no trace in lists, snapshots and events. Calls have no labels, so a
token that is limited by labels alone sees every call, but only its own streams on them.
"""

from msgspec.structs import replace

from gateway.access.client import Client
from gateway.domain.calls import Call
from gateway.domain.errors import CallNotFound, NotAllowed
from gateway.domain.registry import Registry
from gateway.domain.streams import Stream
from gateway.journal.record import Filter

__all__ = ["Sight"]


class Sight:
    """The registry as one client sees it."""

    def __init__(self, registry: Registry, client: Client) -> None:
        self._registry = registry
        self._contexts = client.contexts
        self.labels = client.labels
        """What the client's streams carry."""

    def shows_call(self, call: Call) -> bool:
        """Whether the client sees a call. One of no context is out of sight of whoever is limited to some."""
        return not self._contexts or call.context in self._contexts

    def shows_stream(self, stream: Stream) -> bool:
        """Whether the client sees a stream; one whose call is forgotten is out of sight as the call is."""
        if self._contexts:
            call = self._registry.call(stream.call_id)
            if call is None or not self.shows_call(call):
                return False
        return not self.labels or stream.carries(self.labels)

    def call(self, call_id: str) -> Call | None:
        """The call, if it is known and the client sees it."""
        call = self._registry.call(call_id)
        return call if call is not None and self.shows_call(call) else None

    def stream(self, call_id: str, control_id: str) -> Stream | None:
        """The stream, if it is known and the client sees it."""
        stream = self._registry.stream(call_id, control_id)
        return stream if stream is not None and self.shows_stream(stream) else None

    def admit_call(self, call_id: str) -> None:
        """Lets a command about a call pass, unless the client is limited to contexts and the call is of none of them.

        Raises:
            CallNotFound: The client does not see it. Nobody can say of an unknown call of what context it is.
        """
        if self._contexts and self.call(call_id) is None:
            raise CallNotFound(call_id)

    def admit_beyond_contexts(self, what: str) -> None:
        """Lets a command pass that is about no context, or about all.

        Raises:
            NotAllowed: The client is limited to contexts.
        """
        if self._contexts:
            raise NotAllowed("contexts", f"{what} is not for a token that is limited to contexts")

    def narrowed(self, match: Filter) -> Filter:
        """A filter of events that lets through only what the client sees, also of what the registry has forgotten."""
        if not self._contexts and not self.labels:
            return match
        return replace(match, contexts=self._contexts, stream_labels=self.labels)
