"""What must hold of everything that an engine writes, checked event by event against a fold of its own."""

from typing import Final

from gateway.domain import calls, streams
from gateway.domain.calls import Call, CallState, Dial, DialState
from gateway.domain.events import Event, EventType, key_of
from gateway.domain.registry import Registry
from gateway.domain.streams import EndReason, Stream, StreamState
from gateway.service.encode import call_message

__all__ = ["EngineModel"]

_ENDS: Final = frozenset({StreamState.FINISHED, StreamState.FAILED})
_STREAM_STEPS: Final = {
    state: {state, *(step for step in row.values() if step is not None), *(_ENDS if None in row.values() else ())}
    for state, row in streams.NEXT.items()
}
_CALL_STEPS: Final = {state: {state, *row.values()} for state, row in calls.NEXT.items()}


class EngineModel:
    """A fold of the journal that the engine has no part in; `take` fails at the first event that breaks a promise."""

    def __init__(self) -> None:
        self.head = 0
        self.event_ids: set[str] = set()
        self._time = 0
        self._known: dict[str, Stream | Call | Dial] = {}
        self._forgotten: list[tuple[int, tuple[str, ...]]] = []

    def forget(self, sequence: int, keys: tuple[str, ...]) -> None:
        """The engine lets go of these keys, as far as a sequence."""
        self._forgotten.append((sequence, keys))

    def _drop_forgotten(self, before: int) -> None:
        while self._forgotten and self._forgotten[0][0] < before:
            for key in self._forgotten.pop(0)[1]:
                subject = self._known.pop(key)
                assert not isinstance(subject, Stream) or not subject.active, f"{subject} is forgotten while it runs"

    def take(self, event: Event) -> None:
        """Checks the next event, and folds it."""
        assert event.sequence == self.head + 1, f"a hole before {event}"
        self._drop_forgotten(event.sequence)
        self.head = event.sequence
        assert event.receive_time >= self._time, f"time falls at {event}"
        self._time = event.receive_time
        assert event.event_id not in self.event_ids, f"{event} is there twice"
        self.event_ids.add(event.event_id)
        before = self._known.get(key_of(event.subject))
        match event.subject:
            case Stream() as stream:
                self._check_stream(before if isinstance(before, Stream) else None, stream, event)
            case Call() as call:
                self._check_call(before if isinstance(before, Call) else None, call, event)
            case Dial() as dial:
                self._check_dial(before if isinstance(before, Dial) else None, dial, event)
            case _:
                return
        self._known[key_of(event.subject)] = event.subject

    def _check_stream(self, before: Stream | None, after: Stream, event: Event) -> None:
        again = before is not None and not before.active and after.state is StreamState.STARTING
        if before is not None and before.end_reason is EndReason.REJECTED and after.state is StreamState.STREAMING:
            again = after.create_time > before.create_time  # another one shows life under its control id
        if before is not None and not again:
            if before.state is StreamState.STOPPING and after.state is StreamState.STARTING:
                assert not before.start_time, f"{before} has streamed and becomes {after}"  # its stop was refused
            elif before.active:
                assert after.state in _STREAM_STEPS[before.state], f"{before} does not become {after}"
            else:
                assert after.state is before.state, f"{before} has ended and becomes {after}"
                assert after.end_reason is before.end_reason
            assert event.type == EventType.of_stream(before.state, after.state)
        assert bool(after.end_time) != after.active, f"{after} has an end time, or none"
        assert bool(after.end_reason) or after.active
        call = self._known.get(key_of(Call(after.call_id, CallState.UNKNOWN, 0, 0)))
        over = isinstance(call, Call) and call.ended
        assert not (over and after.active), f"{after} outlives {call}"

    def _check_call(self, before: Call | None, after: Call, event: Event) -> None:
        if before is not None:
            assert after.state in _CALL_STEPS[before.state], f"{before} does not become {after}"
        if after.ended:
            left = [known for known in self.streams() if known.call_id == after.call_id and known.active]
            assert not left, f"{left} outlive {event}"

    @staticmethod
    def _check_dial(before: Dial | None, after: Dial, event: Event) -> None:
        if before is not None and before.state is not DialState.DIALING:
            # One that never rang may be dialled again, by a client.
            again = (before.state, after.state) == (DialState.FAILED, DialState.DIALING)
            assert again, f"{before} was decided before {event}"
            assert not event.relay_event_type, f"{before} was decided before {event}"
        assert event.type == EventType.of_dial(after.state)

    def streams(self) -> list[Stream]:
        """The streams that are known."""
        return [known for known in self._known.values() if isinstance(known, Stream)]

    def check(self, registry: Registry) -> None:
        """The registry is the fold."""
        self._drop_forgotten(self.head + 1)
        dials = [known for known in self._known.values() if isinstance(known, Dial)]
        assert all(registry.dial(dial.tag) == dial for dial in dials)
        assert {key_of(stream): stream for stream in registry.streams()} == {
            key_of(stream): stream for stream in self.streams()
        }
        # As the contract shows them: the JSON of a device's params comes back from the journal in another layout.
        calls_known = [known for known in self._known.values() if isinstance(known, Call)]
        assert {call.call_id: call_message(call) for call in registry.calls()} == {
            call.call_id: call_message(call) for call in calls_known
        }
        assert {stream.key for stream in registry.active_streams()} == {
            stream.key for stream in self.streams() if stream.active
        }
        assert {call.call_id for call in registry.active_calls()} == {
            call.call_id for call in calls_known if not call.ended
        }
        assert {dial.tag for dial in registry.dialing()} == {
            dial.tag for dial in dials if dial.state is DialState.DIALING
        }
        assert registry.sequence <= self.head
