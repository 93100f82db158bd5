"""What a request for a probe comes to, or why it is declined, before any lookup."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import Config, parse
from exporter.on_demand.wish import (
    Declined,
    Wish,
    about_address,
    read_wish,
    why_not,
)
from exporter.vocabulary import Refused
from exporter.web.on_demand import Asked

MODULES = """
modules:
  login: {tls: required, verify: enforce, auth: {username: u, password_env: PATH}}
  named: {tls: implicit, tls_server_name: own.example.com}
  quick: {timeout: 3s}
"""
RULES = """
on_demand:
  enabled: true
  allow: ["*.example.com", exact.example.net, 192.0.2.0/24, 198.51.100.7,
    "2001:db8::/32"]
"""
WITHOUT_NETWORKS = """
on_demand: {enabled: true, modules: [mx, login], allow: ["*.example.com", mx.test]}
"""


def config(rules: str = RULES) -> Config:
    return parse(f"targets: [mx.example.org]{MODULES}{rules}", path=Path("c"))


PLAIN = config()


def wish(target: str, module: str = "", /, of: Config = PLAIN, **more: object) -> Wish:
    given: dict[str, object] = {
        "targets": (target,),
        "modules": (module,) * bool(module),
    }
    return read_wish(Asked(**given | more), of)  # type: ignore[arg-type]  # by name


def declined(of: Config = PLAIN, /, **asked: object) -> tuple[Refused, str]:
    with pytest.raises(Declined) as raised:
        read_wish(Asked(**asked), of)  # type: ignore[arg-type]  # by name
    assert str(raised.value).replace("\n", "").isprintable()
    return raised.value.cause, str(raised.value)


def cause(target: str, module: str = "", of: Config = PLAIN) -> Refused:
    return declined(of, targets=(target,), modules=(module,))[0]


# --- what may begin


@pytest.mark.parametrize(
    ("target", "module", "host", "port", "chosen", "named"),
    [
        ("mx1.example.com", "", "mx1.example.com", 25, "mx", True),
        ("mx1.example.com:587", "", "mx1.example.com", 587, "submission", True),
        ("mx1.example.com:465", "", "mx1.example.com", 465, "submissions", True),
        ("mx1.example.com:24", "", "mx1.example.com", 24, "lmtp", True),
        ("mx1.example.com:2525", "banner", "mx1.example.com", 2525, "banner", True),
        ("MX1.EXAMPLE.COM.", "", "MX1.EXAMPLE.COM.", 25, "mx", True),
        ("192.0.2.9", "", "192.0.2.9", 25, "mx", False),
        ("[2001:db8::1]:25", "", "2001:db8::1", 25, "mx", False),
        ("2001:db8::1", "", "2001:db8::1", 25, "mx", False),
        ("any.example.org", "", "any.example.org", 25, "mx", False),
        ("exact.example.net", "login", "exact.example.net", 25, "login", True),
        ("198.51.100.7:587", "login", "198.51.100.7", 587, "login", False),
    ],
)
def test_wishes(
    target: str, module: str, host: str, port: int, chosen: str, named: bool
) -> None:
    """Host, port and module are read as the configuration reads them."""
    rules = RULES + "  modules: [mx, submission, submissions, lmtp, banner, login]\n"
    read = wish(target, module, of=config(rules))

    assert (read.target.host, read.target.port) == (host, port)
    assert read.target.module.name == chosen
    assert read.named is named


def test_modules_that_log_in_are_left_out_by_default() -> None:
    """Where no module is listed, those with a secret are not for strangers."""
    assert "login" not in PLAIN.on_demand.modules
    assert {"mx", "banner", "quick"} < PLAIN.on_demand.modules
    assert cause("exact.example.net", "login") is Refused.FORBIDDEN


# --- what is off


def test_off_by_default() -> None:
    """Without `enabled` nothing is probed, and the answer says how it would be."""
    off = parse("targets: [mx1.example.com]", path=Path("c"))

    why, said = declined(off, targets=("mx1.example.com",))
    assert why is Refused.DISABLED
    assert "on_demand: {enabled: true" in said


def test_the_remedy_is_sound() -> None:
    """The configuration that the answer shows is one."""
    _, said = declined(parse("targets: [a]", path=Path("c")))

    shown = parse("\n".join(said.splitlines()[1:]), path=Path("c"))
    assert shown.on_demand.enabled
    assert shown.targets == ()


# --- what is wrong

TRICKS = (
    *("user@mx1.example.com", "u:p@mx1.example.com:25", "smtp://mx1.example.com"),
    *("//mx1.example.com", "http://169.254.169.254/", "mx1.example.com/", "a b"),
    *(
        " mx1.example.com",
        "mx1.example.com ",
        "mx1.example.com\n",
        "mx1\x00.example.com",
    ),
    *("mx1.example.com\r\nRCPT TO:<a@b>", "mx1.example.com#", "mx1.example.com?x"),
    *("m\u00fcx.example.com", "mx1\u3002example\u3002com", "\u2460.example.com"),
    *(
        "\uff11\uff12\uff17.0.0.1",
        "\u0661\u0662\u0667.0.0.1",
        "mx1.example.com:\u0662\u0665",
    ),
    *("127.1", "0x7f.1", "0x7f000001", "0X7F.0.0.1", "2130706433", "0177.0.0.1", "1"),
    *("127.0.0.1.", "127.0.0.1:", "[127.0.0.1]:25", "[::1", "::1]", "::1%lo"),
    *(
        "fe80::1%eth0",
        "[fe80::1%25eth0]:25",
        "mx1.example.com:0",
        "mx1.example.com:65536",
    ),
    *("mx1.example.com:-1", "mx1.example.com:25:25", "..", ".", "-a.example.com", "[]"),
    *(
        "mx1..example.com",
        "*.example.com",
        "a" * 64 + ".example.com",
        "a." * 150 + "com",
    ),
    "127.0.0.0x1",
)


@pytest.mark.parametrize("target", TRICKS, ids=ascii)
def test_tricks(target: str) -> None:
    """What is no plain host, address or port is declined before anything is asked."""
    assert cause(target) is Refused.INVALID


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "Name a target"),
        ({"targets": ("",)}, "Name a target"),
        ({"targets": ("a.example.com", "b.example.com")}, "There are 2 of `target`"),
        ({"targets": ("a.example.com",), "modules": ("mx", "mx")}, "2 of `module`"),
        ({"targets": ("a.example.com",), "modules": ("mix",)}, "did you mean `mx`?"),
        ({"targets": ("a.example.com",), "hostnames": ("a", "b")}, "2 of `hostname`"),
        ({"targets": ("a.example.com",), "hostnames": ("*.b",)}, "hostname: `*.b`"),
        ({"targets": ("a.example.com",), "hostnames": ("a\r\nb",)}, "hostname: "),
    ],
)
def test_wrong(asked: dict[str, object], said: str) -> None:
    """What is wrong is told with its remedy."""
    why, sentence = declined(**asked)

    assert why is Refused.INVALID
    assert said in sentence


# --- what is not allowed


@pytest.mark.parametrize(
    ("target", "module", "said"),
    [
        ("mx1.example.org", "", "`mx1.example.org` is not on the list"),
        ("192.0.2.1", "", "`192.0.2.1` is not on the list"),
        ("mx1.example.com:80", "", "Port 80 is not"),
        ("mx1.example.com", "quick", "The module `quick` is not"),
        ("mx1.example.com", "login", "`login` logs in"),
        ("unix:/run/lmtp.sock", "", "A Unix socket is never probed on demand"),
        ("unix:/run/lmtp.sock", "lmtp", "A Unix socket is never probed on demand"),
    ],
)
def test_forbidden(target: str, module: str, said: str) -> None:
    """A host, port or module that is not listed is declined by its name."""
    asked = {"targets": (target,), "modules": (module,)}
    why, sentence = declined(config(WITHOUT_NETWORKS), **asked)

    assert why is Refused.FORBIDDEN
    assert said in sentence


@pytest.mark.parametrize(
    "target", ["mx1.example.com", "192.0.2.9", "any.example.org", "2001:db8::1"]
)
def test_a_secret_is_for_exact_entries(target: str) -> None:
    """A module that logs in is used for no host that only a pattern covers."""
    rules = RULES + "  modules: [login]\n"

    assert cause(target, "login", config(rules)) is Refused.FORBIDDEN


def test_a_secret_and_a_name() -> None:
    """Whose certificate a secret is shown to is not for the request to say."""
    asked = {
        "targets": ("mx.test",),
        "modules": ("login",),
        "hostnames": ("evil.example",),
    }
    why, said = declined(config(WITHOUT_NETWORKS), **asked)

    assert why is Refused.FORBIDDEN
    assert "leave `hostname` out" in said


# --- the name and the time


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("mx", "asked.example.com"),
        ("named", "own.example.com"),
        ("banner", None),
    ],
)
def test_hostname(module: str, name: str | None) -> None:
    """It is the server's name in TLS, where the module has TLS and no name itself."""
    read = wish("mx1.example.com", module, hostnames=("asked.example.com.",))

    assert read.target.module.tls_server_name == name
    assert read.target.host == "mx1.example.com"


