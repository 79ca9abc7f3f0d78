"""Where settings come from."""

from pathlib import Path

import pytest

from gateway.settings.settings import Settings
from gateway.settings.sources import FileUnusable, read_environment, read_file, unknown_variables, variables_of

FIELDS = Settings.model_fields


def test_a_setting_is_read_from_its_own_variable() -> None:
    """The variable is the setting's name in capitals, and the value is left as it is."""
    environ = {"CALLSTREAM_START_TIMEOUT": "5s", "HOME": "/root"}
    assert read_environment(environ, FIELDS) == {"start_timeout": ("CALLSTREAM_START_TIMEOUT", "5s")}


def test_an_empty_variable_is_not_set() -> None:
    """Compose files and manifests leave such behind."""
    assert read_environment({"CALLSTREAM_LISTEN": "", "SIGNALWIRE_SPACE": " "}, FIELDS) == {}


@pytest.mark.parametrize("name", ["project_id", "jwt_token", "space", "relay_host", "relay_scheme", "relay_ca_file"])
def test_what_signalwire_names_keeps_its_variable(name: str) -> None:
    """Users of SignalWire's SDKs have them set already."""
    assert variables_of(name) == (f"SIGNALWIRE_{name.upper()}",)


def test_both_names_of_the_api_token_are_read() -> None:
    """The product page writes SIGNALWIRE_TOKEN, the SDKs SIGNALWIRE_API_TOKEN, which wins."""
    both = {"SIGNALWIRE_TOKEN": "a", "SIGNALWIRE_API_TOKEN": "b"}
    assert read_environment(both, FIELDS)["api_token"] == ("SIGNALWIRE_API_TOKEN", "b")
    assert read_environment({"SIGNALWIRE_TOKEN": "a"}, FIELDS)["api_token"] == ("SIGNALWIRE_TOKEN", "a")


def test_variables_that_nothing_reads_are_found() -> None:
    """A misspelt setting must not be out of force in silence; SIGNALWIRE_* has other readers."""
    environ = {
        "CALLSTREAM_LISTN": "x",
        "CALLSTREAM_LISTEN": "x",
        "CALLSTREAM_ADDRESS": "the client's",
        "SIGNALWIRE_LOG_MODE": "the SDK's",
        "CALLSTREAM_PORT": "50051",
    }
    assert unknown_variables(environ, FIELDS) == ["CALLSTREAM_LISTN", "CALLSTREAM_PORT"]


def test_what_kubernetes_sets_for_a_service_of_that_name_is_no_mistake() -> None:
    """A Service named callstream (or callstream-grpc) puts these into every container beside it."""
    environ = {
        "CALLSTREAM_SERVICE_HOST": "10.0.0.1",
        "CALLSTREAM_SERVICE_PORT": "50051",
        "CALLSTREAM_SERVICE_PORT_GRPC": "50051",
        "CALLSTREAM_PORT": "tcp://10.0.0.1:50051",
        "CALLSTREAM_PORT_50051_TCP": "tcp://10.0.0.1:50051",
        "CALLSTREAM_PORT_50051_TCP_PROTO": "tcp",
        "CALLSTREAM_PORT_50051_TCP_PORT": "50051",
        "CALLSTREAM_PORT_50051_TCP_ADDR": "10.0.0.1",
        "CALLSTREAM_GRPC_SERVICE_HOST": "10.0.0.1",
        "CALLSTREAM_GRPC_PORT": "udp://10.0.0.1:1",
    }
    assert unknown_variables(environ, FIELDS) == []


def test_a_file_is_read(tmp_path: Path) -> None:
    """TOML's own types arrive."""
    path = tmp_path / "callstream.toml"
    path.write_text('listen = "127.0.0.1:1"\nmax_watches = 5\ncontexts = ["a"]\n')
    assert read_file(path) == {"listen": "127.0.0.1:1", "max_watches": 5, "contexts": ["a"]}


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    """With its path and the system's reason."""
    with pytest.raises(FileUnusable, match=r"gone\.toml: No such file"):
        read_file(tmp_path / "gone.toml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'api_token = "s3cret\n', "is not TOML: mistake at line 1, column 20"),
        (b'api_token = "s3cret', "is not TOML: mistake at end of document"),
        (b"s3cret\xff", "is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_toml_is_told_without_its_content(tmp_path: Path, content: bytes, message: str) -> None:
    """It may hold secrets: only the place of the mistake is shown."""
    path = tmp_path / "callstream.toml"
    path.write_bytes(content)
    with pytest.raises(FileUnusable) as error:
        read_file(path)
    assert message in str(error.value)
    assert "s3cret" not in str(error.value)
