"""RELAY frames for the log: these tests try to make a secret show."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.relay import frames
from gateway.relay.redact import REDACTED, redacted, scrubbed

SECRET = "s3cr3t-value"
NAMES = ["token", "jwt_token", "authorization_state", "authorization_bearer_token", "authentication"]

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [SECRET, [SECRET], {"deep": {"deeper": SECRET}}, [[{"x": SECRET}]]])
def test_hides_whatever_stands_under_a_secret_name(name: str, value: Any) -> None:
    """The whole value goes, whatever its shape and however deep the name lies."""
    shown = redacted(json.dumps({"params": [{"inner": {name: value, "call_id": "c-1"}}]}).encode())
    assert SECRET not in shown
    assert REDACTED in shown
    assert "c-1" in shown


@settings(deadline=None)  # a busy machine is no failure
@given(_json, st.sampled_from(NAMES), st.sampled_from([str.lower, str.upper, str.title]))
def test_no_surroundings_make_a_secret_show(around: Any, name: str, case: Any) -> None:
    """Case, neighbours and nesting make no difference."""
    frame = {"a": around, "params": {"x": [around, {case(name): SECRET}]}}
    assert SECRET not in redacted(json.dumps(frame).encode())


def test_escaped_names_are_names() -> None:
    """A name written with JSON escapes is the same name."""
    assert SECRET not in redacted(b'{"\\u0074oken":"s3cr3t-value"}')


def test_repeated_names_are_hidden_each() -> None:
    """Of a name that comes twice neither value shows."""
    assert SECRET not in redacted(b'{"token":"s3cr3t-value","token":"other s3cr3t-value"}')


@pytest.mark.parametrize(
    "frame", [b'{"token":"s3cr3t-value"', b"\xff\xfe s3cr3t-value", b"[" * 100_000 + b'{"token":"s3cr3t-value"}', b""]
)
def test_what_is_no_json_is_not_shown(frame: bytes) -> None:
    """Nobody can say what is in a frame that can't be read."""
    shown = redacted(frame)
    assert SECRET not in shown
    assert "no JSON" in shown


def test_connect_request_shows_no_credentials() -> None:
    """The frame that holds them all shows none."""
    frame = frames.request(
        "1",
        "signalwire.connect",
        {"authentication": {"project": "P", "token": SECRET}, "authorization_state": SECRET, "contexts": ["office"]},
    )
    shown = redacted(frame)
    assert SECRET not in shown
    assert "office" in shown


def test_event_of_authorization_state_keeps_its_type() -> None:
    """What kind of frame it was stays readable."""
    frame = {
        "method": "signalwire.event",
        "params": {"event_type": "signalwire.authorization.state", "params": {"authorization_state": SECRET}},
    }
    shown = redacted(json.dumps(frame).encode())
    assert SECRET not in shown
    assert "signalwire.authorization.state" in shown


@pytest.mark.parametrize("depth", [100, 300, 900, 5_000])
@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]")])
def test_nesting_neither_raises_nor_shows(depth: int, opening: bytes, closing: bytes) -> None:
    """However deep a frame is nested, the log line is made, and a secret at its bottom does not show."""
    bottom = b'{"token":"s3cr3t-value"}'
    assert SECRET not in redacted(opening * depth + bottom + closing * depth)


def test_secret_headers_are_hidden() -> None:
    """A SIP header whose name smells of a secret hides the value that stands beside it."""
    headers = [{"name": "Authorization", "value": SECRET}, {"name": "X-Room", "value": "12"}]
    shown = redacted(json.dumps({"headers": headers}).encode())
    assert SECRET not in shown
    assert "12" in shown


@settings(deadline=None)  # a busy machine is no failure
@given(_json)
def test_known_secrets_show_nowhere(around: Any) -> None:
    """A secret that RELAY quotes in a text or a name is hidden, though no name gives it away."""
    frame = {"error": {"message": f"bad {SECRET}!", f"x-{SECRET}": [around, SECRET]}}
    assert SECRET not in redacted(json.dumps(frame).encode(), [SECRET])


def test_texts_are_scrubbed_of_known_secrets() -> None:
    """Each occurrence of each secret goes, the rest stays."""
    assert scrubbed("a B c B d", ["B", "d"]) == f"a {REDACTED} c {REDACTED} {REDACTED}"


def test_long_frames_are_cut() -> None:
    """A log line stays a log line."""
    assert len(redacted(json.dumps({"x": "y" * 100_000}).encode())) <= 2048
