"""What the operator allows every client."""

from dataclasses import dataclass

from gateway.access.hosts import Hosts

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that hold for all clients, besides those of a client's token. Empty ones and 0 limit nothing.

    Attributes:
        stream_hosts: Where audio may go.
        status_hosts: Where status webhooks may go; without a list of their own, where audio may.
        starts_per_second: How many streams one client may start, in the long run.
        start_burst: How many of them at once; 0 for as many as in a second.
        max_watches: How many watches one client may have open.
    """

    stream_hosts: Hosts = ()
    status_hosts: Hosts = ()
    starts_per_second: int = 0
    start_burst: int = 0
    max_watches: int = 0
