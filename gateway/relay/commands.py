"""Commands to RELAY as values (README: answers, calls and streams), and its answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.relay import wire

__all__ = [
    "Command",
    "Result",
    "answer",
    "dial",
    "end",
    "pass_call",
    "receive",
    "start_stream",
    "stop_stream",
    "unreceive",
]


@dataclass(frozen=True, slots=True)
class Command:
    """A JSON-RPC method with its params. The params may hold secrets, so they are in no repr."""

    method: str
    params: Mapping[str, Any] = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must appear nowhere, should RELAY quote it."""
        token = self.params.get("authorization_bearer_token")
        return (token,) if isinstance(token, str) and token else ()


@dataclass(frozen=True, slots=True)
class Result:
    """RELAY's success. `code` is its text ("200"), empty if it gave none."""

    code: str
    message: str
    body: Mapping[str, Any] = field(repr=False)


def _command(method: str, required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Command:
    given = {name: value for name, value in (optional or {}).items() if value not in ("", None, [], {}, ())}
    return Command(method, {**required, **given})


def start_stream(
    *,
    node_id: str,
    call_id: str,
    control_id: str,
    url: str,
    name: str = "",
    codec: str = "",
    track: str = "",
    status_url: str = "",
    status_url_method: str = "",
    authorization_bearer_token: str = "",
    custom_parameters: Mapping[str, Any] | None = None,
) -> Command:
    """`calling.stream`; what is empty is left to RELAY. `track` is the wire's word (`inbound_track`, …)."""
    return _command(
        wire.STREAM,
        {"node_id": node_id, "call_id": call_id, "control_id": control_id, "url": url},
        {
            "name": name,
            "codec": codec,
            "track": track,
            "status_url": status_url,
            "status_url_method": status_url_method,
            "authorization_bearer_token": authorization_bearer_token,
            "custom_parameters": custom_parameters,
        },
    )


def stop_stream(*, node_id: str, call_id: str, control_id: str) -> Command:
    """`calling.stream.stop`."""
    return _command(wire.STREAM_STOP, {"node_id": node_id, "call_id": call_id, "control_id": control_id})


def answer(*, node_id: str, call_id: str, codecs: Sequence[str] = ()) -> Command:
    """`calling.answer`."""
    return _command(wire.ANSWER, {"node_id": node_id, "call_id": call_id}, {"codecs": list(codecs)})


def end(*, node_id: str, call_id: str, reason: str = "") -> Command:
    """`calling.end`; RELAY takes an empty reason for `hangup`."""
    return _command(wire.END, {"node_id": node_id, "call_id": call_id}, {"reason": reason})


def pass_call(*, node_id: str, call_id: str) -> Command:
    """`calling.pass`."""
    return _command(wire.PASS, {"node_id": node_id, "call_id": call_id})


def dial(
    *,
    tag: str,
    devices: Sequence[Sequence[Mapping[str, Any]]],
    region: str = "",
    max_price_per_minute: float | None = None,
    max_duration: int | None = None,
) -> Command:
    """`calling.dial`: the outer list is tried in turn, each inner one rings at the same time."""
    return _command(
        wire.DIAL,
        {"tag": tag, "devices": [list(group) for group in devices]},
        {"region": region, "max_price_per_minute": max_price_per_minute, "max_duration": max_duration},
    )


def receive(contexts: Iterable[str]) -> Command:
    """`signalwire.receive`: inbound calls of these contexts come here."""
    return _command(wire.RECEIVE, {"contexts": sorted(contexts)})


def unreceive(contexts: Iterable[str]) -> Command:
    """`signalwire.unreceive`: they do no more."""
    return _command(wire.UNRECEIVE, {"contexts": sorted(contexts)})
