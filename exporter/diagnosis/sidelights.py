"""What a goodbye and a quirk say beside the verdict, in words.

Holds sentences only: one entry for each close class and each quirk of the vocabulary.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from exporter.vocabulary import Close, Quirk


class Goodbye(NamedTuple):
    """One close class in words; `{code}` is the code that answered QUIT."""

    did: str  # of a success: what the server did
    after: str  # of a failure: a sentence about how its session ended, or nothing
    says: str  # what it says about the server


GOODBYES: Mapping[Close, Goodbye] = MappingProxyType(
    {
        Close.NONE: Goodbye(
            "was never connected",
            "",
            "nothing: there was no session to end",
        ),
        Close.CLEAN: Goodbye(
            "said goodbye with 221 and closed cleanly",
            "The session still ended with 221 and a clean close.",
            "the server ends sessions as RFC 5321 asks",
        ),
        Close.RESET_AFTER_221: Goodbye(
            "said goodbye with 221, then reset the connection",
            "QUIT still got its 221, but then the connection was reset.",
            "the conversation was complete; the reset is often the work of a load "
            "balancer or NAT, or of a server that closes without reading all",
        ),
        Close.OPEN_AFTER_221: Goodbye(
            "said goodbye with 221, but left the connection open",
            "QUIT still got its 221, but then the connection was left open.",
            "the conversation was complete; the server, or a proxy in front of it, "
            "holds on to its sockets and may run out of them",
        ),
        Close.FIN_WITHOUT_221: Goodbye(
            "closed the connection without a 221",
            "QUIT got no answer: the server closed the connection.",
            "the server hung up: it died, was stopped, or skips its goodbye",
        ),
        Close.RESET_WITHOUT_221: Goodbye(
            "reset the connection without a 221",
            "QUIT got no answer: the connection was reset.",
            "the session was cut: a crash, a firewall, or a load balancer without a "
            "live server",
        ),
        Close.TIMEOUT: Goodbye(
            "did not answer QUIT",
            "QUIT got no answer within the limit.",
            "the server ignores QUIT or hangs at the end of a session",
        ),
        Close.UNSOLICITED_221: Goodbye(
            "said goodbye (221) before it was told QUIT",
            "The server also said goodbye (221) before any QUIT.",
            "the server is shutting down, times out idle sessions, or takes us for a "
            "client that is not SMTP",
        ),
        Close.CODE_421: Goodbye(
            "said 421 instead of 221",
            "The last word was 421: QUIT got no 221.",
            "the server ended the session by itself: load, a limit, an idle session "
            "or a shutdown",
        ),
        Close.OTHER_CODE: Goodbye(
            "answered QUIT with {code} instead of 221",
            "QUIT was answered with {code} instead of 221.",
            "a filter, a proxy or a home-made server that does not know QUIT",
        ),
        Close.MALFORMED: Goodbye(
            "answered QUIT with what is no SMTP reply",
            "QUIT got an answer that is no SMTP reply.",
            "a broken server, or something in between that adds text of its own",
        ),
        Close.ABORTED: Goodbye(
            "was left without an exchange of QUIT",
            "",
            "nothing: the probe hung up first, because the conversation had failed",
        ),
    }
)

QUIRKS: Mapping[Quirk, str] = MappingProxyType(
    {
        Quirk.BARE_LF: "senders in use take it, but SMTP lines end in CR LF, and where "
        "two programs disagree about line ends, mail can be smuggled",
        Quirk.BARE_CR: "programs that take it for the end of a line read other replies "
        "than the rest of the world",
        Quirk.NO_TEXT: "it is allowed, but nobody can see which server answered, or "
        "why it refused",
        Quirk.LONG_LINE: "RFC 5321 promises senders room for 512 octets only; some cut "
        "the line (Postfix at 2048), some give up",
        Quirk.CONTROL_CHARS: "strict senders (Dovecot) refuse such a reply, and in a "
        "log or terminal it can hide or forge lines",
        Quirk.EIGHT_BIT: "replies are ASCII; strict senders (Dovecot) refuse others, "
        "and logs show them garbled",
        Quirk.EHLO_FALLBACK: "without EHLO there is no TLS, no login and no size "
        "limit; on a modern server, look for a firewall that inspects mail",
        Quirk.STARTTLS_READVERTISED: "RFC 3207 forbids it, and a client that believes "
        "it asks in vain; often TLS ends at a proxy that passes the server's offer on",
        Quirk.AUTH_OLDSTYLE: "only clients of the 1990s look for it; where AUTH is not "
        "also offered with a space, others find no way to log in",
        Quirk.TRAILING_DATA: "221 is the last word; what comes behind it belongs to "
        "nobody, and a server or proxy is out of step",
        Quirk.TLS_NO_CLOSE_NOTIFY: "TLS alone cannot tell such an end from a cut; the "
        "221 did, but some client libraries lose the 221 over it",
        Quirk.MX_CNAME: "most senders follow the alias, but RFC 5321 does not provide "
        "for it, and some refuse",
        Quirk.NULL_MX_MIXED: "a null MX must stand alone: some senders will believe "
        "that the domain takes no mail",
        Quirk.GREETING_NO_DOMAIN: "the first word should be the server's name, by "
        "which senders find loops and people find the host; a masking firewall or a "
        "default setting (Stalwart's) hides it",
    }
)
