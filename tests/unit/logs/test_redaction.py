"""Attempts to get a secret into the log, each in another disguise."""

import base64
import io
import json
import logging
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway.logs.redaction import REDACTED, Redaction
from gateway.logs.setup import configure_logging

KNOWN = 'PT-known/"s3cret"+\\x é%='
"""What a setting holds."""
SECRET = "s3cr3t-of-an-endpoint"
"""What no setting holds: it is recognised by its name or its place."""


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@dataclass
class Holder:
    """Something that shows what it holds."""

    authorization_bearer_token: str


@pytest.fixture(params=["json", "console"])
def stream(request: pytest.FixtureRequest) -> io.StringIO:
    """Where the log goes, in each of its formats."""
    stream = io.StringIO()
    configure_logging("debug", request.param, [KNOWN], stream)
    return stream


HIDDEN: dict[str, Mapping[str, Any]] = {
    "field": {"api_token": SECRET},
    "field in capitals": {"AUTHORIZATION": SECRET},
    "nested": {"request": {"stream": [{"authorization_bearer_token": SECRET}]}},
    "below a secret name": {"authentication": {"project": "p", "value": SECRET}},
    "custom parameters": {"request": {"custom_parameters": {"anything": SECRET}}},
    "pair": {"metadata": (("authorization", f"Bearer {SECRET}"), ("x", "y"))},
    "pair of bytes": {"metadata": ((b"authorization", SECRET.encode()),)},
    "name beside value": {"headers": [{"name": "X-Auth-Token", "value": SECRET}]},
    "object": {"thing": Holder(SECRET)},
    "object in a list": {"things": [Holder(SECRET)]},
    "set": {"things": {f"token={SECRET}"}},
    "header": {"header": f"Authorization: Bearer {SECRET}"},
    "header of another scheme": {"header": f"authorization: basic {SECRET}"},
    "bearer alone": {"x": f"it said bearer {SECRET}"},
    "bytes": {"frame": f'{{"token": "{SECRET}"}}'.encode()},
    "broken bytes": {"frame": b"\xff token=" + SECRET.encode()},
    "json": {"frame": json.dumps({"a": {"token": SECRET}})},
    "json in json": {"frame": json.dumps({"a": json.dumps({"token": f"{SECRET} and a space"})})},
    "json in json in json": {"frame": json.dumps(json.dumps(json.dumps({"token": SECRET})))},
    "json that is cut": {"frame": f'{{"jwt_token": "with a space {SECRET}'},
    "repr": {"x": repr({"token": f"quote ' {SECRET}"})},
    "keyword": {"x": f"connect(token={SECRET!r}, a=1)"},
    "form": {"x": f"grant=x&client_secret={SECRET}&b=1"},
    "percent-encoded form": {"x": f"a%26token%3D{SECRET}"},
    "user of a URL": {"url": f"wss://user:{SECRET}@example.com/audio"},
    "user of a URL in text": {"x": f"cannot reach wss://{SECRET}@example.com:1 now"},
    "query of a URL": {"url": f"wss://example.com/audio?anything={SECRET}"},
    "query of a URL, encoded": {"url": f"https://example.com/?q=%20{urllib.parse.quote(SECRET)}"},
    "fragment of a URL": {"url": f"https://example.com/#{SECRET}"},
    "cookie": {"x": f"Cookie: {SECRET}"},
    "key of a mapping": {"x": {f"token={SECRET}": 1}},
    "long name": {"x": {"x" * 300 + "token": SECRET}},
    "deep": {"x": {"a": {"b": {"c": {"d": {"e": {"f": {"password": SECRET}}}}}}}},
}


@pytest.mark.parametrize("fields", HIDDEN.values(), ids=HIDDEN.keys())
def test_a_secret_that_no_setting_holds(stream: io.StringIO, fields: Mapping[str, Any]) -> None:
    """Hidden by its name or its place, in fields and in text, at every level."""
    structlog.get_logger("gateway").info("said", **fields)
    assert "said" in stream.getvalue()
    assert SECRET not in stream.getvalue()
    assert REDACTED in stream.getvalue()


@pytest.mark.parametrize("fields", HIDDEN.values(), ids=HIDDEN.keys())
def test_the_same_in_an_exception(stream: io.StringIO, fields: Mapping[str, Any]) -> None:
    """Its text and that of its cause come with the traceback."""
    try:
        try:
            raise LookupError(f"no {fields}")  # noqa: TRY301
        except LookupError as error:
            raise ValueError(dict(fields)) from error
    except ValueError:
        structlog.get_logger("gateway").exception("failed")
        logging.getLogger("library").exception("failed: %s", fields)
    assert stream.getvalue().count("LookupError") >= 2
    assert SECRET not in stream.getvalue()


