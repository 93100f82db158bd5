"""A target named outside the file follows the rules of one in it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from exporter.config import Refusal, discovered_target, parse, single_target
from exporter.config.builtin import BUILT_IN
from exporter.targets import Module, Target
from exporter.vocabulary import Policy, TargetSource, TlsMode


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


@pytest.mark.parametrize(
    ("port", "module"), [(24, "lmtp"), (465, "submissions"), (587, "submission")]
)
def test_ports_with_their_module(port: int, module: str) -> None:
    """Some ports call for their own module."""
    assert single_target(f"mx.example.com:{port}").module.name == module


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


def test_unix_socket_with_a_name_to_verify() -> None:
    """A Unix socket's certificate is verified for the name that the module gives."""
    mine = Module(
        name="mine",
        tls=TlsMode.REQUIRED,
        verify=Policy.ENFORCE,
        tls_server_name="mail.example.com",
    )

    assert single_target("unix:/run/lmtp.sock", "mine", {"mine": mine}).module is mine


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
        (
            "mx",
            "any-other",
            "the modules are banner, mx, submission, submissions, lmtp",
        ),
        ("unix:run/lmtp.sock", None, "name the socket by its absolute path"),
        ("unix:/" + "r" * 107, None, "at most 107 octets"),
        ("unix:/run/smtp.sock", "submission", "no name to verify"),
    ],
)
def test_refusals(text: str, module: str | None, sentence: str) -> None:
    """What cannot be probed is refused with a sentence that helps."""
    with pytest.raises(Refusal, match=sentence):
        single_target(text, module)


def discovered(
    address: str, module: str | None = None, labels: Mapping[str, str] | None = None
) -> Target:
    return discovered_target(
        address, module, labels or {}, modules=BUILT_IN, intervals={"mx": 30.0}
    )


def test_discovered() -> None:
    """What discovery found is a target with its labels, on its module's schedule."""
    target = discovered("mx.example.com", labels={"site": "fra", "team": "mäil"})

    assert target == Target(
        name="mx.example.com:25",
        host="mx.example.com",
        port=25,
        module=BUILT_IN["mx"],
        interval=30.0,
        labels=(("site", "fra"), ("team", "mäil")),
        source=TargetSource.FILE,
    )


@pytest.mark.parametrize(
    ("address", "name", "host", "port"),
    [
        ("mx.example.com:2525", "mx.example.com:2525", "mx.example.com", 2525),
        ("192.0.2.1", "192.0.2.1:25", "192.0.2.1", 25),
        ("2001:db8::1", "[2001:db8::1]:25", "2001:db8::1", 25),
        ("[2001:db8::1]:26", "[2001:db8::1]:26", "2001:db8::1", 26),
        ("unix:25", "unix:25", "unix", 25),
    ],
)
def test_discovered_addresses(address: str, name: str, host: str, port: int) -> None:
    """A discovered target is named by host and port, whatever spelling was found."""
    target = discovered(address)

    assert (target.name, target.host, target.port) == (name, host, port)


@pytest.mark.parametrize(
    ("address", "named", "module"),
    [
        ("a", None, "mx"),
        ("a", "", "mx"),
        ("a:587", None, "submission"),
        ("a:587", "banner", "banner"),
    ],
)
def test_discovered_module(address: str, named: str | None, module: str) -> None:
    """The module that is named goes before the one that the port calls for."""
    assert discovered(address, named).module.name == module


def test_discovered_by_a_configuration() -> None:
    """A configuration has what discovery needs to make targets."""
    config = parse(
        "schedule: {interval: 5m}\nmodules: {mine: {interval: 10s}}\n"
        "discovery: [{files: [a.json]}]",
        path=Path("c"),
    )
    made = [
        discovered_target(
            "a",
            module,
            {},
            modules=config.modules,
            intervals=config.intervals,
            source=TargetSource.HTTP,
        )
        for module in (None, "mine")
    ]

    assert [target.interval for target in made] == [300.0, 10.0]
    assert made[1].module is config.modules["mine"]
    assert made[0].source is TargetSource.HTTP


@pytest.mark.parametrize(
    ("address", "module", "labels", "sentence"),
    [
        ("", None, {}, "the host is empty"),
        ("http://a/metrics", None, {}, "is not `host`, `host:port` or `\\[IPv6"),
        ("a b", None, {}, "is not a host name"),
        ("a:0", None, {}, "the port must be from 1 to 65535, not 0"),
        ("a:99999", None, {}, "the port must be from 1 to 65535, not 99999"),
        ("unix:/run/lmtp.sock", None, {}, "a Unix socket is not discovered"),
        ("a", "baner", {}, "no module `baner`; did you mean `banner`?"),
        ("a", None, {"__site": "x"}, "label `__site`: names that begin with `__`"),
        ("a", None, {"si-te": "x"}, "label `si-te`: a label's name is made of"),
        ("a", None, {"phase": "x"}, "label `phase`: the label `phase` is taken"),
        ("a", None, {"": "x"}, "label ``: a label's name is made of"),
        ("a", None, {"site": "\ud800"}, "label `site`: half of a surrogate pair"),
    ],
)
def test_discovered_refusals(
    address: str, module: str | None, labels: Mapping[str, str], sentence: str
) -> None:
    """What discovery found and could not be probed is refused in one line."""
    with pytest.raises(Refusal, match=sentence) as raised:
        discovered(address, module, labels)
    assert str(raised.value).isprintable()
