"""`callstream health`: whether a gateway serves, for people and for container health checks."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gateway.cli.client.channel import open_channel
from gateway.cli.client.target import Target, target_options
from gateway.cli.output import plain, remark, write
from gateway.cli.parameters import duration

if TYPE_CHECKING:
    import grpc

__all__ = ["command"]


@click.command("health", short_help="Ask a gateway whether it serves.")
@target_options
@click.option("--timeout", type=duration, default="3s", show_default=True, help="How long to wait for the answer.")
@click.pass_context
def command(ctx: click.Context, target: Target, timeout: float) -> None:
    """Ask a gateway whether it serves: 0 if so, else 1, and one line.

    A gateway serves while it is connected to RELAY, can write its journal, and is not shutting down. If it does
    not, and says why, that goes to standard error. Made for a container's HEALTHCHECK and for scripts.
    """
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with open_channel(target) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.RpcError as error:
            remark(f"{target}: {error.code().name}: {error.details()}")
            ctx.exit(1)
        status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        write(f"{target}: {status}")
        if answer.status == health_pb2.HealthCheckResponse.SERVING:
            return
        for reason in _reasons(channel, timeout):
            remark(f"{target}: {plain(reason)}")
    ctx.exit(1)


def _reasons(channel: "grpc.Channel", timeout: float) -> Iterator[str]:
    """Why it does not serve, as far as it tells this client."""
    import grpc

    from callstream.v1 import gateway_service_pb2, gateway_service_pb2_grpc

    stub = gateway_service_pb2_grpc.GatewayServiceStub(channel)
    try:
        info = stub.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest(), timeout=timeout)
    except grpc.RpcError:  # another server, or one that wants a token
        return
    session, journal = info.relay_session, info.journal
    if journal.failure:
        yield f"events can't be written: {journal.failure}"
    if session.state != gateway_service_pb2.RELAY_SESSION_STATE_CONNECTED:
        yield f"not connected to RELAY at {session.host}: {session.last_error or 'it has just begun to connect'}"