FORMS = {
    "as it is": KNOWN,
    "json": json.dumps(KNOWN),
    "json in json": json.dumps({"a": json.dumps({"b": KNOWN})}),
    "repr": repr(KNOWN),
    "percent": urllib.parse.quote(KNOWN),
    "percent without exceptions": urllib.parse.quote(KNOWN, safe=""),
    "percent in small letters": re.sub("%..", lambda found: found[0].lower(), urllib.parse.quote(KNOWN, safe="")),
    "percent in part": KNOWN.replace("/", "%2F").replace("-", "%2d"),
    "percent, twice": urllib.parse.quote(urllib.parse.quote(KNOWN, safe=""), safe=""),
    "json in json in json": json.dumps(json.dumps(json.dumps(KNOWN))),
    "repr in repr": repr(repr(KNOWN) + "'"),
    "bytes in json": json.dumps(repr(KNOWN.encode())),
    "json as it is": json.dumps(KNOWN, ensure_ascii=False),
    "form": urllib.parse.quote_plus(KNOWN),
    "glued": f"xx{KNOWN}yy",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_secret_of_the_settings(stream: io.StringIO, form: str) -> None:
    """Cut out by its value wherever it stands: fields, names, messages, arguments, exceptions, bytes."""
    log = structlog.get_logger("gateway")
    log.info(form, plain=form, nested={"a": [form]}, raw=form.encode(), **{form: 1})
    log.error("failed", exc_info=LookupError(form))
    logging.getLogger("library").warning("%s", form)
    text = stream.getvalue()
    assert text.count("\n") >= 3
    for part in ("PT-known", "PT%2dknown", "s3cret"):
        assert part not in text


def test_a_secret_that_arguments_put_together(stream: io.StringIO) -> None:
    """Libraries give a pattern and its parts."""
    logging.getLogger("library").warning("%s %s", "Bearer", SECRET)
    logging.getLogger("library").warning("token%s%s", "=", SECRET)
    assert SECRET not in stream.getvalue()


def test_lines_stay_json(stream: io.StringIO) -> None:
    """Whatever is hidden in them, each line is still one object, and says the rest."""
    for fields in HIDDEN.values():
        structlog.get_logger("gateway").info("said", other="rest", **fields)
    lines = stream.getvalue().splitlines()
    assert len(lines) == len(HIDDEN)
    if lines[0].startswith("{"):
        assert {json.loads(line)["other"] for line in lines} == {"rest"}


@pytest.mark.parametrize(
    "text",
    [
        "RELAY refuses the credentials of project 'P' (401); check SIGNALWIRE_PROJECT_ID and SIGNALWIRE_API_TOKEN",
        "wss://example.com:8443/audio",
        "the token is not taken",
        "no space left on device (SQLITE_FULL)",
        "ipv4:127.0.0.1:51234",
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    """A log that hides everything tells nothing."""
    assert Redaction(["x9"]).value({"reason": text}) == {"reason": text}


def test_numbers_and_structure_stay() -> None:
    """For whoever searches the log."""
    value = {"a": [1, 2.5, True, None, ("x",)], "b": {"c": "d"}}
    assert Redaction().value(value) == {"a": [1, 2.5, True, None, ["x"]], "b": {"c": "d"}}


def test_what_is_nested_too_deep_is_left_out() -> None:
    """Nothing that anybody sends may cost the stack."""
    value: Any = SECRET
    for _ in range(10_000):
        value = [value]
    assert SECRET not in str(Redaction().value(value))


def test_base64_of_credentials() -> None:
    """HTTP's own way to send a password."""
    encoded = base64.b64encode(f"user:{SECRET}".encode()).decode()
    assert encoded not in Redaction().value(f"Authorization: Basic {encoded}")


@given(st.text(alphabet="token:=\\\"' ab%3D{}[],&", max_size=400))
def test_any_text_is_taken(text: str) -> None:
    """Whatever it looks like, nothing raises and what is known is cut out."""
    assert "ab" not in Redaction(["ab"]).value(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), st.integers(0, 3))
def test_any_secret_is_found_however_often_it_is_quoted(secret: str, times: int) -> None:
    """By JSON, by repr or by a URL."""
    marked = f"<-{secret}->"
    for quoting in (json.dumps, repr, urllib.parse.quote, urllib.parse.quote_plus):
        text = marked
        for _ in range(times):
            text = quoting(text)
        assert REDACTED in Redaction([marked]).line(text)


def test_long_text_costs_little() -> None:
    """No pattern goes over a text again and again: a megabyte of what could begin a secret takes no second."""
    redaction = Redaction()
    for piece in ("token", "a", "wss://", "\\", "token=\\", '"', "bearer "):
        text = piece * (200_000 // len(piece))
        assert isinstance(redaction.value(text), str)
