"""CallService: what a client needs around a stream."""

from callstream.v1 import call_service_pb2
from gateway.domain.errors import CallNotFound
from gateway.engine.engine import Engine
from gateway.service import validation
from gateway.service.encode import call_message, dial_message
from gateway.service.fitting import fitted
from gateway.service.paging import page_of
from gateway.service.rpc import Call
from gateway.service.sight import Sight

__all__ = ["Calls"]


class Calls:
    """Handlers of CallService."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def dial(self, request: call_service_pb2.DialRequest, call: Call) -> call_service_pb2.DialResponse:
        """Handles Dial."""
        self._sight(call).admit_beyond_contexts("Dial")
        dial, answered = await self._engine.calls.dial(validation.dial(request), call.deadline)
        return call_service_pb2.DialResponse(dial=dial_message(dial), call=call_message(answered))

    async def answer_call(
        self, request: call_service_pb2.AnswerCallRequest, call: Call
    ) -> call_service_pb2.AnswerCallResponse:
        """Handles AnswerCall."""
        order = validation.answer_call(request)
        self._sight(call).admit_call(order.call_id)
        answered = await self._engine.calls.answer(order, call.deadline)
        return call_service_pb2.AnswerCallResponse(call=call_message(answered))

    async def end_call(self, request: call_service_pb2.EndCallRequest, call: Call) -> call_service_pb2.EndCallResponse:
        """Handles EndCall."""
        order = validation.end_call(request)
        self._sight(call).admit_call(order.call_id)
        ended = await self._engine.calls.end(order, call.deadline)
        return call_service_pb2.EndCallResponse(call=call_message(ended))

    async def pass_call(
        self, request: call_service_pb2.PassCallRequest, call: Call
    ) -> call_service_pb2.PassCallResponse:
        """Handles PassCall."""
        order = validation.pass_call(request)
        self._sight(call).admit_call(order.call_id)
        passed = await self._engine.calls.pass_on(order, call.deadline)
        return call_service_pb2.PassCallResponse(call=call_message(passed))

    async def get_call(self, request: call_service_pb2.GetCallRequest, call: Call) -> call_service_pb2.GetCallResponse:
        """Handles GetCall."""
        call_id = validation.get_call(request)
        found = self._sight(call).call(call_id)
        if found is None:
            raise CallNotFound(call_id)
        return call_service_pb2.GetCallResponse(call=call_message(found))

    async def list_calls(
        self, request: call_service_pb2.ListCallsRequest, call: Call
    ) -> call_service_pb2.ListCallsResponse:
        """Handles ListCalls."""
        query = validation.list_calls(request)
        sight = self._sight(call)
        calls = (each for each in self._engine.registry.calls() if query.matches(each) and sight.shows_call(each))
        page = page_of(calls, query.page)
        messages, next_token = fitted(page, query.page, call_message)
        return call_service_pb2.ListCallsResponse(calls=messages, next_page_token=next_token)

    def _sight(self, call: Call) -> Sight:
        return Sight(self._engine.registry, call.client)
