"""The settings: sources, precedence, bounds, and what becomes of them."""

from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr, ValidationError

from gateway.engine.options import EngineOptions
from gateway.journal.options import JournalOptions
from gateway.relay.endpoint import Credentials, Endpoint
from gateway.settings.settings import ExplicitSettings, Settings
from gateway.settings.sources import FileUnusable
from tests.support.own_environment import clear_settings

GOOD: dict[str, Any] = {"project_id": "p", "api_token": "t0ken"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    clear_settings(monkeypatch)


def settings(**values: Any) -> Settings:
    """Settings with good credentials, and these."""
    return Settings(**{**GOOD, **values})


def problems(**values: Any) -> dict[str, str]:
    """What is wrong with these values (beside good credentials), by setting."""
    with pytest.raises(ValidationError) as refused:
        settings(**values)
    return {str(error["loc"][0]): str(error["ctx"]["error"]) for error in refused.value.errors()}


class TestSources:
    """Flags, environment, file, defaults."""

    def test_defaults_need_credentials_only(self) -> None:
        """A gateway with credentials and nothing else has the documented defaults, and the options' own."""
        found = settings()
        assert (found.listen, found.data_dir, found.contexts) == ("127.0.0.1:50051", "./callstream-data", ("default",))
        assert found.endpoint() == Endpoint("relay.signalwire.com")
        assert found.engine_options() == EngineOptions()
        assert found.journal_options() == JournalOptions()

    def test_flags_beat_environment_beats_file_beats_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each source gives way to the one before it, setting by setting."""
        path = tmp_path / "c.toml"
        path.write_text("max_watches = 1\nstart_timeout = 1\nstop_timeout = 1\n")
        monkeypatch.setenv("CALLSTREAM_MAX_WATCHES", "2")
        monkeypatch.setenv("CALLSTREAM_START_TIMEOUT", "2")
        found = settings(config=str(path), max_watches="3")
        assert (found.max_watches, found.start_timeout, found.stop_timeout, found.relay_wait) == (3, 2, 1, 5)

    def test_the_environment_can_name_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """CALLSTREAM_CONFIG, unless the flag names another one."""
        for name in ("one", "other"):
            (tmp_path / name).write_text(f'project_id = "{name}"\napi_token = "t"\n')
        monkeypatch.setenv("CALLSTREAM_CONFIG", str(tmp_path / "one"))
        assert Settings().project_id == "one"
        assert Settings(config=tmp_path / "other").project_id == "other"

    def test_credentials_and_location_come_from_signalwires_variables(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Those of the product page work as they stand."""
        monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", "p1")
        monkeypatch.setenv("SIGNALWIRE_TOKEN", "t1\n")
        monkeypatch.setenv("SIGNALWIRE_SPACE", "example")
        found = Settings()
        assert found.credentials() == Credentials("p1", "t1")
        assert found.endpoint().url == "wss://example.signalwire.com"

    def test_an_unusable_file_is_an_error(self, tmp_path: Path) -> None:
        """It is never passed over."""
        with pytest.raises(FileUnusable):
            settings(config=tmp_path / "gone")

    def test_explicit_settings_hear_nobody_else(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A demo must not pick up its user's project."""
        monkeypatch.setenv("SIGNALWIRE_JWT_TOKEN", "j")
        monkeypatch.setenv("CALLSTREAM_CONFIG", str(tmp_path / "gone"))
        assert ExplicitSettings(**GOOD).credentials() == Credentials("p", "t0ken")

    def test_settings_cannot_be_changed(self) -> None:
        """What check-config shows is what holds."""
        with pytest.raises(ValidationError):
            settings().listen = "127.0.0.1:1"  # type: ignore[misc]


class TestCredentials:
    """Project and token, or a JWT."""

    def test_a_jwt_stands_alone(self) -> None:
        """It names its project itself."""
        assert Settings(jwt_token="j").credentials() == Credentials("", jwt_token="j")
        assert Settings(jwt_token=SecretStr("j"), project_id="p").credentials() == Credentials("p", jwt_token="j")

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({}, "is missing: set it with SIGNALWIRE_PROJECT_ID, or set SIGNALWIRE_JWT_TOKEN"),
            ({"project_id": "p"}, "is missing"),
            ({"api_token": "t"}, "needs its project: set SIGNALWIRE_PROJECT_ID"),
            ({"api_token": "t", "jwt_token": "j", "project_id": "p"}, "set one of them"),
            ({"api_token": "t x", "project_id": "p"}, "has white space"),
            ({"api_token": 5, "project_id": "p"}, "is not text"),
        ],
    )
    def test_exactly_one_secret_is_needed(self, values: dict[str, Any], message: str) -> None:
        """The message names the variables to set."""
        with pytest.raises(ValidationError) as refused:
            Settings(**values)
        (error,) = refused.value.errors()
        assert error["loc"] == ("api_token",)
        assert message in str(error["ctx"]["error"])

    def test_a_wrong_project_is_one_problem(self) -> None:
        """No second one about credentials follows from it."""
        assert problems(project_id="a b") == {"project_id": "'a b' is no project id: it has white space inside"}

    def test_a_wrong_jwt_is_one_problem(self) -> None:
        """And is not shown."""
        assert list(problems(jwt_token="s3 cret", api_token="").values()) == [
            "has white space or other characters inside that no token has"
        ]

    def test_secrets_are_never_shown(self) -> None:
        """Not by repr and str of the settings, nor by errors about them or about others."""
        found = settings(api_token="s3cret-token")
        assert found.secrets == ("s3cret-token",)
        assert "s3cret" not in f"{found!r} {found} {found.model_dump()} {found.credentials()!r}"
        with pytest.raises(ValidationError) as refused:
            settings(api_token="s3cret token", jwt_token="s3cret\n2", listen="x")
        assert "s3cret" not in str(refused.value)


