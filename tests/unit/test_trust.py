"""Who is believed: a file as it is now, the system once, a verdict while it holds."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import crypto

from exporter.demo.certificates import Kind, authority, issue
from exporter.probe import trust as module
from exporter.probe.trust import (
    MAX_KEPT_OF_NAME,
    MAX_PEM_OCTETS,
    Examined,
    Trust,
    TrustError,
)
from exporter.tls.facts import chain_not_after, read_certificate
from exporter.tls.verdict import Authorities, Verdict, judge
from exporter.vocabulary import Reason
from tests.unit.crafted import AFTER, AT, Signer, certify

ROOT = certify("Root", authority=True)
GOOD: frozenset[Reason] = frozenset()


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    """Give a clock at the time that the crafted certificates are good."""
    return Clock()


@pytest.fixture
def trust(clock: Clock) -> Trust:
    """Give a trust that knows nobody yet."""
    return Trust(now=clock)


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    """Give a file with the crafted root."""
    return written(tmp_path / "ca.pem", ROOT)


@pytest.fixture
def judgements(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give a list that grows by the time of each chain that is judged anew."""
    made: list[float] = []

    def counted(
        chain: tuple[bytes, ...], trusted: Authorities, name: str | None, at: float
    ) -> Verdict:
        made.append(at)
        return judge(chain, trusted, name, at)

    monkeypatch.setattr(module, "judge", counted)
    return made


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder that is the system's trust: `cert.pem` and `certs/`."""
    (tmp_path / "certs").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "certs"))
    return tmp_path


def written(path: Path, *signers: Signer) -> str:
    path.write_bytes(
        b"".join(s.certificate.public_bytes(Encoding.PEM) for s in signers)
    )
    return str(path)


# --- what is found


def test_a_chain_that_is_good(trust: Trust, ca_file: str) -> None:
    """Of a good chain there are the leaf's facts, its end, and no problem."""
    issuer = certify("Issuer", by=ROOT, authority=True, end=AFTER)
    chain = (certify(by=issuer).der, issuer.der)

    found = trust.examine(chain, "mail.test", ca_file)

    assert found.certificate == read_certificate(chain[0])
    assert found.chain_not_after == chain_not_after(chain) == AFTER.timestamp()
    assert found.problems == GOOD


def test_an_expired_chain_has_its_facts(tmp_path: Path) -> None:
    """An expired certificate still says when it ended."""
    path = tmp_path / "ca.pem"
    path.write_bytes(authority())
    chain = issue(Kind.EXPIRED).chain

    found = Trust().examine(chain, "mail.test", str(path))

    assert found.problems == {Reason.CERT_EXPIRED}
    assert found.certificate == read_certificate(chain[0])


@pytest.mark.parametrize("chain", [(), (b"",)])
def test_a_chain_that_cannot_be_read(
    trust: Trust, ca_file: str, chain: tuple[bytes, ...]
) -> None:
    """Of an unreadable chain there are no facts, and it is faulty."""
    found = trust.examine(chain, "mail.test", ca_file)

    assert found == Examined(None, None, frozenset({Reason.CERT_INVALID}))


# --- files of authorities


def test_a_file_that_has_changed(trust: Trust, ca_file: str) -> None:
    """A file is read anew when it has changed, and what was found with it forgotten."""
    chain = (certify(by=ROOT).der,)
    assert trust.examine(chain, "mail.test", ca_file).problems == GOOD

    written(Path(ca_file), certify("Other", authority=True))
    os.utime(ca_file, ns=(1, 1))

    trust.load(ca_file)
    assert trust.examine(chain, "mail.test", ca_file).problems == {Reason.UNTRUSTED}


def test_a_file_that_has_been_replaced(
    trust: Trust, ca_file: str, tmp_path: Path
) -> None:
    """A file of the same time and size under the same name is another by its inode."""
    path, chain = Path(ca_file), (certify(by=ROOT).der,)
    path.write_bytes(path.read_bytes().ljust(1000))
    assert trust.examine(chain, "mail.test", ca_file).problems == GOOD

    other = Path(written(tmp_path / "other.pem", certify("Other", authority=True)))
    other.write_bytes(other.read_bytes().ljust(1000))
    then = path.stat().st_mtime_ns
    os.utime(other, ns=(then, then))
    other.replace(path)

    trust.load(ca_file)
    assert trust.examine(chain, "mail.test", ca_file).problems == {Reason.UNTRUSTED}


