"""Makers of what a probe saw and of what was probed, for tests that need either.

`outcome` gives one plain success to vary, `outcomes` draws consistent Outcomes of every
kind: a session is walked as the rules of SMTP.md 0.3 would walk it, so nothing here has
to be thrown away again.
"""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from exporter.outcome import (
    Certificate,
    DaneFacts,
    Failure,
    Offer,
    Outcome,
    PhaseRecord,
    Said,
    Speaker,
    StsFacts,
    TcpFacts,
    TlsFacts,
)
from exporter.targets import Exchanger, Module, Target
from exporter.vocabulary import (
    CERTIFICATE_PROBLEMS,
    Close,
    Family,
    Phase,
    Quirk,
    Reason,
    StsMode,
    Unsolicited,
)

MX = Module(name="mx")


def target(name: str = "mx1.example.com:25", /, **changes: Any) -> Target:
    """Give a target of the module mx, varied by its own keywords."""
    plain: dict[str, Any] = {
        "host": "mx1.example.com",
        "port": 25,
        "module": MX,
        "interval": 60.0,
    }
    return Target(name=name, **plain | changes)


def exchanger(
    host: str = "mx1.example.com", domain: str = "example.com", /, **changes: Any
) -> Target:
    """Give a target that was found as an exchanger of a domain, its first."""
    mx = Exchanger(domain=domain, preference=10)
    return target(f"{domain}/{host}:25", **{"host": host, "exchanger": mx} | changes)


# --- five sessions, spelt out

_CONNECT = PhaseRecord(Phase.CONNECT, 0.0005, completed=True)
_GREETING = PhaseRecord(Phase.GREETING, 0.25, completed=True, code=220)
_EHLO = PhaseRecord(Phase.EHLO, 0.001, completed=True, code=250)

_SUCCESS: dict[str, Any] = {
    "started_at": 1_700_000_000.0,
    "duration": 0.5,
    "phases": (
        PhaseRecord(Phase.DNS, 0.002, completed=True),
        _CONNECT,
        _GREETING,
        _EHLO,
        PhaseRecord(Phase.QUIT, 0.0015, completed=True, code=221, status="2.0.0"),
        PhaseRecord(Phase.CLOSE, 0.00025, completed=True),
    ),
    "failure": None,
    "close": Close.CLEAN,
    "quit_sent": True,
    "quit_code": 221,
    "banner_first_byte": 0.125,
    "offer": Offer(("PIPELINING", "SIZE", "AUTH"), ("PLAIN", "LOGIN"), 35_882_577),
    "starttls_offered": False,
    "address": "192.0.2.1",
    "resolved": ((Family.IPV4, 1), (Family.IPV6, 2)),
    "tcp": TcpFacts(0.0005, 0),
    "transcript": (
        Said(0.25, Phase.GREETING, Speaker.SERVER, "220 mx1.example.com ESMTP"),
    ),
}


def outcome(**changes: Any) -> Outcome:
    """Give a plain success, varied by its own keywords."""
    return Outcome(**_SUCCESS | changes)


DAY = 86400.0
CERTIFICATE = Certificate(
    subject="CN=mx1.example.com",
    issuer="CN=Example R1,O=Example Trust,C=DE",
    serial="4f2a",
    fingerprint_sha256="f1" * 32,
    key="EC-P-256",
    key_sha256="5e" * 32,
    not_before=_SUCCESS["started_at"] - 28 * DAY,
    not_after=_SUCCESS["started_at"] + 62 * DAY,
    names=("mx1.example.com", "mail.example.com"),
)
TLS = TlsFacts(
    version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    certificate=CERTIFICATE,
    chain_not_after=CERTIFICATE.not_after,
    problems=frozenset(),
    verified=True,
)


def encrypted(tls: TlsFacts = TLS, /, **changes: Any) -> Outcome:
    """Give a plain success inside TLS, varied by its own keywords."""
    handshake = PhaseRecord(Phase.TLS, 0.003, completed=True)
    plain: dict[str, Any] = {
        "phases": (*_SUCCESS["phases"][:2], handshake, *_SUCCESS["phases"][2:]),
        "starttls_offered": None,
        "tls": tls,
        "tls_close_notify": True,
    }
    return outcome(**plain | changes)


