"""The command line as a whole: names, help, exit codes of the process."""

import subprocess
import sys

import click
import pytest

from gateway import cli
from gateway.cli import callstream, main
from tests.support.command_line import run

NAMES = ["demo", "emulator", "serve", "check-config", "token", "health", "call", "stream", "version"]


def commands(group: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths of all commands below a group, and its own."""
    if not isinstance(group, click.Group):
        return [path]
    context = click.Context(group)
    found = [path]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found += commands(command, (*path, name))
    return found


def test_help_lists_commands_in_the_order_a_newcomer_needs() -> None:
    """The demo first, the version last; and the exit codes."""
    shown = run("--help")
    assert shown.code == 0
    listed = shown.out.split("Commands:")[1].split("Exit codes:")[0]
    assert [line.split()[0] for line in listed.splitlines() if line.strip()] == NAMES
    assert "130  interrupted" in shown.out


@pytest.mark.parametrize("path", commands(callstream), ids=" ".join)
def test_every_command_has_help_with_a_meaning_for_each_option(path: tuple[str, ...]) -> None:
    """Help is where users learn the tool."""
    shown = run(*path, "--help")
    assert shown.code == 0
    assert shown.out.startswith(f"Usage: {' '.join(['callstream', *path])}")
    command: click.Command = callstream
    for name in path:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), name) or command
    assert command.help
    wanting = [option.name for option in command.params if isinstance(option, click.Option) and not option.help]
    assert wanting == []


def test_an_unknown_command_is_told_with_the_nearest_one() -> None:
    """With exit code 2."""
    wrong = run("strem")
    assert wrong.code == 2
    assert "No such command 'strem'. Did you mean stream?" in wrong.err
    assert "Did you mean" not in run("xyzzy").err


def test_errors_are_shown_and_give_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """`main` is the process: wrong settings are 2, on standard error."""
    with pytest.raises(SystemExit) as ended:
        main(["check-config"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: SIGNALWIRE_API_TOKEN: is missing")


def test_success_and_exits_give_their_code(capsys: pytest.CaptureFixture[str]) -> None:
    """A command that returns is 0; one that exits says its own code."""
    with pytest.raises(SystemExit) as ended:
        main(["version"])
    assert ended.value.code == 0
    with pytest.raises(SystemExit) as ended:
        main(["health", "--address", "127.0.0.1:1"])
    assert ended.value.code == 1
    assert "127.0.0.1:1" in capsys.readouterr().err


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, click.Abort])
def test_an_interrupt_is_130_without_a_traceback(
    interrupt: type[BaseException], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As shells expect of what Ctrl-C ends."""

    def interrupted(*_: object, **__: object) -> None:
        raise interrupt

    monkeypatch.setattr(cli.callstream, "invoke", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(["version"])
    assert ended.value.code == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_light_command_imports_no_heavy_module() -> None:
    """`callstream version` and --help of the client need neither gRPC nor the server nor the emulator."""
    script = (
        "import sys\n"
        "from gateway.cli import callstream\n"
        "callstream.main(['version'], standalone_mode=False)\n"
        "callstream.main(['stream', 'start', '--help'], standalone_mode=False)\n"
        "heavy = {'grpc', 'google.protobuf', 'pydantic', 'aiohttp', 'websockets', 'gateway.server', 'gateway.engine'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_package_is_the_command() -> None:
    """`python -m gateway` is `callstream`."""
    done = subprocess.run([sys.executable, "-m", "gateway", "version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("callstream ")
