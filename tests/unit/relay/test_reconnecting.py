"""When the session comes back after a loss, and what it brings along."""

import asyncio
import dataclasses

import pytest

from gateway.domain.errors import OutcomeUnknown
from gateway.relay.session import Session, SessionState
from tests.support.relay_observer import RecordingObserver, fast, reached, running_session
from tests.support.scripted_relay import scripted_relay


async def test_relay_that_accepts_and_drops_is_backed_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that do not hold are failures: each pause is twice the one before, up to the most."""
    pauses: list[float] = []

    async def note(session: Session, seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(Session, "_pause", note)
    observer = RecordingObserver()
    options = dataclasses.replace(fast(steady_after=3600), backoff_initial=1.0, backoff_maximum=8.0)
    async with scripted_relay() as relay, running_session(relay.endpoint, observer, options=options):
        for _ in range(6):
            peer = await relay.session("p")
            peer.cut()
        await observer.until(lambda told: len(told.downs) == 6)
        await relay.session("p")
    assert len(pauses) == 6
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, [1, 2, 4, 8, 8, 8], strict=True))


async def test_a_short_session_waits_before_the_next() -> None:
    """After a session that was lost at once nothing is tried until the pause is over."""
    observer = RecordingObserver()
    options = fast(backoff=3600, steady_after=3600)
    async with scripted_relay() as relay, running_session(relay.endpoint, observer, options=options) as session:
        peer = await relay.session("p")
        await observer.until(lambda told: told.ups)
        peer.cut()
        await observer.until(lambda told: told.downs)
        await reached(lambda: session.state is SessionState.WAITING and session.status().last_error is not None)
        assert relay.attempts == 1


async def test_a_session_that_held_is_taken_up_at_once() -> None:
    """One that held long enough is resumed without a pause, however long the pauses are."""
    observer = RecordingObserver()
    options = fast(backoff=3600, steady_after=0)
    async with scripted_relay() as relay, running_session(relay.endpoint, observer, options=options):
        peer = await relay.session("p")
        peer.cut()
        again = await relay.accept()
        assert (await again.accept("p"))["protocol"] == "p"
        await observer.until(lambda told: len(told.ups) == 2 and told.ups[1].restored)


async def test_contexts_that_were_taken_go_with_the_next_connect() -> None:
    """RELAY takes a context and closes the connection in the same moment: the next connect names it."""
    observer = RecordingObserver()
    async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
        peer = await relay.session("p")
        await observer.until(lambda told: told.ups)
        change = asyncio.create_task(session.update_contexts(add=["office"], remove=[], deadline=None))
        await peer.answer(await peer.request("signalwire.receive"), {"code": "200"})
        await peer.close()
        await change
        assert (await (await relay.accept()).accept("p"))["contexts"] == ["default", "office"]


async def test_contexts_whose_change_is_unknown_stay_as_they_were() -> None:
    """The connection breaks before the answer: the caller hears so, and the next connect says what was agreed."""
    observer = RecordingObserver()
    async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
        peer = await relay.session("p")
        await observer.until(lambda told: told.ups)
        change = asyncio.create_task(session.update_contexts(add=["office"], remove=[], deadline=None))
        await peer.request("signalwire.receive")
        peer.cut()
        with pytest.raises(OutcomeUnknown):
            await change
        assert session.contexts == {"default"}
        assert (await (await relay.accept()).accept("p"))["contexts"] == ["default"]
