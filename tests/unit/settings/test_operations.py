"""Where operators look: which addresses are taken, and how it is turned off."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.settings.operations import otlp_secrets
from gateway.settings.settings import ExplicitSettings, Settings


def settings(**values: Any) -> Settings:
    """Settings with credentials, and these."""
    return ExplicitSettings(project_id="p", api_token="t0ken", **values)


def problem(**values: Any) -> str:
    """What is wrong with a value."""
    with pytest.raises(ValidationError) as refused:
        settings(**values)
    (error,) = refused.value.errors()
    return str(error["ctx"]["error"])


def test_metrics_are_for_this_machine_and_traces_go_nowhere() -> None:
    """Unless an operator says otherwise."""
    assert (settings().ops_listen, settings().otlp_endpoint) == ("127.0.0.1:9090", "")


@pytest.mark.parametrize("address", ["0.0.0.0:9090", "[::]:0", "ops.internal:1", "unix:/run/ops.sock"])
def test_any_address_is_taken(address: str) -> None:
    """Also beyond this machine: what is served there is no secret."""
    assert settings(ops_listen=address).ops_listen == address


@pytest.mark.parametrize("word", ["off", "OFF", "", " "])
def test_it_can_be_turned_off(word: str) -> None:
    """By a word, as an empty variable counts as not set; or by an empty flag."""
    assert settings(ops_listen=word).ops_listen == "off"


@pytest.mark.parametrize("address", ["9090", "127.0.0.1", "127.0.0.1:65536", "[x]:1", "unix:relative", "no"])
def test_what_is_no_address_is_refused(address: str) -> None:
    """With the value, and what is taken."""
    assert "is no address" in problem(ops_listen=address)


@pytest.mark.parametrize("url", ["http://127.0.0.1:4317", "https://collector.internal"])
def test_traces_go_to_a_collector(url: str) -> None:
    """With TLS or without."""
    assert settings(otlp_endpoint=url).otlp_endpoint == url


@pytest.mark.parametrize("url", ["127.0.0.1:4317", "grpc://x:1", "http://user:secret@x:1", "http://a b"])
def test_what_is_no_collector_is_refused(url: str) -> None:
    """Credentials in it, too: they would be shown with the settings."""
    told = problem(otlp_endpoint=url)
    assert "is no endpoint" in told
    assert "secret" not in told


def test_headers_for_the_collector_are_secrets() -> None:
    """OpenTelemetry's own variables hold them: names may be shown, values may not."""
    environ = {
        "OTEL_EXPORTER_OTLP_HEADERS": "x-team=s3cret%20one, y=two=2,z",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=",
    }
    assert otlp_secrets(environ) == ("s3cret one", "two=2")
    assert otlp_secrets({}) == ()
