"""`callstream emulator`: what it refuses. Running it is tested with the gateway beside it."""

from pathlib import Path

import pytest

from tests.support.command_line import run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--listen", "nowhere"], "listen: 'nowhere' is not host:port"),
        (["--control", "nowhere"], "control: 'nowhere' is not host:port"),
        (["--call-every", "0"], "call_every: 0 would never pause"),
        (["--call-every", "often"], "'often' is not a duration"),
        (["--ca-file", "/nowhere"], "'/nowhere' does not exist"),
    ],
)
def test_wrong_options_are_wrong_usage(words: list[str], message: str) -> None:
    """With the option's name and exit code 2."""
    shown = run("emulator", *words)
    assert shown.code == 2
    assert message in shown.err


def test_a_key_without_its_certificate_is_wrong_usage(tmp_path: Path) -> None:
    """What only shows together is refused as well."""
    (tmp_path / "key").write_text("")
    shown = run("emulator", "--tls-key", str(tmp_path / "key"))
    assert shown.code == 2
    assert "give both or neither" in shown.err