@pytest.mark.parametrize(
    ("header", "module", "budget"),
    [
        ((), "mx", 30.0),
        (("10",), "mx", 9.5),
        (("10.000000",), "mx", 9.5),
        (("100",), "mx", 30.0),
        (("10",), "quick", 3.0),
        (("1",), "mx", 0.5),
        (("0.5",), "mx", 0.25),
        (("0.001",), "mx", 0.0005),
        (("0",), "mx", 30.0),
    ],
)
def test_budget(header: tuple[str, ...], module: str, budget: float) -> None:
    """A probe has what the scrape leaves it, and never more than its module."""
    read = wish("mx1.example.com", module, scrape_timeouts=header)

    assert read.target.module.timeout == budget


@pytest.mark.parametrize(
    "header",
    [
        *(
            "NaN",
            "nan",
            "Inf",
            "-Inf",
            "-1",
            "+1",
            "1e3",
            "0x10",
            "1_0",
            "",
            " 10",
            "10 ",
        ),
        *("\uff11", "ten", "10s", "1" * 10, "1,2", "."),
    ],
    ids=ascii,
)
def test_no_budget(header: str) -> None:
    """A scrape timeout that is no plain number of seconds is told to be none."""
    asked = {"targets": ("mx1.example.com",), "scrape_timeouts": (header,)}

    assert declined(**asked)[0] is Refused.INVALID
    assert declined(**asked | {"scrape_timeouts": ("1", "2")})[0] is Refused.INVALID


