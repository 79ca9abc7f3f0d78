"""The file of tokens: what it may say, and how it is told what is wrong."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.access.book import Book
from gateway.access.client import Client, Scope
from gateway.access.hosts import parse_hosts
from gateway.access.token import digest_of
from gateway.access.tokens_file import MAX_BYTES, TokensFileUnusable, parse_tokens, read_tokens_file

HASH = digest_of("some token")
SECRET = "cs_" + "S3cret" * 7 + "x"
GOOD = f"""
[[token]]
name = "billing"
sha256 = "{HASH}"
scopes = ["streams:write"]
"""


def parsed(text: str) -> Book:
    """The clients of a file's text."""
    return parse_tokens(text.encode(), "t.toml")


def problems(text: str) -> list[str]:
    """What is wrong with it."""
    with pytest.raises(TokensFileUnusable) as refused:
        parsed(text)
    return refused.value.problems


def entry(**lines: str) -> str:
    """A good entry with these lines in place of its own; an empty one takes its line away."""
    values = {"name": '"billing"', "sha256": f'"{HASH}"', "scopes": '["streams:write"]', **lines}
    return "[[token]]\n" + "".join(f"{key} = {value}\n" for key, value in values.items() if value)


def test_an_entry_with_everything() -> None:
    """Each key means what README.md says."""
    (client,) = parsed(
        entry(
            contexts='["sales", " support "]',
            labels='{ team = "billing", "a b" = "" }',
            stream_hosts='["*.example.com:8443"]',
            status_hosts='["hooks.example.com"]',
            not_after="2027-01-01T02:00:00+02:00",
            scopes='["streams:write", "events:read"]',
        )
    )
    assert client == Client(
        "billing",
        frozenset({Scope.STREAMS_WRITE, Scope.EVENTS_READ}),
        contexts=frozenset({"sales", "support"}),
        labels={"team": "billing", "a b": ""},
        stream_hosts=parse_hosts(["*.example.com:8443"]),
        status_hosts=parse_hosts(["hooks.example.com"]),
        not_after=datetime(2027, 1, 1, tzinfo=UTC).timestamp(),
        key=f"sha256:{HASH}",
    )


def test_a_hash_in_capitals() -> None:
    """Some tools write hex in capitals."""
    assert parsed(entry(sha256=f'"{HASH.upper()}"')).by_token("some token", 0.0)


def test_a_client_known_by_its_certificate() -> None:
    """A name in the certificate stands in for a token's hash."""
    book = parsed(entry(sha256="", certificate='"billing.internal"'))
    client = book.by_certificate(["billing.internal"], 0.0)
    assert client is not None
    assert client.name == "billing"


def test_two_tokens_of_one_name() -> None:
    """A token can be replaced without a gap: old and new are one client for a while."""
    book = parsed(GOOD + entry(sha256=f'"{digest_of("another")}"'))
    assert [client.name for client in book] == ["billing", "billing"]


