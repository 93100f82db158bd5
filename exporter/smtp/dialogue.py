"""The conversation, as one generator: what to say next, and what an answer means.

It yields steps and is sent what was heard; it can read neither clock nor socket. The
carrier throws Interrupted when a step cannot be finished. A refusal inside the
conversation still walks on to QUIT; a stream out of step does not (SMTP.md 0.3).

    [TLS] -> greeting -> [hold] -> EHLO (HELO after a 5yz) -> [STARTTLS -> TLS -> EHLO]
    -> [AUTH] -> [MAIL -> RCPT] -> QUIT

A reply that a module expects to be a refusal ends the walk there, as a success: who was
not let in does not go on as if. A server that is not taken for who it should be is told
nothing but QUIT, inside TLS.
"""

import re
from collections.abc import Generator

from exporter.outcome import CLOSING, NOT_AVAILABLE, Failure
from exporter.smtp import sasl
from exporter.smtp.capabilities import NOTHING_OFFERED, Capabilities, capabilities
from exporter.smtp.command import MAX_COMMAND_OCTETS, QUIT, command
from exporter.smtp.exchange import (
    Failed,
    Findings,
    Heard,
    Interrupted,
    Part,
    Step,
    begin_tls,
    exchange,
    owed,
    refusal,
    sit_idle,
)
from exporter.smtp.expectation import matches
from exporter.smtp.reply import Reply
from exporter.targets import Auth, Expect, Mail, Module
from exporter.vocabulary import Phase, Protocol, Quirk, QuitPolicy, Reason, TlsMode

Dialogue = Generator[Step, Heard, Findings]

GOODBYE = frozenset({CLOSING})
PERMANENT = frozenset(range(500, 600))
# J7: codes not listed count by their first digit, but 221 only ever answers QUIT.
POSITIVE = frozenset(range(200, 300)) - GOODBYE
READY = frozenset({220})
AUTHENTICATED = frozenset({235})
CHALLENGE = 334
_STARTTLS = frozenset({"STARTTLS"})
_BY_STARTTLS = frozenset({TlsMode.OPPORTUNISTIC, TlsMode.REQUIRED})
_NOT_NOW = frozenset({Reason.DEFERRED, Reason.REJECTED})
# What may answer a cancelled AUTH (RFC 4954 section 4 says 501) without being judged.
_ANY = frozenset(range(200, 600)) - GOODBYE - {NOT_AVAILABLE}

# Domain or address literal (RFC 5321 section 4.1.2), as the greeting's first word.
_HOST_FIRST = re.compile(
    rb"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[^\]\s]+\])(?:\s|\Z)"
)


def converse(module: Module, own_name: str, secret: bytes = b"") -> Dialogue:
    """Hold the conversation that the module asks for.

    `own_name` is what EHLO says when the module names nothing: the address literal of
    the connected socket. `secret` is what the module's `auth` needs. Returns Findings,
    also after Interrupted was thrown in.
    """
    findings = Findings()
    try:
        yield from _until_quit(module, own_name, secret, findings)
    except Failed as failed:
        findings.failure = findings.failure or failed.failure
        if not failed.in_step:
            findings.left_by = failed.failure.reason
            return findings
    yield from _quit(module.quit, findings)
    return findings


def _until_quit(
    module: Module, own_name: str, secret: bytes, findings: Findings
) -> Part[None]:
    welcome = yield from _welcome(module, findings)
    if not (welcome and module.ehlo):
        return
    offered = yield from _introduction(module, module.ehlo_name or own_name, findings)
    if offered is None:
        return
    if module.auth:
        welcome = yield from _auth(
            module.auth,
            secret,
            offered,
            _wanted(module, Phase.AUTH, AUTHENTICATED),
            findings,
        )
    if module.mail and welcome:
        yield from _envelope(module, module.mail, offered, findings)


def _welcome(module: Module, findings: Findings) -> Part[bool]:
    """Await the greeting, inside TLS or not; true when there is more to say."""
    if module.tls is TlsMode.IMPLICIT:
        yield from begin_tls(findings)
    welcome = yield from _greeting(module.expect, findings)
    if not welcome or findings.failure:
        return False
    if module.hold:
        yield from sit_idle(Step(Phase.HOLD, idle=module.hold), findings)
    return True


