"""Which gateway a client command talks to, and what it shows of itself (TLS: tests/integration/test_tls.py)."""

from pathlib import Path

import pytest

from callstream.v1 import call_pb2, call_service_pb2
from gateway.settings.settings import Settings
from gateway.settings.sources import CLIENT_VARIABLES, variables_of
from tests.support.command_line import run
from tests.support.scripted_contract import scripted_contract

EVERY = [("call", "get", "c"), ("call", "list"), ("stream", "get", "c", "s"), ("stream", "watch"), ("health",)]


def answer(_request: object) -> call_service_pb2.GetCallResponse:
    """A call."""
    return call_service_pb2.GetCallResponse(call=call_pb2.Call(call_id="c"))


def test_a_token_goes_with_each_request(tmp_path: Path) -> None:
    """From the flag, a file, or the variable; none unless there is one."""
    (tmp_path / "token").write_text("from-file\n")
    with scripted_contract({"GetCall": answer, "WatchEvents": lambda _request: ()}) as contract:
        place = ("--address", contract.address)
        run("call", "get", "c", *place, "--token", "from-flag")
        run("call", "get", "c", *place, "--token", f"@{tmp_path}/token")
        run("call", "get", "c", *place, environment={"CALLSTREAM_TOKEN": "from-variable"})
        run("stream", "watch", *place, "--token", "from-flag")
        run("call", "get", "c", *place)
    assert contract.tokens == [
        "Bearer from-flag", "Bearer from-file", "Bearer from-variable", "Bearer from-flag", "",
    ]  # fmt: skip


@pytest.mark.parametrize("address", ["gateway.example.com:443", "127.0.0.1.example.com:443", "localhost.x:1"])
def test_a_token_needs_encryption_beyond_this_machine(address: str) -> None:
    """Wrong usage rather than a secret for everyone to read."""
    shown = run("call", "get", "c", "--address", address, "--token", "hunter2")
    assert shown.code == 2
    assert f"a token is not sent to {address} without encryption: use --tls or --ca-file" in shown.err
    assert "hunter2" not in shown.err


def test_half_a_client_certificate(tmp_path: Path) -> None:
    """It is of no use without its key."""
    (tmp_path / "c.pem").touch()
    shown = run("health", "--client-cert-file", str(tmp_path / "c.pem"))
    assert shown.code == 2
    assert "--client-cert-file and --client-key-file belong together" in shown.err


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Wrong usage, with its name."""
    shown = run("health", "--ca-file", str(tmp_path / "gone.pem"))
    assert shown.code == 2
    assert "gone.pem" in shown.err


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_client_command_has_the_options(words: tuple[str, ...]) -> None:
    """With their variables, which are no settings of the gateway, nor taken for mistyped ones."""
    shown = run(*words, "--help").out
    for name in ("address", "token", "tls", "ca-file", "client-cert-file", "client-key-file", "server-name"):
        assert f"--{name}" in shown
        variable = f"CALLSTREAM_{name.replace('-', '_').upper()}"
        assert variable in "".join(shown.split())
        assert variable in CLIENT_VARIABLES
    assert not set(CLIENT_VARIABLES) & {variable for name in Settings.model_fields for variable in variables_of(name)}