def with_key(key_sha256: str) -> Outcome:
    """Give a success inside TLS in which the server showed this key."""
    certificate = CERTIFICATE._replace(key_sha256=key_sha256)
    return encrypted(TLS._replace(certificate=certificate))


def greeting_timeout() -> Outcome:
    """Give a session that never got its greeting."""
    return Outcome(
        started_at=1_700_000_060.0,
        duration=15.5,
        phases=(_CONNECT, PhaseRecord(Phase.GREETING, 15.0, completed=False)),
        failure=Failure(Phase.GREETING, Reason.TIMEOUT),
        close=Close.ABORTED,
        address="192.0.2.1",
        tcp=TcpFacts(0.0005, 3),
    )


def unsolicited_221() -> Outcome:
    """Give a session that was answered by 221 before QUIT was written."""
    return Outcome(
        started_at=1_700_000_120.0,
        duration=0.5,
        phases=(_CONNECT, _GREETING, _EHLO._replace(code=221, status=None)),
        failure=Failure(Phase.EHLO, Reason.UNSOLICITED_221),
        close=Close.UNSOLICITED_221,
        banner_first_byte=0.25,
        quirks=frozenset({Quirk.NO_TEXT, Quirk.BARE_LF}),
        unsolicited=(Unsolicited.CODE_221,),
        address="2001:db8::1",
    )


def refused() -> Outcome:
    """Give a probe that was never connected."""
    return Outcome(
        started_at=1_700_000_180.0,
        duration=0.001,
        phases=(PhaseRecord(Phase.CONNECT, 0.001, completed=False),),
        failure=Failure(Phase.CONNECT, Reason.REFUSED),
        close=Close.NONE,
        addresses_failed=1,
    )


# --- every kind of session, drawn

# What may stand between connect and quit: plain, with implicit TLS, with STARTTLS.
_WAYS = (
    (Phase.GREETING,),
    (Phase.GREETING, Phase.HOLD),
    (Phase.GREETING, Phase.EHLO),
    (Phase.GREETING, Phase.HOLD, Phase.EHLO, Phase.MAIL, Phase.RCPT),
    (Phase.TLS, Phase.GREETING, Phase.EHLO, Phase.AUTH, Phase.MAIL, Phase.RCPT),
    (
        Phase.GREETING,
        Phase.EHLO,
        Phase.STARTTLS,
        Phase.TLS,
        Phase.EHLO_TLS,
        Phase.AUTH,
        Phase.MAIL,
        Phase.RCPT,
    ),
)
PAIRS = tuple((phase, reason) for reason in Reason for phase in reason.phases)

_WITHOUT_REPLY = frozenset(
    {Phase.DNS, Phase.CONNECT, Phase.TLS, Phase.HOLD, Phase.CLOSE}
)
_WITHOUT_STATUS = frozenset({Phase.GREETING, Phase.EHLO, Phase.EHLO_TLS})
_GOOD_CODE = {
    Phase.GREETING: 220,
    Phase.STARTTLS: 220,
    Phase.AUTH: 235,
    Phase.QUIT: 221,
}
_OFFERING = frozenset({Phase.EHLO, Phase.EHLO_TLS})
_NOT_REACHED = frozenset({Reason.NOT_OFFERED, Reason.TLS_REQUIRED})
_IN_ORDER = frozenset(
    {
        *(Reason.REJECTED, Reason.DEFERRED, Reason.UNEXPECTED_CODE),
        *(Reason.UNAVAILABLE, Reason.NOT_OFFERED, Reason.TLS_REQUIRED),
        *(Reason.UNEXPECTED_TEXT, Reason.UNEXPECTED_EXTENSION),
        *CERTIFICATE_PROBLEMS,
        *(Reason.CERT_REVOKED, Reason.DANE_MISMATCH, Reason.STS_MISMATCH),
    }
)
# Found behind a reply that was read whole, or by the reply itself.
_REPLIED = _IN_ORDER | {
    *(Reason.UNSOLICITED_221, Reason.UNSOLICITED_REPLY, Reason.INJECTION),
}
# Found out about a server with whom a handshake was completed.
_JUDGED = frozenset(
    {
        *CERTIFICATE_PROBLEMS,
        *(Reason.CERT_REVOKED, Reason.DANE_MISMATCH, Reason.STS_MISMATCH),
    }
)
_UNSOLICITED = {
    Reason.UNSOLICITED_221: Unsolicited.CODE_221,
    Reason.UNSOLICITED_REPLY: Unsolicited.OTHER,
    Reason.UNAVAILABLE: Unsolicited.CODE_421,
}
_CLOSE_WITHOUT_QUIT = {
    Reason.UNSOLICITED_221: Close.UNSOLICITED_221,
    Reason.EOF: Close.FIN_WITHOUT_221,
    Reason.RESET: Close.RESET_WITHOUT_221,
}
_CLOSE_OF_BROKEN_QUIT = {
    Reason.EOF: Close.FIN_WITHOUT_221,
    Reason.RESET: Close.RESET_WITHOUT_221,
    Reason.TIMEOUT: Close.TIMEOUT,
    Reason.DEADLINE: Close.TIMEOUT,
    Reason.PROTOCOL_ERROR: Close.MALFORMED,
    Reason.REPLY_TOO_LONG: Close.MALFORMED,
}

