"""Who is told of requests, and what."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.domain.errors import DeadlineExceeded, OutcomeUnknown, RelayFailed, RelayRejected
from gateway.relay import commands
from gateway.relay.commands import Command
from gateway.relay.observer import ABANDONED, UNKNOWN, UNSENT
from tests.support.relay_observer import RecordingObserver, running_session
from tests.support.scripted_relay import scripted_relay

STOP = commands.stop_stream(node_id="n", call_id="c", control_id="s")


class Told:
    """Writes down what requests came to."""

    def __init__(self) -> None:
        self.open = 0
        self.ended: list[tuple[str, str]] = []

    def __call__(self, command: Command) -> Callable[[str], None]:
        """A request begins."""
        self.open += 1
        return lambda code: self.ended.append((command.method, code))


async def test_codes_of_relay_are_told_as_it_gave_them() -> None:
    """A success, a refusal and a failure of RELAY each with its own code."""
    told, observer = Told(), RecordingObserver()
    async with scripted_relay() as relay, running_session(relay.endpoint, observer, requests=told) as session:
        peer = await relay.session()
        await observer.until(lambda seen: seen.ups)
        for code, error in (("200", None), ("404", RelayRejected), ("500", RelayFailed)):
            asked = asyncio.create_task(session.execute(STOP, send_by=None))
            await peer.answer(await peer.request(STOP.method), {"code": code})
            if error is None:
                assert (await asked).code == code
            else:
                with pytest.raises(error):
                    await asked
    assert told.ended == [(STOP.method, "200"), (STOP.method, "404"), (STOP.method, "500")]


async def test_a_lost_answer_is_told_as_unknown() -> None:
    """What was sent before the connection broke ends with no code of RELAY's."""
    told, observer = Told(), RecordingObserver()
    async with scripted_relay() as relay, running_session(relay.endpoint, observer, requests=told) as session:
        peer = await relay.session()
        await observer.until(lambda seen: seen.ups)
        asked = asyncio.create_task(session.execute(STOP, send_by=None))
        await peer.request(STOP.method)
        peer.cut()
        with pytest.raises(OutcomeUnknown):
            await asked
    assert told.ended == [(STOP.method, UNKNOWN)]


async def test_what_never_left_is_told_as_unsent() -> None:
    """Its time was over before the socket took it."""
    told, observer = Told(), RecordingObserver()
    async with scripted_relay() as relay, running_session(relay.endpoint, observer, requests=told) as session:
        await relay.session()
        await observer.until(lambda seen: seen.ups)
        with pytest.raises(DeadlineExceeded):
            await session.execute(STOP, send_by=asyncio.get_running_loop().time())
    assert told.ended == [(STOP.method, UNSENT)]


async def test_a_caller_that_leaves_is_told_as_abandoned() -> None:
    """The answer may still come, and nobody waits for it."""
    told, observer = Told(), RecordingObserver()
    async with scripted_relay() as relay, running_session(relay.endpoint, observer, requests=told) as session:
        peer = await relay.session()
        await observer.until(lambda seen: seen.ups)
        asked = asyncio.create_task(session.execute(STOP, send_by=None))
        await peer.request(STOP.method)
        assert told.open == 1
        assert told.ended == []
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    assert told.ended == [(STOP.method, ABANDONED)]
