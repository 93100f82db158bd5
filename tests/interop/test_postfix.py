"""Postfix as it ships: what we see of it, and what it sees of us."""

from dataclasses import replace

from exporter.outcome import Failure, Outcome
from exporter.targets import Module
from exporter.vocabulary import Close, Phase, Quirk, Reason, Unsolicited
from tests.interop.conftest import StartPostfix
from tests.interop.postfix import Postfix
from tests.interop.probing import probed_at

MX = Module(name="mx")
PROBES = 100


def probed(postfix: Postfix, module: Module = MX) -> Outcome:
    """Probe Postfix once."""
    return probed_at(postfix.host, postfix.port, module)


def test_hundred_sessions(postfix: Postfix) -> None:
    """A hundred probes are a hundred clean sessions, also in Postfix's own words."""
    outcomes = [probed(postfix) for _ in range(PROBES)]

    assert {(o.success, o.banner_present, o.close) for o in outcomes} == {
        (True, True, Close.CLEAN)
    }
    ends = postfix.logged(r"disconnect from \S+ (.*)", PROBES)
    assert ends == ["ehlo=1 quit=1 commands=2"] * PROBES
    assert "lost connection" not in postfix.log
    assert "improper command pipelining" not in postfix.log
    assert "warning" not in postfix.log


def test_what_it_offers(postfix: Postfix) -> None:
    """The extensions, the size limit and the codes are those that Postfix gives."""
    outcome = probed(postfix)

    assert outcome.offer is not None
    assert {"PIPELINING", "SIZE", "8BITMIME"} <= set(outcome.offer.extensions)
    assert outcome.offer.size_limit == 10240000
    assert outcome.starttls_offered is False
    codes = {record.phase: record.code for record in outcome.phases}
    assert codes == {
        Phase.CONNECT: None,
        Phase.GREETING: 220,
        Phase.EHLO: 250,
        Phase.QUIT: 221,
        Phase.CLOSE: None,
    }
    quit_record = outcome.record(Phase.QUIT)
    assert quit_record is not None
    assert quit_record.status == "2.0.0"
    assert outcome.quirks == frozenset()


def test_banner_only(postfix: Postfix) -> None:
    """The banner module says nothing but QUIT."""
    outcome = probed(postfix, replace(MX, ehlo=False))

    assert outcome.success
    assert outcome.close is Close.CLEAN
    assert postfix.logged(r"disconnect from \S+ (.*)") == ["quit=1 commands=1"]


def test_idle_421(start_postfix: StartPostfix) -> None:
    """A session that Postfix times out is an unasked 421, seen while holding."""
    postfix = start_postfix({"smtpd_timeout": "1s"})

    outcome = probed(postfix, replace(MX, hold=3.0))

    assert outcome.failure == Failure(Phase.HOLD, Reason.UNAVAILABLE)
    assert outcome.close is Close.CODE_421
    assert outcome.unsolicited == (Unsolicited.CODE_421,)
    assert outcome.banner_present


def test_refused_at_the_door(start_postfix: StartPostfix) -> None:
    """A client that Postfix does not want is greeted with 554, and said goodbye to."""
    postfix = start_postfix(
        {"smtpd_delay_reject": "no", "smtpd_client_restrictions": "reject"}
    )

    outcome = probed(postfix)

    assert outcome.failure == Failure(Phase.GREETING, Reason.REJECTED)
    assert outcome.code(Phase.GREETING) == 554
    assert outcome.close is Close.CLEAN
    assert "lost connection" not in postfix.log


def test_masked_banner(start_postfix: StartPostfix) -> None:
    """A banner without a host name is a quirk and no failure."""
    postfix = start_postfix({"smtpd_banner": "************"})

    outcome = probed(postfix)

    assert outcome.success
    assert outcome.quirks == {Quirk.GREETING_NO_DOMAIN}
