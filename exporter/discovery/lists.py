"""What a look at a source has found: texts, the targets they name, and all as one.

Holds what is read and made in threads, and refuses the loop. A text whose content did
not change names the same targets as before, the same objects.
"""

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Generic, NamedTuple, Protocol, TypeVar

from exporter.discovery.groups import Found, read_groups
from exporter.discovery.items import Form, Octets, Unreadable
from exporter.printable import quoted
from exporter.targets import FileSource, HttpSource, Target
from exporter.vocabulary import TargetSource

# Complaints about one text that are told; whoever mends ten knows the others.
MAX_TOLD = 10
_making = threading.Lock()  # with two at it the loop would wait twice as long

S = TypeVar("S", FileSource, HttpSource)
Said = tuple[str, str]  # a file or an address, and a sentence about it
Tell = Callable[[TargetSource, str, str], object]


class Make(Protocol):
    """Makes a target of what was found; called in a thread, one call at a time."""

    def __call__(
        self,
        address: str,
        module: str | None,
        labels: Mapping[str, str],
        *,
        source: TargetSource,
    ) -> Target:
        """Raise ValueError with a sentence for one that cannot be."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What makes the targets of one source."""

    make: Make
    module: str | None  # of targets that name none
    origin: TargetSource

    def targets(
        self,
        octets: Octets,
        form: Form,
        before: tuple[Target, ...],
        complain: Callable[[str], object],
    ) -> tuple[Target, ...]:
        """Make the targets that a text names; one that was there before is the same.

        Where hardly any is new, hardly anything is left for the garbage collector,
        which would hold the loop. Raises Unreadable.
        """
        with _making:
            now = tuple(self._targets(octets, form, before, complain))
        return before if now == before else now

    def _targets(
        self,
        octets: Octets,
        form: Form,
        before: tuple[Target, ...],
        complain: Callable[[str], object],
    ) -> Iterator[Target]:
        known = {target.name: target for target in before}
        for found in read_groups(octets, form, complain):
            try:
                made = self._made(found)
            except ValueError as error:
                complain(f"{quoted(found.address)} is left out: {error}")
            else:
                old = known.get(made.name)
                yield old if old is not None and old == made else made

    def _made(self, found: Found) -> Target:
        return self.make(
            found.address,
            found.module or self.module,
            dict(found.labels),
            source=self.origin,
        )


@dataclass(frozen=True, slots=True)
class Document:
    """What a file or an address names, as it was last understood.

    The text is kept, for targets to be made of it anew: it is one object, and what is
    found in it would be ten for each target.
    """

    where: str  # how it is told of
    form: Form
    stamp: Hashable = None  # shows without reading that it is the same; None: reads it
    digest: bytes = b""  # of the text last read, understood or not
    octets: Octets | None = None  # the text last understood; None: none was
    maker: Maker | None = None
    targets: tuple[Target, ...] = ()

    def made_by(self, maker: Maker) -> tuple["Document", Sequence[Said]]:
        """Give it with the targets that this maker makes, and what to tell of them.

        Raises Unreadable for a text that was not understood before.
        """
        if self.maker == maker or self.octets is None:
            return self, ()
        said: list[str] = []
        targets = maker.targets(self.octets, self.form, self.targets, said.append)
        told = [(self.where, sentence) for sentence in said[:MAX_TOLD]]
        if said[MAX_TOLD:]:
            more = len(said) - MAX_TOLD
            told.append((self.where, f"{more} more complaints are not shown"))
        return replace(self, maker=maker, targets=targets), told


class Look:
    """One look at a source: what it names by now, and what there is to tell."""

    def __init__(self, known: Mapping[str, Document], maker: Maker) -> None:
        """Begin with what was known before, by path or URL."""
        self.known = known
        self.documents: dict[str, Document] = {}
        self.failures: list[Said] = []
        self.complaints: list[Said] = []
        self._maker = maker

    def differs(self, known: Mapping[str, Document]) -> bool:
        """Whether what is named may be other than what is known."""
        return self.documents.keys() != known.keys() or any(
            document.targets is not known[key].targets
            for key, document in self.documents.items()
        )

    def keep(self, key: str) -> None:
        """Let a document stand as it was known."""
        if key in self.known:
            self.documents[key] = self.known[key]
        else:
            self.documents.pop(key, None)

    def fail(self, key: str, where: str, sentence: str) -> None:
        """Tell that a document cannot be had; it stands as it was known."""
        self.failures.append((where, sentence))
        self.keep(key)

    def read(self, key: str, empty: Document, octets: Octets) -> bool:
        """Take a text for an empty document; not for the thread of the loop.

        False for one that is not understood: the document names what it did before.
        """
        digest = blake2b(octets).digest()
        known = self.known.get(key, empty)
        stamped = replace(known, stamp=empty.stamp, digest=digest)
        self.documents[key] = stamped
        if digest == known.digest:
            return True
        try:
            document, told = replace(stamped, octets=octets, maker=None).made_by(
                self._maker
            )
        except Unreadable as error:
            self.failures.append((empty.where, str(error)))
            return False
        self.documents[key] = document
        self.complaints.extend(told)
        return True


class Joined(NamedTuple, Generic[S]):
    """The documents of all sources, and their targets without a name coming twice."""

    documents: Mapping[S, Mapping[str, Document]]
    targets: tuple[Target, ...] = ()
    doubles: tuple[Said, ...] = ()
    told: tuple[Said, ...] = ()  # complaints not told before


def join(
    documents: Mapping[S, Mapping[str, Document]],
    makers: Mapping[S, Maker],
    before: Joined[S],
) -> Joined[S]:
    """Join what the sources name; where two name a target alike, the first has it.

    The targets are the very ones of before if nothing is different. May take seconds:
    not for the thread of the loop.
    """
    chosen: dict[str, Target] = {}
    told: list[Said] = []
    doubles: list[Said] = []
    made: dict[S, dict[str, Document]] = {}
    for source, by_key in documents.items():
        made[source] = {}
        for key, document in by_key.items():
            made[source][key], complaints = document.made_by(makers[source])
            told.extend(complaints)
            doubles.extend(_doubles(made[source][key], chosen))
    told.extend(said for said in doubles if said not in before.doubles)
    targets = tuple(chosen.values())
    if targets == before.targets:
        targets = before.targets
    return Joined(made, targets, tuple(doubles), tuple(told))


def _doubles(document: Document, chosen: dict[str, Target]) -> Iterator[Said]:
    """Add the targets to the chosen; tell of those whose names were taken."""
    names: list[str] = []
    for target in document.targets:
        if target.name in chosen:
            names.append(target.name)
        else:
            chosen[target.name] = target
    if names:
        others = f" and {len(names) - 1} more were" if names[1:] else " was"
        yield (
            document.where,
            f"{quoted(names[0])}{others} named before; the first stands",
        )
