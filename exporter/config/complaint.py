"""What is wrong with a configuration, said so that its owner can mend it.

Holds complaints, the error that carries all of them, and how a place, a path, a value
and a suggestion are spelt in one. Refuses to know what any key means.
"""

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeVar

from exporter.printable import SHOWN_CHARACTERS, quoted

T = TypeVar("T")

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}")


class Place(NamedTuple):
    """Where something stands in the file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing that is wrong, where it is, and where possible the remedy."""

    file: Path
    place: Place | None = None  # None: it is about the file as a whole
    path: str = ""  # as in `targets[5].port`; empty: not about one key
    message: str

    def __str__(self) -> str:
        """Give `file:line:column: path: what is wrong`."""
        where = ":".join(map(str, (self.file, *(self.place or ()))))
        return ": ".join(part for part in (where, self.path, self.message) if part)


class ConfigError(Exception):
    """Everything that is wrong with one configuration file, in the file's order."""

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        """Put the complaints in order."""
        self.complaints = tuple(
            sorted(complaints, key=lambda c: c.place or Place(0, 0))
        )
        super().__init__("\n".join(map(str, self.complaints)))


class Refusal(ValueError):
    """A value that cannot stand; the sentence becomes the complaint."""


class Complaints:
    """The complaints about one file, while they are gathered."""

    def __init__(self, file: Path) -> None:
        """Start with none."""
        self._file = file
        self._gathered: list[Complaint] = []

    def add(
        self,
        message: str,
        *,
        place: Place | None = None,
        path: Iterable[str | int] = (),
    ) -> None:
        """Note one more and go on."""
        self._gathered.append(
            Complaint(file=self._file, place=place, path=dotted(path), message=message)
        )

    def stop(self, message: str, *, place: Place | None = None) -> NoReturn:
        """Note the last one: nothing behind it can be read.

        Raises ConfigError.
        """
        self.add(message, place=place)
        raise ConfigError(self._gathered)

    def settle(self, result: T | None) -> T:
        """Give the result, if there is one and nothing to complain about.

        Raises ConfigError otherwise.
        """
        if self._gathered or result is None:
            raise ConfigError(self._gathered)
        return result


def dotted(parts: Iterable[str | int]) -> str:
    """Spell a path, as in `targets[5].port` or `modules["a.b"].quit`."""
    return "".join(map(_path_part, parts)).removeprefix(".")


def _path_part(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    if _PLAIN_KEY.fullmatch(part):
        return f".{part}"
    return f"[{json.dumps(part[:SHOWN_CHARACTERS])}]"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Ask for the nearest known word, in any case; empty when none is near."""
    lower = word[:SHOWN_CHARACTERS].lower()
    known = {word.lower(): word for word in known}
    close = difflib.get_close_matches(lower, known, n=1)
    return f"did you mean {quoted(known[close[0]])}?" if close else ""
