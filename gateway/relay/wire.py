"""The names that stand on RELAY's wire, and nothing else.

Client and emulator share these words only; what each makes of them is written twice, on purpose, so that both sides
cannot agree on one mistake.
"""

from typing import Final

# JSON-RPC methods of the session.
CONNECT: Final = "signalwire.connect"
DISCONNECT: Final = "signalwire.disconnect"
EVENT: Final = "signalwire.event"
PING: Final = "signalwire.ping"
RECEIVE: Final = "signalwire.receive"
UNRECEIVE: Final = "signalwire.unreceive"

# JSON-RPC methods of calls and streams.
ANSWER: Final = "calling.answer"
DIAL: Final = "calling.dial"
END: Final = "calling.end"
PASS: Final = "calling.pass"  # noqa: S105 - a method, not a password
STREAM: Final = "calling.stream"
STREAM_STOP: Final = "calling.stream.stop"

# Event types, the value of `event_type` in `signalwire.event`.
AUTHORIZATION_STATE: Final = "signalwire.authorization.state"
CALL_DIAL: Final = "calling.call.dial"
CALL_RECEIVE: Final = "calling.call.receive"
CALL_STATE: Final = "calling.call.state"
CALL_STREAM: Final = "calling.call.stream"

# JSON-RPC error codes.
AUTHENTICATION_FAILED: Final = -32002
REQUESTER_VALIDATION_FAILED: Final = -32003
INVALID_PARAMS: Final = -32602
METHOD_NOT_FOUND: Final = -32601

MAX_FRAME_BYTES: Final = 10 * 1024 * 1024