def test_a_file_that_has_not_changed(trust: Trust, ca_file: str) -> None:
    """A file that is the same is not read again."""
    first = trust.load(ca_file)

    assert trust.load(ca_file) is first


def test_several_authorities_in_a_file(trust: Trust, tmp_path: Path) -> None:
    """Each certificate of a file is trusted, whatever stands between them."""
    other = certify("Other", authority=True)
    path = tmp_path / "ca.pem"
    path.write_bytes(
        b"# the old one\r\n"
        + ROOT.certificate.public_bytes(Encoding.PEM).replace(b"\n", b"\r\n")
        + b"# the new one\n"
        + other.certificate.public_bytes(Encoding.PEM).rstrip()
    )

    for root in (ROOT, other):
        found = trust.examine((certify(by=root).der,), "mail.test", str(path))
        assert found.problems == GOOD


def test_files_side_by_side(trust: Trust, ca_file: str, tmp_path: Path) -> None:
    """What one file makes of a chain says nothing about another file."""
    other = written(tmp_path / "other.pem", certify("Other", authority=True))
    chain = (certify(by=ROOT).der,)

    for _ in range(2):
        good = trust.examine(chain, "mail.test", ca_file)
        bad = trust.examine(chain, "mail.test", other)
        assert good.problems == GOOD
        assert bad.problems == {Reason.UNTRUSTED}


def absent(path: Path) -> None:
    path.unlink()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def large(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(MAX_PEM_OCTETS + 1)


def broken(path: Path) -> None:
    octets = path.read_bytes()
    path.write_bytes(octets.replace(octets[40:44], b"AAAA"))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (absent, "the file of authorities cannot be read: No such file or directory"),
        (folder, "the file of authorities is not a regular file"),
        (pipe, "the file of authorities is not a regular file"),
        (empty, "there is no certificate in the file of authorities"),
        (large, f"the file of authorities has over {MAX_PEM_OCTETS} octets"),
        (broken, "a certificate in the file of authorities is broken"),
    ],
)
def test_a_file_that_cannot_be_used(
    trust: Trust, ca_file: str, spoil: Callable[[Path], None], sentence: str
) -> None:
    """A file that was good and is not any more is an error in one sentence.

    A probe that began with it goes on with what it held.
    """
    chain = (certify(by=ROOT).der,)
    before = trust.examine(chain, "mail.test", ca_file)
    spoil(Path(ca_file))

    with pytest.raises(TrustError) as refused:
        trust.load(ca_file)

    assert str(refused.value) == sentence
    assert trust.examine(chain, "mail.test", ca_file) == before


def test_a_file_that_was_never_good(trust: Trust, tmp_path: Path) -> None:
    """Without anything loaded there is nothing to go on with."""
    with pytest.raises(TrustError):
        trust.examine((certify(by=ROOT).der,), "mail.test", str(tmp_path / "none"))


def test_a_file_that_may_not_be_read(
    trust: Trust, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is there and may not be opened is an error in one sentence."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", ca_file)

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(TrustError, match=r"cannot be read: Permission denied$"):
        trust.load(ca_file)


# --- the system's authorities


def test_the_systems_file(trust: Trust, system: Path) -> None:
    """The system's file is trusted where no other is named."""
    written(system / "cert.pem", ROOT)

    found = trust.examine((certify(by=ROOT).der,), "mail.test", None)

    assert found.problems == GOOD
    assert trust.has_system_trust()


def test_the_systems_folder(trust: Trust, system: Path) -> None:
    """An authority is found in the system's folder by the digest of its name."""
    digest = crypto.X509.from_cryptography(ROOT.certificate).subject_name_hash()
    written(system / "certs" / f"{digest:08x}.0", ROOT)

    found = trust.examine((certify(by=ROOT).der,), "mail.test", None)

    assert found.problems == GOOD
    assert trust.has_system_trust()


