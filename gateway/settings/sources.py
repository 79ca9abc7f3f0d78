"""Where settings come from: flags, environment variables, a TOML file; the earlier beats the later.

A setting has one name in snake_case: that is its key in the file, its flag with dashes, and its variable in capitals
behind `CALLSTREAM_`. What SignalWire's own SDKs read keeps the variable that their users have set already.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo

__all__ = [
    "CLIENT_VARIABLES",
    "FileUnusable",
    "read_environment",
    "read_file",
    "unknown_variables",
    "variables_of",
]

PREFIX: Final = "CALLSTREAM_"
_SIGNALWIRE: Final[Mapping[str, tuple[str, ...]]] = {
    "project_id": ("SIGNALWIRE_PROJECT_ID",),
    "jwt_token": ("SIGNALWIRE_JWT_TOKEN",),
    "api_token": ("SIGNALWIRE_API_TOKEN", "SIGNALWIRE_TOKEN"),
    "space": ("SIGNALWIRE_SPACE",),
    "relay_host": ("SIGNALWIRE_RELAY_HOST",),
    "relay_scheme": ("SIGNALWIRE_RELAY_SCHEME",),
    "relay_ca_file": ("SIGNALWIRE_RELAY_CA_FILE",),
}
CLIENT_VARIABLES: Final = (
    "CALLSTREAM_ADDRESS",
    "CALLSTREAM_BEARER_TOKEN",
    "CALLSTREAM_CA_FILE",
    "CALLSTREAM_CLIENT_CERT_FILE",
    "CALLSTREAM_CLIENT_KEY_FILE",
    "CALLSTREAM_SERVER_NAME",
    "CALLSTREAM_TIMEOUT",
    "CALLSTREAM_TLS",
    "CALLSTREAM_TOKEN",
)
"""What the client commands read; no settings of the gateway, and no mistakes either."""

# Kubernetes tells every container of the services beside it: a Service named "callstream" makes CALLSTREAM_SERVICE_HOST
# and CALLSTREAM_PORT_50051_TCP, one named "callstream-x" CALLSTREAM_X_…. Nobody mistyped those.
_SERVICE_LINK: Final = re.compile(
    rf"{PREFIX}(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_SERVICE_URL: Final = re.compile(r"(?:tcp|udp|sctp)://")


class FileUnusable(Exception):
    """The TOML file can't be read; the message begins with its path and says why."""


def variables_of(setting: str) -> tuple[str, ...]:
    """The environment variables that a setting is read from, the preferred one first."""
    return _SIGNALWIRE.get(setting, (PREFIX + setting.upper(),))


def read_environment(environ: Mapping[str, str], settings: Mapping[str, FieldInfo]) -> dict[str, tuple[str, str]]:
    """By setting: the variable that gives it, and the value. An empty variable counts as not set."""
    found = {}
    for setting in settings:
        for variable in variables_of(setting):
            if environ.get(variable, "").strip():
                found[setting] = (variable, environ[variable])
                break
    return found


def unknown_variables(environ: Mapping[str, str], settings: Mapping[str, FieldInfo]) -> list[str]:
    """The `CALLSTREAM_*` variables that nothing reads: most likely misspelt, so that a setting is not in force."""
    known = {variable for setting in settings for variable in variables_of(setting)} | set(CLIENT_VARIABLES)
    return sorted(
        name
        for name, value in environ.items()
        if name.startswith(PREFIX) and name not in known and not _is_service_link(name, value)
    )


def _is_service_link(name: str, value: str) -> bool:
    return bool(_SERVICE_LINK.fullmatch(name) or (name.endswith("_PORT") and _SERVICE_URL.match(value)))


def read_file(path: Path) -> dict[str, Any]:
    """The keys and values of a TOML file.

    Raises:
        FileUnusable: It can't be read, or is not TOML. Shows the place of the mistake, and none of the content.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileUnusable(f"{path}: {error.strerror or 'cannot be read'}") from error
    except UnicodeDecodeError as error:
        raise FileUnusable(f"{path}: is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at (.*)\)$", str(error))
        raise FileUnusable(f"{path}: is not TOML{': mistake at ' + place[1] if place else ''}") from error
