"""calling.stream and calling.stream.stop: what is accepted, and what is told about a running stream."""

import ipaddress
import re
import ssl
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, urlsplit

from gateway.emulator.codecs import AudioFormat, UnknownCodec
from gateway.emulator.model import Call, Stream, StreamState
from gateway.emulator.options import EmulatorOptions
from gateway.emulator.rpc import Params, Refused
from gateway.emulator.sender import Sender, Target
from gateway.emulator.sessions import Sessions
from gateway.emulator.source import AudioSource, Track
from gateway.emulator.tasks import Tasks
from gateway.emulator.webhooks import Webhook, Webhooks
from gateway.relay import wire

__all__ = ["Streams"]

# gateway/relay/README.md, "Calls and streams": the wire has these three words; the bare ones are for people.
_TRACKS: dict[str, tuple[Track, ...]] = {
    "inbound_track": ("inbound",),
    "outbound_track": ("outbound",),
    "both_tracks": ("inbound", "outbound"),
}
_SPACE = re.compile(r"\s")


class Streams:
    """The streams of all calls. Every change of state goes out as an event and, if asked for, as a webhook."""

    def __init__(
        self, options: EmulatorOptions, sessions: Sessions, webhooks: Webhooks, source: AudioSource,
        trust: ssl.SSLContext, tasks: Tasks,
    ) -> None:  # fmt: skip
        self._options = options
        self._sessions = sessions
        self._webhooks = webhooks
        self._source = source
        self._trust = trust
        self._tasks = tasks
        self._streams: OrderedDict[tuple[str, str], Stream] = OrderedDict()

    @property
    def view(self) -> Mapping[tuple[str, str], Stream]:
        """Streams by call id and control id, live; the latest one where a control id was used again."""
        return MappingProxyType(self._streams)

    def start(self, call: Call, params: Params) -> Stream:
        """Accept a stream and begin to connect to its endpoint; Refused when RELAY would not take it."""
        control_id, url = params.text("control_id"), params.text("url")
        track = params.choice("track", tuple(_TRACKS), "inbound_track")
        _check_url(url, insecure=self._options.allow_insecure_stream_urls)
        status_url = params.optional_text("status_url")
        if status_url:
            _check_status_url(status_url)
        method = params.choice("status_url_method", ("GET", "POST"), "POST")
        codec = params.optional_text("codec") or self._options.default_codec
        try:
            audio = AudioFormat.parse(codec, self._options.l16_byte_order)
        except UnknownCodec as error:
            raise Refused("400", str(error)) from error
        former = call.streams.get(control_id)
        if former is not None and former.active:
            raise Refused(self._options.duplicate_stream_code, f"control_id {control_id} is in use on this call")
        custom = params.optional_object("custom_parameters")
        bearer = params.optional_text("authorization_bearer_token")
        if not bearer.isascii() or (bearer and not bearer.isprintable()):
            raise Refused("400", "authorization_bearer_token must be printable ASCII: it becomes an HTTP header")
        sender = Sender(
            Target(url, str(uuid.uuid4()), call.project, call.call_id, custom, bearer), audio, _TRACKS[track],
            self._source, frame_interval=self._options.frame_interval, timeout=self._options.endpoint_timeout,
            trust=self._trust, record_bytes=self._options.record_bytes,
        )  # fmt: skip
        stream = Stream(
            control_id, call.call_id, url, audio, _TRACKS[track], sender, name=params.optional_text("name"),
            status_url=status_url, status_url_method=method, custom_parameters=custom,
        )  # fmt: skip
        call.streams[control_id] = stream
        self._streams.pop((call.call_id, control_id), None)
        self._streams[call.call_id, control_id] = stream
        self._forget_old()
        stream.task = self._tasks.spawn(self._run(call, stream), f"stream-{control_id}")
        # A task cancelled before its first step runs no code of its own: only a callback sees every end.
        stream.task.add_done_callback(lambda _: stream.done.set())
        return stream

    def stopping(self, call: Call, params: Params) -> Stream:
        """The active stream that is to be stopped; Refused when there is none."""
        control_id = params.text("control_id")
        stream = call.streams.get(control_id)
        if stream is None or not stream.active:
            raise Refused(self._options.unknown_stream_code, f"No stream {control_id} runs on this call")
        return stream

    def finish(self, call: Call, stream: Stream, *, tell: bool = True) -> None:
        """End a stream, tell it, and let its sender say goodbye to the endpoint."""
        if not stream.active:
            return
        connecting = stream.state == "starting"
        stream.sender.stop()
        if connecting and stream.task is not None:
            stream.task.cancel()
        stream.state = "finished"
        if tell:
            self.tell(call, stream, "finished")

    def tell(self, call: Call, stream: Stream, state: StreamState) -> None:
        """Send calling.call.stream, and the webhook."""
        inner: dict[str, Any] = {
            "call_id": call.call_id,
            "node_id": call.node_id,
            "segment_id": call.segment_id,
            "control_id": stream.control_id,
            "state": state,
            "url": stream.url,
        }
        if call.tag:
            inner["tag"] = call.tag
        if stream.name:
            inner["name"] = stream.name
        if call.session is not None:
            self._sessions.emit(call.session, wire.CALL_STREAM, inner, call.context or None)
        if stream.status_url:
            params = self._sessions.envelope(call.project, wire.CALL_STREAM, inner)
            self._webhooks.put(
                Webhook(stream.status_url, "GET" if stream.status_url_method == "GET" else "POST", params)
            )

    def clear(self) -> None:
        """Forget all streams."""
        self._streams.clear()

    async def _run(self, call: Call, stream: Stream) -> None:
        ending = await stream.sender.run(partial(self._accepted, call, stream))
        if ending == "unreachable" and self._options.on_unreachable == "finished":
            self.finish(call, stream)
        elif ending == "lost":
            self.finish(call, stream, tell=self._options.on_endpoint_lost == "finished")

    def _accepted(self, call: Call, stream: Stream) -> None:
        if stream.active:
            stream.state = "streaming"
            self.tell(call, stream, "streaming")

    def _forget_old(self) -> None:
        excess = len(self._streams) - self._options.stream_limit
        for key in [key for key, stream in self._streams.items() if stream.done.is_set()][: max(excess, 0)]:
            del self._streams[key]


def _check_url(url: str, *, insecure: bool) -> None:
    """wss:// only, without white space; ws:// to a loopback address where that was allowed."""
    parts = _split("url", url)
    if parts.scheme.lower() == "wss":
        return
    if parts.scheme.lower() == "ws" and insecure:
        if _is_loopback(parts.hostname or ""):
            return
        raise Refused("400", "url must be wss://; ws:// is allowed to loopback addresses only")
    raise Refused("400", "url must be wss://")


def _check_status_url(url: str) -> None:
    if _split("status_url", url).scheme.lower() not in {"http", "https"}:
        raise Refused("400", "status_url must be http:// or https://")


def _split(name: str, url: str) -> SplitResult:
    if _SPACE.search(url):
        raise Refused("400", f"{name} must not have white space")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Refused("400", f"{name} is not a URL: {error}") from error
    if not host:
        raise Refused("400", f"{name} names no host")
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
