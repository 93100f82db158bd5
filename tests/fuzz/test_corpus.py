"""The kept corpus of the fuzzer, which every run of the tests holds to its promises."""

from pathlib import Path

import pytest

from tests.fuzz.properties import examine

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


def test_corpus_kept() -> None:
    """There is a corpus, and it is small enough to keep."""
    assert len(CORPUS) >= 50
    assert sum(path.stat().st_size for path in CORPUS) <= 256 * 1024


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_corpus(path: Path) -> None:
    """What the fuzzer starts from breaks nothing."""
    examine(path.read_bytes())
