"""The settings of a command: origins, and all that is wrong."""

from pathlib import Path

import pytest

from gateway.cli.configuration import load
from gateway.cli.output import Failure


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", "p")
    monkeypatch.setenv("SIGNALWIRE_TOKEN", "s3cret-token")


def refusal(**flags: object) -> list[str]:
    """The lines that a start is refused with."""
    with pytest.raises(Failure) as refused:
        load(flags)
    assert refused.value.exit_code == 2
    assert "s3cret" not in refused.value.message
    return refused.value.message.splitlines()


def test_every_setting_knows_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flag, variable (by the name that was used), file or default."""
    path = tmp_path / "c.toml"
    path.write_text("retention = '1d'\nmax_watches = 5\n")
    monkeypatch.setenv("CALLSTREAM_MAX_WATCHES", "6")
    found = load({"config": str(path), "listen": "127.0.0.1:0", "space": None})
    origins = found.origins
    assert origins["retention"] == str(path)
    assert origins["max_watches"] == "CALLSTREAM_MAX_WATCHES"
    assert origins["listen"] == "--listen"
    assert origins["api_token"] == "SIGNALWIRE_TOKEN"
    assert origins["space"] == "default"
    assert set(origins) == set(type(found.settings).model_fields)
    assert found.settings.max_watches == 6


def test_a_wrong_value_is_named_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once, a line each, in the settings' order."""
    path = tmp_path / "c.toml"
    path.write_text("start_timeout = 'soon'\n")
    monkeypatch.setenv("CALLSTREAM_LOG_LEVEL", "loud")
    forms = "write seconds, or like 500ms, 90s, 36h, 7d"
    assert refusal(config=str(path), max_watches="0") == [
        f"start_timeout in {path}: 'soon' is not a duration: {forms}; use 100ms to 1h",
        "--max-watches: '0' is out of range: use 1 to 1000000",
        "CALLSTREAM_LOG_LEVEL: 'loud' is not allowed: use debug, info, warning or error",
    ]


def test_what_is_missing_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the preferred one."""
    monkeypatch.delenv("SIGNALWIRE_TOKEN")
    (line,) = refusal()
    assert line.startswith("SIGNALWIRE_API_TOKEN: is missing")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("CALLSTREAM_LISTN", "; did you mean CALLSTREAM_LISTEN?"),
        ("CALLSTREAM_API_TOKEN", "; did you mean SIGNALWIRE_API_TOKEN?"),
        ("CALLSTREAM_XYZZY", ""),
    ],
)
def test_an_unknown_variable_is_refused(name: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the nearest one, and never with its value."""
    monkeypatch.setenv(name, "s3cret")
    assert refusal() == [f"{name}: no such setting{hint}"]


def test_unknown_names_in_the_file_are_refused(tmp_path: Path) -> None:
    """With the nearest one; tables are no settings, and a file names no file."""
    path = tmp_path / "c.toml"
    path.write_text("retenton = '1d'\nconfig = 'x'\n[xyzzy]\nlisten = 's3cret'\n")
    assert refusal(config=str(path)) == [
        f"retenton in {path}: no such setting; did you mean retention?",
        f"xyzzy in {path}: no such setting",
    ]
    path.write_text("config = 'x'\n")
    assert refusal(config=str(path)) == [f"config in {path}: a file names no other file"]


def test_an_unusable_file_is_named_by_who_named_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flag or variable; what else is known to be wrong stands beside it."""
    gone = tmp_path / "gone.toml"
    assert refusal(config=str(gone)) == [f"--config: {gone}: No such file or directory"]
    monkeypatch.setenv("CALLSTREAM_CONFIG", str(gone))
    monkeypatch.setenv("CALLSTREAM_XYZZY", "1")
    assert refusal() == ["CALLSTREAM_XYZZY: no such setting", f"CALLSTREAM_CONFIG: {gone}: No such file or directory"]
