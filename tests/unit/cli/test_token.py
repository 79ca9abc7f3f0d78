"""`callstream token create`."""

import datetime as dt
from pathlib import Path

from gateway.access.client import Scope
from gateway.access.token import bearer_of
from gateway.access.tokens_file import parse_tokens
from tests.support.command_line import run

ALWAYS = ("token", "create", "--name", "billing", "--scope", "streams:write")


def test_an_entry_is_added_and_the_token_shown_once(tmp_path: Path) -> None:
    """Standard output has the token alone, the file its hash only, and both belong together."""
    path = tmp_path / "tokens.toml"
    shown = run(*ALWAYS, "--scope", "events:read", "--file", str(path))
    token = shown.out.removesuffix("\n")
    assert shown.code == 0
    assert bearer_of(f"Bearer {token}") == token
    assert token not in path.read_text() + shown.err
    client = parse_tokens(path.read_bytes(), path).by_token(token, 0.0)
    assert client is not None
    assert client.name == "billing"
    assert client.scopes == {Scope.STREAMS_WRITE, Scope.EVENTS_READ}
    assert run(*ALWAYS, "--file", str(path)).code == 0
    assert len(parse_tokens(path.read_bytes(), path)) == 2


def test_without_a_file_the_entry_is_shown() -> None:
    """To be pasted, on standard error, so that a pipe gets the token alone."""
    shown = run(*ALWAYS)
    entry = shown.err.partition("\n\n")[2]
    assert parse_tokens(entry.encode(), "x").by_token(shown.out.strip(), 0.0)


def test_limits_and_expiry() -> None:
    """Every option becomes the key of its name."""
    shown = run(
        *ALWAYS, "--context", "sales", "--context", "support", "--label", "team=billing", "--stream-host",
        "*.example.com:8443", "--status-host", "hooks.example.com", "--expires-in", "90d",
    )  # fmt: skip
    (client,) = parse_tokens(shown.err.partition("\n\n")[2].encode(), "x")
    assert client.contexts == {"sales", "support"}
    assert client.labels == {"team": "billing"}
    assert [host.port for host in (*client.stream_hosts, *client.status_hosts)] == [8443, 0]
    assert client.not_after is not None
    remaining = client.not_after - dt.datetime.now(dt.UTC).timestamp()
    assert 89 * 86_400 < remaining <= 90 * 86_400


def test_wrong_usage(tmp_path: Path) -> None:
    """It is told as the file's own mistakes are; nothing is written, no token shown."""
    path = tmp_path / "tokens.toml"
    shown = run(*ALWAYS, "--stream-host", "https://x", "--file", str(path))
    assert (shown.code, shown.out) == (2, "")
    assert "stream_hosts: 'https://x' is no host[:port]" in shown.err
    assert run("token", "create", "--name", "a b", "--scope", "admin").code == 2
    assert run("token", "create", "--name", "a", "--scope", "nothing").code == 2
    assert run(*ALWAYS, "--expires-in", "999999999d").code == 2
    assert not path.exists()


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    """A broken file, or a folder that is not there, ends with one line; no token is shown that nobody would know."""
    path = tmp_path / "tokens.toml"
    path.write_text("[[tok")
    for file, problem in ((path, "is not TOML"), (tmp_path / "nowhere" / "t.toml", "No such file or directory")):
        shown = run(*ALWAYS, "--file", str(file))
        assert (shown.code, shown.out, len(shown.err.splitlines())) == (4, "", 1)
        assert problem in shown.err
