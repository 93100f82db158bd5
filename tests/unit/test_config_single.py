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
        ("mx", "nothing-like-it", "the modules are banner, mx"),
        ("mx:465", None, "there is no module `submissions` in this version"),
    ],
)
def test_refusals(text: str, module: str | None, sentence: str) -> None:
    """What cannot be probed is refused with a sentence that helps."""
    with pytest.raises(Refusal, match=sentence):
        single_target(text, module)
