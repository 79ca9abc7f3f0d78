"""Requests about calls become orders in RELAY's words, or every wrong field is listed."""

import uuid
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from callstream.v1 import call_pb2, call_service_pb2
from gateway.domain.calls import Call, CallState, Direction
from gateway.engine.orders import AnswerCall, DialOrder, EndCall, PassCall
from gateway.service.paging import PageRequest, page_of
from gateway.service.validation import calls
from gateway.service.validation.queries import CallsQuery
from tests.support.violations import violations

PHONE = {"phone": {"fromNumber": "+15551230001", "toNumber": "+15551230002"}}
SIP = {"sip": {"fromAddress": "sip:a@example.com", "toAddress": "sip:b@example.com"}}


def dial(**fields: Any) -> call_service_pb2.DialRequest:
    """A request in the JSON form of the contract: one phone, and these fields."""
    return ParseDict({"groups": [{"devices": [PHONE]}]} | fields, call_service_pb2.DialRequest())


def one_device(**device: Any) -> call_service_pb2.DialRequest:
    """A request to dial one device."""
    return dial(groups=[{"devices": [device]}])


class TestDial:
    """dial."""

    def test_the_smallest(self) -> None:
        """One phone is enough; the tag is made up."""
        order = calls.dial(dial())
        params = {"from_number": "+15551230001", "to_number": "+15551230002"}
        assert order == DialOrder(order.tag, [[{"type": "phone", "params": params}]])
        assert str(uuid.UUID(order.tag)) == order.tag

    def test_every_field(self) -> None:
        """Groups in turn and devices in parallel become RELAY's nested list."""
        phone = {"phone": PHONE["phone"] | {"timeoutSeconds": 600, "maxDurationMinutes": 10_080}}
        sip = {"sip": SIP["sip"] | {"headers": [{"name": "X-A", "value": "1"}], "codecs": ["PCMU", "OPUS"]}}
        request = dial(
            tag="attempt-1",
            groups=[{"devices": [phone, sip]}, {"devices": [SIP]}],
            region="us-east",
            maxPricePerMinute=0.25,
            maxDurationMinutes=10_080,
        )
        assert calls.dial(request) == DialOrder(
            tag="attempt-1",
            devices=[
                [
                    {
                        "type": "phone",
                        "params": {
                            "from_number": "+15551230001",
                            "to_number": "+15551230002",
                            "timeout": 600,
                            "max_duration": 10_080,
                        },
                    },
                    {
                        "type": "sip",
                        "params": {
                            "from": "sip:a@example.com",
                            "to": "sip:b@example.com",
                            "headers": [{"name": "X-A", "value": "1"}],
                            "codecs": ["PCMU", "OPUS"],
                        },
                    },
                ],
                [{"type": "sip", "params": {"from": "sip:a@example.com", "to": "sip:b@example.com"}}],
            ],
            region="us-east",
            max_price_per_minute=0.25,
            max_duration_minutes=10_080,
        )

    @pytest.mark.parametrize(
        ("fields", "field", "says"),
        [
            ({"tag": "a b"}, "tag", "printable ASCII"),
            ({"tag": "t" * 129}, "tag", "128 bytes"),
            ({"groups": []}, "groups", "1 to 10"),
            ({"groups": [{"devices": [PHONE]}] * 11}, "groups", "1 to 10"),
            ({"groups": [{"devices": [PHONE]}, {}]}, "groups[1].devices", "1 to 10"),
            ({"groups": [{"devices": [PHONE] * 11}]}, "groups[0].devices", "1 to 10"),
            ({"region": "r" * 65}, "region", "64 bytes"),
            ({"maxPricePerMinute": -0.01}, "max_price_per_minute", "finite number"),
            ({"maxPricePerMinute": "NaN"}, "max_price_per_minute", "finite number"),
            ({"maxPricePerMinute": "Infinity"}, "max_price_per_minute", "finite number"),
            ({"maxDurationMinutes": 10_081}, "max_duration_minutes", "0 to 10080"),
            ({"maxDurationMinutes": -1}, "max_duration_minutes", "0 to 10080"),
        ],
    )
    def test_wrong(self, fields: dict[str, Any], field: str, says: str) -> None:
        """Each limit of the contract is named when it is crossed."""
        wrong = violations(calls.dial, dial(**fields))
        assert set(wrong) == {field}
        assert says in wrong[field]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"fromNumber": ""}, "from_number"),
            ({"fromNumber": "15551230001"}, "from_number"),
            ({"toNumber": "+05551230001"}, "to_number"),
            ({"toNumber": "+1"}, "to_number"),
            ({"toNumber": "+1234567890123456"}, "to_number"),
            ({"toNumber": "+1 555 123"}, "to_number"),
            ({"toNumber": "+1555123\n"}, "to_number"),
            ({"timeoutSeconds": 601}, "timeout_seconds"),
            ({"timeoutSeconds": -1}, "timeout_seconds"),
            ({"maxDurationMinutes": 10_081}, "max_duration_minutes"),
        ],
    )
    def test_wrong_phones(self, changes: dict[str, Any], field: str) -> None:
        """The path leads to the field of the device."""
        wrong = violations(calls.dial, one_device(phone=PHONE["phone"] | changes))
        assert set(wrong) == {f"groups[0].devices[0].phone.{field}"}

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"fromAddress": ""}, "from_address"),
            ({"toAddress": "sip:\r\n"}, "to_address"),
            ({"headers": [{"name": "X-A"}] * 21}, "headers"),
            ({"headers": [{"name": "X-A"}, {"value": "1"}]}, "headers[1].name"),
            ({"headers": [{"name": "X A"}]}, "headers[0].name"),
            ({"headers": [{"name": "X" * 257}]}, "headers[0].name"),
            ({"headers": [{"name": "X-A", "value": "1\r\nX-B: 2"}]}, "headers[0].value"),
            ({"headers": [{"name": "X-A", "value": "1" * 1025}]}, "headers[0].value"),
            ({"codecs": ["PCMU", ""]}, "codecs[1]"),
            ({"codecs": ["c" * 65]}, "codecs[0]"),
            ({"codecs": ["PCMU"] * 11}, "codecs"),
        ],
    )
    def test_wrong_sip_addresses(self, changes: dict[str, Any], field: str) -> None:
        """No header can be smuggled in, and each wrong one is named."""
        wrong = violations(calls.dial, one_device(sip=SIP["sip"] | changes))
        assert set(wrong) == {f"groups[0].devices[0].sip.{field}"}

    def test_other_devices(self) -> None:
        """What RELAY knows beyond phone and sip is only ever received."""
        wrong = violations(calls.dial, dial(groups=[{"devices": [{"other": {"type": "webrtc"}}, {}]}]))
        assert set(wrong) == {"groups[0].devices[0].other", "groups[0].devices[1]"}

    def test_everything_at_once(self) -> None:
        """One answer lists all that is to be mended, in all groups."""
        wrong = violations(
            calls.dial,
            dial(
                tag=" ",
                groups=[{"devices": [PHONE, {"phone": {"fromNumber": "+15551230001"}}]}, {"devices": [{"sip": {}}]}],
                maxDurationMinutes=-1,
            ),
        )
        assert set(wrong) == {
            "tag",
            "groups[0].devices[1].phone.to_number",
            "groups[1].devices[0].sip.from_address",
            "groups[1].devices[0].sip.to_address",
            "max_duration_minutes",
        }


