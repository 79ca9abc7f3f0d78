"""What is counted as it happens: requests to RELAY, events, streams."""

import pytest

from gateway.domain.events import Event, EventType
from gateway.domain.streams import EndReason, Stream, StreamState
from gateway.relay import commands
from gateway.relay.commands import Command
from gateway.telemetry.metrics import Metrics, code_label
from tests.support.domain_values import stream_in
from tests.support.scrape import scraped


def told(metrics: Metrics, kind: EventType, stream: Stream | None = None) -> None:
    """An event happens."""
    metrics.event(Event(1, "e", kind, 0, subject=stream))


def test_two_gateways_in_one_process_count_for_themselves() -> None:
    """There is no registry that they share."""
    one, two = Metrics(), Metrics()
    told(one, EventType.SESSION_UP)
    assert scraped(one.registry)("callstream_events_total", type="session_up") == 1
    assert scraped(two.registry)("callstream_events_total", type="session_up") == 0


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("200", "200"), ("404", "404"), ("-32602", "-32602"), ("unknown", "unknown"), ("", "none"),
        ("299", "2xx"), ("418", "4xx"), ("599", "5xx"), ("999", "other"), ("٤٠٤", "other"), ("x" * 999, "other"),
    ],
)  # fmt: skip
def test_codes_of_relay_become_few_labels(code: str, label: str) -> None:
    """RELAY's codes are its own text: those that are known are shown, others as their hundreds or as other."""
    assert code_label(code) == label


def test_requests_to_relay() -> None:
    """Timed by method and code; a method that is not known, should there be one, is other."""
    metrics = Metrics()
    metrics.request(commands.stop_stream(node_id="n", call_id="c", control_id="s"))("404")
    metrics.request(Command("made.up", {}))("200")
    found = scraped(metrics.registry)
    assert found("callstream_relay_request_seconds_count", method="calling.stream.stop", code="404") == 1
    assert found("callstream_relay_request_seconds_count", method="other", code="200") == 1


def test_commits_and_deliveries() -> None:
    """Each with its size or its time."""
    metrics = Metrics()
    metrics.committed(7, 0.003)
    metrics.delivered(0.02)
    found = scraped(metrics.registry)
    assert found("callstream_journal_commit_records_sum") == 7
    assert found("callstream_journal_commit_seconds_bucket", le="0.005") == 1
    assert found("callstream_event_delivery_seconds_bucket", le="0.01") == 0
    assert found("callstream_event_delivery_seconds_bucket", le="0.025") == 1


def test_a_stream_that_streams_starts_once_and_ends_once() -> None:
    """Also when RELAY refuses to stop it in between, and when something is learned of it after its end."""
    metrics = Metrics()
    told(metrics, EventType.STREAM_STARTING, stream_in(StreamState.STARTING))
    told(metrics, EventType.STREAM_STREAMING, stream_in(StreamState.STREAMING, update_time=2_000))
    told(metrics, EventType.STREAM_STOPPING, stream_in(StreamState.STOPPING, start_time=2_000, update_time=2_500))
    told(metrics, EventType.STREAM_STREAMING, stream_in(StreamState.STREAMING, update_time=2_700))
    told(metrics, EventType.STREAM_FINISHED, stream_in(StreamState.FINISHED, update_time=3_000))
    told(metrics, EventType.STREAM_UPDATED, stream_in(StreamState.FINISHED, update_time=3_500))
    found = scraped(metrics.registry)
    assert found("callstream_stream_starts_total", outcome="streaming") == 1
    assert found("callstream_stream_ends_total", reason="remote") == 1
    assert found("callstream_stream_starts_total", outcome="remote") == 0
    assert found("callstream_events_total", type="stream_updated") == 1


@pytest.mark.parametrize("reason", [EndReason.REJECTED, EndReason.START_TIMEOUT, EndReason.CALL_ENDED])
def test_a_stream_that_never_streamed_is_a_start_that_failed(reason: EndReason) -> None:
    """Its reason is the outcome of the start, and of the end."""
    metrics = Metrics()
    told(metrics, EventType.STREAM_FAILED, stream_in(StreamState.FAILED, end_reason=reason))
    found = scraped(metrics.registry)
    assert found("callstream_stream_starts_total", outcome=reason.name.lower()) == 1
    assert found("callstream_stream_ends_total", reason=reason.name.lower()) == 1
    assert found("callstream_stream_starts_total", outcome="streaming") == 0


def test_a_stream_that_streams_while_it_is_stopped_has_started() -> None:
    """The event is an update then, as its state stays."""
    metrics = Metrics()
    told(metrics, EventType.STREAM_UPDATED, stream_in(StreamState.STOPPING, start_time=2_000, update_time=2_000))
    assert scraped(metrics.registry)("callstream_stream_starts_total", outcome="streaming") == 1


def test_the_process_is_shown() -> None:
    """Memory and CPU, under their usual names."""
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total"} <= scraped(Metrics().registry).names
