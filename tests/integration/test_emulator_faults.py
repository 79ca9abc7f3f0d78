"""Every fault action, as a client sees it on a real socket."""

import asyncio
from typing import Any

import pytest

from gateway.emulator.actions import (
    CloseSocket,
    Delay,
    Drop,
    Duplicate,
    HalfOpen,
    Hold,
    Omit,
    Patch,
    Reorder,
    Reply,
    ReplyError,
    SendRaw,
)  # fmt: skip
from gateway.emulator.faults import Fault
from gateway.emulator.frames import CLIENT_TO_SERVER, SERVER_TO_CLIENT
from tests.support.raw_relay_client import RawRelayClient, connect_params, connected, raw_client, running_emulator

CUSTOM = "custom.type"


def numbers(client: RawRelayClient) -> list[int]:
    """The n of the custom events so far."""
    return [event["n"] for event in client.events(CUSTOM)]


class TestFrames:
    """Faults that touch single frames."""

    async def test_drop_an_event(self) -> None:
        """A dropped event stays un-acked and comes after a resume; the journal says that it did not pass."""
        async with running_emulator() as emulator:
            async with connected(emulator) as client:
                await client.event("signalwire.authorization.state")
                name = emulator.faults.add(Fault(Drop(), event_type=CUSTOM, direction=SERVER_TO_CLIENT, times=1))
                for n in range(2):
                    await emulator.send_event(CUSTOM, {"n": n})
                await client.event(CUSTOM, n=1)
                assert numbers(client) == [1]
                assert emulator.faults.struck(name) == 1
                lost = await emulator.frames.wait_for(lambda f: not f.passed)
                assert (lost.fault, lost.params) == (name, {"n": 0})
                protocol, state = client.responses[0]["result"]["protocol"], client.authorization_state
            async with connected(emulator, protocol=protocol, authorization_state=state) as again:
                await again.event(CUSTOM, n=0)

    async def test_drop_a_command_and_an_ack(self) -> None:
        """What a client says can be lost too: a request is not carried out, an ack leaves its event un-acked."""
        async with running_emulator() as emulator, connected(emulator) as client:
            session = next(iter(emulator.sessions.values()))
            emulator.faults.add(Fault(Drop(), direction=CLIENT_TO_SERVER, method="signalwire.receive"))
            emulator.faults.add(Fault(Drop(), direction=CLIENT_TO_SERVER, event_type=CUSTOM))
            await client.send("signalwire.receive", {"contexts": ["more"]})
            [event_id] = await emulator.send_event(CUSTOM, {"n": 0})
            await emulator.frames.wait_for(lambda f: f.is_response and f.event_type == CUSTOM and not f.passed)
            assert session.contexts == {"default"}
            assert event_id in session.unacked

    async def test_duplicate(self) -> None:
        """An event arrives n more times under the same id."""
        async with running_emulator() as emulator, connected(emulator) as client:
            emulator.faults.add(Fault(Duplicate(n=2), event_type=CUSTOM, direction=SERVER_TO_CLIENT))
            [event_id] = await emulator.send_event(CUSTOM, {"n": 0})
            await client.request("signalwire.event", 4)
            assert [frame["id"] for frame in client.requests][1:] == [event_id] * 3

    async def test_delay_lets_others_pass(self) -> None:
        """A late frame is overtaken by later ones and arrives in the end."""
        async with running_emulator() as emulator, connected(emulator) as client:
            emulator.faults.add(Fault(Delay(0.01), event_type=CUSTOM, times=1))
            for n in range(2):
                await emulator.send_event(CUSTOM, {"n": n})
            await client.event(CUSTOM, n=0)
            assert numbers(client) == [1, 0]

    async def test_hold_until_released(self) -> None:
        """A held result arrives when it is released; its request was carried out."""
        async with running_emulator() as emulator, connected(emulator) as client:
            emulator.faults.add(Fault(Hold(), direction=SERVER_TO_CLIENT, method="signalwire.receive"))
            request_id = await client.send("signalwire.receive", {"contexts": ["more"]})
            await client.ask("signalwire.ping", {})
            assert emulator.faults.held == 1
            assert "more" in next(iter(emulator.sessions.values())).contexts
            assert all(frame["id"] != request_id for frame in client.responses)
            assert emulator.faults.release() == 1
            assert (await client.answer_to(request_id))["result"]["code"] == "200"

    async def test_a_held_command_is_lost_with_its_socket(self) -> None:
        """A request that is released after its socket has gone does nothing."""
        async with running_emulator() as emulator, connected(emulator) as client:
            session = next(iter(emulator.sessions.values()))
            emulator.faults.add(Fault(Hold(), direction=CLIENT_TO_SERVER, method="signalwire.receive"))
            emulator.faults.add(Fault(Hold(), direction=SERVER_TO_CLIENT, event_type=CUSTOM))
            await client.send("signalwire.receive", {"contexts": ["more"]})
            await emulator.send_event(CUSTOM, {"n": 0})
            await client.ask("signalwire.ping", {})
            await emulator.cut()
            emulator.faults.clear()
            assert session.contexts == {"default"}

    async def test_reorder(self) -> None:
        """A frame arrives after the next one."""
        async with running_emulator() as emulator, connected(emulator) as client:
            emulator.faults.add(Fault(Reorder(), event_type=CUSTOM, direction=SERVER_TO_CLIENT, times=1))
            for n in range(3):
                await emulator.send_event(CUSTOM, {"n": n})
            await client.event(CUSTOM, n=2)
            assert numbers(client) == [1, 0, 2]

    async def test_omit_and_patch(self) -> None:
        """Fields can be left out and replaced, in what arrives only: what is sent again is whole."""
        async with running_emulator() as emulator, connected(emulator) as client:
            session = next(iter(emulator.sessions.values()))
            paths = ["params.timestamp", "params.params.n", "params.no.such"]
            emulator.faults.add(Fault(Omit(paths), event_type=CUSTOM, direction=SERVER_TO_CLIENT))
            emulator.faults.add(
                Fault(
                    Patch({"params.params.m": 5, "params.new.deep": 1}), event_type=CUSTOM, direction=SERVER_TO_CLIENT
                )
            )
            client.ack = False
            [event_id] = await emulator.send_event(CUSTOM, {"n": 0})
            assert await client.event(CUSTOM) == {"m": 5}
            arrived = client.requests[-1]["params"]
            assert arrived["new"] == {"deep": 1}
            assert "timestamp" not in arrived
            assert session.unacked[event_id]["params"] == {"n": 0}

    async def test_patch_what_the_client_says(self) -> None:
        """A request can be changed before it is carried out."""
        async with running_emulator() as emulator, connected(emulator) as client:
            patch = Patch({"params.contexts": ["other"]})
            emulator.faults.add(Fault(patch, direction=CLIENT_TO_SERVER, method="signalwire.receive"))
            await client.ok("signalwire.receive", contexts=["more"])
            assert next(iter(emulator.sessions.values())).contexts == {"default", "other"}