class TestCommands:
    """answer_call, end_call and pass_call."""

    def test_answer(self) -> None:
        """Codecs are offered in their order."""
        request = call_service_pb2.AnswerCallRequest(call_id="c", node_id="n", codecs=["OPUS", "PCMU"])
        assert calls.answer_call(request) == AnswerCall("c", "n", ("OPUS", "PCMU"))

    @pytest.mark.parametrize(
        ("reason", "word"),
        [
            (call_service_pb2.END_CALL_REASON_UNSPECIFIED, "hangup"),
            (call_service_pb2.END_CALL_REASON_HANGUP, "hangup"),
            (call_service_pb2.END_CALL_REASON_CANCEL, "cancel"),
            (call_service_pb2.END_CALL_REASON_BUSY, "busy"),
            (call_service_pb2.END_CALL_REASON_NO_ANSWER, "noAnswer"),
            (call_service_pb2.END_CALL_REASON_DECLINE, "decline"),
            (call_service_pb2.END_CALL_REASON_ERROR, "error"),
        ],
    )
    def test_end(self, reason: call_service_pb2.EndCallReason.ValueType, word: str) -> None:
        """Reasons become RELAY's words."""
        request = call_service_pb2.EndCallRequest(call_id="c", node_id="n", reason=reason)
        assert calls.end_call(request) == EndCall("c", "n", word)

    def test_pass(self) -> None:
        """A call is passed by its id."""
        assert calls.pass_call(call_service_pb2.PassCallRequest(call_id="c", node_id="n")) == PassCall("c", "n")

    def test_wrong(self) -> None:
        """Every wrong field is listed."""
        answer = call_service_pb2.AnswerCallRequest(node_id="\n", codecs=["", "x"])
        assert set(violations(calls.answer_call, answer)) == {"call_id", "node_id", "codecs[0]"}
        end = call_service_pb2.EndCallRequest(node_id="n" * 257, reason=7)  # type: ignore[arg-type]
        assert set(violations(calls.end_call, end)) == {"call_id", "node_id", "reason"}
        passing = call_service_pb2.PassCallRequest(call_id="c" * 257, node_id="\n")
        assert set(violations(calls.pass_call, passing)) == {"call_id", "node_id"}


