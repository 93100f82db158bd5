"""What every failure is called in words: seen, usually means, what to do.

Holds sentences only; a test walks the vocabulary and finds each pair here exactly once.
A row says no more than its pair does: what was seen is certain, what it usually means
is SMTP.md 2 (what servers really do), and the remedy starts with the likeliest. Clauses
begin in lower case and have no full stop; whoever joins them adds it.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from exporter.vocabulary import Phase, Reason


class Row(NamedTuple):
    """Three clauses for one reason in some phases; `seen` has slots for the phase."""

    phases: tuple[Phase, ...]
    seen: str
    means: str
    remedy: str


class Slots(NamedTuple):
    """What a phase is called inside a sentence, in four positions."""

    answer: str = ""  # what the probe waits for
    doing: str = ""  # what the server should be doing, after "instead of"
    when: str = ""
    at: str = ""


_COMMANDS = {
    Phase.EHLO: "EHLO",
    Phase.STARTTLS: "STARTTLS",
    Phase.EHLO_TLS: "EHLO inside TLS",
    Phase.AUTH: "AUTH",
    Phase.MAIL: "MAIL FROM",
    Phase.RCPT: "RCPT TO",
    Phase.QUIT: "QUIT",
}
_IDLE = "while the probe sat idle after the greeting"
_SLOTS = {
    Phase.DNS: Slots(when="while the name was looked up"),
    Phase.CONNECT: Slots(when="while TCP was connecting"),
    Phase.TLS: Slots(when="during the TLS handshake"),
    Phase.GREETING: Slots(
        answer="the greeting", when="while it waited for the greeting"
    ),
    Phase.HOLD: Slots(answer=f"what came {_IDLE}", when=_IDLE),
    Phase.CLOSE: Slots(when="while it waited for the close after the 221"),
}


def seen(row: Row, *phases: Phase) -> str:
    """Say what was seen in one phase, or in any of several."""
    return row.seen.format_map(_slots(phases)._asdict())


def _slots(phases: Sequence[Phase]) -> Slots:
    if len(phases) == 1 and phases[0] in _SLOTS:
        return _SLOTS[phases[0]]
    if not {*phases} <= {*_COMMANDS}:
        return Slots(when="during the phase")
    *names, last = (_COMMANDS[phase] for phase in phases)
    command = f"{', '.join(names)} or {last}" if names else last
    answer = f"the answer to {command}"
    return Slots(
        answer=answer,
        doing=f"answering {command}",
        when=f"while it waited for {answer}",
        at=f"at {command}",
    )


_ALL = tuple(Phase)
_DNS = (Phase.DNS,)
_CONNECT = (Phase.CONNECT,)
_TLS = (Phase.TLS,)
_GREETING = (Phase.GREETING,)
_HOLD = (Phase.HOLD,)
_BOTH_EHLO = (Phase.EHLO, Phase.EHLO_TLS)
_STARTTLS = (Phase.STARTTLS,)
_AUTH = (Phase.AUTH,)
_MAIL = (Phase.MAIL,)
_RCPT = (Phase.RCPT,)
_QUIT = (Phase.QUIT,)
_CLOSE = (Phase.CLOSE,)
_BEFORE_QUIT = tuple(phase for phase in _COMMANDS if phase is not Phase.QUIT)
_BEFORE_AUTH = (Phase.EHLO, Phase.STARTTLS, Phase.EHLO_TLS)

_OPENSSL = "`openssl s_client -connect HOST:PORT` (on 25 and 587 with `-starttls smtp`)"
_OBSERVE = "set `quit: observe` if the goodbye must not fail a probe"

_IDLE_MEANS = "the server ends idle sessions, and says so in words of its own"
_IDLE_REMEDY = (
    "read what it said in the transcript, and compare the server's idle limit with the "
    "module's `hold`"
)

# Of protocol_error, where the octets show what they are.
TLS_ON_PLAIN_PORT = Row(
    _GREETING,
    "what came instead of a greeting is not SMTP, but a TLS record",
    "this is a TLS server on a port that the module takes for plain SMTP",
    "probe it with the module `submissions` (as on 465), or set the module's `tls` to "
    "`implicit`; if the port should be plain, check which program listens on it",
)

TABLE: Mapping[Reason, tuple[Row, ...]] = MappingProxyType(
    {
        Reason.NONE: (),
        Reason.TIMEOUT: (
            Row(
                _DNS,
                "the resolver did not answer within the limit",
                "the resolver is down, overloaded or out of reach, or the zone's own "
                "servers do not answer it",
                "ask the same resolver by hand with `dig`, from the exporter's "
                "machine; `dns.servers` names another one, `dane_resolver` that for "
                "TLSA records",
            ),
            Row(
                _CONNECT,
                "no TCP connection was established within the limit",
                "a firewall drops the packets, the host is down, or the server no "
                "longer accepts and its queue is full; an open host without a server "
                "would have refused",
                "check that the host is up, that the port is right, and the firewalls "
                "on the way; many providers block port 25 on the way out",
            ),
            Row(
                _TLS,
                "the TLS handshake was not finished within the limit",
                "the server hangs or is overloaded, the port does not expect TLS, or "
                "large packets get lost on the way (MTU)",
                f"run {_OPENSSL} from the exporter's machine, and look in the server's "
                "log at this time; a port with STARTTLS (25, 587) needs `tls: required`"
                ", not `implicit`",
            ),
            Row(
                _GREETING,
                "the connection stood, but no complete greeting came within the limit",
                "the server hangs, is at its connection limit (TCP still connects "
                "then), waits for a slow DNS lookup, delays greetings on purpose "
                "(postscreen 6 s, others 20 s and more), expects TLS first (port 465), "
                "or waits for a PROXY header",
                "check that the server is running, that the port is right, and that no "
                "firewall or load balancer in between accepts in its place; a port "
                "with TLS from the start (465) needs `tls: implicit`; if the delay is "
                "meant, raise `timeouts.greeting`",
            ),
            Row(
                _HOLD,
                f"TCP gave the connection up {_IDLE}",
                "the host or the network on the way went away while nothing was said",
                "check that the host is still up, and whether other targets behind the "
                "same network fail as well",
            ),
            Row(
                _BEFORE_AUTH,
                "{answer} did not come in full within the limit",
                "the server hangs or is overloaded, waits for a lookup of its own "
                "(DNS, a filter), or delays this client on purpose",
                "look at the server's load and log at this time; if the delay is "
                "meant, raise `timeouts.command`",
            ),
            Row(
                _AUTH,
                "{answer} did not come in full within the limit",
                "the server waits for its password database (LDAP, SQL, PAM), or slows "
                "down logins that fail",
                "look in the log of the server's authentication at this time, and "
                "whether what it asks answers",
            ),
            Row(
                (*_MAIL, *_RCPT),
                "{answer} did not come in full within the limit",
                "the server waits for what it asks about the addresses (a policy "
                "service, a blocklist, another server that it calls), or delays this "
                "client on purpose (tarpit)",
                "look in the server's log what it waited for; if the delay is meant, "
                "raise `timeouts.command`",
            ),
            Row(
                _QUIT,
                "{answer} did not come in full within the limit",
                "the server ignores QUIT or hangs at the end of a session; many "
                "senders do not wait for this answer, so mail may still flow",
                "look in the server's log how the session ended for it; if it is only "
                f"slow, raise `timeouts.quit`; {_OBSERVE}",
            ),
            Row(
                _CLOSE,
                "221 answered QUIT, but the server did not close the connection within "
                "the limit",
                "the server, or what stands in front of it, holds on to the socket; "
                "Exim does so for up to 2 s on purpose",
                "raise `timeouts.close` if it is only slow; set `quit: require` if 221 "
                "is enough",
            ),
        ),
        Reason.DEADLINE: (
            Row(
                _ALL,
                "the module's `timeout` for the whole probe ran out {when}",
                "this step is slow, or those before it left it too little time",
                "see which phase took the time and look there; raise `timeout` if the "
                "server is meant to be this slow",
            ),
        ),
        Reason.EOF: (
            Row(
                _TLS,
                "the server closed the connection during the TLS handshake",
                "the server has no usable certificate or key, refuses this client, or "
                "does not expect TLS on this port",
                f"look in the server's log for a TLS error, and run {_OPENSSL}",
            ),
            Row(
                _GREETING,
                "the server closed the connection instead of greeting",
                "an access rule or a ban, a load balancer without a live server behind "
                "it, a server that expects TLS or a PROXY header first, or a process "
                "that dies at once",
                "look in the server's log for this client; check its access rules, and "
                "the load balancer's health checks",
            ),
            Row(
                _HOLD,
                f"the server closed the connection without a word {_IDLE}",
                "its idle limit ran out (OpenSMTPD and Courier close in silence, after "
                "300 s by default), or it was stopped",
                "compare the server's idle limit, and that of what stands in between, "
                "with the module's `hold`; look in the server's log for a restart",
            ),
            Row(
                _BEFORE_QUIT,
                "the server closed the connection instead of {doing}",
                "the server's process died or was restarted, or a filter, proxy or "
                "load balancer in between ended the session; some servers hang up on "
                "clients that they do not like",
                "look in the server's log for this client at this time; if it saw "
                "nothing, look at what stands in between",
            ),
            Row(
                _QUIT,
                "the server closed the connection instead of {doing}",
                "the server skips its 221, or dies before it is out; many senders do "
                "not wait for it, so mail may still flow and nobody else may notice",
                f"look in the server's log how the session ended for it; {_OBSERVE}",
            ),
        ),
        Reason.RESET: (
            Row(
                _TLS,
                "the connection was reset during the TLS handshake",
                "a firewall or a load balancer cuts it, the server crashed, or the "
                "port does not expect TLS",
                f"run {_OPENSSL}, and look in the server's log; if it saw nothing, "
                "look at what stands in between",
            ),
            Row(
                _GREETING,
                "the connection was established, then reset before a greeting came",
                "a load balancer without a live server behind it, a firewall that cuts "
                "mail, an access rule, or a server that crashed",
                "check that the server is running and reachable behind what accepts "
                "for it; look in its log for this client",
            ),
            Row(
                _HOLD,
                f"the connection was reset {_IDLE}",
                "a firewall, NAT or load balancer dropped the idle session, or the "
                "server was stopped",
                "compare the idle limits of what stands in between with the module's "
                "`hold`; look in the server's log for a restart",
            ),
            Row(
                _BEFORE_QUIT,
                "a reset came instead of {answer}",
                "the server crashed, or a firewall or load balancer in between cut the "
                "session",
                "look in the server's log for this client at this time; if it saw "
                "nothing, look at what stands in between",
            ),
            Row(
                _QUIT,
                "a reset came instead of {answer}",
                "the server, or what stands in front of it, ends sessions without "
                "reading QUIT; many senders do not wait for the 221, so mail may still "
                "flow",
                f"look in the server's log how the session ended for it; {_OBSERVE}",
            ),
        ),
        Reason.REFUSED: (
            Row(
                _CONNECT,
                "the connection was refused",
                "the mail server is not running, listens on another port or address, "
                "or a firewall rejects the connection",
                "check that the server is running, that the port is right (on the "
                "server: `ss -ltn`), and the firewalls on the way",
            ),
        ),
        Reason.UNREACHABLE: (
            Row(
                _CONNECT,
                "connecting failed, because the host or its network cannot be reached",
                "there is no route to it, the host is off, or a router or firewall on "
                "the way says no; often an IPv6 address without working IPv6",
                "check the routes of the exporter's machine (`ip route get ADDRESS`) "
                "and the firewalls; `ip_family: ipv4` keeps to IPv4",
            ),
        ),
        Reason.LOCAL_ERROR: (
            Row(
                _DNS,
                "the exporter's own machine could not look the name up",
                "it is short of memory or file descriptors; the mail server has no "
                "part in it",
                "look at the limits of the exporter's process (`ulimit -n`, "
                "`LimitNOFILE=`) and at its machine's memory",
            ),
            Row(
                _CONNECT,
                "the exporter's own machine failed before a connection was made",
                "it is short of file descriptors, ports or buffers, may not connect, "
                "or cannot use what the module names (a password, a certificate, a "
                "source address); the mail server has no part in it",
                "read the transcript; look at the limits of the exporter's process "
                "(`ulimit -n`, `LimitNOFILE=`), its permissions and its firewall, and "
                "at the module's `source_address`, `auth`, `ca_file` and `cert_file`",
            ),
        ),
        Reason.INTERNAL_ERROR: (
            Row(
                _ALL,
                "the exporter itself failed {when}",
                "a bug in the exporter; it says nothing about the mail server",
                "report it, with the traceback from the exporter's log at this time",
            ),
        ),
        Reason.NXDOMAIN: (
            Row(
                _DNS,
                "DNS says that the name does not exist",
                "the target is mistyped, the record or the whole zone is gone, or this "
                "resolver does not know an internal name",
                "check the target's spelling, ask for the name with `dig` from the "
                "exporter's machine, and look at the zone",
            ),
        ),
        Reason.NODATA: (
            Row(
                _DNS,
                "DNS knows the name, but has no record for it that the probe can use",
                "it has addresses of the other family only, or is a mail domain with "
                "an MX and no address of its own, or with an MX that names no host",
                "check its A and AAAA records against `ip_family` and "
                "`source_address`; a mail domain's hosts are probed by a target with "
                "`mx: DOMAIN` instead of a host",
            ),
        ),
        Reason.SERVFAIL: (
            Row(
                _DNS,
                "the resolver gave no usable answer about the name",
                "the zone's own servers fail, its DNSSEC signatures do not validate, "
                "or the resolver refuses this client or is not there; where DANE is "
                "enforced, this counts for TLSA records too",
                "ask the same resolver with `dig`, again with `dig +cd` (without "
                "DNSSEC), and then the zone's own servers",
            ),
        ),
        Reason.NULL_MX: (
            Row(
                _DNS,
                "the domain says in DNS that it takes no mail (a null MX)",
                "that is meant, as it is for domains without mail; otherwise the "
                "record was left or set by mistake",
                "take the domain out of the targets, or the record `MX 0 .` out of "
                "the zone",
            ),
        ),
        Reason.DNSSEC_BOGUS: (
            Row(
                _DNS,
                "DNSSEC validation failed for the host or its TLSA records, which the "
                "module demands (DANE)",
                "signatures have expired, or the keys were changed and the parent "
                "zone's DS record was not; senders that check DANE do not deliver",
                "check the zone with `delv` or a DNSSEC debugger, sign it again, or "
                "correct the DS record",
            ),
        ),
        Reason.PROTOCOL_ERROR: (
            Row(
                _GREETING,
                "what came instead of a greeting is not SMTP",
                "another service listens on this port (SSH, HTTP, IMAP, TLS), or the "
                "greeting's lines lack their code or have different ones",
                "check that the port is right and which program listens on it; a port "
                "with TLS from the start (465) needs `tls: implicit`",
            ),
            Row(
                _HOLD,
                "{answer} is not SMTP",
                _IDLE_MEANS,
                _IDLE_REMEDY,
            ),
            Row(
                (*_BEFORE_QUIT, *_QUIT),
                "{answer} is not an SMTP reply",
                "a broken server, or a filter or proxy in between that adds text of "
                "its own; lines without a code or with different ones count too, as "
                "senders disagree about them",
                "read what came in the transcript, and find the program that says it",
            ),
        ),
        Reason.REPLY_TOO_LONG: (
            Row(
                _GREETING,
                "the greeting went over every sensible size",
                "another service floods this port, or the server is broken or hostile; "
                "no mail server in use says this much",
                "check that the port is right and which program listens on it",
            ),
            Row(
                _HOLD,
                "{answer} went over every sensible size",
                "something floods the connection; no mail server in use says this much",
                "look at which program listens on the port, and at what stands in "
                "between",
            ),
            Row(
                (*_BEFORE_QUIT, *_QUIT),
                "{answer} went over every sensible size",
                "a broken or hostile server; no mail server in use says this much",
                "look at the beginning of the reply in the transcript, and at which "
                "program says it",
            ),
        ),
        Reason.UNSOLICITED_REPLY: (
            Row(
                _GREETING,
                "the server went on talking behind its complete greeting",
                "a banner of several lines that is written without `220-`, a greeting "
                "that is sent twice, or a proxy that adds lines of its own",
                "read in the transcript what came behind the greeting, and find the "
                "program or setting that says it",
            ),
            Row(
                _HOLD,
                f"the server spoke unasked {_IDLE}",
                "it ends idle sessions with a code of its own (451 from qmail and "
                "Gmail), or broke its greeting in two",
                _IDLE_REMEDY,
            ),
            Row(
                _BEFORE_QUIT,
                "more came behind {answer}, although nothing more had been asked",
                "server and client are out of step: a reply is sent twice, a proxy "
                "adds lines of its own, or somebody slips replies in",
                "read in the transcript what came too much, and find the program that "
                "says it",
            ),
        ),
        Reason.UNSOLICITED_221: (
            Row(
                _GREETING,
                "the server said goodbye (221) with its greeting, before any QUIT",
                "the server is shutting down, or takes no sessions from this client; "
                "the proper codes are 421 and 554",
                "look in the server's log whether it was being stopped and what it "
                "says about this client",
            ),
            Row(
                _HOLD,
                f"the server said goodbye (221) {_IDLE}",
                "it times out idle sessions, as Stalwart does in these words, or it is "
                "shutting down",
                "compare the server's idle limit with the module's `hold`; look in the "
                "server's log whether it was being stopped",
            ),
            Row(
                _BEFORE_QUIT,
                "the server said goodbye (221) {at}, before any QUIT",
                "the server is shutting down, times out idle sessions, or takes the "
                "probe for a client that is not SMTP (as Postfix does with HTTP); the "
                "proper code is 421",
                "look in the server's log why it ended the session: a restart, an idle "
                "limit, or a rule about this client",
            ),
        ),
        Reason.UNAVAILABLE: (
            Row(
                _GREETING,
                "the server said 421 (service not available) with its greeting",
                "too many connections, from this client (Postfix allows 50, Exchange "
                "20) or in all, too much load, a rate limit or ban, a shutdown, or a "
                "PROXY header that Postfix waited for in vain",
                "read the text of the 421; look at the server's connection limits and "
                "load; exempt the exporter, or probe less often",
            ),
            Row(
                _HOLD,
                f"the server said 421 (service not available) {_IDLE}",
                "its idle limit ran out (most servers say it so; Postfix after 300 s, "
                "under stress after 10 s), or it is shutting down",
                "compare the server's idle limit with the module's `hold`; look in the "
                "server's log for load or a restart",
            ),
            Row(
                (*_BEFORE_AUTH, *_MAIL, *_RCPT),
                "the server said 421 (service not available) {at}",
                "a rate limit or ban, too many connections or errors of this client, "
                "too much load, or a shutdown",
                "read the text of the 421; look at the server's limits and load; "
                "exempt the exporter, or probe less often",
            ),
            Row(
                _AUTH,
                "the server said 421 (service not available) {at}",
                "too many failed logins, the password database behind the server does "
                "not answer, or it is shutting down",
                "read the text of the 421; look in the log of the server's "
                "authentication; exempt the exporter from its limits",
            ),
            Row(
                _QUIT,
                "the server answered QUIT with 421 (service not available), not 221",
                "the server is being stopped, or a limit ran out at this moment",
                f"look in the server's log whether it was being stopped; {_OBSERVE}",
            ),
        ),
        Reason.DEFERRED: (
            Row(
                _GREETING,
                "{answer} is a no for now (a 4yz reply)",
                "the server is overloaded or short of something, limits this client, "
                "or cannot look this client up",
                "read the greeting's text; look at the server's load, disk and "
                "resolver",
            ),
            Row(_HOLD, "{answer} is a 4yz reply", _IDLE_MEANS, _IDLE_REMEDY),
            Row(
                _BOTH_EHLO,
                "{answer} is a no for now (a 4yz reply)",
                "the server cannot check the name or the client at the moment, or "
                "limits this client",
                "read the reply's text; look at the server's resolver, and at whether "
                "`ehlo_name` is a name with an address",
            ),
            Row(
                _STARTTLS,
                "{answer} is a no for now (a 4yz reply)",
                "the server offers TLS and cannot begin it (454): a certificate or key "
                "that it cannot read, or a TLS process that does not run",
                "look in the server's log for the TLS error; check its certificate, "
                "key and their permissions",
            ),
            Row(
                _AUTH,
                "{answer} is a no for now (a 4yz reply)",
                "the password database behind the server (LDAP, SQL, PAM) does not "
                "answer (454), or limits logins",
                "look in the log of the server's authentication, and whether what it "
                "asks answers",
            ),
            Row(
                _MAIL,
                "{answer} is a no for now (a 4yz reply)",
                "a full disk (452), a rate limit, or a check of the sender that fails "
                "at the moment",
                "read the reply's text; look at the server's disk, its policy service "
                "and its resolver",
            ),
            Row(
                _RCPT,
                "{answer} is a no for now (a 4yz reply)",
                "greylisting or postscreen's tests of new clients (450), a full "
                "mailbox (452), or a lookup of the recipient that fails",
                "read the reply's text; exempt the exporter from greylisting, or look "
                "at what the server asks about recipients",
            ),
            Row(
                _QUIT,
                "{answer} is a 4yz reply, not 221",
                "the server hit a limit of its own at this moment (a time limit, too "
                "many errors)",
                f"read the reply's text; look in the server's log; {_OBSERVE}",
            ),
        ),
        Reason.REJECTED: (
            Row(
                _GREETING,
                "{answer} is a permanent no (a 5yz reply)",
                "the server takes no mail from this client (a blocklist, an access "
                "rule, a PROXY header that it did not expect), or from nobody (521, "
                "554)",
                "read the greeting's text; allow the exporter's address; a host that "
                "is meant to refuse can be named in `expect.greeting`",
            ),
            Row(_HOLD, "{answer} is a 5yz reply", _IDLE_MEANS, _IDLE_REMEDY),
            Row(
                _BOTH_EHLO,
                "{answer} (or to HELO after it) is a permanent no (a 5yz reply)",
                "the server does not take the probe's name (501, 504) or address "
                "(550), or is no mail server (FTP greets with 220 too)",
                "read the reply's text; set `ehlo_name` to a full name that resolves "
                "to the exporter's address; allow that address",
            ),
            Row(
                _STARTTLS,
                "{answer} is a permanent no (a 5yz reply)",
                "the server offers TLS and is not set up for it, or a proxy in between "
                "offers it in the server's name",
                "look at the server's TLS settings and its log",
            ),
            Row(
                _AUTH,
                "{answer} is a permanent no (a 5yz reply)",
                "a wrong user name or password (535), a locked account, or a mechanism "
                "that the server does not take (504, 534, 538)",
                "log in by hand with the same credentials, and correct them soon: "
                "logins that fail at each probe get the exporter banned",
            ),
            Row(
                _MAIL,
                "{answer} is a permanent no (a 5yz reply)",
                "the server wants TLS or a login first (530), or refuses the sender "
                "(550, 553)",
                "read the reply's text; give the module TLS or `auth`, or a sender in "
                "`mail.from` that the server takes",
            ),
            Row(
                _RCPT,
                "{answer} is a permanent no (a 5yz reply)",
                "no such recipient (550), a server that does not relay for this client "
                "(554), or a policy against it",
                "read the reply's text; check `mail.rcpt`; a refusal that is meant can "
                "be named in `expect.reply`",
            ),
            Row(
                _QUIT,
                "{answer} is a 5yz reply, not 221",
                "a filter or proxy that does not know QUIT, or a server that refuses "
                "everything after an error",
                f"read the reply's text; look in the server's log; {_OBSERVE}",
            ),
        ),
        Reason.UNEXPECTED_CODE: (
            Row(
                _GREETING,
                "the greeting has a code that was not expected",
                "another service (NNTP greets with 200), a code of the administrator's "
                "own (Cisco's gateways allow it), or a server that greets although the "
                "module expects a refusal",
                "read the greeting; check that the port is right; a code that is meant "
                "can be named in `expect.greeting`",
            ),
            Row(
                _HOLD,
                "{answer} is a reply that nobody expected",
                _IDLE_MEANS,
                _IDLE_REMEDY,
            ),
            Row(
                (*_BOTH_EHLO, *_MAIL),
                "{answer} has a code that was not expected",
                "the server accepts what the module expects it to refuse, or is no "
                "mail server",
                "read the reply, and compare it with the module's `expect.reply`",
            ),
            Row(
                _STARTTLS,
                "{answer} has a code other than 220",
                "a broken server, or a proxy that does not know STARTTLS",
                "read the reply; look at the server's TLS settings, and at what stands "
                "in between",
            ),
            Row(
                _AUTH,
                "{answer} has a code that was not expected",
                "the server asks for more than the mechanism has to say (334), or a "
                "login succeeded (235) that the module expects to fail",
                "read the exchange in the transcript; if the login should fail, act at "
                "once; else try another `auth.mechanism`",
            ),
            Row(
                _RCPT,
                "{answer} has a code that was not expected",
                "the server accepts a recipient that the module expects it to refuse: "
                "it may be an open relay",
                "read the reply; if it relays for everybody, close it at once; else "
                "correct `expect.reply`",
            ),
            Row(
                _QUIT,
                "{answer} has a code other than 221",
                "a home-made server, or a proxy that answers every command alike",
                f"read the reply, and find the program that says it; {_OBSERVE}",
            ),
        ),
        Reason.UNEXPECTED_TEXT: (
            Row(
                _GREETING,
                "the greeting's text does not match the pattern that the module "
                "expects",
                "the server was upgraded, renamed or replaced, another host of a pool "
                "answers, or a firewall in between masks the text",
                "compare the text with the pattern in `expect.banner`, and correct "
                "whichever is wrong",
            ),
        ),
        Reason.UNEXPECTED_EXTENSION: (
            Row(
                _BOTH_EHLO,
                "{answer} offers an extension that the module expects to be absent",
                "a setting or an upgrade of the server switched it on, or it is "
                "offered on the wrong side of TLS (AUTH before it)",
                "compare the offer in the transcript with `expect.extensions_absent`, "
                "and switch the extension off or correct the list",
            ),
        ),
        Reason.NOT_OFFERED: (
            Row(
                _BOTH_EHLO,
                "{answer} lacks an extension that the module expects",
                "a setting or an upgrade of the server switched it off, or a firewall "
                "in between takes it out of the answer",
                "compare the offer in the transcript with `expect.extensions`; look "
                "for mail inspection on the way",
            ),
            Row(
                _STARTTLS,
                "the server did not offer STARTTLS, so the probe did not try it",
                "TLS is switched off or lacks a certificate, the server knows HELO "
                "only, or something in between takes the offer out: a firewall "
                "(Cisco's leave `XXXXXXXA`) or an attacker",
                "look at the server's TLS settings, then ask from a machine next to "
                "the server: if STARTTLS is there, look at what stands in between",
            ),
            Row(
                _AUTH,
                "the server did not offer AUTH with a mechanism that the module can "
                "use, so nothing was sent",
                "logins are offered inside TLS only, on another port (587, 465) only, "
                "or with other mechanisms",
                "compare the offer in the transcript with `auth.mechanism`; check "
                "`tls` and the port; look at the server's login settings",
            ),
            Row(
                _MAIL,
                "the server did not offer what the addresses need (SMTPUTF8), so MAIL "
                "FROM was not sent",
                "SMTPUTF8 is switched off or unknown to the server, and an address of "
                "the module is not ASCII",
                "switch SMTPUTF8 on in the server, or use ASCII addresses in `mail`",
            ),
        ),
        Reason.TLS_REQUIRED: (
            Row(
                _AUTH,
                "the probe refused to send credentials over a session without TLS",
                "the module's `tls` is `none`, or `opportunistic` with a server that "
                "did not offer STARTTLS or did not grant it",
                "set `tls: required` (587) or `implicit` (465), so that a session "
                "without TLS fails for that; `auth.allow_plaintext: true` is for "
                "servers on the same machine",
            ),
        ),
        Reason.INJECTION: (
            Row(
                _STARTTLS,
                "octets in the clear came behind the 220 to STARTTLS, before TLS began",
                "a broken server or proxy, or somebody on the way who slips replies "
                "into the session; a sound server has nothing to say at this point",
                "read in the transcript what came; probe from another network to see "
                "whether it is the server or the way; upgrade the server",
            ),
        ),
        Reason.PLAINTEXT: (
            Row(
                _TLS,
                "the server answered the TLS handshake in the clear",
                "the port is one of plain SMTP, with STARTTLS at most (25, 587), and "
                "the module expects TLS from the start (465); behind STARTTLS, a "
                "broken server, or a proxy that granted it in the server's name",
                "use STARTTLS: set the module's `tls` to `required` instead of "
                "`implicit`, or correct the port; behind STARTTLS, look at what stands "
                "in between",
            ),
        ),
        Reason.HANDSHAKE: (
            Row(
                _TLS,
                "server and probe could not agree on TLS, and the handshake failed",
                "no TLS version or cipher in common (a server with TLS 1.0 only), a "
                "server that wants a client's certificate, or one without a usable "
                "certificate of its own",
                f"look in the server's log, and run {_OPENSSL} to see the alert; "
                "compare the server's TLS versions, ciphers and certificate with the "
                "module's `min_version` and `cert_file`",
            ),
        ),
        Reason.UNTRUSTED: (
            Row(
                _TLS,
                "the TLS certificate leads to no authority that the probe trusts",
                "it is self-signed, of a private authority, or the server does not "
                "send the intermediate certificates",
                f"see the chain with {_OPENSSL} and `-showcerts`; make the server send "
                "all of it; name a private authority in `ca_file`",
            ),
        ),
        Reason.NAME_MISMATCH: (
            Row(
                _TLS,
                "the TLS certificate is for another name than the one probed",
                "the target names an alias, an address or the mail domain, and the "
                "certificate was made for the host; the server picked a wrong one; or "
                "it has no subjectAltName, and a common name counts no more",
                "compare the certificate's names with the target's; issue it for both, "
                "or set `tls_server_name`",
            ),
        ),
        Reason.CERT_EXPIRED: (
            Row(
                _TLS,
                "a certificate of the TLS chain has expired",
                "its renewal failed, or the server was not reloaded after it; "
                "sometimes an old intermediate is still sent",
                "renew it if the file on the server has expired; if that one is fresh, "
                "reload the server",
            ),
        ),
        Reason.CERT_NOT_YET_VALID: (
            Row(
                _TLS,
                "a certificate of the TLS chain is not valid yet",
                "the clock of the exporter's machine is wrong, or the certificate was "
                "installed before its time",
                "check that machine's clock first, then the certificate's dates",
            ),
        ),
        Reason.CERT_WEAK: (
            Row(
                _TLS,
                "a key or digest of the TLS chain is too weak to be trusted",
                "an old certificate, or an old authority: RSA below 2048 bits, or "
                "SHA-1",
                "issue the certificate anew with a stronger key (RSA 2048, ECDSA "
                "P-256) and SHA-256",
            ),
        ),
        Reason.CERT_INVALID: (
            Row(
                _TLS,
                "the TLS chain is faulty, though not by trust, name or date",
                "a certificate that is not meant for servers, an authority that may "
                "not issue it, or a broken signature",
                f"see the chain with {_OPENSSL} and `-showcerts`; have it issued anew",
            ),
        ),
        Reason.CERT_REVOKED: (
            Row(
                _TLS,
                "a certificate of the TLS chain was revoked",
                "its authority took it back: the key leaked, it was issued wrongly, or "
                "it was replaced",
                "install a new certificate with a new key, and ask the authority why",
            ),
        ),
        Reason.DANE_MISMATCH: (
            Row(
                _TLS,
                "the TLS certificate matches none of the host's TLSA records (DANE)",
                "the certificate was renewed with a new key and the records were not, "
                "or its chain no longer leads to the authority that they name; senders "
                "that check DANE do not deliver",
                "publish a record for the new key now; next time, before the "
                "certificate is changed",
            ),
        ),
        Reason.STS_MISMATCH: (
            Row(
                _DNS,
                "a host of the domain's MX records is not in its MTA-STS policy",
                "the MX records were changed and the policy was not; senders that "
                "check MTA-STS do not deliver to it where the policy is enforced",
                "add the host to the policy's `mx` lines and change its `id`, or take "
                "the host out of the MX records",
            ),
            Row(
                _TLS,
                "the TLS session does not satisfy the domain's MTA-STS policy",
                "the certificate is untrusted, expired or not for the MX host's name; "
                "senders that check MTA-STS do not deliver where the policy is "
                "enforced",
                "give the MX host a certificate for its own name from a public "
                "authority; until then, set the policy to `testing`",
            ),
        ),
        Reason.CLOSE_POLICY: (
            Row(
                _CLOSE,
                "221 answered QUIT, but the connection was not closed in order after "
                "it",
                "a load balancer, a firewall or NAT ends sessions in its own way, or "
                "the server keeps or drops its sockets; mail is not affected",
                "look at what stands in between, then at the server; set `quit: "
                "require` if 221 is enough",
            ),
        ),
    }
)
