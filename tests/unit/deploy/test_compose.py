"""What the compose file says is so: of the gateway's settings, of the emulator's flags, of the files it mounts."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from gateway.cli.emulator import command as emulator_command
from gateway.settings.settings import Settings
from gateway.settings.units import parse_duration
from tests.support.manifests import KUBERNETES

Load = Callable[[Mapping[str, str]], Settings]

ROOT = KUBERNETES.parents[1]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
GATEWAY, EMULATOR, PROMETHEUS = (SERVICES[name] for name in ("gateway", "emulator", "prometheus"))
TIME_TO_CLOSE = 10


def environment(**given: str) -> dict[str, str]:
    """The gateway's variables, as compose fills them in from those of its user."""

    def fill(match: re.Match[str]) -> str:
        name, kind, default = match.groups()
        return default if name not in given or (kind == ":-" and not given[name]) else given[name]

    return {key: re.sub(r"\$\{(\w+)(:?-)([^}]*)\}", fill, value) for key, value in GATEWAY["environment"].items()}


def option(name: str) -> Any:
    """What the emulator makes of its command line."""
    name_of_command, *arguments = EMULATOR["command"]
    assert name_of_command == emulator_command.name
    return emulator_command.make_context(emulator_command.name, arguments).params[name]


def port(address: str) -> str:
    """The port of an address."""
    return address.rpartition(":")[2]


def test_the_gateway_takes_the_settings(load_settings: Load) -> None:
    """Every variable is a setting, and every value is allowed, without an account."""
    settings = load_settings(environment())
    assert (settings.project_id, settings.endpoint().url) == (option("project"), "ws://127.0.0.1:8765")
    assert settings.api_token.get_secret_value() == option("token")


def test_the_gateway_takes_an_account(load_settings: Load) -> None:
    """With the variables that the file tells to set, RELAY itself is asked."""
    account = environment(
        SIGNALWIRE_PROJECT_ID="p",
        SIGNALWIRE_API_TOKEN="t",
        SIGNALWIRE_SPACE="example",
        SIGNALWIRE_RELAY_HOST="",
        SIGNALWIRE_RELAY_SCHEME="wss",
    )
    assert load_settings(account).endpoint().url == "wss://example.signalwire.com"


def test_the_gateway_finds_the_emulator(load_settings: Load) -> None:
    """Without TLS only over loopback, which the two share."""
    assert EMULATOR["network_mode"] == "service:gateway"
    assert load_settings(environment()).relay_host == option("listen")


def test_published_ports_are_listened_on(load_settings: Load) -> None:
    """Each published port is one of the gateway's or the emulator's, and reaches no further than this machine."""
    settings = load_settings(environment())
    addresses = (settings.listen, settings.ops_listen, option("control"))
    assert all(address.startswith("0.0.0.0:") for address in addresses)
    assert GATEWAY["ports"] == [f"127.0.0.1:{port(address)}:{port(address)}" for address in addresses]


def test_there_is_time_to_drain(load_settings: Load) -> None:
    """The engine kills only after open requests had their time, and the journal was closed."""
    grace = parse_duration(GATEWAY["stop_grace_period"])
    assert grace >= load_settings(environment()).drain_grace + TIME_TO_CLOSE


def test_prometheus_scrapes_the_gateway(load_settings: Load) -> None:
    """The mounted file is the one that Prometheus is told to read, and its target is the ops port."""
    [mount, _] = PROMETHEUS["volumes"]
    here, there, mode = mount.split(":")
    assert f"--config.file={there}" in PROMETHEUS["command"]
    assert mode == "ro"
    [job] = yaml.safe_load((ROOT / here).read_text())["scrape_configs"]
    target = f"gateway:{port(load_settings(environment()).ops_listen)}"
    assert job["static_configs"] == [{"targets": [target]}]


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_has_more_rights_than_it_needs(name: str) -> None:
    """A read-only root, no capabilities, no new privileges."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_volumes_are_declared() -> None:
    """Every named volume is one of the file's."""
    named = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", ())}
    assert {name for name in named if not name.startswith(".")} == set(COMPOSE["volumes"])
