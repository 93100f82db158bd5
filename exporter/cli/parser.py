"""A command line's reader: flags in groups, and a remedy behind every complaint.

Holds how argparse is made to speak; which commands and flags there are stands beside
the commands. Imports nothing heavy: `version` pays for it too.
"""

import argparse
import difflib
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

# A flag's group is told by the beginning of its name.
_GROUPS = {
    "--config.": "configuration",
    "--web.": "web",
    "--shard.": "shard",
    "--log.": "log",
}
# What was written is shown; a longer word is known by its beginning.
_SHOWN_CHARACTERS = 80


class CommandParser(argparse.ArgumentParser):
    """An argparse parser that groups flags and suggests the nearest word."""

    def add_argument(self, *names: Any, **how: Any) -> argparse.Action:
        """Add an argument, a flag to the group that its name begins with."""
        for prefix, title in _GROUPS.items():
            if names and str(names[0]).startswith(prefix):
                return self._group(title).add_argument(*names, **how)
        return super().add_argument(*names, **how)

    def _group(self, title: str) -> "argparse._ArgumentGroup":
        for group in self._action_groups:
            if group.title == title:
                return group
        return self.add_argument_group(title)

    def refuse(self, extras: Sequence[str]) -> NoReturn:
        """Leave with 2 because of what nobody asked for, and suggest what was meant."""
        flags = [word.partition("=")[0] for word in extras if word.startswith("-")]
        if not flags:
            self.error(f"{_shown(extras[0])} is one argument too many")
        known = self._option_string_actions
        self.error(f"there is no flag {_shown(flags[0])}{nearest(flags[0], known)}")

    def knows(self, flag: str) -> bool:
        """Whether there is such a flag."""
        return flag.partition("=")[0] in self._option_string_actions

    def error(self, message: str) -> NoReturn:
        """Leave with 2: how it should have been, what is wrong, where to read on."""
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message}\nSee: {self.prog} --help\n")


def nearest(word: str, known: Iterable[str]) -> str:
    """Ask for the nearest known word; empty when none is near."""
    close = difflib.get_close_matches(word[:_SHOWN_CHARACTERS], [*known], n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def no_command(word: str, known: Iterable[str]) -> str:
    """Say that there is no such command, and which ones there are."""
    known = [*known]
    meant = nearest(word, known) or f"; the commands are {', '.join(known)}"
    return f"there is no command {_shown(word)}{meant}"


def _shown(word: str) -> str:
    """Show a word of the command line on one line, in backticks."""
    return f"`{ascii(word[:_SHOWN_CHARACTERS])[1:-1]}`"
