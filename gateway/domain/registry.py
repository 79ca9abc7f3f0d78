"""The calls, streams and dials that are known: a fold of the journal.

Every event carries its subject as it is after the event, so applying events in order, from any checkpoint, yields the
same registry. What has ended is remembered for a while and then forgotten; the events stay in the journal.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from gateway.domain.calls import Call, CallState, Dial, DialState
from gateway.domain.events import Event, EventType, Subject, key_of
from gateway.domain.streams import Stream, StreamKey

__all__ = ["Registry"]

_NO_STREAMS: Final[Mapping[str, Stream]] = {}
_NO_LABELS: Final[Mapping[str, str]] = {}


class Registry:
    """The newest state of everything known. Reads are plain look-ups; the only way in is `apply`."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._streams: dict[str, dict[str, Stream]] = {}
        self._dials: dict[str, Dial] = {}
        self._settled: dict[str, Stream | Call | Dial] = {}  # by key; in the order in which they ended, oldest first
        self._sequences: dict[str, int] = {}  # by key: the event that last changed it
        self._began: dict[StreamKey, int] = {}  # RELAY's time of the report that a stream's audio flows
        self._active_calls: dict[str, Call] = {}
        self._active_streams: dict[StreamKey, Stream] = {}
        self.sequence = 0
        """The sequence of the newest event applied."""

    def apply(self, event: Event) -> None:
        """Takes in the next event."""
        self.sequence = event.sequence
        subject = event.subject
        if isinstance(subject, Stream):
            self._apply_stream(subject, event)
            settled = not subject.active
        elif isinstance(subject, Call):
            self._calls[subject.call_id] = subject
            if subject.ended:
                self._active_calls.pop(subject.call_id, None)
            else:
                self._active_calls[subject.call_id] = subject
            settled = subject.state in {CallState.ENDED, CallState.UNKNOWN}
        elif isinstance(subject, Dial):
            self._dials[subject.tag] = subject
            settled = subject.state is not DialState.DIALING
        else:
            return
        key = key_of(subject)
        self._sequences[key] = event.sequence
        self._settled.pop(key, None)
        if settled:
            self._settled[key] = subject

    def _apply_stream(self, stream: Stream, event: Event) -> None:
        key = stream.key
        self._streams.setdefault(stream.call_id, {})[stream.control_id] = stream
        if stream.active:
            self._active_streams[key] = stream
        else:
            self._active_streams.pop(key, None)
            self._began.pop(key, None)
        if event.type is EventType.STREAM_STREAMING and event.relay_time:
            self._began[key] = event.relay_time

    def call(self, call_id: str) -> Call | None:
        """The call, if it is known."""
        return self._calls.get(call_id)

    def stream(self, call_id: str, control_id: str) -> Stream | None:
        """The stream, if it is known."""
        return self._streams.get(call_id, _NO_STREAMS).get(control_id)

    def is_past(self, key: StreamKey, relay_time: int) -> bool:
        """Whether a report of that time (RELAY's, in microseconds, 0 if unknown) is older than the stream's own audio.

        It is then about a former stream of the same control id. False where the times do not tell.
        """
        return 0 < relay_time < self._began.get(key, 0)

    def dial(self, tag: str) -> Dial | None:
        """The dial, if it is known."""
        return self._dials.get(tag)

    def streams_of(self, call_id: str) -> list[Stream]:
        """The call's streams, oldest first."""
        streams = self._streams.get(call_id, _NO_STREAMS).values()
        return sorted(streams, key=lambda stream: (stream.create_time, stream.control_id))

    def stream_named(self, call_id: str, name: str, labels: Mapping[str, str] = _NO_LABELS) -> Stream | None:
        """The call's active stream of that name and these labels, or else the one that ended last."""
        named = [stream for stream in self.streams_of(call_id) if stream.name == name and stream.carries(labels)]
        return max(named, key=lambda stream: (stream.active, stream.end_time, stream.create_time), default=None)

    def calls(self) -> Iterator[Call]:
        """All calls, in no promised order."""
        return iter(self._calls.values())

    def streams(self) -> Iterator[Stream]:
        """All streams, in no promised order."""
        return (stream for streams in self._streams.values() for stream in streams.values())

    def active_streams(self) -> list[Stream]:
        """The streams that have not ended."""
        return list(self._active_streams.values())

    def active_calls(self) -> list[Call]:
        """The calls that have not ended."""
        return list(self._active_calls.values())

    def dialing(self) -> list[Dial]:
        """The dials that nobody has answered yet."""
        return [dial for dial in self._dials.values() if dial.state is DialState.DIALING]

    @property
    def active_call_count(self) -> int:
        """How many calls have not ended."""
        return len(self._active_calls)

    @property
    def active_stream_count(self) -> int:
        """How many streams have not ended."""
        return len(self._active_streams)

    def sequence_of(self, subject: Subject) -> int:
        """The sequence of the event that last changed a subject, 0 if none has."""
        return self._sequences.get(key_of(subject), 0)

    def forget_before(self, time: int, keep: int) -> list[str]:
        """Forgets what ended before `time` (microseconds), and the oldest ended ones beyond `keep`.

        Returns:
            The keys of what was forgotten.
        """
        forgotten: list[str] = []
        for key, subject in self._settled.items():
            if subject.update_time >= time and len(self._settled) - len(forgotten) <= keep:
                break
            if isinstance(subject, Call) and self._has_active(subject.call_id):
                continue  # a call that is UNKNOWN, and still has streams to settle
            forgotten.append(key)
        self._drop(forgotten)
        return forgotten

    def _has_active(self, call_id: str) -> bool:
        return any(stream.active for stream in self._streams.get(call_id, _NO_STREAMS).values())

    def _drop(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._sequences.pop(key, None)
            match self._settled.pop(key):
                case Stream(call_id=call_id, control_id=control_id):
                    streams = self._streams[call_id]
                    del streams[control_id]
                    if not streams:
                        del self._streams[call_id]
                case Call(call_id=call_id):
                    del self._calls[call_id]
                    self._active_calls.pop(call_id, None)
                case Dial(tag=tag):
                    del self._dials[tag]
