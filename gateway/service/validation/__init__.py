"""Requests become orders and queries, or one InvalidRequest that lists every wrong field.

One function for each request, by the name of its RPC.
"""

from gateway.service.validation.calls import answer_call, dial, end_call, get_call, list_calls, pass_call
from gateway.service.validation.contexts import update_contexts
from gateway.service.validation.events import list_events, watch_events
from gateway.service.validation.queries import HistoryQuery, WatchQuery
from gateway.service.validation.streams import (
    get_stream,
    list_streams,
    start_stream,
    stop_call_streams,
    stop_stream,
    wait_stream,
)

__all__ = [
    "HistoryQuery",
    "WatchQuery",
    "answer_call",
    "dial",
    "end_call",
    "get_call",
    "get_stream",
    "list_calls",
    "list_events",
    "list_streams",
    "pass_call",
    "start_stream",
    "stop_call_streams",
    "stop_stream",
    "update_contexts",
    "wait_stream",
    "watch_events",
]
