"""Everything that names targets, brought together: one stream of whole sets.

The configuration's own targets, the exchangers of mail domains, what files and
addresses name; then, where a module wants each address of a host, those. Holds the
watches and refuses to probe: whoever is told decides what becomes of a set.
"""

from collections.abc import Callable, Sequence
from functools import partial
from operator import is_
from typing import NamedTuple, Protocol

from exporter.discovery.addresses import AddressWatch, KnowsAddresses, fans_out
from exporter.discovery.catalog import Catalog, Chosen
from exporter.discovery.exchangers import ExchangerWatch, KnowsExchangers
from exporter.discovery.files import FileWatch
from exporter.discovery.http import HttpWatch
from exporter.discovery.lists import Make
from exporter.targets import FileSource, HttpSource, MailDomain, Target
from exporter.vocabulary import Reason, TargetSource


class Names(KnowsAddresses, KnowsExchangers, Protocol):
    """Who can be asked for names."""


class Wanted(NamedTuple):
    """What a configuration says of where targets come from."""

    targets: Sequence[Target]
    domains: Sequence[MailDomain]
    discovery: Sequence[FileSource | HttpSource]


class Supply:
    """The targets as they are by now, from everywhere.

    The observers are called on the loop: `on_change` with all targets, whenever one is
    another object, new or gone; `on_trouble` with a kind of source, where, and a
    sentence: with `counts` true a source could not be had.
    """

    def __init__(
        self,
        names: Names,
        wanted: Wanted,
        *,
        make: Make,
        on_change: Callable[[Chosen], object],
        on_trouble: Callable[..., object],
    ) -> None:
        """Take who is asked, what is wanted, and the observers; ask nothing yet."""
        self._on_change = on_change
        self._catalog = Catalog()
        self._plain = self._told = Chosen((), ())
        self._wide: tuple[Target, ...] = ()  # to be probed at each address
        self._expanded: tuple[Target, ...] = ()  # what these have become
        self._started = False
        self._wanted = wanted
        failed = partial(on_trouble, counts=True)
        odd = partial(on_trouble, counts=False)
        self._exchangers = ExchangerWatch(
            names,
            on_change=partial(self._found, TargetSource.MX),
            on_failure=lambda domain, reason: failed(
                TargetSource.MX, domain, _lookup_failed(reason)
            ),
        )
        self._addresses = AddressWatch(
            names,
            on_change=self._fanned_out,
            on_failure=lambda lookup, reason: odd(
                TargetSource.CONFIG, lookup.host, _lookup_failed(reason)
            ),
        )
        self._files = FileWatch(
            make=make,
            on_change=partial(self._found, TargetSource.FILE),
            on_failure=failed,
            on_complaint=odd,
        )
        self._http = HttpWatch(
            make=make,
            on_change=partial(self._found, TargetSource.HTTP),
            on_failure=failed,
            on_complaint=odd,
        )

    async def start(self) -> None:
        """Begin to ask; comes back when files and addresses were asked once."""
        self._exchangers.start()
        self._addresses.start()
        await self.replace(self._wanted)
        self._started = True
        self._tell()

    async def replace(self, wanted: Wanted, make: Make | None = None) -> None:
        """Take what a new configuration says; what did not change keeps its answers.

        With another `make` (None: the same) what was discovered is made anew.
        """
        self._catalog.put(TargetSource.CONFIG, wanted.targets)
        self._exchangers.replace(wanted.domains)
        files = [s for s in wanted.discovery if isinstance(s, FileSource)]
        addresses = [s for s in wanted.discovery if isinstance(s, HttpSource)]
        await self._files.replace(files, make)
        await self._http.replace(addresses, make)
        self._gather()

    async def stop(self) -> None:
        """Ask and tell nothing more."""
        self._started = False
        await self._exchangers.stop()
        await self._addresses.stop()
        await self._files.stop()
        await self._http.stop()

    def _found(self, source: TargetSource, targets: tuple[Target, ...]) -> None:
        self._catalog.put(source, targets)
        self._gather()

    def _fanned_out(self, targets: tuple[Target, ...]) -> None:
        self._expanded = targets
        self._tell()

    def _gather(self) -> None:
        chosen = self._catalog.all()
        self._plain = chosen
        wide = tuple(filter(fans_out, chosen.targets))
        if wide:
            plain = tuple(t for t in chosen.targets if not fans_out(t))
            self._plain = chosen._replace(targets=plain)
        if not _same(wide, self._wide):
            self._wide = wide
            self._addresses.replace(wide)
        self._tell()

    def _tell(self) -> None:
        if not self._started:
            return
        plain = self._plain
        now = plain._replace(targets=plain.targets + self._expanded)
        if not _same(now.targets, self._told.targets):
            self._told = now
            self._on_change(now)


def _same(some: Sequence[Target], others: Sequence[Target]) -> bool:
    """Whether these are the same objects: comparing what they hold takes 3 us each."""
    return len(some) == len(others) and all(map(is_, some, others))


def _lookup_failed(reason: Reason) -> str:
    return f"the lookup failed: {reason.meaning}"