def _introduction(
    module: Module, name: str, findings: Findings
) -> Part[Capabilities | None]:
    """Say EHLO, and again inside TLS; None ends the walk."""
    offered = yield from _ehlo(module, Phase.EHLO, name, findings)
    if offered and module.tls in _BY_STARTTLS:
        return (yield from _starttls(module, offered, name, findings))
    return offered


def _wanted(module: Module, phase: Phase, usual: frozenset[int]) -> frozenset[int]:
    return dict(module.expect.reply).get(phase, usual)


def _positive(reply: Reply) -> bool:
    return reply.code in POSITIVE


def _greeting(expect: Expect, findings: Findings) -> Part[bool]:
    reply = yield from exchange(Step(Phase.GREETING), expect.greeting, findings)
    if _positive(reply) and any(reply.lines) and not _HOST_FIRST.match(reply.lines[0]):
        findings.quirks.add(Quirk.GREETING_NO_DOMAIN)
    if expect.banner is not None and not matches(expect.banner, reply):
        raise Failed(Phase.GREETING, Reason.UNEXPECTED_TEXT)
    return _positive(reply)


def _ehlo(
    module: Module, phase: Phase, name: str, findings: Findings
) -> Part[Capabilities | None]:
    """Say EHLO or LHLO; None when a refusal was wanted and came."""
    wanted = _wanted(module, Phase.EHLO, POSITIVE)
    fallback = module.protocol is Protocol.SMTP  # LMTP has none (RFC 2033 section 4.1)
    hello = Step(phase, command("EHLO" if fallback else "LHLO", name))
    accepted = wanted | PERMANENT if fallback else wanted
    reply = yield from exchange(hello, accepted, findings)
    if reply.code in wanted and not _positive(reply):
        return None
    offered = capabilities(reply)
    if reply.code not in wanted:  # J21: HELO after any 5yz, and never after a 4yz
        findings.quirks.add(Quirk.EHLO_FALLBACK)
        helo = Step(phase, command("HELO", name))
        reply = yield from exchange(helo, wanted, findings)
        if not _positive(reply):
            return None
        offered = NOTHING_OFFERED  # RFC 5321 section 3.2: no extended reply to HELO
    _note_offer(offered, findings)
    last = phase is Phase.EHLO_TLS or module.tls not in _BY_STARTTLS
    _hold_against(module.expect, offered, phase, last=last)
    return offered


def _note_offer(offered: Capabilities, findings: Findings) -> None:
    findings.offer = offered.offer
    findings.quirks |= offered.quirks
    starttls = offered.keywords >= _STARTTLS
    if not findings.encrypted:
        findings.starttls_offered = starttls
    elif starttls:
        findings.quirks.add(Quirk.STARTTLS_READVERTISED)


def _hold_against(
    expect: Expect, offered: Capabilities, phase: Phase, *, last: bool
) -> None:
    """Hold what is offered against what is expected of it.

    STARTTLS is looked for before TLS, all else in the last EHLO: servers offer AUTH
    inside TLS only.
    """
    if not _due(expect.extensions, phase, last=last) <= offered.keywords:
        raise Failed(phase, Reason.NOT_OFFERED)
    if _due(expect.extensions_absent, phase, last=last) & offered.keywords:
        raise Failed(phase, Reason.UNEXPECTED_EXTENSION)


def _due(keywords: frozenset[str], phase: Phase, *, last: bool) -> frozenset[str]:
    if phase is Phase.EHLO_TLS:
        return keywords - _STARTTLS
    return keywords if last else keywords & _STARTTLS


def _starttls(
    module: Module, offered: Capabilities, name: str, findings: Findings
) -> Part[Capabilities | None]:
    """Encrypt by STARTTLS and say EHLO again; nothing said before counts any more.

    Where it is opportunistic and not to be had, the session goes on in the clear (J23).
    None ends the walk.
    """
    granted = yield from _ask_for_tls(module.tls, offered, findings)
    if not granted:
        _hold_against(module.expect, offered, Phase.EHLO, last=True)
        return offered
    yield from begin_tls(findings)
    if findings.failure:
        return None
    return (yield from _ehlo(module, Phase.EHLO_TLS, name, findings))