def test_several_folders(
    trust: Trust, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's folders may be several, and some of them may not be there."""
    monkeypatch.setenv("SSL_CERT_DIR", f"{system / 'absent'}:{system / 'certs'}")
    written(system / "certs" / "0123abcd.0", ROOT)

    assert trust.has_system_trust()


def test_a_system_without_authorities(trust: Trust, system: Path) -> None:
    """Without authorities of the system nobody is trusted, and it can be told."""
    (system / "certs" / "README").write_text("nothing here")

    found = trust.examine((certify(by=ROOT).der,), "mail.test", None)

    assert found.problems == {Reason.UNTRUSTED}
    assert not trust.has_system_trust()


def test_a_system_file_that_is_broken(trust: Trust, system: Path) -> None:
    """A system's file without a certificate is an error, and no trust."""
    (system / "cert.pem").write_text("nothing here")

    with pytest.raises(TrustError):
        trust.load(None)
    assert not trust.has_system_trust()


def test_a_folder_that_cannot_be_listed(
    trust: Trust, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of the system's that may not be listed is no trust."""

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)

    assert (system / "certs").is_dir()
    assert not trust.has_system_trust()


def test_the_system_is_loaded_once(trust: Trust, clock: Clock, system: Path) -> None:
    """A change of the system's trust is seen by a new trust, as a reload makes one."""
    written(system / "cert.pem", certify("Other", authority=True))
    chain = (certify(by=ROOT).der,)
    trust.load(None)

    written(system / "cert.pem", ROOT)
    assert trust.examine(chain, "mail.test", None).problems == {Reason.UNTRUSTED}

    anew = Trust(now=clock)
    assert anew.examine(chain, "mail.test", None).problems == GOOD


# --- what is kept


def test_a_chain_is_judged_once(
    trust: Trust, ca_file: str, judgements: list[float]
) -> None:
    """The same chain under the same name is not judged again."""
    chain = (certify(by=ROOT).der,)

    first = trust.examine(chain, "mail.test", ca_file)
    second = trust.examine(chain, "mail.test", ca_file)

    assert first is second
    assert len(judgements) == 1


def test_names_are_judged_apart(
    trust: Trust, ca_file: str, judgements: list[float]
) -> None:
    """The same chain is another case under another name, or under none."""
    chain = (certify(by=ROOT).der,)
    names = ("mail.test", "other.test", None)

    found = [trust.examine(chain, n, ca_file).problems for n in names * 2]

    mismatch = frozenset({Reason.NAME_MISMATCH})
    assert found == [GOOD, mismatch, mismatch] * 2
    assert len(judgements) == len(names)


def test_a_verdict_ends_with_the_certificate(
    trust: Trust, clock: Clock, ca_file: str, judgements: list[float]
) -> None:
    """What was found holds until a certificate of the chain ends, and no longer."""
    chain = (certify(by=ROOT, end=AFTER).der,)
    last = AFTER.timestamp()
    found = {}

    for clock.at in (AT, last, last + 1, last + 2):
        found[clock.at] = trust.examine(chain, "mail.test", ca_file).problems

    expired = frozenset({Reason.CERT_EXPIRED})
    assert list(found.values()) == [GOOD, GOOD, expired, expired]
    assert len(judgements) == 2


def test_a_clock_that_is_set_back(
    trust: Trust, clock: Clock, ca_file: str, judgements: list[float]
) -> None:
    """What was found says nothing of a time before it was found."""
    chain = (certify(by=ROOT).der,)
    trust.examine(chain, "mail.test", ca_file)

    clock.at = 0.0

    early = trust.examine(chain, "mail.test", ca_file).problems
    assert early == {Reason.CERT_NOT_YET_VALID}
    assert len(judgements) == 2


def test_a_server_with_a_new_chain_each_time(
    trust: Trust, ca_file: str, judgements: list[float]
) -> None:
    """Many chains under one name leave what was found under another where it is."""
    chain = (certify(by=ROOT).der,)
    trust.examine(chain, "mail.test", ca_file)

    for number in range(MAX_KEPT_OF_NAME * 4):
        trust.examine((b"%d" % number,), "evil.test", ca_file)
    trust.examine(chain, "mail.test", ca_file)

    assert len(judgements) == 1 + MAX_KEPT_OF_NAME * 4
    assert trust.kept <= 1 + MAX_KEPT_OF_NAME


def test_the_number_of_kept_verdicts(
    trust: Trust,
    ca_file: str,
    judgements: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over the bound, what was asked for least lately is forgotten."""
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    chain = (certify(by=ROOT).der,)

    for name in ("a", "b", "a", "c", "a", "c"):
        trust.examine(chain, name, ca_file)
    assert len(judgements) == 3

    trust.examine(chain, "b", ca_file)
    assert len(judgements) == 4
    assert trust.kept == 2
