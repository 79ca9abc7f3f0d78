"""What the Dockerfile says is so: of the version, the commands, the settings and the files that it copies."""

import json
import re
import tomllib

import click
import yaml

from gateway import __version__
from gateway.cli import callstream
from gateway.settings.settings import Settings
from gateway.settings.sources import variables_of
from tests.support.manifests import KUBERNETES

ROOT = KUBERNETES.parents[1]
LINES = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()
LAST = max(index for index, line in enumerate(LINES) if line.startswith("FROM "))


def instructions(name: str, *, final: bool = True) -> list[str]:
    """The arguments of an instruction, of the final stage or of all."""
    lines = LINES[LAST:] if final else LINES
    return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]


def label(name: str) -> str:
    """A label's value."""
    labels = dict(re.findall(r'org\.opencontainers\.image\.([\w.]+)="([^"]*)"', instructions("LABEL")[0]))
    return str(labels[name])


def test_the_labels_are_the_packages() -> None:
    """Version and licence are those of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert label("version") == project["version"] == __version__
    assert label("licenses") == project["license"]


def test_commands_exist() -> None:
    """What the image runs by itself is a command that `callstream` has."""
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["callstream"]
    [health] = instructions("HEALTHCHECK")
    _, command = json.loads(health.partition(" CMD ")[2])
    assert {command, *json.loads(instructions("CMD")[0])} <= set(callstream.list_commands(click.Context(callstream)))


def test_the_final_stage_starts_from_nothing() -> None:
    """What is not copied into it on purpose is not in it, and no instruction runs in it."""
    assert instructions("FROM") == ["scratch"]
    assert instructions("RUN") == []


def test_variables_are_settings() -> None:
    """The gateway refuses names that it does not know."""
    known = {variable for name in Settings.model_fields for variable in variables_of(name)}
    assert set(re.findall(r"\b(CALLSTREAM_\w+)=", instructions("ENV")[0])) <= known


def test_ports_are_the_gateways() -> None:
    """The exposed ports are those that the settings have by default."""
    defaults = [Settings.model_fields[name].default for name in ("listen", "ops_listen")]
    assert instructions("EXPOSE") == [" ".join(address.rpartition(":")[2] for address in defaults)]


def test_the_volume_is_the_data_directory() -> None:
    """What the gateway keeps is kept beyond the container."""
    assert f"CALLSTREAM_DATA_DIR={instructions('VOLUME')[0]}" in instructions("ENV")[0]


def test_what_is_copied_is_there_and_sent() -> None:
    """Each source of a COPY exists, and is let into the build by .dockerignore, which lets in nothing else."""
    copies = [line.split()[:-1] for line in instructions("COPY", final=False) if "--from=" not in line]
    sources = {name.rstrip("/") for line in copies for name in line}
    assert all((ROOT / name).exists() for name in sources)
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignore
    assert {line[1:] for line in ignore if line.startswith("!")} == sources
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["packages"]) <= sources


def test_the_build_knows_its_requirements() -> None:
    """Every file of requirements that a build can ask for is locked, with hashes."""
    for name in ("build", "runtime", "emulator", "tracing"):
        lines = (ROOT / "requirements" / f"{name}.txt").read_text()
        assert lines.count("--hash=sha256:") >= len(re.findall(r"^[\w.-]+==", lines, re.MULTILINE)) > 0
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    extras = compose["services"]["emulator"]["build"]["args"]["EXTRAS"]
    assert (ROOT / "requirements" / f"{extras}.txt").exists()
