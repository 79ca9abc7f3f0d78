"""`callstream call`: the calls around streams."""

import math
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.client.channel import client_options, open_channel, rpc_failures
from gateway.cli.client.choices import choice, number, numbers
from gateway.cli.client.target import Target
from gateway.cli.parameters import duration

if TYPE_CHECKING:
    from callstream.v1 import call_service_pb2

__all__ = ["command"]

_STATES: Final = ("created", "ringing", "answered", "ending", "ended", "unknown")
_ACTIVE: Final = tuple(state for state in _STATES if state != "ended")
_CALL_ID: Final = click.argument("call_id")
_NODE_ID: Final = click.option("--node-id", default="", help="The call's RELAY node, if the gateway has not seen it.")


@click.group("call", short_help="List, answer, dial and end calls.")
def command() -> None:
    """List, answer, dial and end calls."""


@command.command("list", short_help="List calls.")
@click.option("--state", "states", type=choice(*_STATES), multiple=True, help="Only in this state. May be repeated.")
@click.option("--all", "everything", is_flag=True, help="Also calls that have ended.")
@click.option("--direction", type=choice("inbound", "outbound"), help="Only inbound or outbound ones.")
@click.option("--context", default="", help="Only calls that came in on this context.")
@click.option("--tag", default="", help="Only calls with this tag.")
@click.option("--limit", type=click.IntRange(min=1), help="So many at most, the oldest.")
@click.option("--wait", is_flag=True, help="Wait until there is one. Without --timeout: as long as it takes.")
@client_options(None)
def list_calls(
    target: Target,
    timeout: float | None,
    as_json: bool,
    states: tuple[str, ...],
    everything: bool,
    direction: str | None,
    context: str,
    tag: str,
    limit: int | None,
    wait: bool,
) -> None:
    """List the calls that the gateway knows, the oldest first; those that have ended only with --all or --state ended.

    \b
    callstream call list --wait --state created --state ringing
    """
    from callstream.v1 import call_pb2, call_service_pb2
    from gateway.cli.client.listing import calls, calls_when_there
    from gateway.cli.client.render import write_calls, write_message

    chosen = states or (() if everything else _ACTIVE)
    request = call_service_pb2.ListCallsRequest(
        states=numbers(call_pb2.CallState.Value, "CALL_STATE_", chosen),
        direction=number(call_pb2.CallDirection.Value, "CALL_DIRECTION_", direction),
        context=context,
        tag=tag,
    )
    with open_channel(target) as channel, rpc_failures(target):
        found = (calls_when_there if wait else calls)(channel, request, limit, timeout)
    if as_json:
        write_message(call_service_pb2.ListCallsResponse(calls=found))
    else:
        write_calls(found)


@command.command("get", short_help="Show one call.")
@_CALL_ID
@client_options("10s")
def get(target: Target, timeout: float, as_json: bool, call_id: str) -> None:
    """Show one call."""
    from callstream.v1.call_service_pb2 import GetCallRequest

    _run(target, timeout, as_json, "GetCall", GetCallRequest(call_id=call_id))


@command.command("answer", short_help="Answer an inbound call.")
@_CALL_ID
@_NODE_ID
@click.option("--codec", "codecs", multiple=True, help="A codec to offer, the best first. May be repeated.")
@client_options("10s")
def answer(target: Target, timeout: float, as_json: bool, call_id: str, node_id: str, codecs: tuple[str, ...]) -> None:
    """Answer an inbound call. Answering an answered call succeeds, too."""
    from callstream.v1.call_service_pb2 import AnswerCallRequest

    _run(target, timeout, as_json, "AnswerCall", AnswerCallRequest(call_id=call_id, node_id=node_id, codecs=codecs))


@command.command("pass", short_help="Leave an inbound call to another client.")
@_CALL_ID
@_NODE_ID
@client_options("10s")
def pass_call(target: Target, timeout: float, as_json: bool, call_id: str, node_id: str) -> None:
    """Leave an inbound call to another client of its context."""
    from callstream.v1.call_service_pb2 import PassCallRequest

    _run(target, timeout, as_json, "PassCall", PassCallRequest(call_id=call_id, node_id=node_id))


