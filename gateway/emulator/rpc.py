"""Refusals as RELAY words them, and the reading of params with messages that name the field."""

from collections.abc import Sequence
from typing import Any

from gateway.relay.wire import INVALID_PARAMS

__all__ = ["Params", "Refused", "RpcError"]


class RpcError(Exception):
    """The request is answered with a JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


class Refused(Exception):
    """The request is answered with a result whose `code` is not 2xx."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


class Params:
    """An object of parameters; what is missing or of another type is a -32602 that names it."""

    def __init__(self, value: Any, path: str = "params") -> None:
        if not isinstance(value, dict):
            raise RpcError(INVALID_PARAMS, f"Invalid params: {path} must be an object")
        self._value: dict[str, Any] = value
        self._path = path

    def __contains__(self, name: str) -> bool:
        return self._value.get(name) is not None

    def wrong(self, name: str, expected: str) -> RpcError:
        """The error for a field that isn't `expected`."""
        return RpcError(INVALID_PARAMS, f"Invalid params: {self._path}.{name} must be {expected}")

    def text(self, name: str) -> str:
        """A required text."""
        value = self._value.get(name)
        if not isinstance(value, str) or not value:
            raise self.wrong(name, "a non-empty string" if name in self._value else "given: a non-empty string")
        return value

    def optional_text(self, name: str, default: str = "") -> str:
        """A text, or `default` when it is left out or null."""
        value = self._value.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.wrong(name, "a string")
        return value

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """One of some words, or `default`; another word is a 400."""
        value = self.optional_text(name, default)
        if value not in allowed:
            raise Refused("400", f"{name} must be one of {', '.join(allowed)}; got {value!r}")
        return value

    def optional_number(self, name: str) -> float | None:
        """A number that isn't negative, or None."""
        value = self._value.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise self.wrong(name, "a number of at least 0")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """A boolean, or `default`."""
        value = self._value.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(name, "a boolean")
        return value

    def object(self, name: str) -> "Params":
        """A required object."""
        return Params(self._value.get(name), f"{self._path}.{name}")

    def optional_object(self, name: str) -> dict[str, Any]:
        """An object as it is, or an empty one."""
        value = self._value.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.wrong(name, "an object")
        return value

    def texts(self, name: str, *, required: bool) -> list[str]:
        """A list of non-empty texts."""
        value = self._value.get(name)
        if value is None and not required:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self.wrong(name, "a list of non-empty strings")
        return value

    def items(self, name: str) -> list[Any]:
        """A required list with something in it."""
        value = self._value.get(name)
        if not isinstance(value, list) or not value:
            raise self.wrong(name, "a list with at least one entry")
        return value
