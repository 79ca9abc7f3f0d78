"""The frame journal."""

import asyncio

import pytest

from gateway.emulator.frames import CLIENT_TO_SERVER, REDACTED, Frame, FrameJournal, redact


def note(journal: FrameJournal, json: object, **more: str) -> None:
    """Record a frame of no session."""
    journal.record(CLIENT_TO_SERVER, 1, "", json, **more)  # type: ignore[arg-type] # only texts are given


def test_secrets_are_replaced_wherever_they_are() -> None:
    """Tokens go, at any depth, and the original stays as it was."""
    original = {"token": "a", "list": [{"jwt_token": "b", "authorization_bearer_token": "c"}], "project": "p"}
    hidden = {"jwt_token": REDACTED, "authorization_bearer_token": REDACTED}
    assert redact(original) == {"token": REDACTED, "list": [hidden], "project": "p"}
    assert original["token"] == "a"


def test_the_journal_is_bounded_and_numbers_go_on() -> None:
    """Only the last frames are kept; clearing does not begin to count again."""
    journal = FrameJournal(2)
    for n in range(3):
        note(journal, {"n": n})
    assert [frame.json["n"] for frame in journal] == [1, 2]
    journal.clear()
    assert len(journal) == 0
    note(journal, {})
    assert [frame.number for frame in journal] == [journal.last_number] == [4]


async def test_waiting_finds_old_and_new_frames() -> None:
    """A frame that is there is found at once, one that comes wakes the waiter, one that doesn't is a TimeoutError."""
    journal = FrameJournal(10)
    note(journal, {"n": 1})
    assert (await journal.wait_for(lambda f: f.json["n"] == 1)).number == 1
    waiters = [asyncio.create_task(journal.wait_for(lambda f: f.json["n"] == 1, after=1)) for _ in range(2)]
    await asyncio.sleep(0)
    for n in (2, 1, 1):
        note(journal, {"n": n})
    assert [(await waiter).number for waiter in waiters] == [3, 3]
    with pytest.raises(TimeoutError):
        await journal.wait_for(lambda _: False, timeout=0)


async def test_a_predicate_that_fails_fails_its_waiter_only() -> None:
    """What a predicate raises comes out where it was given, not where the frame is recorded."""
    journal = FrameJournal(10)
    waiter = asyncio.create_task(journal.wait_for(lambda frame: bool(frame.json["absent"])))
    await asyncio.sleep(0)
    note(journal, {})
    with pytest.raises(KeyError):
        await waiter


async def test_a_journal_that_keeps_nothing_still_wakes() -> None:
    """With a limit of 0 frames are counted, and waited for, but not kept."""
    journal = FrameJournal(0)
    note(journal, {})
    waiter = asyncio.create_task(journal.wait_for(lambda _: True))
    await asyncio.sleep(0)
    note(journal, {})
    assert (await waiter).number == 2
    assert len(journal) == 0


@pytest.mark.parametrize(
    ("json", "event_type", "params", "response"),
    [
        ({"method": "m", "params": {"a": 1}}, "", {"a": 1}, False),
        ({"method": "m", "params": {"event_type": "e", "params": {"b": 2}}}, "e", {"b": 2}, False),
        ({"method": "m", "params": {"event_type": "e", "params": 5}}, "e", {"event_type": "e", "params": 5}, False),
        ({"method": "m"}, "", {}, False),
        ({"result": {}}, "", {}, True),
        ("text", "", {}, False),
    ],
)
def test_params_of_a_frame(json: object, event_type: str, params: dict[str, object], response: bool) -> None:
    """Events show their inner params, other requests theirs, and everything else none."""
    frame = Frame(1, 0.0, CLIENT_TO_SERVER, 1, "", json, "m", event_type)
    assert frame.params == params
    assert frame.is_response == response