_SECONDS = st.floats(0, 1e6, allow_subnormal=True)
_MOMENTS = st.floats(0, 4e9)
_CODES = {
    Reason.REJECTED: st.integers(500, 599),
    Reason.DEFERRED: st.integers(400, 499).filter(lambda code: code != 421),
    Reason.UNAVAILABLE: st.just(421),
    Reason.UNEXPECTED_CODE: st.integers(200, 399).filter(
        lambda code: code not in {220, 221, 235, 250}
    ),
    Reason.UNSOLICITED_221: st.just(221),
}
_DETAILS = st.tuples(st.integers(0, 999), st.integers(0, 999))
_KEYWORDS = st.text("AZ09-", min_size=1, max_size=40)
_MECHANISMS = st.text("AZ09_-", min_size=1, max_size=20)
_OFFERS = st.builds(
    Offer,
    st.lists(_KEYWORDS, unique=True, max_size=5).map(tuple),
    st.lists(_MECHANISMS, unique=True, max_size=4).map(tuple),
    st.none() | st.integers(1, 10**20 - 1),
)
_ADDRESSES = (st.ip_addresses(v=4) | st.ip_addresses(v=6)).map(str)
_RESOLVED = st.dictionaries(
    st.sampled_from(Family), st.integers(1, 40), min_size=1
).map(lambda counts: tuple(sorted(counts.items())))
_HEXADECIMAL = st.text("0123456789abcdef", min_size=1, max_size=64)
# From the year 1 to 9999, which is all that DER can say.
_DATES = st.floats(-62_135_596_800, 253_402_300_799)
CERTIFICATES = st.builds(
    Certificate,
    subject=st.text(),
    issuer=st.text(),
    serial=_HEXADECIMAL,
    fingerprint_sha256=_HEXADECIMAL,
    key=st.sampled_from(["RSA-2048", "EC-P-256", "Ed25519", "1.2.840.113549.1.1.10"]),
    key_sha256=_HEXADECIMAL,
    not_before=_DATES,
    not_after=_DATES,
    names=st.lists(st.text(), max_size=5).map(tuple),
)
_TLS = st.builds(
    TlsFacts,
    version=st.sampled_from(["TLSv1.2", "TLSv1.3"]),
    cipher=st.sampled_from(["TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES128-SHA"]),
    certificate=st.none() | CERTIFICATES,
    chain_not_after=st.none() | _DATES,
    problems=st.frozensets(st.sampled_from(CERTIFICATE_PROBLEMS)),
    verified=st.none() | st.booleans(),
)
_DANE = st.builds(
    DaneFacts,
    secure=st.booleans(),
    usable=st.integers(0, 9),
    unusable=st.integers(0, 9),
    verified=st.none() | st.booleans(),
)
_STS = st.builds(
    StsFacts,
    mode=st.none() | st.sampled_from(StsMode),
    expires=st.none() | _MOMENTS,
    verified=st.none() | st.booleans(),
)
_SAID = st.builds(
    Said, _SECONDS, st.sampled_from(Phase), st.sampled_from(Speaker), st.text()
)


