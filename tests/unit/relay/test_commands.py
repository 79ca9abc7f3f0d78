"""Commands to RELAY as values."""

from gateway.relay import commands
from gateway.relay.commands import Command

IDS = {"node_id": "n", "call_id": "c"}


def test_start_leaves_out_what_is_empty() -> None:
    """RELAY sees only what the caller gave, so that its own defaults hold."""
    command = commands.start_stream(node_id="n", call_id="c", control_id="s", url="wss://e")
    assert command == Command("calling.stream", {**IDS, "control_id": "s", "url": "wss://e"})


def test_start_passes_everything_that_is_given() -> None:
    """Every parameter of calling.stream has its wire name."""
    given = {
        "name": "main",
        "codec": "L16@16000h",
        "track": "both_tracks",
        "status_url": "https://h",
        "status_url_method": "GET",
        "authorization_bearer_token": "B",
        "custom_parameters": {"k": "v", "empty": ""},
    }
    command = commands.start_stream(
        node_id="n",
        call_id="c",
        control_id="s",
        url="wss://e",
        name="main",
        codec="L16@16000h",
        track="both_tracks",
        status_url="https://h",
        status_url_method="GET",
        authorization_bearer_token="B",
        custom_parameters={"k": "v", "empty": ""},
    )
    assert command.params == {**IDS, "control_id": "s", "url": "wss://e", **given}


def test_commands_of_calls() -> None:
    """Answer, end and pass name the call; codecs and reason only if given."""
    assert commands.stop_stream(**IDS, control_id="s") == Command("calling.stream.stop", {**IDS, "control_id": "s"})
    assert commands.answer(**IDS) == Command("calling.answer", IDS)
    assert commands.answer(**IDS, codecs=("PCMU",)) == Command("calling.answer", {**IDS, "codecs": ["PCMU"]})
    assert commands.end(**IDS) == Command("calling.end", IDS)
    assert commands.end(**IDS, reason="busy") == Command("calling.end", {**IDS, "reason": "busy"})
    assert commands.pass_call(**IDS) == Command("calling.pass", IDS)


def test_dial_keeps_groups_and_limits() -> None:
    """Groups are tried in turn, so their order is kept; a limit of 0 is one, None is none."""
    devices = (({"type": "phone", "params": {}}, {"type": "sip", "params": {}}), ({"type": "phone", "params": {}},))
    assert commands.dial(tag="t", devices=devices).params == {"tag": "t", "devices": [list(g) for g in devices]}
    limited = commands.dial(tag="t", devices=[], region="us", max_price_per_minute=0.0, max_duration=60).params
    assert limited == {"tag": "t", "devices": [], "region": "us", "max_price_per_minute": 0.0, "max_duration": 60}


def test_contexts_are_sorted() -> None:
    """Receive and unreceive name contexts in an order that does not change from run to run."""
    assert commands.receive({"b", "a"}) == Command("signalwire.receive", {"contexts": ["a", "b"]})
    assert commands.unreceive(["b"]) == Command("signalwire.unreceive", {"contexts": ["b"]})


def test_repr_shows_the_method_only() -> None:
    """Params and results may hold secrets, so neither is in a repr."""
    command = commands.start_stream(
        node_id="n", call_id="c", control_id="s", url="wss://e?key=hidden", authorization_bearer_token="hidden"
    )
    assert repr(command) == "Command(method='calling.stream')"
    assert "hidden" not in repr(commands.Result("200", "", {"token": "hidden"}))
