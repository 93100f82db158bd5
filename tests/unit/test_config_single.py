"""A target named on a command line follows the rules of one in a file."""

import pytest

from exporter.config import Refusal, single_target
from exporter.targets import Module


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("mx.example.com", "mx.example.com", 25),
        ("mx.example.com:2525", "mx.example.com", 2525),
        ("192.0.2.1", "192.0.2.1", 25),
        ("2001:db8::1", "2001:db8::1", 25),
        ("[2001:db8::1]:26", "2001:db8::1", 26),
    ],
)
def test_host_and_port(text: str, host: str, port: int) -> None:
    """Host and port are read as in a file, and port 25 is the default."""
    target = single_target(text)

    assert (target.host, target.port, target.module.name) == (host, port, "mx")


def test_port_of_lmtp() -> None:
    """Port 24 calls for its own module."""
    assert single_target("mx.example.com:24").module.name == "lmtp"


def test_unix_socket() -> None:
    """A Unix socket has no port, and speaks LMTP unless a module is named."""
    target = single_target("unix:/run/lmtp.sock")

    assert (target.name, target.host) == ("unix:/run/lmtp.sock", "unix:/run/lmtp.sock")
    assert (target.port, target.module.name) == (0, "lmtp")
    assert single_target("unix:/run/lmtp.sock", "banner").module.name == "banner"


def test_unix_socket_from_an_address() -> None:
    """A Unix socket is not connected to from an address."""
    mine = Module(name="mine", source_address="192.0.2.1")

    with pytest.raises(Refusal, match="`source_address`, which `mine` has"):
        single_target("unix:/run/lmtp.sock", "mine", {"mine": mine})


def test_named_module() -> None:
    """A module of the configuration is found by its name."""
    mine = Module(name="mine")

    assert single_target("mx:587", "mine", {"mine": mine}).module is mine


@pytest.mark.parametrize(
    ("text", "module", "sentence"),
    [
        ("", None, "the host is empty"),
        ("mx:0", None, "the port must be from 1 to 65535, not 0"),
        ("mx:65536", None, "the port must be from 1 to 65535, not 65536"),
        ("a b", None, "is not a host name"),
        ("mx", "baner", "did you mean `banner`?"),
        ("mx", "nothing-like-it", "the modules are banner, mx, lmtp"),
        ("unix:run/lmtp.sock", None, "name the socket by its absolute path"),
        ("unix:/" + "r" * 107, None, "at most 107 octets"),
        ("mx:465", None, "there is no module `submissions` in this version"),
    ],
)
def test_refusals(text: str, module: str | None, sentence: str) -> None:
    """What cannot be probed is refused with a sentence that helps."""
    with pytest.raises(Refusal, match=sentence):
        single_target(text, module)