@dataclass
class _Walk:
    """One session while it is drawn."""

    draw: st.DrawFn
    facts: dict[str, Any]
    records: list[PhaseRecord]
    failure: Failure | None = None

    def reach(self, phase: Phase, code: int | None, *, completed: bool) -> None:
        """Record one more phase."""
        status = None
        if code and phase not in _WITHOUT_STATUS and self.draw(st.booleans()):
            subject, detail = self.draw(_DETAILS)
            status = f"{code // 100}.{subject}.{detail}" if code // 100 != 3 else None
        seconds = self.draw(_SECONDS)
        self.records.append(PhaseRecord(phase, seconds, completed, code, status))

    def hold(self, phase: Phase) -> None:
        """Record a phase that went well."""
        good = None if phase in _WITHOUT_REPLY else _GOOD_CODE.get(phase, 250)
        self.reach(phase, good, completed=True)

    def fail(self, phase: Phase, reason: Reason) -> None:
        """Record the phase that failed, if it was reached at all."""
        self.failure = Failure(phase, reason)
        if reason in _NOT_REACHED and phase not in _OFFERING:
            return
        if reason not in _REPLIED or phase in _WITHOUT_REPLY:
            judged = phase is Phase.TLS and reason in _JUDGED
            self.reach(phase, None, completed=judged)
            self._note(reason, surplus=reason in _UNSOLICITED)
            return
        surplus = reason in _UNSOLICITED and (
            reason not in _CODES or self.draw(st.booleans())
        )
        codes = st.just(_GOOD_CODE.get(phase, 250))
        self.reach(
            phase,
            self.draw(codes if surplus else _CODES.get(reason, codes)),
            completed=True,
        )
        self._note(reason, surplus=surplus)

    def _note(self, reason: Reason, *, surplus: bool) -> None:
        if surplus or reason is Reason.UNSOLICITED_221:
            self.facts["unsolicited"] = (_UNSOLICITED[reason],)

    def unconnected(self, phase: Phase, reason: Reason) -> None:
        """End before TCP stood."""
        self.fail(phase, reason)
        self.facts |= {
            "close": Close.NONE,
            "address": None,
            "tcp": None,
            "quirks": frozenset(),
            "addresses_failed": self.draw(st.integers(0, 9)),
        }

    def abandon(self, reason: Reason) -> None:
        """End without an exchange of QUIT."""
        self.facts["close"] = _CLOSE_WITHOUT_QUIT.get(reason, Close.ABORTED)

    def quit(self, reason: Reason) -> None:
        """End with an exchange of QUIT that came to this; none is the 221."""
        self.facts["quit_sent"] = True
        if reason is Reason.NONE:
            self.hold(Phase.QUIT)
            self.facts["quit_code"] = 221
            return
        if reason in _CLOSE_OF_BROKEN_QUIT or reason is Reason.INTERNAL_ERROR:
            self.reach(Phase.QUIT, None, completed=False)
            close = _CLOSE_OF_BROKEN_QUIT.get(reason, Close.ABORTED)
        else:
            code = self.draw(_CODES[reason])
            self.reach(Phase.QUIT, code, completed=True)
            self.facts["quit_code"] = code
            close = Close.CODE_421 if code == 421 else Close.OTHER_CODE
        unavailable = self.failure and self.failure.reason is Reason.UNAVAILABLE
        if unavailable and self.facts.get("quit_code") is None:
            close = Close.CODE_421
        self.facts["close"] = close

    def close(self, close: Close) -> None:
        """Say how TCP ended after the 221."""
        self.facts["close"] = close
        self.reach(Phase.CLOSE, None, completed=close is not Close.OPEN_AFTER_221)

    def goodbye(self) -> None:
        """End in order, in any way; whatever it is fails nothing (any more)."""
        reason = self.draw(_ENDS)
        self.quit(reason)
        if reason is Reason.NONE:
            self.close(self.draw(_AFTER_221))

    def outcome(self) -> Outcome:
        """Complete the session with what does not depend on its end."""
        completed = {record.phase for record in self.records if record.completed}
        reached = {record.phase for record in self.records}
        draw = self.draw
        if Phase.GREETING in completed:
            self.facts["banner_first_byte"] = draw(st.none() | _SECONDS)
        if Phase.EHLO in completed:
            self.facts["offer"] = draw(st.none() | _OFFERS)
            self.facts["starttls_offered"] = draw(st.none() | st.booleans())
        if Phase.DNS in completed:
            self.facts["resolved"] = draw(_RESOLVED)
        if Phase.TLS in completed:
            self.facts["tls"] = self.tls()
            self.facts["tls_close_notify"] = draw(st.none() | st.booleans())
        assert reached or self.failure
        return Outcome(
            started_at=draw(_MOMENTS),
            duration=draw(_SECONDS),
            phases=tuple(self.records),
            failure=self.failure,
            **self.facts,
        )

    def tls(self) -> TlsFacts:
        """Draw what was agreed on; the failure's problem is among those found."""
        facts = self.draw(_TLS)
        reason = self.failure.reason if self.failure else Reason.NONE
        if reason not in CERTIFICATE_PROBLEMS:
            return facts
        return facts._replace(problems=facts.problems | {reason}, verified=False)


