"""Addresses, options and devices."""

from pathlib import Path
from typing import Any

import pytest

from gateway.emulator.options import Address, Answer, Busy, Devices, EmulatorOptions, NoAnswer


@pytest.mark.parametrize(
    ("text", "address", "netloc"),
    [
        ("127.0.0.1:0", Address("127.0.0.1", 0), "127.0.0.1:0"),
        ("localhost:65535", Address("localhost", 65535), "localhost:65535"),
        ("[::1]:80", Address("::1", 80), "[::1]:80"),
    ],
)
def test_addresses(text: str, address: Address, netloc: str) -> None:
    """Host and port are read, and written back as in a URL."""
    assert Address.parse(text, "listen") == address
    assert address.netloc == netloc


@pytest.mark.parametrize("text", ["", "localhost", ":80", "host:", "host:99999", "::1:80", "a b:80", "ws://h:1"])
def test_wrong_addresses_name_the_option(text: str) -> None:
    """What is no host:port is refused with the option's name."""
    with pytest.raises(ValueError, match="control"):
        EmulatorOptions(control=text)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"listen": "x"}, "listen"),
        ({"tls_key": Path("k")}, "tls_certificate"),
        ({"session_linger": -1}, "session_linger"),
        ({"call_every": 0}, "call_every"),
        ({"ping_interval": 0}, "ping_interval"),
        ({"unacked_limit": 0}, "unacked_limit"),
        ({"frame_limit": -1}, "frame_limit"),
        ({"ping_failures": 0}, "ping_failures"),
        ({"frame_interval": -0.1}, "frame_interval"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], named: str) -> None:
    """What can't work is refused when the options are made."""
    with pytest.raises(ValueError, match=named):
        EmulatorOptions(**options)


def test_options_show_no_tokens() -> None:
    """The text form leaves credentials out."""
    shown = repr(EmulatorOptions(projects={"p": "hidden-token"}, jwt_tokens={"hidden-jwt": "p"}))
    assert "hidden" not in shown


def test_devices_have_a_default() -> None:
    """A number behaves as it was told, any other by the default."""
    devices = Devices({"+1": Busy()}, Answer(after=1))
    assert devices["+1"] == Busy()
    assert devices["+2"] == Answer(after=1)
    devices["+2"] = NoAnswer()
    devices.default = Busy()
    assert "+2" in devices
    assert "+3" not in devices
    assert sorted(devices) == ["+1", "+2"]
    assert devices["+3"] == Busy()
    del devices["+2"]
    assert len(devices) == 1
