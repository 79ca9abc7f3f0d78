"""`callstream version`."""

import json
import platform

import google.protobuf
import grpc

from gateway import __version__
from tests.support.command_line import run

EXPECTED = {
    "callstream": __version__,
    "python": platform.python_version(),
    "grpcio": grpc.__version__,
    "protobuf": google.protobuf.__version__,
}


def test_versions_are_those_that_run() -> None:
    """One a line."""
    assert run("version").out == "".join(f"{name} {number}\n" for name, number in EXPECTED.items())


def test_json_is_for_programs() -> None:
    """The same."""
    assert json.loads(run("version", "--json").out) == EXPECTED