class TestAnswers:
    """Faults that answer."""

    @pytest.mark.parametrize(
        ("action", "expected"),
        [
            (Reply("503", "later"), {"result": {"code": "503", "message": "later"}}),
            (ReplyError(-32000, "oops"), {"error": {"code": -32000, "message": "oops"}}),
        ],
    )
    async def test_the_request_is_not_carried_out(self, action: Any, expected: dict[str, Any]) -> None:
        """The fault's answer comes instead, once; the next request works."""
        async with running_emulator() as emulator, connected(emulator) as client:
            fault = Fault(action, method="signalwire.receive", direction=CLIENT_TO_SERVER, nth=2, times=1)
            emulator.faults.add(fault)
            await client.ok("signalwire.receive", contexts=["one"])
            answer = await client.ask("signalwire.receive", {"contexts": ["two"]})
            assert answer == {"jsonrpc": "2.0", "id": answer["id"], **expected}
            await client.ok("signalwire.receive", contexts=["three"])
            assert next(iter(emulator.sessions.values())).contexts == {"default", "one", "three"}

    async def test_the_answer_of_a_carried_out_request_is_replaced(self) -> None:
        """In the other direction the request is carried out and its result replaced."""
        async with running_emulator() as emulator, connected(emulator) as client:
            fault = Fault(Reply("500"), method="signalwire.receive", direction=SERVER_TO_CLIENT)
            emulator.faults.add(fault)
            assert await client.code("signalwire.receive", contexts=["one"]) == "500"
            assert "one" in next(iter(emulator.sessions.values())).contexts

    async def test_connect_can_be_refused(self) -> None:
        """Faults match signalwire.connect as any other request."""
        async with running_emulator() as emulator, raw_client(emulator.url) as client:
            emulator.faults.add(Fault(ReplyError(-32002, "401 Unauthorized"), method="signalwire.connect", times=1))
            for expected in ("error", "result"):
                assert expected in await client.ask("signalwire.connect", connect_params())


