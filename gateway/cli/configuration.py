"""The settings of a command, where each came from, and all that is wrong with them."""

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import click
from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from gateway.cli.output import Failure
from gateway.settings.settings import Settings
from gateway.settings.sources import FileUnusable, read_environment, read_file, unknown_variables, variables_of
from gateway.settings.units import format_duration, format_size

__all__ = ["WRONG_SETTINGS", "Configuration", "load", "setting_options", "shown"]

WRONG_SETTINGS: Final = 2
"""Exit code for settings that are refused."""
_HIDDEN: Final = "********"
_FIELDS: Final = Settings.model_fields
_SECRETS: Final = frozenset(name for name, field in _FIELDS.items() if field.annotation is SecretStr)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings, and by name where each came from: a flag, a variable, a file, or "default"."""

    settings: Settings
    origins: Mapping[str, str]


def load(flags: Mapping[str, Any]) -> Configuration:
    """Reads the settings of this process.

    Args:
        flags: Settings given on the command line; None means not given.

    Raises:
        Failure: Something is wrong; one line for each wrong value and unknown name, without secrets.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    variables = {name: variable for name, (variable, _) in read_environment(os.environ, _FIELDS).items()}
    path = given.get("config") or os.environ.get("CALLSTREAM_CONFIG", "").strip()
    problems = [f"{name}: no such setting{_nearest_variable(name)}" for name in unknown_variables(os.environ, _FIELDS)]
    try:
        in_file = read_file(Path(path)) if path else {}
        origins = _origins(given, variables, in_file, path)
        settings = Settings(**given)
    except FileUnusable as error:
        problems.append(f"{'--config' if 'config' in given else 'CALLSTREAM_CONFIG'}: {error}")
    except ValidationError as error:
        problems += [_problem(details, origins, path) for details in error.errors()]
    else:
        if "config" in in_file:
            problems.append(f"config in {path}: a file names no other file")
        if not problems:
            return Configuration(settings, origins)
    raise Failure("\n".join(problems), WRONG_SETTINGS)


def _origins(flags: Iterable[str], variables: Mapping[str, str], in_file: Iterable[str], path: str) -> dict[str, str]:
    origins = dict.fromkeys(_FIELDS, "default")
    origins.update({name: path for name in in_file if name in _FIELDS})
    origins.update(variables)
    origins.update({name: _flag(name) for name in flags})
    return origins


def _problem(details: ErrorDetails, origins: Mapping[str, str], path: str) -> str:
    name = str(details["loc"][0])
    if name not in _FIELDS:
        near = difflib.get_close_matches(name, _FIELDS, 1)
        return f"{name} in {path}: no such setting" + (f"; did you mean {near[0]}?" if near else "")
    origin = origins[name]
    if origin == "default":
        origin = variables_of(name)[0]
    elif origin == path:
        origin = f"{name} in {path}"
    message = str(details["ctx"]["error"]) if details["type"] == "value_error" else details["msg"]
    return f"{origin}: {message}"


def _nearest_variable(name: str) -> str:
    settings = {variable.partition("_")[2]: variable for field in _FIELDS for variable in variables_of(field)}
    near = difflib.get_close_matches(name.partition("_")[2], settings, 1)
    return f"; did you mean {settings[near[0]]}?" if near else ""


def shown(name: str, value: Any) -> str:
    """A setting's value as text; of a secret only whether it is set."""
    match value:
        case SecretStr():
            return _HIDDEN if value else ""
        case bool():
            return str(value).lower()
        case float():
            return format_duration(value)
        case int() if name == "retention_size":
            return format_size(value)
        case tuple():
            return ",".join(value)
        case _:
            return "" if value is None else str(value)


def setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command a flag for each setting, except for secrets: a command line can be read by every process."""
    for name in reversed(_FIELDS):
        if name not in _SECRETS:
            command = _option(name)(command)
    return command


def _option(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    field = _FIELDS[name]
    default = shown(name, field.default)
    facts = [variables_of(name)[0], *([f"default: {default}"] if default and field.annotation is not bool else [])]
    about = field.description or ""
    text = f"{about[:1].upper()}{about[1:]}.  [{'; '.join(facts)}]"
    if field.annotation is bool:
        return click.option(_flag(name), name, is_flag=True, default=None, help=text)
    return click.option(_flag(name), name, metavar=_metavar(name), help=text)


def _metavar(name: str) -> str:
    annotation = _FIELDS[name].annotation
    if annotation is float:
        return "DURATION"
    if annotation is int:
        return "SIZE" if name == "retention_size" else "NUMBER"
    if name == "config" or name.endswith("_file"):
        return "FILE"
    words = [word for word in get_args(annotation) if isinstance(word, str)]
    return "|".join(words) or "TEXT"


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
