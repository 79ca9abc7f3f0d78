"""The file of tokens: TOML that operators read, edit and keep under version control, since it holds no secret.

::

    [[token]]
    name = "billing"
    sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    scopes = ["streams:read", "streams:write", "events:read"]
    contexts = ["sales"]
    labels = { team = "billing" }
    stream_hosts = ["*.example.com"]
    not_after = 2027-01-01T00:00:00Z

README.md beside this file tells what each key means.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictStr, ValidationError, model_validator
from pydantic_core import ErrorDetails

from gateway.access.book import Book, certificate_key, token_key
from gateway.access.client import ANYONE, Client, Scope
from gateway.access.hosts import Hosts, parse_hosts

__all__ = ["MAX_BYTES", "TokensFileUnusable", "parse_tokens", "read_tokens_file"]

MAX_BYTES: Final = 1 << 20
"""A larger file is refused: some thousand tokens fit."""

_MAX_LABELS: Final = 8
_MAX_LABEL_KEY_BYTES: Final = 63
_MAX_LABEL_VALUE_BYTES: Final = 255
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class TokensFileUnusable(Exception):
    """The file can't be used as it is.

    Attributes:
        problems: Each begins with the path, and says what to do. None quotes what may be a token.
    """

    def __init__(self, path: str | Path, problems: list[str]) -> None:
        self.problems = [f"{path}: {problem}" for problem in problems]
        super().__init__("; ".join(self.problems[:1]) + (f" (and {len(problems) - 1} more)" if problems[1:] else ""))


def _name(value: object) -> object:
    if not isinstance(value, str) or not _NAME.fullmatch(value) or value == ANYONE.name:
        raise ValueError(f"use 1 to 64 letters, digits and . _ @ -, and not {ANYONE.name!r}")
    return value


def _digest(value: object) -> object:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError("is no SHA-256 in hex: callstream token create makes a token and its hash")
    return value.lower()


def _scopes(value: object) -> object:
    words = value if isinstance(value, list) else []
    unknown = [word for word in words if word not in set(Scope)]
    if not words or unknown:
        named = f"{str(unknown[0])[:40]!r} is no scope: " if unknown else ""
        raise ValueError(f"{named}use a list of {', '.join(Scope)}")
    return frozenset(map(Scope, words))


def _contexts(value: object) -> object:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) and name.strip() for name in value):
        raise ValueError("use a list of RELAY contexts, or leave it out for all calls")
    return frozenset(name.strip() for name in value)


def _labels(value: object) -> object:
    if not isinstance(value, dict) or not 0 < len(value) <= _MAX_LABELS:
        raise ValueError(f'use 1 to {_MAX_LABELS} labels like {{ team = "billing" }}, or leave it out for all streams')
    for name, text in value.items():
        whole = isinstance(text, str) and not _CONTROL.search(name + text)
        if not whole or not 0 < len(name.encode()) <= _MAX_LABEL_KEY_BYTES:
            raise ValueError(f"use texts, keys of 1 to {_MAX_LABEL_KEY_BYTES} bytes, no control characters")
        if len(text.encode()) > _MAX_LABEL_VALUE_BYTES:
            raise ValueError(f"use values of at most {_MAX_LABEL_VALUE_BYTES} bytes")
    return value


def _hosts(value: object) -> object:
    if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
        raise ValueError('use a list like ["*.example.com"], or leave it out for no limit')
    return parse_hosts(value)


def _time(value: object) -> object:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("use a time with its offset, without quotes, like 2027-01-01T00:00:00Z")
    return value


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, BeforeValidator(_name)]
    sha256: Annotated[str, BeforeValidator(_digest)] = ""
    certificate: StrictStr = ""
    scopes: Annotated[frozenset[Scope], BeforeValidator(_scopes)]
    contexts: Annotated[frozenset[str], BeforeValidator(_contexts)] = frozenset()
    labels: Annotated[dict[str, str], BeforeValidator(_labels)] = {}
    stream_hosts: Annotated[Hosts, BeforeValidator(_hosts)] = ()
    status_hosts: Annotated[Hosts, BeforeValidator(_hosts)] = ()
    not_after: Annotated[datetime | None, BeforeValidator(_time)] = None

    @model_validator(mode="after")
    def _is_known_by_one_thing(self) -> "_Entry":
        if bool(self.sha256) == bool(self.certificate):
            raise ValueError("needs either sha256, the hash of its token, or certificate, a name in its certificate")
        return self

    def client(self) -> Client:
        return Client(
            name=self.name,
            scopes=self.scopes,
            contexts=self.contexts,
            labels=self.labels,
            stream_hosts=self.stream_hosts,
            status_hosts=self.status_hosts,
            not_after=self.not_after.timestamp() if self.not_after is not None else None,
            key=token_key(self.sha256) if self.sha256 else certificate_key(self.certificate),
        )


def read_tokens_file(path: Path) -> bytes:
    """The content of a file. Blocks.

    Raises:
        TokensFileUnusable: It can't be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise TokensFileUnusable(path, [f"can't be read: {error.strerror or error}"]) from error


def parse_tokens(content: bytes, path: str | Path) -> Book:
    """The clients of a file's content.

    Raises:
        TokensFileUnusable: Something in it is wrong; it names all of it.
    """
    entries = _entries(_toml(content, path), path)
    problems: list[str] = []
    clients: dict[str, Client] = {}
    for number, raw in enumerate(entries, 1):
        where = _where(number, raw)
        try:
            client = _Entry.model_validate(raw).client()
        except ValidationError as error:
            problems += [f"{where}: {_problem(details)}" for details in error.errors()]
            continue
        if client.key in clients:
            problems.append(f"{where}: has the hash or certificate of {clients[client.key].name!r}: give it its own")
        clients[client.key] = client
    if problems:
        raise TokensFileUnusable(path, problems)
    return Book(clients.values())


def _toml(content: bytes, path: str | Path) -> Mapping[str, Any]:
    if len(content) > MAX_BYTES:
        raise TokensFileUnusable(path, [f"is larger than {MAX_BYTES} bytes"])
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise TokensFileUnusable(path, ["is not UTF-8 text"]) from error
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at (.*)\)$", str(error))
        raise TokensFileUnusable(path, [f"is not TOML{': mistake at ' + place[1] if place else ''}"]) from error


def _entries(document: Mapping[str, Any], path: str | Path) -> list[Any]:
    """The entries; a file without any is taken for one that is being written."""
    unknown = sorted(set(document) - {"token"})
    if unknown:
        raise TokensFileUnusable(path, [f"{_key(unknown[0])} is not known here: it has [[token]] entries only"])
    entries = document.get("token")
    if not isinstance(entries, list):
        raise TokensFileUnusable(path, ["has no [[token]]: add one, or say token = [] to let nobody in"])
    return entries


def _where(number: int, raw: Any) -> str:
    name = raw.get("name") if isinstance(raw, dict) else None
    return f"token {name!r}" if isinstance(name, str) and _NAME.fullmatch(name) else f"token {number}"


def _key(name: str) -> str:
    """A key as it may be shown: what is none of ours may be anything, also a token."""
    return name if _KEY.fullmatch(name) else "a key"


def _problem(details: ErrorDetails) -> str:
    place = _key(str(details["loc"][0])) if details["loc"] else ""
    match details["type"]:
        case "value_error":
            message = str(details["ctx"]["error"])
        case "extra_forbidden":
            message = f"is not known: use {', '.join(_Entry.model_fields)}"
        case "missing":
            message = "is missing"
        case _:
            message = details["msg"]
    return f"{place}: {message}" if place else message