class TestSockets:
    """Faults that touch the socket."""

    async def test_close_before_a_request(self) -> None:
        """Cut before: the request is not carried out."""
        async with running_emulator() as emulator, connected(emulator) as client:
            session = next(iter(emulator.sessions.values()))
            emulator.faults.add(Fault(CloseSocket(), direction=CLIENT_TO_SERVER, method="signalwire.receive"))
            await client.send("signalwire.receive", {"contexts": ["more"]})
            await client.wait_closed()
            assert session.contexts == {"default"}

    async def test_close_after_a_request_loses_the_answer(self) -> None:
        """Cut after: the request is carried out and nobody is told."""
        async with running_emulator() as emulator, connected(emulator) as client:
            session = next(iter(emulator.sessions.values()))
            fault = Fault(CloseSocket(when="after"), direction=CLIENT_TO_SERVER, method="signalwire.receive")
            emulator.faults.add(fault)
            request_id = await client.send("signalwire.receive", {"contexts": ["more"]})
            await client.wait_closed()
            assert session.contexts == {"default", "more"}
            assert all(frame["id"] != request_id for frame in client.responses)

    @pytest.mark.parametrize("code", [None, 1011])
    async def test_close_after_an_event(self, code: int | None) -> None:
        """The event arrives, then the socket ends, cut or with a close code."""
        async with running_emulator() as emulator, connected(emulator) as client:
            emulator.faults.add(Fault(CloseSocket(when="after", code=code), event_type=CUSTOM))
            await emulator.send_event(CUSTOM, {"n": 0})
            await client.wait_closed()
            assert numbers(client) == [0]
            assert client.socket.close_code == (code or 1006)

    async def test_half_open(self) -> None:
        """The server neither reads nor writes; a client that gives up and resumes is served again."""
        async with running_emulator() as emulator, connected(emulator) as client:
            await client.event("signalwire.authorization.state")
            emulator.faults.add(Fault(HalfOpen(), method="signalwire.receive", times=1))
            await client.send("signalwire.receive", {"contexts": ["more"]})
            await emulator.frames.wait_for(lambda f: f.method == "signalwire.receive" and not f.passed)
            await client.send("signalwire.ping", {})
            await emulator.send_event(CUSTOM, {"n": 0})
            await emulator.send_frame("never")
            resume = {
                "protocol": client.responses[0]["result"]["protocol"],
                "authorization_state": client.authorization_state,
            }
            async with connected(emulator, **resume) as again:
                await again.event(CUSTOM, n=0)
                await client.wait_closed()
                assert not client.events(CUSTOM)
                assert len(client.responses) == 1

    async def test_half_open_is_left_alone_until_told(self) -> None:
        """Pings do not end a half-open socket; a disconnect does, in the end."""
        async with (
            running_emulator(ping_interval=0.005, disconnect_grace=0.05) as emulator,
            connected(emulator) as client,
        ):
            session = next(iter(emulator.sessions.values()))
            emulator.faults.add(Fault(HalfOpen(), direction=CLIENT_TO_SERVER, method="signalwire.receive"))
            await client.send("signalwire.receive", {"contexts": ["more"]})
            await emulator.frames.wait_for(lambda f: f.method == "signalwire.receive" and not f.passed)
            async with connected(emulator, contexts=[]) as other:
                await other.request("signalwire.ping", 5)
            assert session.link is not None
            await emulator.disconnect(session=session)
            assert not session.connected
            await client.wait_closed()

    async def test_raw_text(self) -> None:
        """Any text can be sent before or after a frame."""
        async with running_emulator() as emulator, connected(emulator) as client:
            for when in ("before", "after"):
                action = SendRaw(f"<{when}>", when=when)
                emulator.faults.add(Fault(action, event_type=CUSTOM, direction=SERVER_TO_CLIENT))
            await emulator.send_event(CUSTOM, {"n": 0})
            await client.raw_text("<after>")
            assert [text[:1] for text in client.texts[-3:]] == ["<", "{", "<"]


class TestChaos:
    """Faults together."""

    async def test_a_seed_repeats_itself(self) -> None:
        """The same faults, seed and frames lose the same events."""
        seen = []
        for _ in range(2):
            async with running_emulator() as emulator, connected(emulator) as client:
                emulator.faults.reseed(7)
                fault = Fault(Drop(), event_type=CUSTOM, direction=SERVER_TO_CLIENT, probability=0.5)
                emulator.faults.add(fault)
                emulator.faults.add(Fault(Duplicate(), event_type=CUSTOM, probability=0.3))
                for n in range(40):
                    await emulator.send_event(CUSTOM, {"n": n})
                await client.ask("signalwire.ping", {})
                seen.append(numbers(client))
        assert seen[0] == seen[1]
        assert 0 < len(set(seen[0])) < 40

    async def test_everything_arrives_in_the_end(self) -> None:
        """Through drops, duplicates, delays and cuts, resuming brings every event at least once."""
        async with running_emulator() as emulator:
            async with connected(emulator) as client:
                await client.event("signalwire.authorization.state")
                protocol, state = client.responses[0]["result"]["protocol"], client.authorization_state
                session = emulator.sessions[protocol]
                emulator.faults.reseed(3)
                for action in (Drop(), Duplicate(), Reorder(), Delay(0.001)):
                    emulator.faults.add(Fault(action, event_type=CUSTOM, probability=0.3))
                for n in range(50):
                    await emulator.send_event(CUSTOM, {"n": n})
                await client.ask("signalwire.ping", {})
            got = set(numbers(client))
            emulator.faults.clear()
            async with connected(emulator, protocol=protocol, authorization_state=state) as again:
                await asyncio.wait_for(_all_acked(emulator, session), 5)
                got |= set(numbers(again))
        assert got == set(range(50))


async def _all_acked(emulator: Any, session: Any) -> None:
    """Wait until nothing is un-acked."""
    while session.unacked:
        seen = emulator.frames.last_number
        if session.unacked:
            await emulator.frames.wait_for(lambda f: f.is_response and f.event_type == CUSTOM, after=seen)
            await asyncio.sleep(0)  # the ack is noted right after the frame is
