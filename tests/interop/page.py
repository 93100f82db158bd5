"""docs/interop.md: what was seen of each server of the ring, as tables.

Of what changes from one session to the next (dates, identifiers, ports) a word stands
there, so that the page stays as it is while the servers do.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

from exporter.outcome import Outcome, Speaker
from exporter.vocabulary import Phase
from tests.interop.visit import SESSIONS, Visit

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"

_TOP = f"""\
# Real servers

What probes see of mail servers as Debian 12 ships them, and what these log of them. CI
runs all of the servers, asks each the same (`tests/interop/test_servers.py`) and fails
where an answer is another one than here. `make interop-table` writes this page.

A door is a port of a server. Each was probed {SESSIONS} times in a row over loopback,
with the module that is built in for such a port. No server complains in its log: not of
these probes, not of a recipient that it refuses, not of logins, right or wrong.
"""

_ON_GOODBYES = """\
The milliseconds are those of one machine, the median of its sessions, from the last
octet of the 221 to the FIN; they are no part of any latency. Exim waits for its client
to close first, inside TLS for its close_notify, which a probe says after 300 ms.
"""
_ON_OFFERS = "By the last EHLO, or LHLO.\n"
_ON_IDLES = """\
What a session is told that says nothing after the greeting, once the server's time is
up, and what a probe that waits for it (`hold`) makes of that.
"""

_NOTES = """\
## Notes

**OpenSMTPD and TLS.** Debian's `smtpd.conf` has no certificate, and so STARTTLS is not
offered. Given one, OpenSMTPD offers STARTTLS and fails each handshake, whoever the
client is: this version cannot sign with OpenSSL 3. Probes fail with `tls_handshake`.

**Exim and `+smtp_no_mail`.** Who adds this to Exim's `log_selector`, as neither Exim
nor Debian does, has each session without a message logged, and so each probe:
`no MAIL in SMTP connection from`. `hosts_connection_nolog` does not change that.

**Exim inside TLS** says its 421 to an idle session in the clear, which is no TLS: a
probe that holds there fails with `hold_protocol_error` and has not heard it.

**The time for an idle session** was set to one second. OpenSMTPD's and Dovecot's are
compiled in (300 s; 180 s before a login, LMTP 300 s), so their clocks ran faster.

**Dovecot and logins.** Its submission service says goodbye to a session without a login
in its log as `no auth attempts`; that is information, and no warning.
"""

_SERVERS = ("server", "version", "what its log has of a probe")
_GOODBYES = (
    *("server", "door", "greeting", "answer to QUIT"),
    *("close", "quirks", "221 to FIN"),
)
_OFFERS = ("server", "door", "extensions", "AUTH", "TLS")
_IDLES = ("server", "door", "told", "failure", "close")

# What is not the same in each session or on each machine, and the word for it.
_MASKS = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"^\w{3} [ \d]\d [\d:]{8} (\S+[^\s:] )?", ""),
        (r"^\d{4}-\d\d-\d\d [\d:.]+ ", ""),
        (r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} [+-]\d{4}", "DATE"),
        (r"(?<=[a-z])\[\d+\]:", ":"),
        (r"\b[0-9a-f]{16}\b", "ID"),
        (r"(?<=session=<)[^>]+", "ID"),
        (r"(?<= in )\d+ secs", "N secs"),
        (r"(?<=^lmtp)\(\d+\)", ""),
        (r"(?<=\]:)\d+", "PORT"),
    )
)

# A bar that ends no cell of a table.
_BAR, _NO_BAR = "|", "\\|"


def said(outcome: Outcome, phase: Phase) -> str:
    """Give what the server said in a phase; its lines have a slash between them."""
    return " / ".join(
        line
        for each in outcome.transcript
        if each.phase is phase and each.speaker is Speaker.SERVER
        for line in each.text.split("\n")
    )


def written(visits: Iterable[Visit]) -> str:
    """Give the page's text."""
    visits = tuple(visits)
    return "\n".join(
        (
            _TOP,
            *_table("Servers", "", _SERVERS, _servers(visits)),
            *_table("Greeting and goodbye", _ON_GOODBYES, _GOODBYES, _goodbyes(visits)),
            *_table("What is offered", _ON_OFFERS, _OFFERS, _offers(visits)),
            *_table("Idle sessions", _ON_IDLES, _IDLES, _idles(visits)),
            _NOTES,
        )
    )


def comparable(page: str) -> str:
    """Leave out of a page what may differ from one machine to the next.

    That is milliseconds, and what Debian has done to a version.
    """
    return _MILLISECONDS.sub("", _REVISION.sub("", page))


_MILLISECONDS = re.compile(r"[\d.]+(?= ms \|)")
_REVISION = re.compile(r"(?<=\d)-[\w.+~]+(?= \|)")


def _table(
    title: str, text: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]
) -> Iterator[str]:
    yield from (f"## {title}", "", text) if text else (f"## {title}", "")
    yield from (_row(columns), "|---" * len(columns) + "|")
    yield from map(_row, rows)
    yield ""


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace(_BAR, _NO_BAR) for cell in cells)} |"


def _servers(visits: tuple[Visit, ...]) -> Iterator[tuple[str, ...]]:
    for each in visits:
        yield each.mta.name, each.mta.version, _codes(_logged(each.log)) or "nothing"


def _goodbyes(visits: tuple[Visit, ...]) -> Iterator[tuple[str, ...]]:
    for each in visits:
        for door, outcomes in each.plain.items():
            first = outcomes[0]
            seconds = [
                record.seconds for o in outcomes if (record := o.record(Phase.CLOSE))
            ]
            yield (
                each.mta.name,
                door,
                _code(_masked(said(first, Phase.GREETING))),
                _code(said(first, Phase.QUIT)),
                _code(first.close),
                _codes(sorted(first.quirks)) or "none",
                f"{median(seconds) * 1000:.1f} ms",
            )


def _offers(visits: tuple[Visit, ...]) -> Iterator[tuple[str, ...]]:
    for each in visits:
        for door, (first, *_) in each.plain.items():
            assert first.offer
            yield (
                each.mta.name,
                door,
                _codes(sorted(first.offer.extensions)),
                _codes(sorted(first.offer.auth_mechanisms)) or "none",
                first.tls.version if first.tls else "none",
            )


def _idles(visits: tuple[Visit, ...]) -> Iterator[tuple[str, ...]]:
    for each in visits:
        for door, outcome in each.idle.items():
            told = _masked(said(outcome, Phase.HOLD))
            yield (
                each.mta.name,
                door,
                _code(told) if told else "nothing",
                _code(str(outcome.failure)),
                _code(outcome.close),
            )


def _logged(log: str) -> list[str]:
    """Give the lines that a log has of half of the sessions at least."""
    lines = Counter(map(_masked, log.splitlines()))
    return [line for line, times in lines.items() if times >= SESSIONS / 2]


def _masked(text: str) -> str:
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    return text.strip()


def _code(text: str) -> str:
    return f"`{text}`"


def _codes(texts: Iterable[str]) -> str:
    return " ".join(map(_code, texts))
