"""The words are a public contract, so they are spelled out here once more."""

import ast
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest

import exporter
from exporter.vocabulary import (
    Close,
    Family,
    Phase,
    Quirk,
    Reason,
    Refused,
    ReplyClass,
    Skip,
    StsMode,
    TargetSource,
    Unsolicited,
    Word,
)

PHASES = """
    dns connect tls greeting hold ehlo starttls ehlo_tls auth mail rcpt quit close
"""

CLOSES = """
    none clean reset_after_221 open_after_221 fin_without_221 reset_without_221
    timeout unsolicited_221 code_421 other_code malformed aborted
"""

QUIRKS = """
    bare_lf bare_cr no_text long_line control_chars eight_bit ehlo_fallback
    starttls_readvertised auth_oldstyle trailing_data tls_no_close_notify mx_cname
    null_mx_mixed greeting_no_domain
"""

TO_RCPT = "greeting hold ehlo starttls ehlo_tls auth mail rcpt"
TO_QUIT = f"{TO_RCPT} quit"
CONNECTED = f"tls {TO_QUIT}"

PHASES_OF_REASON = {
    "none": "",
    "timeout": PHASES,
    "deadline": PHASES,
    "eof": CONNECTED,
    "reset": CONNECTED,
    "refused": "connect",
    "unreachable": "connect",
    "local_error": "dns connect",
    "internal_error": PHASES,
    "nxdomain": "dns",
    "nodata": "dns",
    "servfail": "dns",
    "null_mx": "dns",
    "dnssec_bogus": "dns",
    "protocol_error": TO_QUIT,
    "reply_too_long": TO_QUIT,
    "unsolicited_reply": TO_RCPT,
    "unsolicited_221": TO_RCPT,
    "unavailable": TO_QUIT,
    "deferred": TO_QUIT,
    "rejected": TO_QUIT,
    "unexpected_code": TO_QUIT,
    "unexpected_text": "greeting",
    "unexpected_extension": "ehlo ehlo_tls",
    # SMTP.md 0.2, and `expect.extensions` in the phases of EHLO.
    "not_offered": "ehlo starttls ehlo_tls auth mail",
    "tls_required": "auth",
    "injection": "starttls",
    "plaintext": "tls",
    "handshake": "tls",
    "untrusted": "tls",
    "name_mismatch": "tls",
    "cert_expired": "tls",
    "cert_not_yet_valid": "tls",
    "cert_weak": "tls",
    "cert_invalid": "tls",
    "cert_revoked": "tls",
    "dane_mismatch": "tls",
    "sts_mismatch": "dns tls",
    "close_policy": "close",
}

EVERY_LIST: tuple[type[Word], ...] = (
    Phase,
    Reason,
    Close,
    Quirk,
    Skip,
    Refused,
    Unsolicited,
    ReplyClass,
    Family,
    TargetSource,
    StsMode,
)
EVERY_WORD = [word for words in EVERY_LIST for word in words]


def named(word: Word) -> str:
    """Tell words of different lists apart in the report."""
    return f"{type(word).__name__}.{word.name}"


def test_phases() -> None:
    """There are 13 phases, in chronological order."""
    assert [*Phase] == PHASES.split()
    assert len(Phase) == 13


def test_reasons() -> None:
    """There are 39 reasons."""
    assert [*Reason] == [*PHASES_OF_REASON]
    assert len(Reason) == 39


def test_closes() -> None:
    """There are 12 close classes."""
    assert [*Close] == CLOSES.split()
    assert len(Close) == 12


def test_quirks() -> None:
    """There are 14 quirks."""
    assert [*Quirk] == QUIRKS.split()
    assert len(Quirk) == 14


@pytest.mark.parametrize("reason", Reason)
def test_phases_of_a_reason(reason: Reason) -> None:
    """A reason happens in the phases that the table gives it, and in no others."""
    assert {*reason.phases} == {*PHASES_OF_REASON[reason].split()}
    assert len(reason.phases) == len(PHASES_OF_REASON[reason].split())


def test_only_success_has_no_phase() -> None:
    """Every reason but none can be blamed on some phase."""
    assert [reason for reason in Reason if not reason.phases] == [Reason.NONE]


@pytest.mark.parametrize("word", EVERY_WORD, ids=named)
def test_meaning(word: Word) -> None:
    """A word has a meaning of one line that is not the word itself."""
    assert word.meaning.strip() == word.meaning
    assert len(word.meaning.splitlines()) == 1
    assert word.meaning != word


@pytest.mark.parametrize("words", EVERY_LIST)
def test_meanings_differ(words: type[Word]) -> None:
    """No two words of one list mean the same."""
    meanings = [word.meaning for word in words]

    assert len({*meanings}) == len(meanings)


@pytest.mark.parametrize("word", EVERY_WORD, ids=named)
def test_a_word_is_its_string(word: Word) -> None:
    """A word equals, hashes and prints as its string, and is found by it."""
    assert word == word.value
    assert hash(word) == hash(word.value)
    assert f"{word}" == str(word) == word.value
    assert {word.value: 1}[word] == 1
    assert {word: 1}[word.value] == 1  # type: ignore[index]  # the point of the test
    assert type(word)[word.name] is word


@pytest.mark.parametrize("word", EVERY_WORD, ids=named)
def test_a_word_can_be_a_label_value(word: Word) -> None:
    """A word is printable ASCII that no exposition has to escape."""
    assert word.value.isascii()
    assert word.value.replace("_", "a").isalnum()
    assert word.value == word.value.lower()


# --- nobody else spells them

PACKAGE = Path(exporter.__file__).parent

# The tables where words are a user's or a server's own spelling.
TABLES = ("vocabulary.py", "config/", "demo/")

ALLOWED = {
    ("targets.py", "dns"): "a field of Timeouts: the config key of that name",
    ("targets.py", "connect"): "a field of Timeouts: the config key of that name",
    ("targets.py", "tls"): "a field of Timeouts: the config key of that name",
    ("targets.py", "greeting"): "a field of Timeouts: the config key of that name",
    ("targets.py", "quit"): "a field of Timeouts: the config key of that name",
    ("targets.py", "close"): "a field of Timeouts: the config key of that name",
    ("cli/healthcheck.py", "close"): "a value of the HTTP header Connection",
    ("news.py", "close"): "a key of a log line, not one of its values",
    ("metrics/families.py", "close"): "the name of a label, not one of its values",
    ("diagnosis/document.py", "close"): "a key of JSON, not one of its values",
    ("diagnosis/document.py", "tls"): "a key of JSON, not one of its values",
    ("web/api.py", "close"): "a key of JSON, not one of its values",
}

WORDS = {str(word) for words in (Phase, Reason, Close, Quirk) for word in words}


def spelled() -> Iterator[tuple[str, str]]:
    """Find string literals that are a word: the file, and the word."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(TABLES):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and node.value in WORDS:
                    yield name, node.value


def test_no_literals() -> None:
    """No file but the tables spells a phase, reason, close class or quirk."""
    assert {*spelled()} - {*ALLOWED} == set()


def test_no_stale_allowance() -> None:
    """Every allowance is needed."""
    assert {*ALLOWED} - {*spelled()} == set()


def test_every_list_is_tested() -> None:
    """No list of words escapes these tests."""
    assert {*Word.__subclasses__()} == {*EVERY_LIST}
    assert all(issubclass(words, Enum) for words in EVERY_LIST)
