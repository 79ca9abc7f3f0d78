"""What an observer learns of RPCs, and by what clients and logs know the same one."""

from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor

from callstream.v1 import gateway_service_pb2, stream_service_pb2
from gateway.service.rpc import Call, Surroundings
from tests.support.serving import Served, served, wait_until


class Seen:
    """One RPC as its observer saw it."""

    def __init__(self, method: str, call: Call) -> None:
        self.method = method
        self.call = call
        self.messages = 0
        self.ends: list[tuple[grpc.StatusCode, str]] = []

    def sent(self) -> None:
        """See Observation."""
        self.messages += 1

    def ended(self, code: grpc.StatusCode, reason: str) -> None:
        """See Observation."""
        self.ends.append((code, reason))


class Observer:
    """Keeps what it sees."""

    def __init__(self) -> None:
        self.rpcs: list[Seen] = []

    def began(self, method: MethodDescriptor, call: Call) -> Seen:
        """See Observer."""
        self.rpcs.append(Seen(method.name, call))
        return self.rpcs[-1]


async def info(gateway: Served, metadata: tuple[tuple[str, str], ...] = ()) -> Any:
    """The trailing metadata of an RPC that succeeds."""
    rpc = gateway.client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest(), metadata=metadata)
    await rpc
    return dict(await rpc.trailing_metadata())


async def test_a_unary_rpc_ends_once_with_its_code_and_reason() -> None:
    """OK without a reason, an error with its own; with the ids that the request is about."""
    observer = Observer()
    async with served(around=Surroundings(observer=observer)) as gateway:
        await info(gateway)
        request = stream_service_pb2.GetStreamRequest(call_id="c", control_id="s")
        with pytest.raises(grpc.aio.AioRpcError):
            await gateway.client.streams.GetStream(request)
    good, bad = observer.rpcs
    assert (good.method, good.ends) == ("GetGatewayInfo", [(grpc.StatusCode.OK, "")])
    assert (good.call.call_id, good.call.control_id) == ("", "")
    assert (bad.method, bad.ends) == ("GetStream", [(grpc.StatusCode.NOT_FOUND, "STREAM_NOT_FOUND")])
    assert (bad.call.call_id, bad.call.control_id) == ("c", "s")


async def test_a_watch_ends_once_however_it_ends() -> None:
    """Left by its client, or refused; its messages are counted."""
    observer = Observer()
    async with served(around=Surroundings(observer=observer)) as gateway:
        watch = gateway.watch()
        await watch.opened()
        watch.call.cancel()
        await wait_until(lambda: bool(observer.rpcs[0].ends))
        await gateway.watch(after_cursor="nonsense").failure()
    left, refused = observer.rpcs
    assert (left.messages, left.ends) == (1, [(grpc.StatusCode.CANCELLED, "")])
    assert (refused.messages, refused.ends) == (0, [(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")])


async def test_clients_learn_the_request_id() -> None:
    """Their own word for it, or the one that was made up; with success and with failure."""
    async with served() as gateway:
        assert (await info(gateway, (("x-request-id", "mine"),)))["x-request-id"] == "mine"
        assert len((await info(gateway))["x-request-id"]) == 16
        request = stream_service_pb2.GetStreamRequest(call_id="c", control_id="s")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await gateway.client.streams.GetStream(request, metadata=(("x-request-id", "mine"),))
        assert dict(caught.value.trailing_metadata() or ())["x-request-id"] == "mine"
        failure = await gateway.watch(after_cursor="nonsense").failure()
        assert dict(failure.trailing_metadata() or ())["x-request-id"]


@pytest.mark.parametrize("given", ["", "x" * 129])
async def test_an_unfit_request_id_is_replaced(given: str) -> None:
    """Logs are not made longer or harder to read by clients."""
    async with served() as gateway:
        assert (await info(gateway, (("x-request-id", given),)))["x-request-id"] != given