# --- anything

_ANY = st.lists(st.text(max_size=20) | st.sampled_from(TRICKS), max_size=3).map(tuple)


@given(targets=_ANY, modules=_ANY, hostnames=_ANY, scrape_timeouts=_ANY)
def test_any_request(**given_: tuple[str, ...]) -> None:
    """Whatever is asked, it is a wish within the rules or one printable sentence."""
    try:
        read = read_wish(Asked(**given_), PLAIN)  # type: ignore[arg-type]  # by name
    except Declined as no:
        said = str(no)
        assert no.cause in {Refused.INVALID, Refused.FORBIDDEN}  # noqa: PT017 -- either may be
    else:
        said = read.target.name
        assert read.target.port in PLAIN.on_demand.ports
        assert read.target.module.name in PLAIN.on_demand.modules
        assert 0 < read.target.module.timeout < math.inf
    assert said.isprintable()


# --- addresses

OWN: Mapping[str, bool] = {"203.0.113.5": True}


@pytest.mark.parametrize(
    ("target", "literal", "allowed"),
    [
        ("mx1.example.com", "203.0.113.9", True),
        ("mx1.example.com", "10.0.0.1", True),
        ("mx1.example.com", "127.0.0.1", False),
        ("mx1.example.com", "169.254.169.254", False),
        ("mx1.example.com", "203.0.113.5", False),
        ("mx1.example.com", "64:ff9b::203.0.113.5", False),
        ("any.example.org", "192.0.2.77", True),
        ("any.example.org", "203.0.113.9", False),
        ("any.example.org", "10.0.0.1", False),
    ],
)
def test_addresses(target: str, literal: str, allowed: bool) -> None:
    """A listed name leads anywhere but inside, another name to listed networks."""
    asked = wish(target)
    why = why_not(PLAIN.on_demand.allow, asked, literal, lambda a: OWN.get(a, False))

    assert (why is None) is allowed
    if why:
        assert literal not in about_address(asked, why)
