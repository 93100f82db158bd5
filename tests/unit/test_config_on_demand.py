"""What `on_demand` comes to, with its defaults."""

from pathlib import Path

from exporter.allow import AllowList
from exporter.config import Config, OnDemand, parse
from exporter.config.config import DEFAULT_PORTS


def read(text: str) -> Config:
    return parse(text, path=Path("c"))


def test_off() -> None:
    """Nobody may probe anything by default, and other keys may wait for the switch."""
    off = read("targets: [a]").on_demand
    waiting = read("targets: [a]\non_demand: {ports: [26]}").on_demand

    assert not off.enabled
    assert off.allow == AllowList() == OnDemand().allow
    assert off.ports == frozenset(DEFAULT_PORTS)
    assert not waiting.enabled
    assert waiting.ports == {26}


def test_the_contract() -> None:
    """The line of the contract is read, and needs no target beside it."""
    text = (
        "on_demand: {enabled: true, modules: [mx], "
        'allow: ["*.example.com", "192.0.2.0/24"]}'
    )
    on_demand = read(text).on_demand

    assert on_demand.enabled
    assert on_demand.modules == {"mx"}
    assert on_demand.allow.names_host("mx.example.com")
    assert on_demand.allow.may_be_asked("192.0.2.1")
    assert on_demand.ports == {24, 25, 465, 587, 2525}
    assert on_demand.concurrency == 20


def test_modules_by_default() -> None:
    """Each module is for strangers but those that log in, which have to be named."""
    modules = "modules: {m: {}, login: {auth: {username: u, password_env: PATH}}}\n"
    by_default = read(f"{modules}on_demand: {{enabled: true, allow: [a]}}").on_demand
    named = read(
        f"{modules}on_demand: {{enabled: true, allow: [a], modules: [login]}}"
    ).on_demand

    assert by_default.modules == {
        *("banner", "mx", "submission", "submissions", "lmtp", "m")
    }
    assert named.modules == {"login"}


def test_a_switch_that_is_off_needs_targets() -> None:
    """Only a switch that is on stands for targets."""
    assert read("on_demand: {enabled: true, allow: [a]}").targets == ()