def test_nobody() -> None:
    """An empty list that is written down lets nobody in."""
    assert len(parsed("token = []")) == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no [[token]]: add one, or say token = [] to let nobody in"),
        ("[token]\nname = 'x'", "has no [[token]]: add one, or say token = [] to let nobody in"),
        ("tokens = []", "tokens is not known here: it has [[token]] entries only"),
        (f"{SECRET} = 1", "a key is not known here: it has [[token]] entries only"),
        ("[[token]", "is not TOML: mistake at line 1, column 8"),
        (SECRET, "is not TOML: mistake at end of document"),
        ("token = [1]", "token 1: Input should be a valid dictionary or instance of _Entry"),
        (entry(name=""), "token 1: name: is missing"),
        (entry(name='"a b"'), "token 1: name: use 1 to 64 letters, digits and . _ @ -, and not 'anyone'"),
        (entry(name='"anyone"'), "token 'anyone': name: use 1 to 64 letters, digits and . _ @ -, and not 'anyone'"),
        (entry(scopes=""), "token 'billing': scopes: is missing"),
        (
            entry(scopes='["stream:write"]'),
            (
                "token 'billing': scopes: 'stream:write' is no scope: "
                "use a list of streams:read, streams:write, calls:write, events:read, admin"
            ),
        ),
        (
            entry(scopes='"admin"'),
            "token 'billing': scopes: use a list of streams:read, streams:write, calls:write, events:read, admin",
        ),
        (
            entry(sha256=f'"{SECRET}"'),
            "token 'billing': sha256: is no SHA-256 in hex: callstream token create makes a token and its hash",
        ),
        (
            entry(sha256=""),
            "token 'billing': needs either sha256, the hash of its token, or certificate, a name in its certificate",
        ),
        (
            entry(certificate='"x"'),
            "token 'billing': needs either sha256, the hash of its token, or certificate, a name in its certificate",
        ),
        (entry(certificate="1", sha256=""), "token 'billing': certificate: Input should be a valid string"),
        (
            GOOD + entry(name='"other"'),
            "token 'other': has the hash or certificate of 'billing': give it its own",
        ),
        (
            entry(contexts="[]"),
            "token 'billing': contexts: use a list of RELAY contexts, or leave it out for all calls",
        ),
        (
            entry(contexts='[" "]'),
            "token 'billing': contexts: use a list of RELAY contexts, or leave it out for all calls",
        ),
        (
            entry(labels="{}"),
            "token 'billing': labels: use 1 to 8 labels like { team = \"billing\" }, or leave it out for all streams",
        ),
        (
            entry(labels="{ a = 1 }"),
            "token 'billing': labels: use texts, keys of 1 to 63 bytes, no control characters",
        ),
        (
            entry(labels='{ a = "' + "x" * 256 + '" }'),
            "token 'billing': labels: use values of at most 255 bytes",
        ),
        (
            entry(stream_hosts='["https://x"]'),
            (
                "token 'billing': stream_hosts: 'https://x' is no host[:port]: "
                "use forms like media.example.com, *.example.com:8443 or [2001:db8::1]:*"
            ),
        ),
        (
            entry(status_hosts="[]"),
            """token 'billing': status_hosts: use a list like ["*.example.com"], or leave it out for no limit""",
        ),
        (
            entry(not_after="2027-01-01T00:00:00"),
            "token 'billing': not_after: use a time with its offset, without quotes, like 2027-01-01T00:00:00Z",
        ),
        (
            entry(not_after="2027-01-01"),
            "token 'billing': not_after: use a time with its offset, without quotes, like 2027-01-01T00:00:00Z",
        ),
        (
            entry(token=f'"{SECRET}"'),
            (
                "token 'billing': token: is not known: use name, sha256, certificate, scopes, contexts, labels, "
                "stream_hosts, status_hosts, not_after"
            ),
        ),
    ],
)
def test_what_is_wrong_is_told(text: str, problem: str) -> None:
    """With the entry, the key and what to write instead, and never with what may be a token."""
    (told,) = problems(text)
    assert told == f"t.toml: {problem}"
    assert SECRET not in told


def test_all_of_it_is_told() -> None:
    """Each wrong entry with each wrong key; the summary is one line."""
    text = entry(name='"a"', scopes='["x"]', not_after="1") + entry(name='"b"', sha256='"1"')
    with pytest.raises(TokensFileUnusable) as refused:
        parsed(text)
    assert [problem.split(": ")[1:3] for problem in refused.value.problems] == [
        ["token 'a'", "scopes"],
        ["token 'a'", "not_after"],
        ["token 'b'", "sha256"],
    ]
    assert str(refused.value).endswith("(and 2 more)")
    assert "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """The message names it and says why."""
    with pytest.raises(TokensFileUnusable, match=r"nothing\.toml: can't be read: No such file or directory"):
        read_tokens_file(tmp_path / "nothing.toml")
    with pytest.raises(TokensFileUnusable, match="can't be read: Is a directory"):
        read_tokens_file(tmp_path)


def test_a_file_that_is_no_text_or_too_large(tmp_path: Path) -> None:
    """A wrong path costs no memory."""
    with pytest.raises(TokensFileUnusable, match="is not UTF-8 text"):
        parse_tokens(b"\xff\xfe", "t.toml")
    path = tmp_path / "large.toml"
    path.write_bytes(b"#" * (MAX_BYTES + 1000))
    content = read_tokens_file(path)
    assert len(content) == MAX_BYTES + 1
    with pytest.raises(TokensFileUnusable, match=f"is larger than {MAX_BYTES} bytes"):
        parse_tokens(content, path)
