"""`callstream serve`: what it refuses before anything is opened. Serving is tested in tests/integration."""

from pathlib import Path

from gateway.settings.settings import Settings
from tests.support.command_line import run


def test_wrong_settings_are_refused_before_anything_is_opened(tmp_path: Path) -> None:
    """All of them, with exit code 2, and no data directory is made."""
    shown = run("serve", "--data-dir", str(tmp_path / "data"), "--relay-wait", "x", "--listen", "0.0.0.0:1")
    assert shown.code == 2
    assert [line.split(":")[1].strip() for line in shown.err.splitlines()] == [
        "--listen",
        "SIGNALWIRE_API_TOKEN",
        "--relay-wait",
    ]
    assert not (tmp_path / "data").exists()


def test_every_setting_but_secrets_has_a_flag_that_names_its_variable() -> None:
    """And its default, where it has one."""
    shown = " ".join(run("serve", "--help").out.split())
    for name in Settings.model_fields:
        assert (f"--{name.replace('_', '-')} " in shown) == (name not in {"api_token", "jwt_token"})
    assert "[CALLSTREAM_START_TIMEOUT; default: 30s]" in shown
    assert "[CALLSTREAM_RETENTION_SIZE; default: 1GiB]" in shown
    assert "--log-level debug|info|warning|error" in shown
    assert "--config FILE" in shown
    assert "--max-watches NUMBER" in shown
    assert "--retention-size SIZE" in shown
