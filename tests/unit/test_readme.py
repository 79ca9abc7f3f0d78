"""What the README says exists, and what exists is in the README."""

import re
import textwrap
from pathlib import Path

import click
import pytest
from pydantic import SecretStr

from callstream.v1 import call_service_pb2, gateway_service_pb2, stream_service_pb2
from gateway.cli import callstream
from gateway.domain import errors
from gateway.settings.settings import Settings
from gateway.settings.sources import variables_of
from gateway.settings.units import format_duration, format_size

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
DURATIONS = {name for name, field in Settings.model_fields.items() if field.annotation is float}


def table_rows(heading: str) -> list[list[str]]:
    """The cells of the first table after a heading."""
    section = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def default_of(name: str) -> str:
    """A setting's default as the table writes it."""
    default = Settings.model_fields[name].default
    if name in DURATIONS:
        return f"`{format_duration(default)}`"
    if name == "retention_size":
        return f"`{format_size(default)}`"
    if isinstance(default, bool):
        return "off"
    default = ",".join(default) if isinstance(default, tuple) else default
    text = "" if isinstance(default, SecretStr) or default is None else str(default)
    return f"`{text}`" if text else ""


def test_every_setting_is_in_the_table_with_its_flag_variable_default_and_meaning() -> None:
    """The settings table is what the settings are."""
    expected = []
    for name, field in Settings.model_fields.items():
        flag = "-" if isinstance(field.default, SecretStr) else f"`--{name.replace('_', '-')}`"
        variables = ", ".join(f"`{variable}`" for variable in variables_of(name))
        expected.append([flag, variables, default_of(name), str(field.description)])
    assert table_rows("Settings") == expected


def test_every_rpc_is_in_the_table() -> None:
    """The table of the contract names each RPC of each service, and no other."""
    named = {name for row in table_rows("The contract") for name in re.findall(r"`([A-Z]\w+)`", row[1])}
    files = (stream_service_pb2, call_service_pb2, gateway_service_pb2)
    services = [service for file in files for service in file.DESCRIPTOR.services_by_name.values()]
    rpcs = {method.name for service in services for method in service.methods}
    # The section's second table is the one of errors: its words are in capitals only.
    assert {name for name in named if not name.isupper()} == rpcs


def test_every_reason_is_in_the_error_table() -> None:
    """The error table names each reason of the error tree, and no other."""
    section = README.split("whose reason is the word to switch on:", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[2] for line in section.splitlines() if line.startswith("| ") and "---" not in line][1:]
    named = {word for cell in rows for word in re.findall(r"`([A-Z_]+)`", cell)}

    def leaves(kind: type[errors.CallstreamError]) -> set[str]:
        below = kind.__subclasses__()
        return {kind.reason}.union(*(leaves(child) for child in below)) if below else {kind.reason}

    assert named == leaves(errors.CallstreamError) - {"INTERNAL"}


@pytest.mark.parametrize("line", sorted(set(re.findall(r"^callstream .+$", README, re.MULTILINE))))
def test_every_command_in_the_readme_exists(line: str) -> None:
    """Each line that begins with `callstream` names a command, and options that it has."""
    words = line.split()[1:]
    command: click.Command = callstream
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None, line
        command = found
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_every_make_target_in_the_readme_exists() -> None:
    """Each `make …` of the README is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z.-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z.][a-z.-]*)", README.replace("Python 3.11, make and git", "")))
    assert named <= targets


def test_every_linked_file_exists() -> None:
    """Relative links lead somewhere."""
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


EXCERPTS = re.findall(r"<!-- excerpt: (\S+) -->\n```\w+\n(.*?)```", README, re.DOTALL)


def test_every_language_has_an_excerpt() -> None:
    """Of each client's example one; Python's, grpcurl's and the command line's lines are run as they are."""
    folders = {path.split("/")[1] for path, _ in EXCERPTS}
    assert folders | {"python"} == {path.name for path in (ROOT / "clients").iterdir() if path.is_dir()}


@pytest.mark.parametrize(("path", "code"), EXCERPTS, ids=[path for path, _ in EXCERPTS])
def test_excerpts_are_of_examples_that_are_built(path: str, code: str) -> None:
    """Line by line, but for the indentation."""
    lines = (ROOT / path).read_text().splitlines()
    wanted = code.splitlines()
    parts = ["\n".join(lines[at : at + len(wanted)]) for at in range(len(lines))]
    assert "\n".join(wanted) in [textwrap.dedent(part) for part in parts]
