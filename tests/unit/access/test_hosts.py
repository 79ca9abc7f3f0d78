"""Allow lists of hosts and ports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.hosts import Place, allows, parse_hosts, plain_host

USUAL = True


def place(host: str, port: int = 443, *, usual: bool = USUAL) -> Place:
    """Where a URL leads."""
    return Place(plain_host(host), port, usual)


@pytest.mark.parametrize(
    ("pattern", "where", "allowed"),
    [
        ("media.example.com", place("media.example.com"), True),
        ("media.example.com", place("MEDIA.Example.com."), True),
        ("Media.Example.COM.", place("media.example.com"), True),
        ("media.example.com", place("media.example.com", 8443, usual=False), False),
        ("media.example.com", place("media.example.com.evil.test"), False),
        ("media.example.com", place("evil-media.example.com"), False),
        ("media.example.com", place("a.media.example.com"), False),
        ("media.example.com:8443", place("media.example.com", 8443, usual=False), True),
        ("media.example.com:8443", place("media.example.com"), False),
        ("media.example.com:443", place("media.example.com"), True),
        ("media.example.com:443", place("media.example.com", 80), False),
        ("media.example.com:*", place("media.example.com", 1, usual=False), True),
        ("*.example.com", place("a.example.com"), True),
        ("*.example.com", place("a.b.example.com"), True),
        ("*.example.com", place("example.com"), False),
        ("*.example.com", place("badexample.com"), False),
        ("*.example.com", place("a.example.com.evil.test"), False),
        ("*.example.com:8443", place("a.example.com", 8443, usual=False), True),
        ("*.example.com:8443", place("a.example.com"), False),
        ("*", place("anything.test"), True),
        ("*", place("anything.test", 99, usual=False), False),
        ("*:*", place("anything.test", 99, usual=False), True),
        ("10.0.0.7", place("10.0.0.7"), True),
        ("10.0.0.7", place("10.0.0.70"), False),
        ("[2001:db8::1]", place("2001:DB8:0:0:0:0:0:1"), True),
        ("[2001:0db8::0001]:8443", place("2001:db8::1", 8443, usual=False), True),
        ("[2001:db8::1]", place("2001:db8::2"), False),
    ],
)
def test_what_an_entry_allows(pattern: str, where: Place, *, allowed: bool) -> None:
    """A host by name in any spelling, on the usual port unless another is named; a star for what is below a domain."""
    assert allows(parse_hosts([pattern]), where) is allowed


def test_a_list_allows_what_one_of_its_entries_does() -> None:
    """An empty list allows everything."""
    hosts = parse_hosts(["a.example.com", "b.example.com:*"])
    assert allows(hosts, place("b.example.com", 7, usual=False))
    assert not allows(hosts, place("c.example.com"))
    assert allows((), place("c.example.com", 7, usual=False))


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "wss://a.example.com", "a.example.com/path", "a b", "a@b", "*example.com", "a.*.com", "*.*.com", "*.",
        "a:0", "a:65536", "a:http", "a:", "[::1", "::1", "[1.2.3.4.5]", "a..b", ".a", "ä.example",
    ],
)  # fmt: skip
def test_what_is_no_entry(text: str) -> None:
    """What could be read in two ways is refused, and named."""
    with pytest.raises(ValueError, match=r"is no host\[:port\]: use forms like") as refused:
        parse_hosts([text])
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(
    ("where", "text"), [(place("a.test", 8443), "a.test:8443"), (place("2001:db8::1"), "[2001:db8::1]:443")]
)
def test_a_place_is_shown_as_urls_have_it(where: Place, text: str) -> None:
    """With its port, and brackets around IPv6."""
    assert str(where) == text


@given(st.text("ab.-", min_size=1, max_size=8), st.text("ab.-*", min_size=1, max_size=8))
def test_no_name_is_taken_for_another(host: str, pattern: str) -> None:
    """Without a star an entry allows its own name and no other."""
    try:
        hosts = parse_hosts([pattern])
    except ValueError:
        return
    if "*" not in pattern:
        assert allows(hosts, place(host)) is (plain_host(host) == plain_host(pattern))
