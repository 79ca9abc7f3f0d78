"""Sessions, calls, streams and frames as JSON, for the control interface. No tokens in any of them."""

from typing import Any

from gateway.emulator.frames import Frame
from gateway.emulator.model import Call, Stream
from gateway.emulator.sessions import Session

__all__ = ["call", "frame", "session", "stream"]


def session(session: Session) -> dict[str, Any]:
    """One session."""
    return {
        "protocol": session.protocol,
        "project": session.project,
        "agent": session.agent,
        "connected": session.connected,
        "connects": session.connects,
        "contexts": sorted(session.contexts),
        "event_acks": session.event_acks,
        "unacked": list(session.unacked),
        "unacked_dropped": session.unacked_dropped,
        "lost_at": session.lost_at,
    }


def call(call: Call) -> dict[str, Any]:
    """One call."""
    return {
        **call.wire(),
        "state": call.state,
        "end_reason": call.end_reason,
        "project": call.project,
        "context": call.context,
        "session": call.session.protocol if call.session is not None else None,
        "created_at": call.created_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "streams": [stream.control_id for stream in call.streams.values()],
    }


def stream(stream: Stream) -> dict[str, Any]:
    """One stream, with what was sent."""
    return {
        "call_id": stream.call_id,
        "control_id": stream.control_id,
        "name": stream.name,
        "url": stream.url,
        "state": stream.state,
        "done": stream.done.is_set(),
        "problem": stream.problem,
        "encoding": stream.audio.encoding,
        "sample_rate": stream.audio.sample_rate,
        "frame_ms": stream.audio.frame_ms,
        "skipped": stream.sender.skipped,
        "tracks": {
            track: {
                "frames": record.frames,
                "bytes": record.size,
                "sha256": record.sha256,
                "truncated": record.truncated,
            }
            for track, record in stream.records.items()
        },
    }


def frame(frame: Frame) -> dict[str, Any]:
    """One frame."""
    return {
        "number": frame.number,
        "time": frame.time,
        "direction": frame.direction,
        "socket": frame.link,
        "session": frame.session,
        "method": frame.method,
        "event_type": frame.event_type,
        "fault": frame.fault,
        "passed": frame.passed,
        "json": frame.json,
    }
