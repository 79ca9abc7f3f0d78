"""What the operator allows: where audio goes, how often a client starts, how many watches it has."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from callstream.v1 import stream_service_pb2
from gateway.access.client import ANYONE
from gateway.access.hosts import parse_hosts
from gateway.access.limits import Limits
from gateway.access.tokens import Tokens
from gateway.domain.calls import CallState
from gateway.engine.options import EngineOptions
from gateway.service.gate import TokenGate
from gateway.service.policy import Policy, counted_as
from gateway.service.rpc import Surroundings
from tests.support.access import TokenClient, entry, token_of, write_tokens
from tests.support.serving import ErrorDetails, Served, Watch, error_details, served

LISTED = Limits(stream_hosts=parse_hosts(["audio.example", "*.media.example:8443"]))


def policy(**limits: Any) -> Policy:
    """A policy."""
    return Policy(Limits(**limits))


async def start(client: Any, url: str = "wss://audio.example/a", **fields: Any) -> ErrorDetails | None:
    """Asks for a dry run, unless `fields` say otherwise; what it is refused with."""
    request = {"call_id": "call-1", "url": url, "validate_only": True, **fields}
    try:
        await client.streams.StartStream(stream_service_pb2.StartStreamRequest(**request), timeout=5)
    except grpc.aio.AioRpcError as error:
        return error_details(error)
    return None


async def known_call(gateway: Served) -> None:
    """There is a call."""
    await gateway.written(gateway.call(CallState.ANSWERED))


class TestUrls:
    """Where audio and webhooks may go."""

    @pytest.mark.parametrize(
        ("url", "place"),
        [
            ("wss://audio.example/a?b=c", None),
            ("wss://AUDIO.example.:443/", None),
            ("wss://x.media.example:8443", None),
            ("wss://evil.example/audio.example", "evil.example:443"),
            ("wss://audio.example:444/", "audio.example:444"),
            ("wss://audio.example.evil.example/", "audio.example.evil.example:443"),
            ("wss://x.media.example/", "x.media.example:443"),
            ("wss://evil.example?audio.example", "evil.example:443"),
            ("wss://[2001:DB8::1]:8443/", "[2001:db8::1]:8443"),
        ],
    )
    async def test_audio_goes_to_listed_hosts_only(self, url: str, place: str | None) -> None:
        """By host and port, however they are spelled; the refusal names them, and nothing else of the URL."""
        async with served(policy=Policy(LISTED)) as gateway:
            await known_call(gateway)
            refused = await start(gateway.client, url)
        if place is None:
            assert refused is None
        else:
            assert refused is not None
            assert (refused.reason, refused.metadata) == ("URL_NOT_ALLOWED", {"field": "url", "place": place})

    @pytest.mark.parametrize(
        ("url", "allowed"),
        [
            ("https://hooks.example/s", True),
            ("http://hooks.example/s", True),
            ("https://hooks.example:8080/s", False),
            ("https://audio.example@evil.example/", False),
            ("https://audio.example/", False),
        ],
    )
    async def test_webhooks_have_a_list_of_their_own(self, url: str, *, allowed: bool) -> None:
        """The usual port is that of the URL's own scheme."""
        limits = Limits(stream_hosts=LISTED.stream_hosts, status_hosts=parse_hosts(["hooks.example"]))
        async with served(policy=Policy(limits)) as gateway:
            await known_call(gateway)
            refused = await start(gateway.client, status_url=url)
        assert (refused is None) is allowed
        assert refused is None or refused.metadata["field"] == "status_url"

    async def test_without_one_they_go_where_audio_may(self) -> None:
        """Who lists hosts for audio and forgets webhooks has not left a door open."""
        async with served(policy=Policy(LISTED)) as gateway:
            await known_call(gateway)
            assert await start(gateway.client, status_url="https://audio.example/s") is None
            refused = await start(gateway.client, status_url="https://hooks.example/s")
            assert refused is not None
            assert refused.reason == "URL_NOT_ALLOWED"

    async def test_without_lists_everything_is_allowed(self) -> None:
        """But for what no URL may be."""
        async with served() as gateway:
            await known_call(gateway)
            assert await start(gateway.client, "wss://any.example:1/", status_url="http://any.example:2/") is None
            refused = await start(gateway.client, "ws://any.example/")
            assert refused is not None
            assert refused.reason == "INVALID_REQUEST"

    async def test_tokens_have_lists_besides(self, tmp_path: Path) -> None:
        """Both lists must have the host; a token's webhooks go where its audio may, unless it says otherwise."""
        path = write_tokens(
            tmp_path / "t.toml",
            [
                entry("narrow", stream_hosts=["audio.example"]),
                entry("wide", stream_hosts=["*:*"]),
                entry("hooks", stream_hosts=["audio.example"], status_hosts=["x.media.example:8443"]),
            ],
        )
        around = Surroundings(gate=TokenGate(Tokens(path)))
        there, hook = "wss://x.media.example:8443/", "https://x.media.example:8443/"
        async with served(policy=Policy(LISTED), around=around) as gateway:
            await known_call(gateway)
            narrow, wide, hooks = (
                TokenClient(gateway.client.address, token_of(n)) for n in ("narrow", "wide", "hooks")
            )
            assert await start(wide, there) is None
            assert await start(wide, "wss://evil.example/") is not None
            assert await start(narrow) is None
            assert await start(narrow, there) is not None
            assert await start(narrow, status_url=hook) is not None
            assert await start(hooks, status_url=hook) is None
            for client in (narrow, wide, hooks):
                await client.channel.close()

    async def test_nothing_is_recorded_or_counted(self) -> None:
        """A refused start leaves no trace but its answer."""
        limits = Limits(stream_hosts=LISTED.stream_hosts, starts_per_second=1)
        async with served(policy=Policy(limits)) as gateway:
            await known_call(gateway)
            before = gateway.journal.last_sequence
            for _ in range(5):
                refused = await start(gateway.client, "wss://evil.example/", validate_only=False)
                assert refused is not None
                assert refused.reason == "URL_NOT_ALLOWED"
            assert gateway.journal.last_sequence == before


