"""What an emulator can be told: addresses, credentials, and a choice for each point RELAY leaves open."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = ["Address", "Answer", "Busy", "DeviceBehaviour", "Devices", "EmulatorOptions", "NoAnswer"]

_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:@/?#\s]+)):(?P<port>\d{1,5})")
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: a host, and a port, where 0 lets the system choose one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, name: str) -> "Address":
        """Read `host:port` or `[v6]:port`; ValueError names the option when it is neither."""
        match = _ADDRESS.fullmatch(text)
        if match is None or int(match["port"]) > _MAX_PORT:
            raise ValueError(f"{name}: {text!r} is not host:port with a port of 0 to {_MAX_PORT}")
        return cls(match["v6"] or match["host"], int(match["port"]))

    @property
    def netloc(self) -> str:
        """The address as it stands in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A dialled device that answers `after` so many seconds of ringing."""

    after: float = 0.1


@dataclass(frozen=True, slots=True)
class Busy:
    """A dialled device that is busy, told `after` so many seconds."""

    after: float = 0.0


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """A dialled device that rings until the device's `timeout`, or `after` so many seconds when that is given."""

    after: float | None = None


DeviceBehaviour = Answer | Busy | NoAnswer


class Devices:
    """How dialled numbers behave: a mapping from number (or SIP address) to behaviour, with a default."""

    def __init__(self, numbers: Mapping[str, DeviceBehaviour], default: DeviceBehaviour) -> None:
        self.default = default
        self._numbers = dict(numbers)

    def __getitem__(self, number: str) -> DeviceBehaviour:
        return self._numbers.get(number, self.default)

    def __setitem__(self, number: str, behaviour: DeviceBehaviour) -> None:
        self._numbers[number] = behaviour

    def __delitem__(self, number: str) -> None:
        del self._numbers[number]

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, number: object) -> bool:
        return number in self._numbers


@dataclass(frozen=True, kw_only=True)
class EmulatorOptions:
    """Everything that can be chosen. Times are seconds. [GAP] marks what RELAY documents nowhere."""

    listen: str = "127.0.0.1:8765"
    """Address of the RELAY WebSocket; port 0 takes a free one."""
    control: str | None = None
    """Address of the HTTP control interface; None leaves it out."""
    tls_certificate: Path | None = None
    """PEM chain to serve wss:// with, together with `tls_key`."""
    tls_key: Path | None = None
    """PEM key of `tls_certificate`."""

    projects: Mapping[str, str] = field(default_factory=lambda: {"demo": "demo-token"}, repr=False)
    """Accepted credentials: project id to token."""
    jwt_tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Accepted JWTs: token to the project it stands for."""
    space_id: str = "emulated-space"
    """The `space_id` of events."""

    session_linger: float = 120.0
    """How long a session can be resumed after its socket was lost."""
    stale_resume: Literal["refuse", "fresh"] = "refuse"
    """[GAP] A resume with an unknown protocol or a stale state: error -32003, or a fresh session."""
    tell_session_restored: bool = True
    """Whether the result of connect has `session_restored`."""
    unacked_limit: int = 1000
    """[GAP] Events kept per session until they are acked; the oldest are dropped beyond it."""
    redelivery_interval: float | None = None
    """[GAP] Send un-acked events again this often on a live socket; None: only after a reconnect."""
    ping_interval: float | None = 10.0
    """How often the server sends signalwire.ping; None: never."""
    ping_failures: int = 3
    """Pings in a row without an answer after which the server cuts the socket."""
    disconnect_grace: float = 5.0
    """How long the server waits for the answer to signalwire.disconnect before it closes."""
    outbox_limit: int = 10_000
    """Frames waiting for one slow socket before it is cut."""
    frame_limit: int = 10_000
    """Frames kept in the journal; 0 keeps none."""

    receive_state: Literal["created", "ringing"] = "created"
    """`call_state` in calling.call.receive: both have been seen."""
    ring_timeout: float = 60.0
    """How long a call rings, in or out, when nobody answers and the device names no timeout."""
    call_lifetime: float | None = None
    """End every call so long after its answer, with reason max_duration; None: never."""
    call_every: float | None = None
    """Place an inbound call this often, in `call_context`; None: only on command."""
    call_context: str = "default"
    """The context of calls placed by `call_every`."""
    ended_call_limit: int = 1000
    """Ended calls remembered (commands get 410); older ones are forgotten (404)."""
    finished_at_call_end: Literal["before", "after", "late", "omitted"] = "before"
    """[GAP] `finished` of a call's streams: before `ended`, after it, `late_finish` after it, or never."""
    late_finish: float = 2.0
    """How late `late` is."""
    numbers: Mapping[str, DeviceBehaviour] = field(default_factory=dict)
    """How dialled numbers behave at first; `Emulator.devices` changes it."""
    default_device: DeviceBehaviour = field(default_factory=Answer)
    """How any other number behaves."""

    duplicate_stream_code: str = "409"
    """[GAP] Result code for a control id that an active stream of the call has."""
    unknown_stream_code: str = "404"
    """[GAP] Result code for stopping a stream the call does not have."""
    on_unreachable: Literal["silence", "finished"] = "silence"
    """[GAP] The stream's endpoint can't be reached: say nothing, or `finished` without `streaming`."""
    on_endpoint_lost: Literal["finished", "silence"] = "finished"
    """[GAP] The endpoint closed a stream that was running: say `finished`, or nothing."""
    allow_insecure_stream_urls: bool = False
    """Accept ws:// stream URLs to a loopback address; RELAY itself takes wss:// only."""
    ca_file: Path | None = None
    """PEM certificates trusted for stream endpoints and webhooks, beside the system's."""
    endpoint_timeout: float = 10.0
    """How long a stream's endpoint has for its handshake."""
    default_codec: str = "PCMU"
    """The calls' own codec, used when a stream names none."""
    l16_byte_order: Literal["little", "big"] = "little"
    """[GAP] Byte order of L16 samples."""
    audio_file: Path | None = None
    """A WAV file (8 or 16 bit, any rate, one or two channels) to stream instead of the built-in sample."""
    frame_interval: float | None = None
    """Seconds between media messages; None: the real length of a frame. 0: as fast as the endpoint reads."""
    record_bytes: int = 4 * 1024 * 1024
    """Sent payload bytes kept per stream and track to be read back; counts and digest cover all."""
    stream_limit: int = 1000
    """Finished streams remembered, with their records."""
    webhook_limit: int = 1000
    """Status webhooks waiting to be sent; more are dropped, as they are advisory."""

    def __post_init__(self) -> None:
        """Refuse what can't work, naming the option."""
        Address.parse(self.listen, "listen")
        if self.control is not None:
            Address.parse(self.control, "control")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key: give both or neither")
        for name in (
            "session_linger", "redelivery_interval", "ping_interval", "disconnect_grace", "ring_timeout",
            "call_lifetime", "call_every", "late_finish", "endpoint_timeout", "frame_interval",
        ):  # fmt: skip
            value: float | None = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name}: {value} is negative; give seconds")
        for name in ("redelivery_interval", "ping_interval", "call_every"):
            if getattr(self, name) == 0:
                raise ValueError(f"{name}: 0 would never pause; give seconds, or None for never")
        for name in ("unacked_limit", "outbox_limit", "ended_call_limit", "stream_limit", "webhook_limit"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1")
        if self.frame_limit < 0 or self.record_bytes < 0 or self.ping_failures < 1:
            raise ValueError("frame_limit and record_bytes must be at least 0, ping_failures at least 1")