_AFTER_221 = st.sampled_from((Close.CLEAN, Close.RESET_AFTER_221, Close.OPEN_AFTER_221))
_ENDS = st.sampled_from(
    (
        *(Reason.NONE, Reason.NONE, Reason.NONE, *_CLOSE_OF_BROKEN_QUIT),
        *(Reason.REJECTED, Reason.DEFERRED, Reason.UNAVAILABLE),
        Reason.UNEXPECTED_CODE,
    )
)


_Pairs = st.SearchStrategy[tuple[Phase, Reason] | None]
FAILURES: _Pairs = st.sampled_from(PAIRS)
SUCCESSES: _Pairs = st.none()
_ANY = SUCCESSES | FAILURES


@st.composite
def outcomes(draw: st.DrawFn, pairs: _Pairs = _ANY) -> Outcome:
    """Draw an Outcome; `pairs` are the failures it may have, None a success."""
    pair = draw(pairs)
    walk = _Walk(
        draw,
        {
            "address": draw(_ADDRESSES),
            "tcp": draw(
                st.none() | st.builds(TcpFacts, _SECONDS, st.integers(0, 10**6))
            ),
            "quirks": draw(st.frozensets(st.sampled_from(Quirk), max_size=4)),
            "addresses_failed": draw(st.integers(0, 3)),
            "dane": draw(st.none() | _DANE),
            "sts": draw(st.none() | _STS),
            "transcript": tuple(draw(st.lists(_SAID, max_size=2))),
        },
        [],
    )
    for phase in _path(draw, pair[0] if pair else None):
        if pair and phase is pair[0]:
            _end_badly(walk, *pair)
            return walk.outcome()
        walk.hold(phase)
    walk.goodbye()
    return walk.outcome()


def _path(draw: st.DrawFn, failing: Phase | None) -> tuple[Phase, ...]:
    """Draw the phases before quit; the failing one is among them, or the last."""
    front: tuple[Phase, ...] = (Phase.DNS, Phase.CONNECT)
    if failing is not Phase.DNS and draw(st.booleans()):
        front = front[1:]
    always = (*front, Phase.QUIT, Phase.CLOSE)
    ways = [way for way in _WAYS if failing in way or failing in (*always, None)]
    path = (*front, *draw(st.sampled_from(ways)))
    return (*path, failing) if failing in {Phase.QUIT, Phase.CLOSE} else path


def _end_badly(walk: _Walk, phase: Phase, reason: Reason) -> None:
    if phase in {Phase.DNS, Phase.CONNECT}:
        walk.unconnected(phase, reason)
    elif phase is Phase.QUIT:
        walk.quit(reason)
        walk.failure = Failure(phase, reason)
    elif phase is Phase.CLOSE:
        walk.quit(Reason.NONE)
        after = (Close.RESET_AFTER_221, Close.OPEN_AFTER_221)
        policy = reason is Reason.CLOSE_POLICY
        walk.close(walk.draw(st.sampled_from(after)) if policy else after[1])
        walk.failure = Failure(phase, reason)
    else:
        walk.fail(phase, reason)
        if reason in _IN_ORDER:
            walk.goodbye()
        else:
            walk.abandon(reason)
