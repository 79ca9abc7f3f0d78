"""`callstream stream`: start, stop, list and follow streams."""

import uuid
from typing import Any, Final

import click

from gateway.cli.client.channel import REFUSED, client_options, open_channel, rpc_failures
from gateway.cli.client.choices import choice, number, numbers
from gateway.cli.client.target import Target
from gateway.cli.client.watch import watch
from gateway.cli.output import Failure
from gateway.cli.parameters import Pair, custom_parameters, duration, key_value, labels, token

__all__ = ["command"]

_STATES: Final = ("starting", "streaming", "stopping", "finished", "failed", "unknown")
_ACTIVE: Final = ("starting", "streaming", "stopping", "unknown")
_CALL_ID: Final = click.argument("call_id")
_CONTROL_ID: Final = click.argument("control_id")


@click.group("stream", short_help="Start, stop, list and follow streams.")
def command() -> None:
    """Start, stop, list and follow streams of call audio."""


@command.command("start", short_help="Start streaming a call's audio to a URL.")
@_CALL_ID
@click.argument("url")
@click.option("--name", default="", help="A name to stop it by, unique among the call's active streams.")
@click.option("--codec", default="", help="In RELAY's words: PCMU, PCMA, OPUS, L16@16000h. The call's own by default.")
@click.option("--track", type=choice("inbound", "outbound", "both"), help="The direction of audio; inbound by default.")
@click.option("--status-url", default="", help="Where RELAY posts status webhooks.")
@click.option("--status-url-method", type=choice("get", "post"), help="Their method; post by default.")
@click.option(
    "--bearer-token",
    type=token,
    envvar="CALLSTREAM_BEARER_TOKEN",
    show_envvar=True,
    help="Sent to the endpoint. @FILE reads it from a file, @- from standard input; others can read a command line.",
)
@click.option(
    "--param", "params", type=key_value, multiple=True, help="A custom parameter; JSON values are taken as such."
)
@click.option("--label", "label_pairs", type=key_value, multiple=True, help="A label to filter by. May be repeated.")
@click.option(
    "--control-id", help="The stream's id. Starting again with it never makes a second stream; made up by default."
)
@click.option("--max-duration", type=duration, help="Stop the stream so long after its audio began.")
@click.option(
    "--wait-until",
    type=choice("accepted", "streaming"),
    help="Answer when RELAY accepted it (default), or at its audio.",
)
@click.option(
    "--conflict",
    type=choice("use-existing", "fail", "replace"),
    help="What to do if the call has a stream of this control id; use-existing by default.",
)
@click.option("--validate-only", is_flag=True, help="Check the request and do nothing.")
@click.option("--node-id", default="", help="The call's RELAY node, if the gateway has not seen the call.")
@client_options("15s")
def start(target: Target, timeout: float, as_json: bool, control_id: str | None, **options: Any) -> None:
    """Start streaming a call's audio to a WebSocket URL.

    \b
    callstream stream start CALL wss://example.com/audio --track both --codec PCMU --param session_id=abc123
    CALLSTREAM_BEARER_TOKEN=… callstream stream start CALL wss://example.com/audio --wait-until streaming
    """
    from callstream.v1.stream_service_pb2_grpc import StreamServiceStub
    from gateway.cli.client.render import write_message, write_stream

    control_id = control_id or str(uuid.uuid4())
    request = _start_request(control_id=control_id, **options)
    hint = f"ask again with --control-id {control_id}: that never makes a second stream"
    with open_channel(target) as channel, rpc_failures(target, hint):
        response = StreamServiceStub(channel).StartStream(request, timeout=timeout)
    if as_json:
        write_message(response)
    else:
        started = "started" if response.created else "was there already"
        write_stream(response.stream, ("result", "valid; nothing was done" if request.validate_only else started))


def _start_request(
    *,
    call_id: str,
    url: str,
    control_id: str,
    params: tuple[Pair, ...],
    label_pairs: tuple[Pair, ...],
    track: str | None,
    status_url_method: str | None,
    conflict: str | None,
    wait_until: str | None,
    max_duration: float | None,
    bearer_token: str | None,
    **plain: Any,
) -> Any:
    from callstream.v1 import stream_pb2
    from callstream.v1 import stream_service_pb2 as contract

    request = contract.StartStreamRequest(
        call_id=call_id,
        url=url,
        control_id=control_id,
        track=number(stream_pb2.Track.Value, "TRACK_", track),
        status_url_method=number(contract.StatusUrlMethod.Value, "STATUS_URL_METHOD_", status_url_method),
        conflict_policy=number(contract.ConflictPolicy.Value, "CONFLICT_POLICY_", conflict),
        wait_until=number(contract.StartWaitUntil.Value, "START_WAIT_UNTIL_", wait_until),
        authorization_bearer_token=bearer_token or "",
        labels=labels(label_pairs),
        **plain,
    )
    if max_duration is not None:
        request.max_duration.FromMicroseconds(round(max_duration * 1e6))
    if params:
        request.custom_parameters.update(custom_parameters(params))
    return request


