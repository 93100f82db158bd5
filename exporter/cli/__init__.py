"""The command line: which command is run, and the exit code.

A command's file is imported when the command is given: `version` and `--help` answer
at once. Exit codes: 0 done, 1 the thing asked for failed, 2 the command line is wrong.
"""

import argparse
import errno
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any, NoReturn

from exporter import __version__
from exporter.cli.commands import COMMANDS, DEFAULT_CONFIG, DEFAULT_LISTEN
from exporter.cli.parser import CommandParser, no_command

__all__ = [
    "COMMANDS",
    "DEFAULT_CONFIG",
    "DEFAULT_LISTEN",
    "PROGRAM",
    "USAGE_ERROR",
    "fail",
    "main",
    "parsed",
]

PROGRAM = "mailserver-exporter"
USAGE_ERROR = 2
_BY_SIGNAL = 128  # a shell's way to tell which signal ended a program


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code. Usage errors leave with 2 by argparse."""
    if os.getpid() == 1:  # the kernel drops what PID 1, a container's, does not handle
        signal.signal(signal.SIGTERM, _leave)
    if isinstance(sys.stdout, TextIOWrapper):  # what a server said fits no code page
        sys.stdout.reconfigure(errors="backslashreplace")
    arguments = parsed(argv)
    command = importlib.import_module(f"exporter.cli.{arguments.module_of_command}")
    try:
        code = int(command.run(arguments))
        if sys.stdout:  # there is none after `>&-`
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _BY_SIGNAL + signal.SIGINT
    except BrokenPipeError:  # `... | head` is no error of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BY_SIGNAL + signal.SIGPIPE
    except OSError as error:  # a full disk behind standard output, no descriptors left
        return fail(f"{error.strerror or error}; {_remedy(error)}")
    return code


def _leave(number: int, _: object) -> NoReturn:
    sys.exit(_BY_SIGNAL + number)


def parsed(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line; leaves with 2 and the nearest word for one that is wrong."""
    argv, parser = sys.argv[1:] if argv is None else argv, _parser()
    if argv and argv[0].startswith("-") and not parser.knows(argv[0]):
        parser.refuse(argv[:1])
    if argv and not argv[0].startswith("-") and argv[0] not in COMMANDS:
        parser.error(no_command(argv[0], COMMANDS))
    arguments, extras = parser.parse_known_args(argv)
    if extras:
        getattr(arguments, "parser", parser).refuse(extras)
    return arguments


def fail(sentence: str, code: int = 1) -> int:
    """Say what is wrong in one line on standard error; gives the exit code."""
    print(f"{PROGRAM}: {sentence}", file=sys.stderr)
    return code


def _remedy(error: OSError) -> str:
    return _REMEDIES.get(error.errno or 0, "look at the machine's own log for more")


_REMEDIES = {
    errno.ENOSPC: "make room where standard output goes",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`, LimitNOFILE=)",
    errno.ENFILE: "the whole machine has too many files open; end what leaks them",
    errno.EACCES: "run it as a user who may do that",
    errno.EPERM: "run it as a user who may do that",
}


def _parser() -> CommandParser:
    parser = CommandParser(
        prog=PROGRAM,
        description="Probes mail servers on its own schedule and tells Prometheus: do "
        "they greet (220), how fast is each step, do they say goodbye properly (221, "
        "then a clean close).",
        allow_abbrev=False,
        formatter_class=_Wide,
        epilog="To see it work without a configuration: mailserver-exporter demo. "
        "Flags of a command: mailserver-exporter COMMAND --help",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (text, add_arguments) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=text,
            description=_sentence(text),
            allow_abbrev=False,
            formatter_class=_Wide,
        )
        command.set_defaults(module_of_command=name.replace("-", "_"), parser=command)
        add_arguments(command)
    return parser


class _Wide(argparse.HelpFormatter):
    """Has room for the names of commands, and for most flags, left of their text."""

    def __init__(self, prog: str, **how: Any) -> None:
        """Keep everything else as it is."""
        super().__init__(prog, **how | {"max_help_position": 18})
        self._action_max_length = 16  # argparse forgets the indent of commands


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
