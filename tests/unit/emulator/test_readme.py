"""The emulator's README tells what is there."""

import re
from pathlib import Path

from gateway.emulator import control as control_module
from gateway.emulator.actions import ACTIONS
from gateway.emulator.control import Control
from gateway.emulator.exchange import Exchange
from gateway.emulator.faults import Fault
from gateway.emulator.options import EmulatorOptions

FOLDER = Path(control_module.__file__).parent
README = (FOLDER / "README.md").read_text(encoding="utf-8")


async def test_every_endpoint_is_in_the_table_and_none_else() -> None:
    """The control table lists the routes of the server."""
    told = set(re.findall(r"^\| `((?:GET|POST|DELETE) /[^`]*)` \|", README, flags=re.MULTILINE))
    control = Control(Exchange(EmulatorOptions()))
    assert told == {f"{route.method} {route.path}" for route in control.routes}


def test_every_action_is_in_the_table_with_its_fields() -> None:
    """The fault table lists actions and fields."""
    for action in ACTIONS:
        row = re.search(rf"^\| `{action.__struct_config__.tag}` \|(.*)$", README, flags=re.MULTILINE)
        assert row is not None, action
        for name in action.__struct_fields__:
            assert f"`{name}`" in row[1]


def test_every_match_of_a_fault_is_in_the_table() -> None:
    """The match table lists the fields of a fault."""
    for name in set(Fault.__struct_fields__) - {"action"}:
        assert re.search(rf"^\| [^|]*`{name}`", README, flags=re.MULTILINE), name


def test_every_gap_is_in_the_table() -> None:
    """Each option that stands for a gap of RELAY's documentation is listed, by its name."""
    source = (FOLDER / "options.py").read_text(encoding="utf-8")
    gaps = re.findall(r'^    (\w+): [^\n]+\n    """\[GAP\]', source, flags=re.MULTILINE)
    assert len(gaps) > 8
    for name in gaps:
        assert f"`{name}`" in README
