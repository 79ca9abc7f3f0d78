"""What no line shows.

A secret is kept out in three ways, each on its own: by its value, if a setting holds it, however it is quoted; by the
name that it stands under, in fields and in text that looks like fields; by its place, as behind `Bearer` or in a URL's
user and query.

What is neither known nor named nor in its place can't be recognised: half of a token in one field and half in another.
"""

import functools
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["REDACTED", "Redaction"]

REDACTED: Final = "***"

_WORDS: Final = (
    "token", "authorization", "authentication", "password", "passwd", "secret", "credential", "jwt", "bearer", "cookie",
    "api_key", "apikey", "api-key", "private_key", "custom_parameters", "customparameters",
)  # fmt: skip
"""A name that has one of them in it names a secret. What clients give audio endpoints (custom_parameters) is theirs."""
_MAX_DEPTH: Final = 16
_MAX_NAME: Final = 256
"""Longer names are not kept in mind."""

_PLACES: Final = (
    # `Authorization: Bearer abc`, wherever it stands.
    (re.compile(r"\b(bearer|basic)(\s+|%20|\+)[^\s\"'\\,;)\]}]+", re.IGNORECASE), rf"\1\2{REDACTED}"),
    # wss://user:password@host, and what stands behind ? or #.
    (re.compile(r"://[^/\s@\"'<>?#]{1,512}@"), f"://{REDACTED}@"),
    (re.compile(r"((?:wss?|https?)://[^\s?#\"'<>\\]{1,2048}[?#])[^\s\"'<>\\]+", re.IGNORECASE), rf"\g<1>{REDACTED}"),
)
# token=… and "token": …; "token", … as pairs and "token", "value": … as headers have it. Quotes may be quoted again.
_NAME: Final = re.compile(
    rf"(?:{'|'.join(map(re.escape, _WORDS))})[\w.-]{{0,40}}"
    r"(?:\\*[\"']?\s{0,8}(?:[:=]|%3D|%3A)|\\*[\"']\s{0,8},(?:\s{0,8}b?\\*[\"']value\\*[\"']\s{0,8}:)?)\s{0,8}b?",
    re.IGNORECASE,
)
_HINT: Final = re.compile(rf"://|basic|{'|'.join(map(re.escape, _WORDS))}", re.IGNORECASE)
"""Without any of these there is nothing to look for: most text has none."""
_QUOTED: Final = re.compile(
    r"(?P<slashes>\\*)(?P<quote>[\"'])(?:(?!(?P=slashes)(?P=quote)).)*(?:(?P=slashes)(?P=quote)|$)", re.DOTALL
)
_BARE: Final = re.compile(r"[^\s,;&}\])]*")
_BRACKETS: Final = {"{": 1, "[": 1, "(": 1, "}": -1, "]": -1, ")": -1}


class Redaction:
    """Takes secrets out of what is to be logged."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Remembers what must not be shown, wherever it comes from; empty secrets are passed over."""
        longest_first = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._known = [re.compile("".join(map(_any_form, secret))) for secret in longest_first]

    def line(self, line: str) -> str:
        """A finished line without the secrets that are known by value."""
        for known in self._known:
            line = known.sub(REDACTED, line)
        return line

    def value(self, value: Any) -> Any:
        """A value, and all that is in it, without what is a secret by its name or its place.

        Mappings, lists, text, numbers and None come back as such; of anything else its repr.
        """
        return self._value(value, _MAX_DEPTH)

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a line, in the same way."""
        return {name: self._named(name, value, _MAX_DEPTH) for name, value in fields.items()}

    def _value(self, value: Any, depth: int) -> Any:
        match value:
            case None | bool() | int() | float():
                return value
            case Mapping() | list() | tuple() | set() | frozenset():
                return self._inside(value, depth) if depth else "..."
            case str():
                return self._text(value)
            case bytes() | bytearray() | memoryview():
                return self._text(bytes(value).decode("utf-8", "backslashreplace"))
            case _:
                return self._text(repr(value))

    def _inside(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        items = list(value)
        if len(items) == len(("name", "value")) and _is_secret(items[0]):
            return [self._value(items[0], depth - 1), REDACTED]  # a header, as pairs have it
        return [self._value(item, depth - 1) for item in items]

    def _mapping(self, mapping: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        # Headers come as a name beside its value, too.
        named = any(_is_secret(mapping.get(key)) for key in ("name", "key"))
        return {
            self._text(str(name)): REDACTED if named and name == "value" else self._named(name, value, depth - 1)
            for name, value in mapping.items()
        }

    def _named(self, name: object, value: Any, depth: int) -> Any:
        return REDACTED if _is_secret(name) else self._value(value, depth)

    def _text(self, text: str) -> str:
        text = self.line(text)
        if _HINT.search(text) is None:
            return text
        for place, replacement in _PLACES:
            text = place.sub(replacement, text)
        return _without_named(text)


def _without_named(text: str) -> str:
    """Text without the values of what is named like a secret in it."""
    parts = []
    position = 0
    while name := _NAME.search(text, position):
        parts.append(text[position : name.end()])
        position = _end_of_value(text, name.end())
        if position > name.end():
            parts.append(REDACTED)
    return "".join([*parts, text[position:]]) if parts else text


def _end_of_value(text: str, start: int) -> int:
    """Where a value ends: at its quote, its bracket, or what separates it from the next; in doubt at the end of all."""
    if _BRACKETS.get(text[start : start + 1]) == 1:
        depth = 0
        for index in range(start, len(text)):
            depth += _BRACKETS.get(text[index], 0)
            if depth == 0:
                return index + 1
        return len(text)
    found = _QUOTED.match(text, start) or _BARE.match(text, start)
    return found.end() if found is not None else start


def _is_secret(name: object) -> bool:
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    if not isinstance(name, str):
        return False
    return _named_before(name) if len(name) <= _MAX_NAME else _names_secret(name)


def _names_secret(name: str) -> bool:
    lowered = name.lower()
    return any(word in lowered for word in _WORDS)


_named_before: Final = functools.lru_cache(maxsize=1024)(_names_secret)


def _any_form(char: str) -> str:
    """A pattern for a character as it is, or escaped by JSON, repr or a URL, once or several times."""
    percent = "".join(f"%(?:25)*{_any_case(byte)}" for byte in char.encode("utf-8", "surrogatepass"))
    forms = [rf"\\*{re.escape(char)}" if char in "\\\"'/" else re.escape(char), percent]
    if char == " ":
        forms.append(r"\+|%(?:25)*2[Bb]")
    if not char.isascii() or not char.isprintable():
        quoted = {json.dumps(char)[1:-1], repr(char)[1:-1], repr(char.encode("utf-8", "surrogatepass"))[2:-1]}
        forms += [r"\\+".join(map(re.escape, form.split("\\"))) for form in quoted if "\\" in form]
    return f"(?:{'|'.join(forms)})"


def _any_case(byte: int) -> str:
    return "".join(digit if digit.isdigit() else f"[{digit}{digit.lower()}]" for digit in f"{byte:02X}")
