"""A visit to a server of the ring: what its doors show, and what it logs of us.

The same for every server. It is started three times, for three kinds of sessions, and
has ended before its log is read, so that nothing is still to be written: plain probes;
a recipient that it refuses, and logins; idle sessions. Judges nothing.
"""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from exporter.config.builtin import BUILT_IN
from exporter.outcome import Outcome
from exporter.targets import Auth, Mail, Module, SecretSource
from exporter.vocabulary import Mechanism
from tests.interop.mta import Door, Mta
from tests.interop.probing import probed_at

SESSIONS = 20
# How soon a server is asked to end an idle session, and how long a probe stays in one.
IDLE_SECONDS, HOLD_SECONDS = 1.0, 10.0

# What a user would probe such a port with.
MODULES = {
    Door.SMTP: BUILT_IN["mx"],
    Door.SUBMISSION: BUILT_IN["submission"],
    Door.SUBMISSIONS: BUILT_IN["submissions"],
    Door.LMTP: BUILT_IN["lmtp"],
}

_Seen = TypeVar("_Seen")


class Running(Protocol):
    """What starts a server in an empty folder, and ends it."""

    def __call__(
        self, place: Path, *, idle: float | None = None
    ) -> AbstractContextManager[Mta]:
        """Run it; `idle`: after so many seconds it ends an idle session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """Sessions that ask for more than a plain probe does."""

    refused: Outcome  # for a recipient that the server refuses
    login: Outcome | None  # None where this door has no AUTH
    wrong_password: Outcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What was seen of one server."""

    mta: Mta
    plain: Mapping[Door, tuple[Outcome, ...]]
    mailing: Mapping[Door, Mailing]
    idle: Mapping[Door, Outcome]
    log: str  # of the plain probes
    log_of_mailing: str
    log_of_idle: str


def probed(mta: Mta, door: Door, module: Module) -> Outcome:
    """Probe a door once."""
    return probed_at(mta.host, mta.doors[door], module)


def visit(running: Running) -> Visit:
    """Visit a server three times."""
    mta, plain, log = _stay(running, _plainly)
    _, mailing, log_of_mailing = _stay(running, _with_mail)
    _, idle, log_of_idle = _stay(running, _idly, idle=IDLE_SECONDS)
    return Visit(
        mta=mta,
        plain=plain,
        mailing=mailing,
        idle=idle,
        log=log,
        log_of_mailing=log_of_mailing,
        log_of_idle=log_of_idle,
    )


@dataclass(frozen=True, slots=True)
class _Prober:
    """Probes one door, with files of its own."""

    mta: Mta
    door: Door
    desk: Path

    def module(self) -> Module:
        """Give what this door is probed with: its certificate has to be a good one."""
        ca_file = self._file("ca.pem", self.mta.authority)
        name = self.mta.certificate_for
        return replace(MODULES[self.door], tls_server_name=name, ca_file=ca_file)

    def login(self, password: str | None = None) -> Auth | None:
        """Give the login, if this door has one; with another password than its own."""
        said = self.mta.password if password is None else password
        has_auth = self.door in {Door.SUBMISSION, Door.SUBMISSIONS}
        if not has_auth or self.mta.user is None or said is None:
            return None
        return Auth(
            mechanism=Mechanism.PLAIN,
            username=self.mta.user,
            password=SecretSource(file=self._file("password", said.encode())),
        )

    def probed(self, module: Module) -> Outcome:
        """Probe it once."""
        return probed(self.mta, self.door, module)

    def _file(self, name: str, content: bytes) -> str:
        file = self.desk / name
        file.write_bytes(content)
        return str(file)


def _stay(
    running: Running, ask: Callable[[_Prober], _Seen], idle: float | None = None
) -> tuple[Mta, dict[Door, _Seen], str]:
    # Not pytest's own folders: the server's users must be able to reach them.
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as desk:
        with running(Path(place), idle=idle) as mta:
            try:
                seen = {door: ask(_Prober(mta, door, Path(desk))) for door in mta.doors}
            except BaseException:
                print(mta.log())  # noqa: T201 -- shown on failure
                raise
        return mta, seen, mta.log()


def _plainly(prober: _Prober) -> tuple[Outcome, ...]:
    module = prober.module()
    return tuple(prober.probed(module) for _ in range(SESSIONS))


def _with_mail(prober: _Prober) -> Mailing:
    module = replace(prober.module(), auth=prober.login())
    mail = Mail(sender="", recipient=prober.mta.refused)
    refused = prober.probed(replace(module, mail=mail))
    login = prober.probed(module) if module.auth else None
    module = replace(module, auth=prober.login("wrong"))
    wrong_password = prober.probed(module) if module.auth else None
    return Mailing(refused=refused, login=login, wrong_password=wrong_password)


def _idly(prober: _Prober) -> Outcome:
    return prober.probed(replace(prober.module(), hold=HOLD_SECONDS))