@command.command("end", short_help="Hang up.")
@_CALL_ID
@_NODE_ID
@click.option(
    "--reason",
    type=choice("hangup", "cancel", "busy", "no-answer", "decline", "error"),
    help="What the other party is told; hangup by default.",
)
@client_options("10s")
def end(target: Target, timeout: float, as_json: bool, call_id: str, node_id: str, reason: str | None) -> None:
    """Hang up. Ending an ended call succeeds, too. The streams of the call end with it."""
    from callstream.v1 import call_service_pb2

    word = number(call_service_pb2.EndCallReason.Value, "END_CALL_REASON_", reason)
    request = call_service_pb2.EndCallRequest(call_id=call_id, node_id=node_id, reason=word)
    _run(target, timeout, as_json, "EndCall", request)


@command.command("dial", short_help="Call somebody.")
@click.option("--from", "from_", required=True, help="The caller: one of the project's numbers, or a SIP address.")
@click.option("--to", "targets", required=True, multiple=True, help="Who is called. May be repeated: all ring at once.")
@click.option("--in-turn", is_flag=True, help="With several --to: one after the other.")
@click.option("--ring", type=duration, default=0.0, help="How long to let it ring; RELAY's default otherwise.")
@click.option("--region", default="", help="RELAY's region to call from.")
@click.option("--max-price-per-minute", type=float, default=0.0, help="In US dollars; no limit otherwise.")
@click.option("--max-duration", type=duration, default=0.0, help="Of the call, in whole minutes; no limit otherwise.")
@click.option("--tag", help="The attempt's id. Asking again with it waits for the same attempt; made up by default.")
@client_options("120s")
def dial(target: Target, timeout: float, as_json: bool, tag: str | None, **options: Any) -> None:
    """Call somebody, and answer once a device has.

    \b
    callstream call dial --from +15551230001 --to +15551230002
    callstream call dial --from sip:a@example.com --to sip:b@example.com
    """
    import uuid

    tag = tag or str(uuid.uuid4())
    hint = f"ask again with --tag {tag}: that waits for the same attempt"
    _run(target, timeout, as_json, "Dial", _dial_request(tag=tag, **options), hint)


def _dial_request(
    *,
    tag: str,
    from_: str,
    targets: tuple[str, ...],
    in_turn: bool,
    ring: float,
    region: str,
    max_price_per_minute: float,
    max_duration: float,
) -> "call_service_pb2.DialRequest":
    from callstream.v1 import call_pb2, call_service_pb2

    devices = []
    for target in targets:
        if target.lower().startswith(("sip:", "sips:")):
            devices.append(call_pb2.Device(sip=call_pb2.SipDevice(from_address=from_, to_address=target)))
        else:
            phone = call_pb2.PhoneDevice(from_number=from_, to_number=target, timeout_seconds=math.ceil(ring))
            devices.append(call_pb2.Device(phone=phone))
    groups = [[device] for device in devices] if in_turn else [devices]
    return call_service_pb2.DialRequest(
        tag=tag,
        groups=[call_service_pb2.DeviceGroup(devices=group) for group in groups],
        region=region,
        max_price_per_minute=max_price_per_minute,
        max_duration_minutes=math.ceil(max_duration / 60),
    )


def _run(target: Target, timeout: float, as_json: bool, method: str, request: Any, hint: str = "") -> None:
    """Calls a method whose response has a call, and writes that."""
    from callstream.v1.call_service_pb2_grpc import CallServiceStub
    from gateway.cli.client.render import write_call, write_message

    with open_channel(target) as channel, rpc_failures(target, hint):
        response = getattr(CallServiceStub(channel), method)(request, timeout=timeout)
    if as_json:
        write_message(response)
    else:
        write_call(response.call)
