"""Scenarios as data: read from YAML, checked for shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.conformance.access import Access

__all__ = ["SCENARIOS", "Scenario", "load_scenarios", "substituted", "value_at"]

SCENARIOS = Path(__file__).with_name("scenarios")
_MEMBERS = {"name", "about", "own_world", "gateway", "emulator", "access", "steps"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story with expectations.

    Attributes:
        name: "file/name", unique.
        about: What holds, in a sentence.
        own_world: True if it needs an emulator, a gateway and a driver that no other scenario uses, because it kills
            them, cuts them off, or looks at all of the history.
        gateway: Environment variables of its gateway.
        emulator: `EmulatorOptions` of its emulator.
        access: What gateway and driver know of tokens and certificates.
        steps: Objects whose first member is the step's verb, with its parameters.
    """

    name: str
    about: str
    own_world: bool
    gateway: Mapping[str, str]
    emulator: Mapping[str, Any]
    access: Access
    steps: tuple[Mapping[str, Any], ...] = field(repr=False)

    @property
    def world(self) -> str:
        """Scenarios with equal worlds can share one."""
        return self.name if self.own_world else f"{dict(self.gateway)} {dict(self.emulator)} {self.access}"

    @property
    def resumes(self) -> bool:
        """Whether it needs a watch that resumes by itself, which a plain gRPC client does not have."""
        return any(step.get("resume") for step in self.steps)

    @property
    def shows_example(self) -> bool:
        """Whether it runs the client's example."""
        return any("example" in step for step in self.steps)


def load_scenarios(directory: Path = SCENARIOS) -> list[Scenario]:
    """All scenarios, by file and place.

    Raises:
        ValueError: One has a wrong shape; names it.
    """
    found: dict[str, Scenario] = {}
    for path in sorted(directory.glob("*.yaml")):
        for raw in yaml.safe_load(path.read_text()):
            name = f"{path.stem}/{raw['name']}"
            unknown = set(raw) - _MEMBERS
            if unknown or not raw.get("about") or not raw.get("steps") or name in found:
                raise ValueError(f"{name}: unknown members {sorted(unknown)}, no about, no steps, or a second one")
            gateway, emulator = raw.get("gateway", {}), raw.get("emulator", {})
            own, access = raw.get("own_world", False), Access.of(raw.get("access", {}))
            found[name] = Scenario(name, raw["about"], own, gateway, emulator, access, tuple(raw["steps"]))
    return list(found.values())


def substituted(value: Any, variables: Mapping[str, Any]) -> Any:
    """`value` with each "${name}" replaced; one that is a text by itself keeps its type.

    Raises:
        KeyError: There is no such variable.
    """
    if isinstance(value, Mapping):
        return {substituted(key, variables): substituted(member, variables) for key, member in value.items()}
    if isinstance(value, list):
        return [substituted(member, variables) for member in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    if value.startswith("${") and value.endswith("}") and value.count("${") == 1:
        return variables[value[2:-1]]
    before, _, rest = value.partition("${")
    name, _, after = rest.partition("}")
    return before + str(variables[name]) + substituted(after, variables)


def value_at(value: Any, path: str) -> Any:
    """The value at a dotted path; numbers are places in lists.

    Raises:
        LookupError: There is none.
    """
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value
