"""`callstream health`: whether a gateway serves, for people and for container health checks."""

import click

from gateway.cli.client.channel import address_option, open_channel
from gateway.cli.output import remark, write
from gateway.cli.parameters import duration

__all__ = ["command"]


@click.command("health", short_help="Ask a gateway whether it serves.")
@address_option
@click.option("--timeout", type=duration, default="3s", show_default=True, help="How long to wait for the answer.")
@click.pass_context
def command(ctx: click.Context, address: str, timeout: float) -> None:
    """Ask a gateway whether it serves: 0 if so, else 1, and one line.

    A gateway serves while it is connected to RELAY, can write its journal, and is not shutting down. Made for
    a container's HEALTHCHECK and for scripts.
    """
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with open_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.RpcError as error:
            remark(f"{address}: {error.code().name}: {error.details()}")
            ctx.exit(1)
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    write(f"{address}: {status}")
    ctx.exit(0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1)
