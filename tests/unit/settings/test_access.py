"""Settings about access."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.access.hosts import parse_hosts
from gateway.access.limits import Limits
from gateway.settings.settings import ExplicitSettings


def settings(**values: Any) -> ExplicitSettings:
    """Settings with good credentials, and these."""
    return ExplicitSettings(project_id="p", api_token="t0ken", **values)


def test_without_any_nothing_is_limited() -> None:
    """The defaults are those of a laptop."""
    assert settings().client_limits() == Limits()
    assert settings().tokens_file == ""


def test_texts_become_limits() -> None:
    """As environment variables give them."""
    found = settings(
        stream_hosts="*.example.com, a.example.com:8443,", status_hosts="", starts_per_second="5", start_burst="20",
        max_watches_per_client="3",
    ).client_limits()  # fmt: skip
    assert found == Limits(parse_hosts(["*.example.com", "a.example.com:8443"]), (), 5, 20, 3)


def test_a_home_directory_is_found() -> None:
    """Where no shell has done it."""
    assert settings(tokens_file="~/t.toml").tokens_file == str(Path.home() / "t.toml")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"stream_hosts": "wss://a.example.com"}, "is no host[:port]: use forms like"),
        ({"status_hosts": ["a b"]}, "'a b' is no host[:port]"),
        ({"starts_per_second": "-1"}, "use 0 to 100000"),
        ({"max_watches_per_client": "many"}, "is not a whole number"),
    ],
)
def test_wrong_ones(values: dict[str, Any], says: str) -> None:
    """Each is told with what is allowed."""
    with pytest.raises(ValidationError) as refused:
        settings(**values)
    (error,) = refused.value.errors()
    assert error["loc"] == tuple(values)
    assert says in str(error["ctx"]["error"])
