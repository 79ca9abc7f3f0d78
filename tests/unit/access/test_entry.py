"""Writing entries of the tokens file."""

import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.entry import Entry, add_entry
from gateway.access.token import digest_of
from gateway.access.tokens_file import TokensFileUnusable, parse_tokens

HOST = st.from_regex(r"(\*\.)?[a-z0-9]{1,8}\.[a-z]{2,5}(:[1-9][0-9]{0,3}|:\*)?", fullmatch=True)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


def entry(name: str = "billing", token: str = "t") -> Entry:
    """An entry."""
    return Entry(name, digest_of(token), ("streams:write",))


def mode(path: Path) -> int:
    """The rights of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@given(
    contexts=st.lists(TEXT.filter(lambda text: text.strip() == text), max_size=3),
    labels=st.dictionaries(TEXT, TEXT, max_size=3),
    hosts=st.lists(HOST, max_size=2),
    not_after=st.none() | st.datetimes(timezones=st.just(UTC)).filter(lambda time: time.year > 1970),
)
def test_what_is_written_is_read(
    contexts: list[str], labels: dict[str, str], hosts: list[str], not_after: datetime | None
) -> None:
    """Quotes, backslashes and letters of any alphabet survive; times to the second."""
    written = Entry("a", digest_of("t"), ("admin", "streams:read"), contexts, labels, hosts, hosts, not_after)
    (client,) = parse_tokens(str(written).encode(), "t.toml")
    assert client.scopes == {"admin", "streams:read"}
    assert client.contexts == frozenset(contexts)
    assert client.labels == labels
    assert len(client.stream_hosts) == len(client.status_hosts) == len(hosts)
    assert client.not_after == (not_after and int(not_after.timestamp()))


def test_a_new_file_is_private(tmp_path: Path) -> None:
    """It is made with mode 0600."""
    path = tmp_path / "tokens.toml"
    add_entry(path, entry())
    assert mode(path) == 0o600
    assert [client.name for client in parse_tokens(path.read_bytes(), path)] == ["billing"]
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("end", ["", "\n", "\n\n# the end"])
def test_a_file_is_added_to(tmp_path: Path, end: str) -> None:
    """What is there stays as it is, comments included, and so do its rights."""
    path = tmp_path / "tokens.toml"
    before = "# of operations\n" + str(entry("first", "1")).rstrip() + end
    path.write_text(before)
    path.chmod(0o640)
    add_entry(path, entry("second", "2"))
    assert path.read_text().startswith(before)
    assert mode(path) == 0o640
    assert [client.name for client in parse_tokens(path.read_bytes(), path)] == ["first", "second"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    """The file that it points at is the one that is replaced."""
    (tmp_path / "real").mkdir()
    link = tmp_path / "tokens.toml"
    link.symlink_to(tmp_path / "real" / "tokens.toml")
    add_entry(link, entry())
    assert link.is_symlink()
    assert (tmp_path / "real" / "tokens.toml").exists()


@pytest.mark.parametrize("text", ["[[tok", "token = []\n"])
def test_a_file_that_would_be_broken_is_left_alone(tmp_path: Path, text: str) -> None:
    """Neither a broken one, nor one that an entry can't be added to, is touched."""
    path = tmp_path / "tokens.toml"
    path.write_text(text)
    with pytest.raises(TokensFileUnusable):
        add_entry(path, entry())
    assert path.read_text() == text
    assert [*tmp_path.iterdir()] == [path]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """The error is the system's."""
    with pytest.raises(OSError, match="No such file or directory"):
        add_entry(tmp_path / "nowhere" / "tokens.toml", entry())


def test_many_at_once(tmp_path: Path) -> None:
    """None of several that add an entry at the same time undoes what another did."""
    path = tmp_path / "tokens.toml"
    threads = [threading.Thread(target=add_entry, args=(path, entry("x", str(number)))) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(parse_tokens(path.read_bytes(), path)) == 16
