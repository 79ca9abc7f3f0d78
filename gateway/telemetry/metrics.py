"""What is counted and timed as it happens, in a registry of the gateway's own.

Every label has a bounded set of values: no ids, nothing that RELAY or a client can make up. All of it is called on the
loop, and costs about a microsecond a call.
"""

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

from gateway.domain.events import Event, EventType
from gateway.domain.streams import EndReason, Stream
from gateway.relay import wire
from gateway.relay.commands import Command
from gateway.relay.observer import ABANDONED, UNKNOWN, UNSENT
from gateway.service.services import DESCRIPTORS
from gateway.telemetry.histogram import PlainHistogram
from gateway.telemetry.rpc_metrics import RpcMetrics

__all__ = ["Metrics", "code_label"]

_REQUEST_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_COMMIT_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_COMMIT_RECORDS: Final = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000)
_DELIVERY_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)

_METHODS: Final = frozenset(
    {wire.ANSWER, wire.DIAL, wire.END, wire.PASS, wire.RECEIVE, wire.STREAM, wire.STREAM_STOP, wire.UNRECEIVE}
)
_CODES: Final = frozenset(
    {ABANDONED, UNKNOWN, UNSENT}
    | {"200", "201", "202", "204", "400", "401", "402", "403", "404", "408", "409", "410", "422", "429"}
    | {"500", "501", "502", "503", "504"}
    | {str(code) for code in (wire.AUTHENTICATION_FAILED, wire.INVALID_PARAMS, wire.METHOD_NOT_FOUND)}
)
_HUNDREDS: Final = 3
_ENDS: Final = frozenset({EventType.STREAM_FINISHED, EventType.STREAM_FAILED})
_STREAMING: Final = "streaming"


disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each series, which nobody looks at


class Metrics:
    """The metrics of one gateway.

    Attributes:
        registry: Where all of them are.
        rpcs: The observer of RPCs.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.rpcs = RpcMetrics(DESCRIPTORS)
        self.registry.register(self.rpcs)
        self._requests = Histogram(
            "callstream_relay_request_seconds",
            "Seconds from a command of the gateway to RELAY's answer. code: RELAY's, or unsent (it never left), "
            "unknown (no answer came), abandoned (its caller left).",
            ("method", "code"),
            buckets=_REQUEST_SECONDS,
            registry=self.registry,
        )
        self._requests_by: dict[tuple[str, str], Histogram] = {}
        self._commits = PlainHistogram(
            "callstream_journal_commit_seconds",
            "Seconds that storage took for a commit.",
            _COMMIT_SECONDS,
        )
        self._records = PlainHistogram(
            "callstream_journal_commit_records",
            "Events that a commit made durable.",
            _COMMIT_RECORDS,
        )
        self._deliveries = PlainHistogram(
            "callstream_event_delivery_seconds",
            "Seconds from receiving an event to handing it to gRPC for a watch; one observation per message, of its "
            "oldest event.",
            _DELIVERY_SECONDS,
        )
        events = Counter("callstream_events", "Events recorded.", ("type",), registry=self.registry)
        starts = Counter(
            "callstream_stream_starts",
            "Streams that came to stream audio (outcome streaming), or ended without (why).",
            ("outcome",),
            registry=self.registry,
        )
        ends = Counter("callstream_stream_ends", "Streams that ended.", ("reason",), registry=self.registry)
        for histogram in (self._commits, self._records, self._deliveries):
            self.registry.register(histogram)
        ProcessCollector(registry=self.registry)
        self._events = {kind: events.labels(kind.name.lower()) for kind in EventType}
        self._starts = {reason: starts.labels(reason.name.lower()) for reason in EndReason}
        self._streaming = starts.labels(_STREAMING)
        self._ends = {reason: ends.labels(reason.name.lower()) for reason in EndReason}

    def request(self, command: Command) -> Callable[[str], None]:
        """A `gateway.relay.observer.RequestObserver`."""
        began = time.perf_counter()
        method = command.method if command.method in _METHODS else "other"

        def ended(code: str) -> None:
            seconds = time.perf_counter() - began
            labels = method, code_label(code)
            if labels not in self._requests_by:
                self._requests_by[labels] = self._requests.labels(*labels)
            self._requests_by[labels].observe(seconds)

        return ended

    def committed(self, records: int, seconds: float) -> None:
        """A `gateway.journal.base.CommitObserver`."""
        self._commits.observe(seconds)
        self._records.observe(records)

    def delivered(self, seconds: float) -> None:
        """A `gateway.service.watch.DeliveryObserver`."""
        self._deliveries.observe(seconds)

    def event(self, event: Event) -> None:
        """An observer of the recorder (`gateway.engine.recorder.Recorder.observe`)."""
        self._events[event.type].inc()
        stream = event.subject
        if not isinstance(stream, Stream):
            return
        if event.type in _ENDS:
            self._ends[stream.end_reason].inc()
            if not stream.start_time:
                self._starts[stream.end_reason].inc()
        elif stream.start_time and stream.start_time == stream.update_time:
            # For the first time: a stream comes back to STREAMING when RELAY refuses to stop it.
            self._streaming.inc()


def code_label(code: str) -> str:
    """A code of RELAY's as a label: those that are known as they are, others by their hundreds, or as other."""
    if not code:
        return "none"
    if code in _CODES:
        return code
    if len(code) == _HUNDREDS and code.isascii() and code.isdigit() and code[0] in "12345":
        return f"{code[0]}xx"
    return "other"
