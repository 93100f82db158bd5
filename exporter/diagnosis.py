"""An outcome in words: what was seen, what it usually means, what to do.

One table, told to operators by the `probe` command and the log. It adds nothing to the
verdict: a sentence that is not in the vocabulary's sense is not here. Reasons that mean
something else in a phase of their own have a row of that phase.
"""

from typing import NamedTuple

from exporter.outcome import Failure, Outcome
from exporter.vocabulary import Close, Phase, Reason


class Diagnosis(NamedTuple):
    """Three clauses; the last two are empty where nothing more can be said."""

    seen: str
    means: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        """Join what there is into one line."""
        usually = f" Usually: {self.means}." if self.means else ""
        remedy = f" Try: {self.remedy}." if self.remedy else ""
        return f"{self.seen}.{usually}{remedy}"


_BY_REASON = {
    Reason.TIMEOUT: (
        "the server accepted what was sent and then hangs or is overloaded",
        "look at the server's load and log at this time",
    ),
    Reason.DEADLINE: (
        "the steps together take longer than the module's `timeout`",
        "look at which phase took the time, or raise `timeout`",
    ),
    Reason.EOF: (
        "the server's process died, or something in between ended the session",
        "look in the server's log for this client at this time",
    ),
    Reason.RESET: (
        "a crash, a firewall or a load balancer without a live backend",
        "look in the server's log; if it saw nothing, look at what stands in between",
    ),
    Reason.LOCAL_ERROR: (
        "the exporter's own machine is short of descriptors, ports or permission",
        "look at the exporter's limits, not at the mail server",
    ),
    Reason.INTERNAL_ERROR: (
        "a bug in the exporter, never the server's fault",
        "report it with the traceback from the exporter's log",
    ),
    Reason.PROTOCOL_ERROR: (
        "another protocol, or a broken server, is behind this port",
        "check that the port is an SMTP port without implicit TLS",
    ),
    Reason.REPLY_TOO_LONG: (
        "no mail server says this much: a broken or hostile one does",
        "look at what really listens on this port",
    ),
    Reason.UNSOLICITED_221: (
        "the server is shutting down, times out idle sessions, or takes us for a "
        "client that is not SMTP",
        "look in the server's log why it ended the session",
    ),
    Reason.UNSOLICITED_REPLY: (
        "server and client are out of step, or the server ends idle sessions with a "
        "code of its own",
        "look at the transcript for what came too much",
    ),
    Reason.UNAVAILABLE: (
        "too many connections, too much load, a shutdown, or a rate limit",
        "look at the server's connection limits and load; probe less often if it is us",
    ),
    Reason.DEFERRED: (
        "a passing shortage: load, greylisting, a broken lookup behind the server",
        "read the reply's text; look again after some minutes",
    ),
    Reason.REJECTED: (
        "the server's policy says no to this client or this command",
        "read the reply's text; allow the exporter's address or its EHLO name",
    ),
    Reason.UNEXPECTED_CODE: (
        "a service other than SMTP, or a server with a code of its own",
        "read the reply in the transcript",
    ),
}

_BY_PHASE_AND_REASON = {
    (Phase.DNS, Reason.TIMEOUT): (
        "the resolver does not answer",
        "check the exporter's resolver, its reachability and its load",
    ),
    (Phase.DNS, Reason.NXDOMAIN): (
        "the name is mistyped, or its zone has lost it",
        "check the target's spelling and the zone",
    ),
    (Phase.DNS, Reason.NODATA): (
        "the name has no address of the family that the module wants",
        "check its A and AAAA records against `ip_family`",
    ),
    (Phase.DNS, Reason.SERVFAIL): (
        "the resolver is unreachable or cannot get an answer (DNSSEC, dead servers)",
        "ask the same resolver by hand, then the zone's own servers",
    ),
    (Phase.CONNECT, Reason.TIMEOUT): (
        "a firewall drops the packets, or the host is down",
        "check that the host runs, and the firewalls on the way",
    ),
    (Phase.CONNECT, Reason.REFUSED): (
        "the server does not run, listens on another port, or a firewall rejects",
        "check that the server runs and that the port is right",
    ),
    (Phase.CONNECT, Reason.UNREACHABLE): (
        "no route to the host, or a router on the way says so",
        "check routing and the address family (IPv6 without a route?)",
    ),
    (Phase.GREETING, Reason.TIMEOUT): (
        "the server hangs, is at its connection limit, waits for a lookup, delays "
        "greetings on purpose, speaks TLS first, or waits for a PROXY header",
        "check that the server runs, that the port is right and no firewall is in "
        "between; if the delay is meant, raise `timeouts.greeting`",
    ),
    (Phase.GREETING, Reason.EOF): (
        "an access rule or a load balancer without a live backend closes at once",
        "look in the server's log for this client; check its access rules",
    ),
    (Phase.GREETING, Reason.REJECTED): (
        "the server takes no mail from us, or from nobody",
        "read the greeting's text; allow the exporter's address if it is meant",
    ),
    (Phase.QUIT, Reason.EOF): (
        "the server closes after QUIT without its 221",
        "see whether mail still flows; set `quit: observe` if it must not fail a probe",
    ),
    (Phase.QUIT, Reason.TIMEOUT): (
        "the server ignores QUIT or hangs at the end of a session",
        "look at the server's log; set `quit: observe` if it must not fail a probe",
    ),
    (Phase.CLOSE, Reason.CLOSE_POLICY): (
        "the server, or something in between, does not close TCP in order",
        "see smtp_session_end; set `quit: require` if 221 is enough",
    ),
}

_CLOSE_IN_WORDS = {
    Close.CLEAN: "said goodbye with 221 and closed cleanly",
    Close.RESET_AFTER_221: "said goodbye with 221, then reset the connection",
    Close.OPEN_AFTER_221: "said goodbye with 221, but left the connection open",
}


def diagnose(failure: Failure) -> Diagnosis:
    """Say what a failure is, what it usually means and what to do."""
    key = failure.phase, failure.reason
    means, remedy = _BY_PHASE_AND_REASON.get(key) or _BY_REASON.get(
        failure.reason, ("", "")
    )
    return Diagnosis(f"{failure}: {failure.reason.meaning}", means, remedy)


def verdict(outcome: Outcome) -> str:
    """Say in one line whether the probe succeeded, and why not."""
    if outcome.failure:
        return str(diagnose(outcome.failure))
    close = _CLOSE_IN_WORDS.get(outcome.close, f"ended its session: {outcome.close}")
    milliseconds = outcome.duration * 1000
    code = outcome.code(Phase.GREETING)
    return f"greeted with {code} and {close}, in {milliseconds:.1f} ms."
