"""The table reaches every case and every word, or says what a missing word waits for.

A word that is both reached and excused fails, so the excuses can only become fewer.
"""

import pytest

from exporter.vocabulary import Close, Phase, Quirk, Reason, Unsolicited, Word
from tests.scenarios import ENVIRONMENT, FILES, LOOKUPS, SCENARIOS, Scenario

ROWS = (*SCENARIOS, *LOOKUPS)

# SMTP.md section 6, table by table.
CASES = """
    B01 B02 B03 B04 B06 B09 B11 B13
    G01 G02 G04 G06 G08 G09 G12 G13 G14 G15 G17 G19 G20 G21 G23 G24 G26 G28 G30 G32
    P01 P02 P06 P07 P09 P10 P11 P13 P16 P17 P18 P19 P22 P23 P26 P28 P33 P35 P37 P39
    U01 U03 U06 U08 U09 U10 U11 U14 U15 U17
    E01 E03 E04 E05 E07 E09 E11 E12 E14 E15 E20 E22 E24 E25 E26 E29
    S01 S02 S03 S04 S07 S08 S10 S14 S16 S17 S19 S20 S21 S24
    T01 T02 T03 T04 T05 T07 T08 T11 T13 T14 T17 T18 T20 T22 T23 T25 T27 T29 T30 T31 T32
    T34 T35 T38 T39 T40
    A01 A02 A04 A05 A07 A09 A10 A12 A14 A15 A17 A18 A21
    R01 R03 R04 R05 R06 R07 R11 R12 R13 R15
    Q01 Q03 Q04 Q06 Q08 Q09 Q10 Q12 Q15 Q16 Q17 Q20 Q22 Q23 Q28 Q29 Q30
    N01 N02 N04 N05 N06 N07 N09 N10 N11 N12 N15 N17 N18 N19 N20 N21 N23 N24
    M01 M02 M04 M05 M07 M09 M11 M12
    D01 D02 D04 D06
    W01 W02 W03 W04 W06 W07 W10
"""

REVOKED = "no revocation is checked yet"
OURS = "no server's doing; tests/wire/test_connection.py brings it about"

WORDS_THAT_WAIT: dict[str, tuple[Word, ...]] = {
    REVOKED: (Reason.CERT_REVOKED,),
    OURS: (Reason.INTERNAL_ERROR,),
}

VOCABULARY: tuple[type[Word], ...] = (Phase, Reason, Close, Quirk, Unsolicited)


def _words_of(row: Scenario) -> set[tuple[type[Word], Word]]:
    """Give every word that an outcome of the row must hold; some are spelt alike."""
    failed = (row.failure.phase, row.failure.reason) if row.failure else (Reason.NONE,)
    words = (*failed, *row.closes, *row.quirks, *row.unsolicited)
    return {(type(word), word) for word in words}


REACHED = set[tuple[type[Word], Word]]().union(*map(_words_of, ROWS))
EXCUSED = {(type(word), word) for words in WORDS_THAT_WAIT.values() for word in words}


@pytest.mark.parametrize("kind", VOCABULARY, ids=lambda kind: kind.__name__)
def test_words(kind: type[Word]) -> None:
    """Every word is reached by a row, or excused, and never both."""
    words = {(kind, word) for word in kind}

    assert words - REACHED == words & EXCUSED


def test_failures_of_the_dialogue() -> None:
    """Every reason that a reply can have is reached in each phase that is spoken."""
    spoken = {*Reason.REJECTED.phases} - {Phase.HOLD}
    possible = {
        (phase, reason)
        for reason in Reason
        for phase in spoken.intersection(reason.phases)
        if reason is not Reason.INTERNAL_ERROR
    }
    reached = {(r.failure.phase, r.failure.reason) for r in SCENARIOS if r.failure}

    # Behind the 220 to STARTTLS it is an injection, behind a refusal the refusal.
    assert possible - reached == {(Phase.STARTTLS, Reason.UNSOLICITED_REPLY)}


def test_cases() -> None:
    """Every case of the specification has a row."""
    assert set(CASES.split()) - {row.id for row in ROWS} == set()


def test_rows() -> None:
    """A row is a case of the specification, or one of our own, or a variant of them."""
    cases = set(CASES.split())

    for row in ROWS:
        assert row.id.split("-")[0] in cases or row.id.startswith("X")


def test_ids() -> None:
    """No two rows have the same id."""
    ids = [row.id for row in ROWS]

    assert sorted(set(ids)) == sorted(ids)


def test_secrets() -> None:
    """Every secret of the table is some row's."""
    sources = {row.module.auth.password for row in SCENARIOS if row.module.auth}

    assert {source.env for source in sources} >= set(ENVIRONMENT)
    assert {source.file for source in sources} >= set(FILES)
