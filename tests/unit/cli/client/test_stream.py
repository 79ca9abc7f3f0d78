"""`callstream stream`: words become requests, responses become words."""

import json
from pathlib import Path
from typing import Any

import pytest

from callstream.v1 import stream_pb2
from callstream.v1 import stream_service_pb2 as contract_streams
from tests.support.command_line import Ran, run
from tests.support.scripted_contract import scripted_contract

STREAM = stream_pb2.Stream(call_id="c1", control_id="s1", state=stream_pb2.STREAM_STATE_STARTING)
STOPPED = contract_streams.StopResult(stream=STREAM)
FAILED = contract_streams.StopResult(stream=STREAM, error=stream_pb2.StreamError(reason="RELAY_REJECTED", message="no"))


def answers(**changes: Any) -> dict[str, Any]:
    """Answers to all that these commands ask."""
    return {
        "StartStream": lambda _: contract_streams.StartStreamResponse(stream=STREAM, created=True),
        "StopStream": lambda _: contract_streams.StopStreamResponse(stream=STREAM),
        "StopCallStreams": lambda _: contract_streams.StopCallStreamsResponse(results=[STOPPED]),
        "GetStream": lambda _: contract_streams.GetStreamResponse(stream=STREAM),
        "WaitStream": lambda _: contract_streams.WaitStreamResponse(stream=STREAM),
        **changes,
    }


def asked(*words: str, environment: dict[str, str | None] | None = None, **changes: Any) -> tuple[Any, Ran]:
    """The request that a command made, and what it left behind."""
    with scripted_contract(answers(**changes)) as contract:
        shown = run("stream", *words, "--address", contract.address, environment=environment)
    (request,) = contract.requests
    return request, shown


def test_a_start_needs_call_and_url_only() -> None:
    """The control id is made up here, so that it can be told when the answer is lost."""
    request, shown = asked("start", "c1", "wss://x/y")
    assert len(request.control_id) == 36
    request.control_id = ""
    assert request == contract_streams.StartStreamRequest(call_id="c1", url="wss://x/y")
    assert (shown.code, shown.out.splitlines()[-1]) == (0, "result      started")


def test_every_parameter_of_a_start_can_be_said() -> None:
    """In words."""
    request, _ = asked(
        "start", "c1", "wss://x/y", "--name", "n", "--codec", "PCMU", "--track", "both", "--status-url", "https://x/s",
        "--status-url-method", "GET", "--bearer-token", "t0ken", "--param", "session_id=abc123", "--param", "n=5",
        "--label", "a=b", "--control-id", "s1", "--max-duration", "1h30m", "--wait-until", "streaming",
        "--conflict", "replace", "--validate-only", "--node-id", "node",
    )  # fmt: skip
    expected = contract_streams.StartStreamRequest(
        call_id="c1",
        node_id="node",
        control_id="s1",
        url="wss://x/y",
        name="n",
        codec="PCMU",
        track=stream_pb2.TRACK_BOTH,
        status_url="https://x/s",
        status_url_method=contract_streams.STATUS_URL_METHOD_GET,
        authorization_bearer_token="t0ken",
        labels={"a": "b"},
        conflict_policy=contract_streams.CONFLICT_POLICY_REPLACE,
        wait_until=contract_streams.START_WAIT_UNTIL_STREAMING,
        validate_only=True,
    )
    expected.custom_parameters.update({"session_id": "abc123", "n": 5})
    expected.max_duration.FromSeconds(5400)
    assert request == expected


def test_the_bearer_token_need_not_stand_on_the_command_line(tmp_path: Path) -> None:
    """A variable, a file or standard input do as well; it is never shown."""
    path = tmp_path / "token"
    path.write_text("t0ken\n")
    words = ("start", "c1", "wss://x/y")
    for request, shown in (
        asked(*words, environment={"CALLSTREAM_BEARER_TOKEN": "t0ken"}),
        asked(*words, "--bearer-token", f"@{path}"),
    ):
        assert request.authorization_bearer_token == "t0ken"
        assert "t0ken" not in shown.out + shown.err
    with scripted_contract(answers()) as contract:
        run("stream", *words, "--bearer-token", "@-", "--address", contract.address, stdin="t0ken\n")
    assert contract.requests[0].authorization_bearer_token == "t0ken"


@pytest.mark.parametrize(
    ("words", "created", "result"),
    [([], True, "started"), ([], False, "was there already"), (["--validate-only"], False, "valid; nothing was done")],
)
def test_a_start_tells_what_it_did(words: list[str], created: bool, result: str) -> None:
    """As a retry finds the stream there already."""
    response = contract_streams.StartStreamResponse(stream=STREAM, created=created)
    _, shown = asked("start", "c1", "wss://x/y", *words, StartStream=lambda _: response)
    assert shown.out.splitlines()[-1].split(maxsplit=1)[1] == result


@pytest.mark.parametrize("command", [["start", "c1", "wss://x/y"], ["stop", "c1", "s1"], ["get", "c1", "s1"]])
def test_json_is_the_contracts_response(command: list[str]) -> None:
    """As every client in any language knows it."""
    _, shown = asked(*command, "--json")
    assert json.loads(shown.out)["stream"]["state"] == "STREAM_STATE_STARTING"


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (["s1"], contract_streams.StopStreamRequest(call_id="c1", control_id="s1")),
        (["--name", "n"], contract_streams.StopStreamRequest(call_id="c1", name="n")),
        (
            ["--all", "--wait-until", "ended"],
            contract_streams.StopCallStreamsRequest(call_id="c1", wait_until=contract_streams.STOP_WAIT_UNTIL_ENDED),
        ),
    ],
)
def test_a_stop_names_what_it_stops(words: list[str], request_: Any) -> None:
    """One stream by id or name, or all of a call."""
    request, shown = asked("stop", "c1", *words)
    assert request == request_
    assert shown.code == 0
    assert "starting" in shown.out


@pytest.mark.parametrize("words", [[], ["s1", "--all"], ["s1", "--name", "n"], ["--name", "n", "--all"]])
def test_a_stop_of_nothing_or_of_two_things_is_wrong_usage(words: list[str]) -> None:
    """Before anything is asked."""
    shown = run("stream", "stop", "c1", *words)
    assert shown.code == 2
    assert "CONTROL_ID, --name or --all" in shown.err


def test_a_stop_of_all_fails_if_one_does() -> None:
    """The others are shown all the same."""
    response = contract_streams.StopCallStreamsResponse(results=[STOPPED, FAILED])
    _, shown = asked("stop", "c1", "--all", "--json", StopCallStreams=lambda _: response)
    assert shown.code == 1
    assert shown.err == "error: s1: RELAY_REJECTED: no\n"
    assert len(json.loads(shown.out)["results"]) == 2


@pytest.mark.parametrize(
    ("command", "request_"),
    [
        ("get", contract_streams.GetStreamRequest(call_id="c1", control_id="s1")),
        ("wait", contract_streams.WaitStreamRequest(call_id="c1", control_id="s1")),
    ],
)
def test_a_stream_is_shown(command: str, request_: Any) -> None:
    """At once, or once it has ended."""
    request, shown = asked(command, "c1", "s1")
    assert request == request_
    assert shown.out == "call        c1\ncontrol id  s1\nstate       starting\n"
