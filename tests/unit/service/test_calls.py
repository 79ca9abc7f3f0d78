"""CallService: looking at calls, without RELAY."""

from typing import Any

import grpc
import pytest

from callstream.v1 import call_pb2, call_service_pb2
from gateway.domain.calls import CallState, Direction
from tests.support.serving import Served, error_details, served


async def listed(gateway: Served, **request: Any) -> call_service_pb2.ListCallsResponse:
    """A page of calls."""
    page = await gateway.client.calls.ListCalls(call_service_pb2.ListCallsRequest(**request))
    assert isinstance(page, call_service_pb2.ListCallsResponse)
    return page


def ids(page: call_service_pb2.ListCallsResponse) -> list[str]:
    """The ids of a page."""
    return [call.call_id for call in page.calls]


async def test_get() -> None:
    """A call is shown in its newest state, also after its end."""
    async with served() as gateway:
        await gateway.written(gateway.call(CallState.ANSWERED, context="office"))
        request = call_service_pb2.GetCallRequest(call_id="call-1")
        call = (await gateway.client.calls.GetCall(request)).call
        assert (call.state, call.context, call.node_id) == (call_pb2.CALL_STATE_ANSWERED, "office", "node-1")
        await gateway.written(gateway.call(CallState.ENDED))
        assert (await gateway.client.calls.GetCall(request)).call.state == call_pb2.CALL_STATE_ENDED


async def test_get_unknown() -> None:
    """NOT_FOUND/CALL_NOT_FOUND, with the id."""
    async with served() as gateway:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await gateway.client.calls.GetCall(call_service_pb2.GetCallRequest(call_id="call-1"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        details = error_details(caught.value)
        assert (details.reason, details.metadata) == ("CALL_NOT_FOUND", {"call_id": "call-1"})


async def test_pages() -> None:
    """Pages follow create time, and join without a hole or a repetition."""
    async with served() as gateway:
        await gateway.written(
            *(gateway.call(CallState.ANSWERED, f"c{-number}", create_time=number) for number in range(1, 8))
        )
        first = await listed(gateway, page_size=3)
        second = await listed(gateway, page_size=3, page_token=first.next_page_token)
        third = await listed(gateway, page_size=3, page_token=second.next_page_token)
        assert ids(first) + ids(second) + ids(third) == [f"c{-number}" for number in range(1, 8)]
        assert not third.next_page_token


async def test_a_call_that_is_too_large() -> None:
    """One that alone is more than a page should have gets a page of its own."""
    async with served() as gateway:
        tags = ["a", "b" * (3 << 20), "c"]
        await gateway.written(
            *(gateway.call(CallState.ANSWERED, tag[0], create_time=ord(tag[0]), tag=tag) for tag in tags)
        )
        first = await listed(gateway)
        second = await listed(gateway, page_token=first.next_page_token)
        third = await listed(gateway, page_token=second.next_page_token)
        assert [ids(page) for page in (first, second, third)] == [["a"], ["b"], ["c"]]
        assert not third.next_page_token


async def test_filters() -> None:
    """All conditions must hold."""
    async with served() as gateway:
        await gateway.written(
            gateway.call(CallState.ANSWERED, "a", create_time=1, context="x", direction=Direction.INBOUND),
            gateway.call(CallState.ENDED, "b", create_time=2, context="x", tag="t", direction=Direction.OUTBOUND),
            gateway.call(CallState.ANSWERED, "c", create_time=3, context="y", tag="t"),
        )
        answered = call_pb2.CALL_STATE_ANSWERED
        for request, expected in (
            ({}, ["a", "b", "c"]),
            ({"states": [answered]}, ["a", "c"]),
            ({"direction": call_pb2.CALL_DIRECTION_INBOUND}, ["a"]),
            ({"context": "x"}, ["a", "b"]),
            ({"tag": "t"}, ["b", "c"]),
            ({"states": [answered], "tag": "t"}, ["c"]),
        ):
            assert ids(await listed(gateway, **request)) == expected, request


async def test_ended_calls_need_no_session() -> None:
    """Ending a call that has ended succeeds; answering or passing it is FAILED_PRECONDITION/CALL_ENDED."""
    async with served() as gateway:
        await gateway.written(gateway.call(CallState.ENDED))
        calls = gateway.client.calls
        ended = await calls.EndCall(call_service_pb2.EndCallRequest(call_id="call-1"))
        assert ended.call.state == call_pb2.CALL_STATE_ENDED
        with pytest.raises(grpc.aio.AioRpcError) as answer:
            await calls.AnswerCall(call_service_pb2.AnswerCallRequest(call_id="call-1"))
        with pytest.raises(grpc.aio.AioRpcError) as passing:
            await calls.PassCall(call_service_pb2.PassCallRequest(call_id="call-1"))
        for caught in (answer, passing):
            assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
            assert error_details(caught.value).reason == "CALL_ENDED"
