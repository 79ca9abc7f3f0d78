"""URLs that RELAY would refuse, or that could be read in two ways, are refused with the way out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.hosts import Place
from gateway.service.validation.endpoints import endpoint_problem, place_of, webhook_problem


class TestEndpoint:
    """The url of a stream."""

    @pytest.mark.parametrize(
        "url",
        [
            "wss://media.example.com",
            "wss://media.example.com/",
            "wss://media.example.com:8443/audio/agent-1",
            "wss://media.example.com?room=1&u=a@b",
            "wss://media.example.com./audio",
            "wss://my_host-1/a%20b",
            "wss://192.0.2.7:1/x",
            "wss://[2001:db8::1]:65535/x",
            "wss://[::1]",
        ],
    )
    def test_good(self, url: str) -> None:
        """Hosts, addresses, ports, paths and queries are fine."""
        assert endpoint_problem(url) is None

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("", "is required"),
            (" wss://x", "white space"),
            ("wss://x/a b", "white space"),
            ("wss://x/\r\nHost:y", "white space"),
            ("wss://x\x00", "control"),
            ("wss://\u00e9x", "non-ASCII"),
            ("wss://x/\u00a0", "white space"),
            ("ws://x", "wss://"),
            ("WSS://x", "lower case"),
            ("https://x", "wss://"),
            ("x.example.com", "wss://"),
            ("wss:x", "wss://"),
            ("wss:/x", "wss://"),
            ("wss://u:p@x/", "authorization_bearer_token"),
            ("wss://@x/", "user info"),
            ("wss://a\\@x/", "user info"),
            ("wss://x/#", "fragment"),
            ("wss://x#f", "fragment"),
            ("wss://", "no valid host"),
            ("wss:///path", "no valid host"),
            ("wss://?q", "no valid host"),
            ("wss://:80/", "no valid host"),
            ("wss://.", "no valid host"),
            ("wss://a..b", "no valid host"),
            ("wss://" + "a" * 64, "no valid host"),
            ("wss://" + "a." * 127 + "a", "no valid host"),
            ("wss://x\\y/", "no valid host"),
            ("wss://x%2e/", "no valid host"),
            ("wss://[::1", "no valid host"),
            ("wss://[::g]", "no valid host"),
            ("wss://[1:2]", "no valid host"),
            ("wss://[::1]x", "no valid host"),
            ("wss://::1", "no valid host"),
            ("wss://x:", "no valid host"),
            ("wss://x:a", "no valid host"),
            ("wss://x:-1", "no valid host"),
            ("wss://x:0", "no valid port"),
            ("wss://x:65536", "no valid port"),
            ("wss://x:99999", "no valid port"),
            ("wss://x:123456", "no valid host"),
        ],
    )
    def test_bad(self, url: str, says: str) -> None:
        """Each fault is named, so that the caller knows what to write instead."""
        problem = endpoint_problem(url)
        assert problem is not None
        assert says in problem

    def test_it_is_never_quoted(self) -> None:
        """A URL can hold a secret."""
        for url in ("ws://host/?key=hunter2", "wss://me:hunter2@x", "wss://hunter2..x", "wss://x/#hunter2", "hunter2"):
            assert "hunter2" not in (endpoint_problem(url) or "")


class TestWebhook:
    """The status_url."""

    @pytest.mark.parametrize(
        "url", ["", "https://x.example.com/hook?a=b#c", "http://192.0.2.7:8080", "https://u:p@x/", "http://[::1]/"]
    )
    def test_good(self, url: str) -> None:
        """Both schemes, and user info, are fine; so is none at all."""
        assert webhook_problem(url) is None

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("ftp://x", "https://"),
            ("wss://x", "https://"),
            ("HTTPS://x", "lower case"),
            ("http:x", "https://"),
            ("http://x y", "white space"),
            ("http://", "no valid host"),
            ("http://u:p@", "no valid host"),
            ("http://x:0", "no valid port"),
        ],
    )
    def test_bad(self, url: str, says: str) -> None:
        """Each fault is named."""
        problem = webhook_problem(url)
        assert problem is not None
        assert says in problem


class TestPlace:
    """Where a URL leads."""

    @pytest.mark.parametrize(
        ("url", "host", "port", "usual"),
        [
            ("wss://audio.example", "audio.example", 443, True),
            ("wss://AUDIO.example.:443/x", "audio.example", 443, True),
            ("wss://audio.example:080/x", "audio.example", 80, False),
            ("wss://[2001:DB8:0::1]:8443?x", "2001:db8::1", 8443, False),
            ("https://hooks.example/x@evil.example", "hooks.example", 443, True),
            ("https://user:pass@hooks.example:8443/", "hooks.example", 8443, False),
            ("http://hooks.example", "hooks.example", 80, True),
            ("http://hooks.example:443", "hooks.example", 443, False),
        ],
    )
    def test_host_and_port(self, url: str, host: str, port: int, *, usual: bool) -> None:
        """In one spelling, with the port that the scheme has by itself."""
        assert (endpoint_problem if url.startswith("wss") else webhook_problem)(url) is None
        assert place_of(url) == Place(host, port, usual)

    @pytest.mark.parametrize("url", ["ftp://audio.example", "wss://", "wss://a b", "audio.example"])
    def test_a_url_that_was_not_checked(self, url: str) -> None:
        """It leads nowhere that could be allowed."""
        with pytest.raises(ValueError, match="has not been checked"):
            place_of(url)

    @given(st.from_regex(r"wss://[!-~]{1,30}", fullmatch=True))
    def test_every_url_that_passes_leads_somewhere(self, url: str) -> None:
        """What validation takes, the allow list can judge."""
        if endpoint_problem(url) is None:
            assert place_of(url).host
