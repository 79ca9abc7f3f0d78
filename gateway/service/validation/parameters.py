"""`google.protobuf.Struct` as the JSON object that a client meant."""

import math
from typing import Any, Final

import msgspec
from google.protobuf.struct_pb2 import Struct, Value

__all__ = ["json_object"]

_EXACT: Final = 1 << 53  # beyond it a double no longer says which whole number was meant
_WIRE_BYTES_PER_JSON_BYTE: Final = 8  # at most: an element `0,` takes 11 bytes, an empty list `[],` 4


def json_object(struct: Struct, max_bytes: int) -> dict[str, Any]:
    """The object, with whole numbers as ints: Struct has doubles only, and RELAY is to get 1, not 1.0.

    Raises:
        ValueError: It can't be written as JSON, or takes more than `max_bytes`; the message says what to write instead.
    """
    too_large = f"is too large: use at most {max_bytes} bytes as JSON"
    if struct.ByteSize() > max_bytes * _WIRE_BYTES_PER_JSON_BYTE:
        raise ValueError(too_large)  # without the work of looking into it
    value = _object(struct)
    if len(msgspec.json.encode(value)) > max_bytes:
        raise ValueError(too_large)
    return value


def _object(struct: Struct) -> dict[str, Any]:
    return {name: _json(value) for name, value in struct.fields.items()}


def _json(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            return _number(value.number_value)
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return _object(value.struct_value)
        case "list_value":
            return [_json(item) for item in value.list_value.values]
        case "null_value":
            return None
        case _:
            raise ValueError("has a value without a kind: use null_value for null")


def _number(value: float) -> int | float:
    if not math.isfinite(value):
        raise ValueError("has a number that JSON can't express: use finite numbers")
    return int(value) if value.is_integer() and abs(value) <= _EXACT else value
