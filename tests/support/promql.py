"""What a PromQL expression asks for: metrics, and the labels that it matches or groups by. Finds slips of the pen."""

import re
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Asked", "asked_by"]

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)|(?P<number>\d+(?:\.\d+)?)|(?P<text>"(?:[^"\\]|\\.)*")"""
    r"""|(?P<duration>\[\d+[smhdw]\])|(?P<operator>=~|!~|==|!=|>=|<=|[-+*/%^=<>(){},]))"""
)
_FUNCTIONS: Final = frozenset({"histogram_quantile", "increase", "max", "min", "rate", "sum", "time"})
_GROUPING: Final = frozenset({"by", "without"})
_BINARY: Final = frozenset({"and", "or", "unless"})
_CLOSING: Final = {")": "(", "}": "{"}


@dataclass
class Asked:
    """The metrics of an expression, each with the labels that it is matched by, and the labels that it groups by."""

    metrics: dict[str, set[str]] = field(default_factory=dict)
    values: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """By metric and label: the values that are asked for by name."""
    groups: set[str] = field(default_factory=set)


def asked_by(expression: str) -> Asked:
    """Reads an expression.

    Raises:
        ValueError: It can't be PromQL, as far as this can tell.
    """
    tokens = _tokens(expression)
    _check_brackets(expression, [text for _, text in tokens])
    asked = Asked()
    index = 0
    while index < len(tokens):
        kind, text = tokens[index]
        following = tokens[index + 1][1] if index + 1 < len(tokens) else ""
        index += 1
        if kind != "name" or text in _BINARY:
            continue
        if text in _GROUPING:
            end = next(place for place in range(index, len(tokens)) if tokens[place][1] == ")")
            asked.groups |= {label for kind, label in tokens[index:end] if kind == "name"}
            index = end
        elif following == "(" or (text in _FUNCTIONS and following in _GROUPING):
            if text not in _FUNCTIONS:
                raise ValueError(f"{expression}: no function {text} is known")
        else:
            asked.metrics.setdefault(text, set())
            if following == "{":
                end = next(place for place in range(index, len(tokens)) if tokens[place][1] == "}")
                _take_matchers(asked, text, tokens[index + 1 : end])
                index = end
    if not asked.metrics:
        raise ValueError(f"{expression}: asks for nothing")
    return asked


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens = []
    position = 0
    text = expression.strip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise ValueError(f"{expression}: what is {text[position : position + 20]!r}?")
        tokens.append((found.lastgroup, found[found.lastgroup]))
        position = found.end()
    return tokens


def _check_brackets(expression: str, texts: list[str]) -> None:
    opened: list[str] = []
    for text in texts:
        if text in _CLOSING.values():
            opened.append(text)
        elif text in _CLOSING and (not opened or opened.pop() != _CLOSING[text]):
            raise ValueError(f"{expression}: a bracket too many")
    if opened:
        raise ValueError(f"{expression}: a bracket is not closed")


def _take_matchers(asked: Asked, metric: str, tokens: list[tuple[str, str]]) -> None:
    for place in range(0, len(tokens), 4):  # label, operator, text, comma
        (_, label), (_, operator), (kind, text) = tokens[place : place + 3]
        if operator not in {"=", "!=", "=~", "!~"} or kind != "text":
            raise ValueError(f"{metric}: {label} is matched by {operator}{text}")
        asked.metrics[metric].add(label)
        value = text.strip('"')
        if re.fullmatch(r"[\w.|]+", value):
            asked.values.setdefault((metric, label), set()).update(value.split("|"))