class TestRelay:
    """Where RELAY is."""

    @pytest.mark.parametrize(
        ("space", "host", "expected"),
        [
            ("", "", "relay.signalwire.com"),
            ("example", "", "example.signalwire.com"),
            ("example.signalwire.com", "", "example.signalwire.com"),
            ("example", "other.example.com:8443", "other.example.com:8443"),
        ],
    )
    def test_the_host_is_named_or_follows_from_the_space(self, space: str, host: str, expected: str) -> None:
        """The host beats the space, which beats the default."""
        assert settings(space=space, relay_host=host).endpoint().host == expected

    @pytest.mark.parametrize("space", ["https://example.signalwire.com", "a b", "a/b", "a@b", ".a"])
    def test_a_space_is_a_name(self, space: str) -> None:
        """Anything else would send the token elsewhere."""
        assert "is no space" in problems(space=space)["space"]

    @pytest.mark.parametrize("host", ["a/b", "a?b", "a#b", "a b", "a:b", "a:99999", "a\nb"])
    def test_a_host_is_a_name_with_a_port(self, host: str) -> None:
        """Checked where the endpoint is."""
        assert "is no RELAY host" in problems(relay_host=host)["relay_host"]

    def test_a_host_with_a_user_is_not_shown(self) -> None:
        """There may be a password in it."""
        assert problems(relay_host="u:s3cret@h") == {"relay_host": "has a user in it: use host or host:port"}

    def test_ws_is_for_loopback_only(self) -> None:
        """With the host it would be wrong for."""
        assert settings(relay_host="127.0.0.1:8765", relay_scheme="WS").endpoint().url == "ws://127.0.0.1:8765"
        assert "ws would send the token to relay.signalwire.com" in problems(relay_scheme="ws")["relay_scheme"]

    def test_the_scheme_is_not_judged_by_a_wrong_host(self) -> None:
        """One mistake, one problem."""
        assert list(problems(relay_host="a b", relay_scheme="ws")) == ["relay_host"]

    def test_a_ca_file_is_read_at_once(self, tmp_path: Path) -> None:
        """A missing one or one without certificates is refused at the start, not at the first connection."""
        good, bad = tmp_path / "ca.pem", tmp_path / "bad.pem"
        trustme.CA().cert_pem.write_to_path(str(good))
        bad.write_text("no certificate")
        assert settings(relay_ca_file=str(good)).endpoint().ca_file == str(good)
        assert "is no file of PEM certificates" in problems(relay_ca_file=str(bad))["relay_ca_file"]
        assert "No such file" in problems(relay_ca_file=str(tmp_path / "gone"))["relay_ca_file"]


