"""`callstream check-config`."""

import json
from pathlib import Path

from gateway.settings.settings import Settings
from tests.support.command_line import run

CREDENTIALS: dict[str, str | None] = {"SIGNALWIRE_PROJECT_ID": "p", "SIGNALWIRE_API_TOKEN": "s3cret-token"}


def test_every_setting_is_shown_with_its_origin() -> None:
    """In the words that set it, and where RELAY is by them."""
    shown = run("check-config", "--space", "example", "--retention", "36h", environment=CREDENTIALS)
    assert shown.code == 0
    rows = [line.split() for line in shown.out.splitlines()]
    assert rows[0] == ["SETTING", "VALUE", "FROM"]
    assert [row[0] for row in rows[1:] if row and row[0] != "RELAY"] == list(Settings.model_fields)
    assert ["retention", "36h", "--retention"] in rows
    assert ["retention_size", "1GiB", "default"] in rows
    assert ["insecure_listen", "false", "default"] in rows
    assert ["contexts", "default", "default"] in rows
    assert ["max_watches", "10000", "default"] in rows
    assert shown.out.endswith("RELAY is at wss://example.signalwire.com\n")


def test_secrets_are_hidden_wherever_they_come_from(tmp_path: Path) -> None:
    """It tells only that they are set."""
    path = tmp_path / "c.toml"
    path.write_text('api_token = "s3cret-token"\nproject_id = "p"\n')
    for shown in (run("check-config", "--config", str(path)), run("check-config", environment=CREDENTIALS)):
        assert shown.code == 0
        assert "s3cret" not in shown.out + shown.err
        assert ["api_token", "********"] in [line.split()[:2] for line in shown.out.splitlines()]
        assert ["jwt_token", "-"] in [line.split()[:2] for line in shown.out.splitlines()]


def test_json_is_for_programs() -> None:
    """The same facts."""
    shown = run("check-config", "--json", environment=CREDENTIALS)
    document = json.loads(shown.out)
    assert document["relay_url"] == "wss://relay.signalwire.com"
    assert document["settings"]["api_token"] == {"value": "********", "from": "SIGNALWIRE_API_TOKEN"}
    assert document["settings"]["listen"] == {"value": "127.0.0.1:50051", "from": "default"}


def test_what_serve_would_refuse_is_refused() -> None:
    """Each wrong one on a line, exit code 2, nothing on standard output."""
    shown = run("check-config", "--listen", "x", "--log-level", "loud", environment=CREDENTIALS)
    assert (shown.code, shown.out) == (2, "")
    assert [line.split(":")[1] for line in shown.err.splitlines()] == [" --listen", " --log-level"]


def test_the_tokens_file_is_checked(tmp_path: Path) -> None:
    """Each thing that is wrong with it on a line."""
    path = tmp_path / "tokens.toml"
    assert run("check-config", "--tokens-file", str(path), environment=CREDENTIALS).err == (
        f"error: {path}: can't be read: No such file or directory\n"
    )
    path.write_text('[[token]]\nname = "a"\nsha256 = "x"\nscopes = ["nothing"]\n')
    shown = run("check-config", "--tokens-file", str(path), environment=CREDENTIALS)
    assert (shown.code, shown.out) == (2, "")
    assert [line.split(": ")[1:4] for line in shown.err.splitlines()] == [
        [str(path), "token 'a'", "sha256"],
        [str(path), "token 'a'", "scopes"],
    ]
    path.write_text("token = []\n")
    assert run("check-config", "--tokens-file", str(path), environment=CREDENTIALS).code == 0


def test_secrets_have_no_flags() -> None:
    """Every process of a machine can read flags."""
    assert "No such option" in run("check-config", "--api-token", "s3cret").err
    assert "s3cret" not in run("check-config", "--api-token", "s3cret").err
