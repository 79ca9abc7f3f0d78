"""`callstream call`: words become requests, responses become words."""

import json
from typing import Any

import pytest

from callstream.v1 import call_pb2
from callstream.v1 import call_service_pb2 as contract_calls
from tests.support.command_line import Ran, run
from tests.support.scripted_contract import scripted_contract

CALL = call_pb2.Call(call_id="c1", state=call_pb2.CALL_STATE_ANSWERED)
ANSWERS = {
    "GetCall": lambda _: contract_calls.GetCallResponse(call=CALL),
    "AnswerCall": lambda _: contract_calls.AnswerCallResponse(call=CALL),
    "EndCall": lambda _: contract_calls.EndCallResponse(call=CALL),
    "PassCall": lambda _: contract_calls.PassCallResponse(call=CALL),
    "Dial": lambda _: contract_calls.DialResponse(call=CALL, dial=call_pb2.Dial(tag="t")),
}


def asked(*words: str) -> tuple[Any, Ran]:
    """The request that a command made, and what it left behind."""
    with scripted_contract(ANSWERS) as contract:
        shown = run("call", *words, "--address", contract.address)
    assert shown.code == 0, shown.err
    (request,) = contract.requests
    return request, shown


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (["get", "c1"], contract_calls.GetCallRequest(call_id="c1")),
        (["answer", "c1"], contract_calls.AnswerCallRequest(call_id="c1")),
        (
            ["answer", "c1", "--node-id", "n", "--codec", "PCMU", "--codec", "OPUS"],
            contract_calls.AnswerCallRequest(call_id="c1", node_id="n", codecs=["PCMU", "OPUS"]),
        ),
        (["end", "c1"], contract_calls.EndCallRequest(call_id="c1")),
        (
            ["end", "c1", "--reason", "no-answer", "--node-id", "n"],
            contract_calls.EndCallRequest(
                call_id="c1", node_id="n", reason=contract_calls.END_CALL_REASON_NO_ANSWER
            ),
        ),
        (["pass", "c1", "--node-id", "n"], contract_calls.PassCallRequest(call_id="c1", node_id="n")),
    ],
)  # fmt: skip
def test_words_become_the_request(words: list[str], request_: Any) -> None:
    """And the call is shown as it is then."""
    request, shown = asked(*words)
    assert request == request_
    assert shown.out == "call   c1\nstate  answered\n"


def test_json_is_the_contracts_response() -> None:
    """As every client in any language knows it."""
    _, shown = asked("get", "c1", "--json")
    assert json.loads(shown.out)["call"]["state"] == "CALL_STATE_ANSWERED"


def test_one_number_is_dialled() -> None:
    """The tag is made up: asking again with it is safe."""
    request, shown = asked("dial", "--from", "+1", "--to", "+2")
    (group,) = request.groups
    assert group.devices[0].phone == call_pb2.PhoneDevice(from_number="+1", to_number="+2")
    assert len(request.tag) == 36
    assert shown.out.startswith("call   c1")


def test_several_ring_at_once_or_in_turn() -> None:
    """SIP addresses among them."""
    words = ("dial", "--from", "sip:a@x", "--to", "sip:b@x", "--to", "+2", "--tag", "t", "--ring", "20s")
    at_once, _ = asked(*words)
    in_turn, _ = asked(*words, "--in-turn")
    assert [len(group.devices) for group in at_once.groups] == [2]
    assert [len(group.devices) for group in in_turn.groups] == [1, 1]
    assert in_turn.groups[0].devices[0].sip == call_pb2.SipDevice(from_address="sip:a@x", to_address="sip:b@x")
    assert in_turn.groups[1].devices[0].phone.timeout_seconds == 20
    assert at_once.tag == "t"


def test_a_dial_has_limits() -> None:
    """Durations are rounded up to what RELAY counts in."""
    request, _ = asked(
        "dial", "--from", "+1", "--to", "+2", "--region", "us", "--max-price-per-minute", "0.5",
        "--max-duration", "90s", "--ring", "500ms",
    )  # fmt: skip
    assert (request.region, request.max_price_per_minute, request.max_duration_minutes) == ("us", 0.5, 2)
    assert request.groups[0].devices[0].phone.timeout_seconds == 1


def test_a_dial_needs_both_ends() -> None:
    """Wrong usage is 2, before anything is connected."""
    assert run("call", "dial", "--to", "+2").code == 2