class TestListen:
    """Where gRPC is served."""

    @pytest.mark.parametrize(
        "address",
        ["127.0.0.1:0", "localhost:50051", "[::1]:0", "127.8.8.8:65535", "unix:/run/c.sock", "unix:///run/c.sock"],
    )
    def test_this_machine_may_listen(self, address: str) -> None:
        """Loopback, in any way it is written, and sockets."""
        assert settings(listen=address).listen == address

    @pytest.mark.parametrize("address", ["0.0.0.0:50051", "[::]:1", "10.0.0.1:1", "gateway.example.com:1"])
    def test_other_machines_are_let_in_by_name_only(self, address: str) -> None:
        """Without TLS and without knowing who asks: the message says what to set, and what to say otherwise."""
        message = problems(listen=address)["listen"]
        assert "is served without TLS (set tls_cert_file and tls_key_file)" in message
        assert "lets any client in (set tokens_file, or tls_client_ca_file" in message
        assert "--insecure-listen" in message
        assert settings(listen=address, insecure_listen=True).listen == address

    def test_mutual_tls_protects(self) -> None:
        """It lets other machines in; TLS by itself hides what is said, but lets anybody in."""
        tls = {"tls_cert_file": "c.pem", "tls_key_file": "k.pem"}
        assert settings(listen="0.0.0.0:1", **tls, tls_client_ca_file="ca.pem").listen == "0.0.0.0:1"
        message = problems(listen="0.0.0.0:1", **tls)["listen"]
        assert "without TLS" not in message
        assert "lets any client in" in message

    def test_tls_and_tokens_protect(self) -> None:
        """Tokens say who asks, TLS keeps them and the rest from being read; one without the other is not enough."""
        tls = {"tls_cert_file": "c.pem", "tls_key_file": "k.pem"}
        assert settings(listen="0.0.0.0:1", **tls, tokens_file="t.toml").listen == "0.0.0.0:1"
        message = problems(listen="0.0.0.0:1", tokens_file="t.toml")["listen"]
        assert "without TLS" in message
        assert "any client" not in message

    @pytest.mark.parametrize(
        ("files", "name", "message"),
        [
            ({"tls_cert_file": "c"}, "tls_key_file", "is missing"),
            ({"tls_key_file": "k"}, "tls_key_file", "set tls_cert_file too"),
            ({"tls_client_ca_file": "ca"}, "tls_client_ca_file", "set tls_cert_file and tls_key_file too"),
        ],
    )
    def test_a_certificate_and_its_key_belong_together(self, files: dict[str, str], name: str, message: str) -> None:
        """One without the other would serve without encryption, unnoticed."""
        assert message in problems(**files)[name]

    def test_a_wrong_certificate_setting_is_one_problem(self) -> None:
        """No second one follows about the key, the clients, or the address."""
        assert set(problems(tls_cert_file=5, tls_key_file="k", tls_client_ca_file="ca")) == {"tls_cert_file"}
        assert "without TLS" not in problems(listen="0.0.0.0:1", tls_cert_file=5).get("listen", "")

    @pytest.mark.parametrize(
        "address",
        ["", "127.0.0.1", ":50051", "127.0.0.1:65536", "::1:50051", "[127.0.0.1]:1", "[::1", "http://a:1", "a b:1"],
    )
    def test_what_is_no_address_is_refused(self, address: str) -> None:
        """With the forms that are allowed."""
        assert "use host:port, [::1]:port or unix:/path" in problems(listen=address)["listen"]

    def test_a_sockets_path_is_absolute_and_short(self) -> None:
        """As the system wants it."""
        assert "begins with /" in problems(listen="unix:c.sock")["listen"]
        assert "at most 107 bytes" in problems(listen="unix:/" + "a" * 107)["listen"]

    def test_a_switch_takes_words(self) -> None:
        """In a variable there are only words."""
        assert settings(insecure_listen="Yes").insecure_listen is True
        assert settings(insecure_listen="0").insecure_listen is False
        assert "use true or false" in problems(insecure_listen="maybe")["insecure_listen"]
        assert "use true or false" in problems(insecure_listen=1)["insecure_listen"]