class TestReads:
    """get_call and list_calls."""

    def test_get(self) -> None:
        """A call is read by its id."""
        assert calls.get_call(call_service_pb2.GetCallRequest(call_id="c")) == "c"
        assert set(violations(calls.get_call, call_service_pb2.GetCallRequest())) == {"call_id"}

    def test_list(self) -> None:
        """Filters and page size are taken over."""
        query = calls.list_calls(
            call_service_pb2.ListCallsRequest(
                states=[call_pb2.CALL_STATE_RINGING],
                direction=call_pb2.CALL_DIRECTION_INBOUND,
                context="office",
                tag="t",
                page_size=7,
            )
        )
        page = PageRequest(7, query.page.filters)
        assert query == CallsQuery(page, frozenset({CallState.RINGING}), Direction.INBOUND, "office", "t")

    def test_pages_follow(self) -> None:
        """A token is good with the same filters, and with no others."""
        query = calls.list_calls(call_service_pb2.ListCallsRequest(context="office", page_size=1))
        token = page_of([Call(each, CallState.ANSWERED, 5, 5) for each in "ab"], query.page).next_token
        again = call_service_pb2.ListCallsRequest(context="office", page_token=token)
        assert calls.list_calls(again).page.after == (5, ("a",))
        other = call_service_pb2.ListCallsRequest(tag="office", page_token=token)
        assert "other filters" in violations(calls.list_calls, other)["page_token"]

    def test_wrong(self) -> None:
        """Every wrong filter is listed."""
        wrong = violations(
            calls.list_calls,
            call_service_pb2.ListCallsRequest(
                states=[call_pb2.CALL_STATE_UNSPECIFIED],
                direction=3,  # type: ignore[arg-type]
                context="\n",
                tag="t" * 257,
                page_size=-1,
                page_token="?",
            ),
        )
        assert set(wrong) == {"states[0]", "direction", "context", "tag", "page_size", "page_token"}