class TestRates:
    """How often a client may start streams."""

    async def test_the_wait_is_true(self, tmp_path: Path) -> None:
        """A client is told when its next start is due; another one is not held up, dry runs cost nothing."""
        path = write_tokens(tmp_path / "t.toml", [entry("a"), entry("b")])
        around = Surroundings(gate=TokenGate(Tokens(path)))
        limits = policy(starts_per_second=1, start_burst=2)
        async with served(policy=limits, around=around, engine=EngineOptions(relay_wait=0.0)) as gateway:
            await known_call(gateway)
            a, b = (TokenClient(gateway.client.address, token_of(name)) for name in ("a", "b"))
            for _ in range(5):
                assert await start(a) is None
            reasons = [await start(a, validate_only=False) for _ in range(3)]
            assert [found.reason for found in reasons if found] == ["RELAY_DISCONNECTED"] * 2 + ["RATE_LIMIT"]
            limited = reasons[-1]
            assert limited is not None
            assert limited.metadata == {"limit": "1"}
            assert limited.retry_after is not None
            assert 0 < limited.retry_after <= 1
            other = await start(b, validate_only=False)
            assert other is not None
            assert other.reason == "RELAY_DISCONNECTED"
            await a.channel.close()
            await b.channel.close()


class TestWatches:
    """How many watches a client may have."""

    async def test_each_client_has_its_own_number(self, tmp_path: Path) -> None:
        """One that has ended does not count; without a limit any number may be open."""
        path = write_tokens(tmp_path / "t.toml", [entry("a"), entry("b")])
        around = Surroundings(gate=TokenGate(Tokens(path)))
        limits = policy(max_watches=2)
        async with served(policy=limits, around=around) as gateway:
            a, b = (TokenClient(gateway.client.address, token_of(name)) for name in ("a", "b"))
            first, second = Watch(a), Watch(a)
            await first.opened()
            await second.opened()
            refused = error_details(await Watch(a).failure())
            assert (refused.reason, refused.metadata, refused.retry_after) == ("WATCH_LIMIT", {"limit": "2"}, 1.0)
            await Watch(b).opened()
            first.call.cancel()
            async with asyncio.timeout(10):
                while gateway.services.watches.count > 2:  # noqa: ASYNC110 - the server tells nobody
                    await asyncio.sleep(0.001)
            await Watch(a).opened()
            await a.channel.close()
            await b.channel.close()
        assert not limits._watches


class Peer:
    """What limits look at."""

    def __init__(self, client: Any, peer: str, names: tuple[str, ...] = ()) -> None:
        self.client = client
        self.peer = peer
        self.certificate_names = names


@pytest.mark.parametrize(
    ("peer", "names", "counted"),
    [
        ("ipv4:10.0.0.7:51234", (), "10.0.0.7"),
        ("ipv6:%5B::1%5D:51234", (), "%5B::1%5D"),
        ("unix:", (), "unix"),
        ("unix:/run/x.sock", (), "unix"),
        ("ipv4:10.0.0.7:51234", ("billing.internal", "b"), "billing.internal"),
    ],
)
def test_without_tokens_hosts_count(peer: str, names: tuple[str, ...], counted: str) -> None:
    """All connections of a host are one client; a certificate's name says more than the host."""
    call: Any = Peer(ANYONE, peer, names)
    assert counted_as(call) == counted