class TestValues:
    """Bounds and words."""

    @pytest.mark.parametrize(
        ("name", "low", "high"),
        [
            ("start_timeout", 0.1, 3600.0), ("stop_timeout", 0.1, 3600.0), ("relay_wait", 0.0, 3600.0),
            ("ended_retention", 0.0, 2_592_000.0), ("retention", 1.0, 315_360_000.0), ("drain_grace", 0.0, 3600.0),
            ("max_connection_age_grace", 0.0, 3600.0),
        ],
    )  # fmt: skip
    def test_durations_have_bounds(self, name: str, low: float, high: float) -> None:
        """The bounds are allowed, what lies beyond is refused with them."""
        assert getattr(settings(**{name: low}), name) == low
        assert getattr(settings(**{name: str(high)}), name) == high
        assert "out of range" in problems(**{name: f"{high + 1}"})[name]
        if low:
            assert "out of range" in problems(**{name: low / 2})[name]

    @pytest.mark.parametrize("name", ["max_connection_age", "max_connection_idle", "max_watch_age"])
    def test_what_may_last_for_ever_takes_0(self, name: str) -> None:
        """Which is the default; a value that is meant to be a time has bounds."""
        assert getattr(settings(), name) == 0.0
        assert getattr(settings(**{name: "0s"}), name) == 0.0
        assert getattr(settings(**{name: "1s"}), name) == 1.0
        assert "use 1s to 30d, or 0" in problems(**{name: 0.5})[name]
        assert "use 1s to 30d, or 0" in problems(**{name: "31d"})[name]
        assert "use 1s to 30d, or 0" in problems(**{name: "x"})[name]

    @pytest.mark.parametrize(
        ("name", "low", "high"),
        [("max_streams_per_call", 1, 1000), ("max_watches", 1, 1_000_000), ("retention_size", 1 << 20, 1 << 50)],
    )
    def test_counts_and_sizes_have_bounds(self, name: str, low: int, high: int) -> None:
        """In the same way."""
        assert getattr(settings(**{name: low}), name) == low
        assert getattr(settings(**{name: f"{high}"}), name) == high
        assert "out of range" in problems(**{name: high + 1})[name]
        assert "out of range" in problems(**{name: low - 1})[name]

    @pytest.mark.parametrize("value", ["many", "-1", "1.5", "", 1.5, float("nan")])
    def test_counts_are_whole_numbers(self, value: object) -> None:
        """Nothing is rounded."""
        assert "is not a whole number; use 1 to 1000000" in problems(max_watches=value)["max_watches"]

    @pytest.mark.parametrize("value", [True, None, [1], {"a": 1}])
    def test_other_types_of_toml_are_refused(self, value: object) -> None:
        """`true` is not 1."""
        assert "is not allowed: use 1 to 1000000" in problems(max_watches=value)["max_watches"]

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("log_level", ("debug", "info", "warning", "error")), ("log_format", ("auto", "console", "json")),
            ("journal_sync", ("full", "normal")), ("relay_scheme", ("wss",)),
        ],
    )  # fmt: skip
    def test_words_are_taken_in_any_case(self, name: str, words: tuple[str, ...]) -> None:
        """And other words are refused with those that are allowed."""
        for word in words:
            assert getattr(settings(**{name: f" {word.upper()} "}), name) == word
        assert f"'loud' is not allowed: use {words[0]}" in problems(**{name: "loud"})[name]
        assert "is not allowed" in problems(**{name: 5})[name]

    @pytest.mark.parametrize(
        ("value", "expected"),
        [("a,b", ("a", "b")), (" a , a ,", ("a",)), (["a", "b"], ("a", "b")), ("", ()), ([], ())],
    )
    def test_contexts_are_names(self, value: object, expected: tuple[str, ...]) -> None:
        """Comma separated, or a list of the file; none at all receives no calls."""
        assert settings(contexts=value).contexts == expected

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (5, "is no list of names"), ([5], "is no list of names"), ("a b", "is no context"),
            ("é" * 65, "is no context"), ([str(number) for number in range(101)], "has 101 contexts: use at most 100"),
        ],
    )  # fmt: skip
    def test_wrong_contexts_are_refused(self, value: object, message: str) -> None:
        """By RELAY's bounds on them."""
        assert message in problems(contexts=value)["contexts"]

    def test_a_data_directory_is_named(self) -> None:
        """A leading ~ is the home directory, as no shell has seen a variable's value."""
        assert settings(data_dir="~/data").data_dir == str(Path.home() / "data")
        assert settings(data_dir=":memory:").data_dir == ":memory:"
        for wrong in ("", "a\0b"):
            assert "is empty: name a directory" in problems(data_dir=wrong)["data_dir"]
        assert "is not text" in problems(data_dir=5)["data_dir"]

    def test_a_long_value_is_cut_in_messages(self) -> None:
        """One line stays one line."""
        assert len(problems(log_level="x" * 10_000)["log_level"]) < 200

    def test_all_wrong_values_are_told_at_once(self) -> None:
        """An operator mends them in one go."""
        found = problems(listen="x", log_level="x", start_timeout="x", max_watches=0, contexts="a b", api_token="")
        assert set(found) == {"listen", "log_level", "start_timeout", "max_watches", "contexts", "api_token"}

    def test_unknown_settings_are_refused(self) -> None:
        """A misspelt one must not be out of force in silence."""
        with pytest.raises(ValidationError) as refused:
            settings(listn="x")
        assert [error["type"] for error in refused.value.errors()] == ["extra_forbidden"]


def test_options_get_what_was_set() -> None:
    """Each option of engine and journal has its own setting."""
    found = settings(
        start_timeout="1s", stop_timeout="2s", relay_wait="3s", ended_retention="4s", max_streams_per_call=5,
        retention="36h", retention_size="5MiB", journal_sync="normal",
    )  # fmt: skip
    assert found.engine_options() == EngineOptions(
        start_timeout=1, stop_timeout=2, relay_wait=3, ended_retention=4, max_streams_per_call=5
    )
    assert found.journal_options() == JournalOptions(
        retention_seconds=129_600, retention_bytes=5 << 20, synchronous="NORMAL"
    )
