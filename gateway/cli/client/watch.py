"""`callstream stream watch`: events as they happen, without a hole."""

import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.client.channel import open_channel, rpc_failures
from gateway.cli.client.choices import choice, event_types, number
from gateway.cli.client.target import Target, target_options
from gateway.cli.output import remark, write, write_json
from gateway.cli.parameters import Pair, duration, key_value, labels, moment

if TYPE_CHECKING:
    from callstream.v1.stream_service_pb2 import WatchEventsRequest, WatchEventsResponse

__all__ = ["watch"]


@click.command("watch", short_help="Follow events as they happen.")
@click.option("--call", "call_ids", multiple=True, help="Only of this call and its streams. May be repeated.")
@click.option("--control-id", "control_ids", multiple=True, help="Only of this stream. May be repeated.")
@click.option(
    "--type",
    "types",
    multiple=True,
    help="Only of this type, like call-received; stream, call, dial, session mean all of a kind. May be repeated.",
)
@click.option(
    "--label", "label_pairs", type=key_value, multiple=True, help="Only streams with this label. May be repeated."
)
@click.option("--after", "after_cursor", metavar="CURSOR", help="Begin after this cursor.")
@click.option("--since", type=moment, help="Begin at a time: 2026-01-31T12:00:00Z, or 10m for ten minutes ago.")
@click.option("--from-oldest", is_flag=True, help="Begin with the oldest event that is kept.")
@click.option("--snapshot", is_flag=True, help="Begin with the active calls and streams as they are now.")
@click.option(
    "--until",
    type=choice("stream-ended", "call-ended"),
    help="End with the stream (name it with --call and --control-id) or the call (--call).",
)
@click.option("--limit", type=click.IntRange(min=1), help="End after so many events.")
@click.option("--timeout", type=duration, help="End with exit code 3 after so long.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object a line.")
@target_options
def watch(target: Target, as_json: bool, limit: int | None, timeout: float | None, **options: Any) -> None:
    """Follow events as they happen, from now on or from where it is said.

    When the gateway restarts or the connection breaks, the watch goes on where it was, without a hole or a repetition.
    Each JSON line has one of "event", "stream" and "call" (of a snapshot), or "bookmark", and a "cursor" where
    --after can go on.

    \b
    callstream stream watch --type call-received
    callstream stream watch --call CALL --until call-ended --json | jq .event.type
    """
    request = _request(**options)
    from gateway.cli.client.resuming import follow

    printer = _Printer(as_json, limit, half_snapshot=request.include_snapshot)
    try:
        with (
            open_channel(target) as channel,
            rpc_failures(target),
            contextlib.closing(follow(channel, request, timeout)) as responses,
        ):
            for response in responses:
                if printer.show(response):
                    return
    finally:
        if printer.cursor and not as_json and not request.until:
            remark(f"go on with --after {printer.cursor}")


def _request(
    *,
    call_ids: tuple[str, ...],
    control_ids: tuple[str, ...],
    types: tuple[str, ...],
    label_pairs: tuple[Pair, ...],
    after_cursor: str | None,
    since: dt.datetime | None,
    from_oldest: bool,
    snapshot: bool,
    until: str | None,
) -> "WatchEventsRequest":
    if sum((after_cursor is not None, since is not None, from_oldest, snapshot)) > 1:
        raise click.UsageError("--after, --since, --from-oldest and --snapshot say where to begin: use one of them.")
    from callstream.v1 import event_pb2
    from callstream.v1 import stream_service_pb2 as contract

    names = event_types(event_pb2.EventType.keys(), types)
    request = contract.WatchEventsRequest(
        filter=contract.EventFilter(
            call_ids=call_ids,
            control_ids=control_ids,
            types=[event_pb2.EventType.Value(name) for name in names],
            labels=labels(label_pairs),
        ),
        include_snapshot=snapshot,
        until=number(contract.WatchUntil.Value, "WATCH_UNTIL_", until),
    )
    if after_cursor is not None:
        request.after_cursor = after_cursor
    if from_oldest:
        request.from_oldest = True
    if since is not None:
        request.start_time.FromDatetime(since)
    return request


class _Printer:
    """Writes responses, and knows where the watch can go on."""

    def __init__(self, as_json: bool, limit: int | None, *, half_snapshot: bool) -> None:
        self._as_json = as_json
        self._left = limit
        self._half_snapshot = half_snapshot
        self.cursor = ""

    def show(self, response: "WatchEventsResponse") -> bool:
        """Writes a response; true once as many events as wanted were written."""
        kind = response.WhichOneof("kind")
        if kind == "events":
            return self._events(response)
        if kind == "snapshot":
            self._snapshot(response)
        elif kind == "bookmark" and self._as_json:
            write_json({"cursor": response.cursor, "bookmark": {}}, on_one_line=True)
        self._half_snapshot &= not response.snapshot.last
        if not self._half_snapshot:
            self.cursor = response.cursor
        return False

    def _events(self, response: "WatchEventsResponse") -> bool:
        from gateway.cli.client.render import as_json, event_line

        events = response.events.events
        shown = events if self._left is None else events[: self._left]
        for index, event in enumerate(shown, 1):
            if self._as_json:
                line = {"event": as_json(event)}
                write_json({"cursor": response.cursor, **line} if index == len(events) else line, on_one_line=True)
            else:
                write(event_line(event))
        if len(shown) == len(events):
            self.cursor = response.cursor
        if self._left is not None:
            self._left -= len(shown)
        return self._left == 0

    def _snapshot(self, response: "WatchEventsResponse") -> None:
        from gateway.cli.client.render import as_json, write_calls, write_streams

        snapshot = response.snapshot
        if self._as_json:
            for call in snapshot.calls:
                write_json({"call": as_json(call)}, on_one_line=True)
            for stream in snapshot.streams:
                write_json({"stream": as_json(stream)}, on_one_line=True)
            return
        if snapshot.calls:
            write_calls(snapshot.calls)
        if snapshot.streams:
            write_streams(snapshot.streams)
