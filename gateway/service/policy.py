"""What the operator allows, applied: where audio may go, and how much a single client may ask for."""

from collections.abc import Mapping
from typing import Final

from gateway.access.client import ANYONE, Client
from gateway.access.hosts import Hosts, allows
from gateway.access.limits import Limits
from gateway.access.rates import Rates
from gateway.domain.errors import NotAllowed, RateLimit, UrlNotAllowed, WatchLimit
from gateway.engine.orders import StartStream
from gateway.service.rpc import Call
from gateway.service.validation.endpoints import place_of

__all__ = ["Policy", "counted_as", "own_labels"]

_NONE: Final = Limits()


def counted_as(call: Call) -> str:
    """What limits count an RPC under: its client; without tokens its certificate, or the host that it comes from."""
    if call.client is not ANYONE:
        return call.client.name
    names = call.certificate_names
    if names:
        return names[0]
    kind, _, address = call.peer.partition(":")
    return address.rpartition(":")[0] if kind in {"ipv4", "ipv6"} else kind


class Policy:
    """Limits of the settings and of tokens, applied before anything is recorded or sent."""

    def __init__(self, limits: Limits = _NONE) -> None:
        self._stream_hosts = limits.stream_hosts
        self._status_hosts = limits.status_hosts or limits.stream_hosts
        self._per_second = limits.starts_per_second
        self._starts = Rates(self._per_second, limits.start_burst or self._per_second) if self._per_second else None
        self._max_watches = limits.max_watches
        self._watches: dict[str, int] = {}

    def admit_start(self, order: StartStream, call: Call) -> None:
        """Lets a start pass, and counts it. A dry run is held to the same URLs, and not counted.

        Raises:
            UrlNotAllowed: Audio or webhooks may not go there.
            RateLimit: The client has to wait.
        """
        client = call.client
        _admit_url("url", order.url, self._stream_hosts, client.stream_hosts)
        if order.status_url:
            _admit_url("status_url", order.status_url, self._status_hosts, client.status_hosts or client.stream_hosts)
        if self._starts is not None and not order.validate_only:
            wait = self._starts.take(counted_as(call))
            if wait:
                raise RateLimit(self._per_second, f"a client may start {self._per_second} streams per second", wait)

    def open_watch(self, call: Call) -> str:
        """Counts a watch; give what comes back to `close_watch` when it has ended.

        Raises:
            WatchLimit: The client has as many open as it may.
        """
        name = counted_as(call)
        number = self._watches.get(name, 0)
        if self._max_watches and number >= self._max_watches:
            raise WatchLimit(self._max_watches, f"the client has {number} watches open, as many as it may")
        self._watches[name] = number + 1
        return name

    def close_watch(self, name: str) -> None:
        """Counts a watch no more."""
        self._watches[name] -= 1
        if not self._watches[name]:
            del self._watches[name]


def _admit_url(field: str, url: str, *lists: Hosts) -> None:
    place = place_of(url) if any(lists) else None
    if place is not None and not all(allows(hosts, place) for hosts in lists):
        raise UrlNotAllowed(field, str(place))


def own_labels(client: Client, asked: Mapping[str, str]) -> Mapping[str, str]:
    """The labels that a client's streams carry, whatever it asks for.

    Raises:
        NotAllowed: It asks for another value of one of them.
    """
    for name, value in client.labels.items():
        if asked.get(name, value) != value:
            raise NotAllowed("labels", f"the token's streams have the label {name!r} = {value!r}: leave it out")
    return client.labels
