"""What a fault can do to a frame: the verbs of the fault language, in Python and in JSON."""

from typing import Any, Literal

import msgspec

__all__ = [
    "ACTIONS", "Action", "CloseSocket", "Delay", "Drop", "Duplicate", "HalfOpen", "Hold", "Omit", "Patch", "Reorder",
    "Reply", "ReplyError", "SendRaw",
]  # fmt: skip


class _Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do"):
    """What a fault does; in JSON an object whose `do` is the action's name."""


class Drop(_Action, frozen=True, tag="drop"):
    """The frame is lost."""


class Duplicate(_Action, frozen=True, tag="duplicate"):
    """The frame arrives `n` more times."""

    n: int = 1


class Delay(_Action, frozen=True, tag="delay"):
    """The frame arrives late; later frames overtake it."""

    seconds: float


class Hold(_Action, frozen=True, tag="hold"):
    """The frame waits until `FaultSet.release`."""


class Reorder(_Action, frozen=True, tag="reorder"):
    """The frame arrives after the next one of its direction on that socket."""


class Omit(_Action, frozen=True, tag="omit"):
    """Fields are left out; dotted paths such as `result.session_restored`."""

    fields: list[str]


class Patch(_Action, frozen=True, tag="patch"):
    """Fields get other values; keys are dotted paths such as `result.code`."""

    set: dict[str, Any]


class Reply(_Action, frozen=True, tag="reply"):
    """A request is answered with this result and not carried out."""

    code: str
    message: str = "made to fail by a fault"


class ReplyError(_Action, frozen=True, tag="reply_error"):
    """A request is answered with this JSON-RPC error and not carried out."""

    code: int
    message: str = "made to fail by a fault"


class CloseSocket(_Action, frozen=True, tag="close"):
    """The socket is closed before or after the frame; without a `code` it is cut, with one it is closed properly.

    After a client's request means: carried out, and the answer lost.
    """

    when: Literal["before", "after"] = "before"
    code: int | None = None


class HalfOpen(_Action, frozen=True, tag="half_open"):
    """The server stops reading and writing, and the socket stays open; the frame itself is lost."""


class SendRaw(_Action, frozen=True, tag="send_raw"):
    """A text of any kind is sent to the client before or after the frame; as a binary WebSocket message if asked."""

    text: str
    when: Literal["before", "after"] = "before"
    binary: bool = False


Action = (
    Drop | Duplicate | Delay | Hold | Reorder | Omit | Patch | Reply | ReplyError | CloseSocket | HalfOpen | SendRaw
)
ACTIONS: tuple[type[Action], ...] = (
    Drop, Duplicate, Delay, Hold, Reorder, Omit, Patch, Reply, ReplyError, CloseSocket, HalfOpen, SendRaw,
)  # fmt: skip