@command.command("stop", short_help="Stop a stream.")
@_CALL_ID
@click.argument("control_id", required=False)
@click.option("--name", help="Stop the stream with this name.")
@click.option("--all", "everything", is_flag=True, help="Stop all streams of the call.")
@click.option(
    "--wait-until", type=choice("accepted", "ended"), help="Answer when RELAY took it (default), or at its end."
)
@client_options("15s")
def stop(
    target: Target,
    timeout: float,
    as_json: bool,
    call_id: str,
    control_id: str | None,
    name: str | None,
    everything: bool,
    wait_until: str | None,
) -> None:
    """Stop a stream by its control id or name, or all streams of a call. Stopping an ended stream succeeds, too."""
    if sum((control_id is not None, name is not None, everything)) != 1:
        raise click.UsageError("Name one: CONTROL_ID, --name or --all.")
    from callstream.v1 import stream_service_pb2 as contract
    from callstream.v1.stream_service_pb2_grpc import StreamServiceStub
    from gateway.cli.client.render import write_message, write_stream

    until = number(contract.StopWaitUntil.Value, "STOP_WAIT_UNTIL_", wait_until)
    with open_channel(target) as channel, rpc_failures(target, "ask again: stopping twice does no harm"):
        stub = StreamServiceStub(channel)
        if everything:
            every = contract.StopCallStreamsRequest(call_id=call_id, wait_until=until)
            _write_stopped(stub.StopCallStreams(every, timeout=timeout), as_json)
            return
        which = {"control_id": control_id} if control_id is not None else {"name": name or ""}
        request = contract.StopStreamRequest(call_id=call_id, wait_until=until, **which)
        response = stub.StopStream(request, timeout=timeout)
    if as_json:
        write_message(response)
    else:
        write_stream(response.stream)


def _write_stopped(response: Any, as_json: bool) -> None:
    """Writes what became of each stream; a failure if one could not be stopped."""
    from gateway.cli.client.render import write_message, write_streams

    if as_json:
        write_message(response)
    else:
        write_streams([result.stream for result in response.results])
    wrong = [
        f"{result.stream.control_id}: {result.error.reason}: {result.error.message}"
        for result in response.results
        if result.HasField("error")
    ]
    if wrong:
        raise Failure("\n".join(wrong), REFUSED)


@command.command("get", short_help="Show one stream.")
@_CALL_ID
@_CONTROL_ID
@client_options("10s")
def get(target: Target, timeout: float, as_json: bool, call_id: str, control_id: str) -> None:
    """Show one stream as it is, or as it ended."""
    from callstream.v1.stream_service_pb2 import GetStreamRequest

    _show(target, timeout, as_json, "GetStream", GetStreamRequest(call_id=call_id, control_id=control_id))


@command.command("wait", short_help="Wait until a stream has ended.")
@_CALL_ID
@_CONTROL_ID
@client_options(None)
def wait(target: Target, timeout: float | None, as_json: bool, call_id: str, control_id: str) -> None:
    """Wait until a stream has ended, and show it. The exit code is 0 however it ended: state and reason tell."""
    from callstream.v1.stream_service_pb2 import WaitStreamRequest

    _show(target, timeout, as_json, "WaitStream", WaitStreamRequest(call_id=call_id, control_id=control_id))


def _show(target: Target, timeout: float | None, as_json: bool, method: str, request: Any) -> None:
    """Calls a method whose response has a stream, and writes that."""
    from callstream.v1.stream_service_pb2_grpc import StreamServiceStub
    from gateway.cli.client.render import write_message, write_stream

    with open_channel(target) as channel, rpc_failures(target):
        response = getattr(StreamServiceStub(channel), method)(request, timeout=timeout)
    if as_json:
        write_message(response)
    else:
        write_stream(response.stream)


@command.command("list", short_help="List streams.")
@click.option("--call", "call_id", default="", help="Only streams of this call.")
@click.option("--state", "states", type=choice(*_STATES), multiple=True, help="Only in this state. May be repeated.")
@click.option("--all", "everything", is_flag=True, help="Also streams that have ended.")
@click.option("--name", default="", help="Only streams of this name.")
@click.option("--label", "label_pairs", type=key_value, multiple=True, help="Only with this label. May be repeated.")
@click.option("--limit", type=click.IntRange(min=1), help="So many at most, the oldest.")
@client_options("10s")
def list_streams(
    target: Target,
    timeout: float,
    as_json: bool,
    call_id: str,
    states: tuple[str, ...],
    everything: bool,
    name: str,
    label_pairs: tuple[Pair, ...],
    limit: int | None,
) -> None:
    """List streams, the oldest first; those that have ended only with --all or --state finished."""
    from callstream.v1 import stream_pb2
    from callstream.v1 import stream_service_pb2 as contract
    from gateway.cli.client.listing import streams
    from gateway.cli.client.render import write_message, write_streams

    request = contract.ListStreamsRequest(
        call_id=call_id,
        states=numbers(stream_pb2.StreamState.Value, "STREAM_STATE_", states or (() if everything else _ACTIVE)),
        name=name,
        labels=labels(label_pairs),
    )
    with open_channel(target) as channel, rpc_failures(target):
        found = streams(channel, request, limit, timeout)
    if as_json:
        write_message(contract.ListStreamsResponse(streams=found))
    else:
        write_streams(found)


command.add_command(watch)
