"""What is read at each scrape: how session, streams, watches and journal are at that moment."""

import math
import platform
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import grpc
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway import __version__
from gateway.domain.streams import ACTIVE
from gateway.engine.clock import SECOND
from gateway.engine.engine import Engine
from gateway.relay.session import SessionState
from gateway.service.health import is_ready
from gateway.service.watch import Watches

__all__ = ["StateCollector", "quantile_of"]

_QUANTILES: Final = (0.5, 0.9, 0.99, 1.0)


class StateCollector(Collector):
    """Reads the gateway; to be registered in the registry of its metrics. Reads on the loop's thread only."""

    def __init__(self, engine: Engine, watches: Watches) -> None:
        self._engine = engine
        self._watches = watches
        self._began = time.time()

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All families, as they are now."""
        build = (__version__, platform.python_version(), grpc.__version__)
        yield _labelled("callstream_build_info", "What runs.", ("version", "python", "grpc"), {build: 1})
        yield _gauge("callstream_start_timestamp_seconds", "When this process began.", self._began)
        yield _gauge("callstream_ready", "1 while commands can be carried out.", is_ready(self._engine))
        yield _gauge("callstream_draining", "1 while the process leaves.", self._engine.draining)
        yield from self._session()
        yield from self._subjects()
        yield from self._journal()

    def _session(self) -> Iterator[Metric]:
        status = self._engine.session.status()
        states = {(state.name.lower(),): state is status.state for state in SessionState}
        yield _labelled("callstream_relay_session_state", "1 for the state of the session.", ("state",), states)
        yield _gauge(
            "callstream_relay_session_state_timestamp_seconds", "When the session got into its state.", status.since
        )
        yield _counter("callstream_relay_connections", "Sessions that were opened or taken up.", status.connects)
        yield _counter("callstream_relay_resumes", "Sessions that were taken up where they were.", status.resumes)
        yield _counter("callstream_relay_losses", "Connections that broke, and attempts that failed.", status.losses)
        yield _gauge("callstream_relay_requests_pending", "Commands that wait for RELAY.", status.pending_requests)
        yield _counter(
            "callstream_relay_events_received", "Events of RELAY, duplicates included.", self._engine.ingest.received
        )
        yield _counter(
            "callstream_relay_events_duplicate",
            "Events of RELAY that had come before, and were dropped.",
            self._engine.recorder.duplicates,
        )

    def _subjects(self) -> Iterator[Metric]:
        registry = self._engine.registry
        states = Counter(stream.state for stream in registry.active_streams())
        streams = {(state.name.lower(),): states[state] for state in sorted(ACTIVE)}
        yield _labelled("callstream_streams", "Streams that have not ended, by state.", ("state",), streams)
        yield _gauge("callstream_calls", "Calls that have not ended.", registry.active_call_count)
        yield _gauge("callstream_watches", "Watches that are open.", self._watches.count)
        yield _gauge("callstream_watches_limit", "Watches that may be open.", self._watches.limit)
        lags = sorted(self._watches.lags())
        quantiles = {(str(quantile),): quantile_of(lags, quantile) for quantile in _QUANTILES}
        yield _labelled(
            "callstream_watch_lag_events",
            "Events by which so large a part of the watches is behind the journal at most; 1.0 is the slowest.",
            ("quantile",),
            quantiles,
        )

    def _journal(self) -> Iterator[Metric]:
        stats = self._engine.journal.stats()
        yield _gauge("callstream_journal_head_sequence", "The last durable event.", stats.head)
        yield _gauge("callstream_journal_events", "Events that can be read.", stats.head - stats.oldest + 1)
        yield _gauge(
            "callstream_journal_oldest_timestamp_seconds",
            "When the oldest event that can be read came in; 0 if there is none.",
            (stats.oldest_time_us or 0) / SECOND,
        )
        yield _gauge("callstream_journal_payload_bytes", "Size of the events.", stats.payload_bytes)
        yield _gauge("callstream_journal_retention_bytes", "At which size they are compacted.", stats.retention_bytes)
        yield _gauge("callstream_journal_disk_bytes", "Size of the journal's files.", stats.disk_bytes)
        yield _gauge("callstream_journal_backlog_records", "Events that are not durable yet.", stats.backlog_records)
        yield _gauge("callstream_journal_backlog_bytes", "Their size.", stats.backlog_bytes)
        yield _gauge("callstream_journal_failing", "1 while the journal cannot be written.", stats.failure is not None)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _labelled(name: str, text: str, labels: Sequence[str], values: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for labelled, value in values.items():
        family.add_metric(labelled, value)
    return family


def quantile_of(ordered: Sequence[int], quantile: float) -> int:
    """The smallest of some rising values that so large a part of them is not above; 0 if there are none."""
    return ordered[max(0, math.ceil(quantile * len(ordered)) - 1)] if ordered else 0