def _ask_for_tls(
    mode: TlsMode, offered: Capabilities, findings: Findings
) -> Part[bool]:
    optional = mode is TlsMode.OPPORTUNISTIC
    if not offered.keywords >= _STARTTLS:
        if optional:
            return False
        raise Failed(Phase.STARTTLS, Reason.NOT_OFFERED)
    step = Step(Phase.STARTTLS, command("STARTTLS"))
    try:
        yield from exchange(step, READY, findings, behind=Reason.INJECTION)
    except Failed as failed:
        if optional and failed.in_step and failed.failure.reason in _NOT_NOW:
            return False
        raise
    return True


def _auth(
    auth: Auth,
    secret: bytes,
    offered: Capabilities,
    wanted: frozenset[int],
    findings: Findings,
) -> Part[bool]:
    if not (auth.allow_plaintext or findings.encrypted):
        raise Failed(Phase.AUTH, Reason.TLS_REQUIRED)
    if auth.mechanism.value not in offered.mechanisms:
        raise Failed(Phase.AUTH, Reason.NOT_OFFERED)
    responses = sasl.respond(auth.mechanism, auth.username, secret)
    step, unsent = _begin_auth(auth, next(responses))
    while True:
        reply = yield from exchange(step, wanted | {CHALLENGE}, findings)
        if reply.code != CHALLENGE:
            return _positive(reply)
        response = _response(responses, reply, unsent)
        if response is None:
            yield from exchange(Step(Phase.AUTH, b"*\r\n"), _ANY, findings)
            raise Failed(Phase.AUTH, Reason.UNEXPECTED_CODE)
        unsent = None
        step = _secret_step(b"", response)


def _begin_auth(auth: Auth, initial: bytes | None) -> tuple[Step, bytes | None]:
    """Make the AUTH command, and give the initial response that it has no room for.

    RFC 4954 section 4: a command line over 512 octets must not carry one.
    """
    verb = f"AUTH {auth.mechanism.value}".encode()
    if initial is not None and auth.initial_response:
        step = _secret_step(verb + b" ", initial)
        if step.line and len(step.line) <= MAX_COMMAND_OCTETS:
            return step, None
    return Step(Phase.AUTH, verb + b"\r\n"), initial


def _secret_step(verb: bytes, response: bytes) -> Step:
    line = verb + sasl.encode(response) + b"\r\n"
    return Step(Phase.AUTH, line, shown=verb + b"<secret>")


def _response(
    responses: sasl.Responses, reply: Reply, unsent: bytes | None
) -> bytes | None:
    """Answer a challenge; None for one that cannot be read or was not to come."""
    challenge = sasl.decode(reply.lines[-1])
    if challenge is None:
        return None
    try:
        return responses.send(challenge) if unsent is None else unsent
    except StopIteration:
        return None


def _envelope(
    module: Module, mail: Mail, offered: Capabilities, findings: Findings
) -> Part[None]:
    """Offer an envelope and leave it: QUIT aborts the transaction (J32)."""
    smtputf8 = not (mail.sender + mail.recipient).isascii()
    if smtputf8 and "SMTPUTF8" not in offered.keywords:
        raise Failed(Phase.MAIL, Reason.NOT_OFFERED)
    sender = f"FROM:<{mail.sender}>{' SMTPUTF8' if smtputf8 else ''}"
    step = Step(Phase.MAIL, command("MAIL", sender, smtputf8=smtputf8))
    reply = yield from exchange(step, _wanted(module, Phase.MAIL, POSITIVE), findings)
    if _positive(reply):
        line = command("RCPT", f"TO:<{mail.recipient}>", smtputf8=smtputf8)
        wanted = _wanted(module, Phase.RCPT, POSITIVE)
        yield from exchange(Step(Phase.RCPT, line), wanted, findings)


def _quit(policy: QuitPolicy, findings: Findings) -> Part[None]:
    findings.quit_begun = True
    reason: Reason | None
    try:
        heard = yield Step(Phase.QUIT, QUIT)
    except Interrupted as interrupted:
        reason = findings.quit_broken = interrupted.reason
    else:
        reply = owed(heard)
        findings.quirks |= reply.quirks
        findings.quit_code = reply.code
        reason = refusal(reply.code, GOODBYE)
        if heard.surplus and not reason:
            findings.quirks.add(Quirk.TRAILING_DATA)
    if reason and not findings.failure and policy is not QuitPolicy.OBSERVE:
        findings.failure = Failure(Phase.QUIT, reason)
