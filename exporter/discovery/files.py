"""Targets from files: what has changed is read again, and what is broken is kept.

Holds how files are found, told apart and read; refuses the rest, which is the same for
every kind of source.
"""

import errno
import os
import stat
import time
from collections.abc import Hashable, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from exporter.discovery.items import MAX_OCTETS, Form
from exporter.discovery.lists import Document, Look
from exporter.discovery.sources import SourceWatch
from exporter.targets import FileSource
from exporter.vocabulary import TargetSource

# A file for each target of one process is ten thousand.
MAX_FILES = 20_000
# FAT's clock has steps of 2 s. A file changed so shortly before it is read may change
# once more without its times showing.
_CLOCK_STEP_SECONDS = 2.0
_MISSING: Final = "missing"  # the stamp of a file, or a pattern's files, not there
_NOT_THERE = (FileNotFoundError, NotADirectoryError)


class FileWatch(SourceWatch[FileSource]):
    """Watches files in the format of file_sd; see SourceWatch.

    A file is read again when its times, size or inode are others, behind symbolic
    links. A broken one names what it did before, and is told of once for each change;
    one that is gone names nothing.
    """

    origin = TargetSource.FILE

    async def _look(self, source: FileSource, look: Look) -> None:
        await self._off_loop(_look_at, source.files, look)

    def _has(self, source: FileSource, key: str) -> bool:
        return any(_matches(key, pattern) for pattern in source.files)


def _look_at(patterns: Iterable[str], look: Look) -> None:
    for pattern in patterns:
        for path in _matching(pattern, look):
            if path not in look.documents:
                _visit(path, look)


def _matching(pattern: str, look: Look) -> Sequence[str]:
    """Give the paths of a pattern in order; none when the folder cannot be read."""
    if "*" not in pattern:
        return [pattern]
    try:
        paths = _listed(pattern)
    except OSError as error:
        look.failures.append((pattern, f"the folder cannot be read: {_reason(error)}"))
        for path in look.known:
            if _matches(path, pattern):
                look.keep(path)
        return ()
    if not paths:
        _miss(pattern, look, "no file matches; targets come when one does")
    return paths


def _listed(pattern: str) -> Sequence[str]:
    try:
        files = [str(path) for path in Path(pattern).parent.iterdir()]
    except _NOT_THERE:
        return ()
    paths = sorted(path for path in files if _matches(path, pattern))
    if len(paths) > MAX_FILES:
        raise OSError(errno.E2BIG, f"more than {MAX_FILES} files match")
    return paths


def _matches(path: str, pattern: str) -> bool:
    """Whether a path is meant; a leading dot, as of half-written copies, never is."""
    folder, _, name = path.rpartition("/")
    wanted, _, names = pattern.rpartition("/")
    hidden = name.startswith(".") and not names.startswith(".")
    return folder == wanted and not hidden and fnmatchcase(name, names)


def _visit(path: str, look: Look) -> None:
    known = look.known.get(path)
    try:
        if known and known.stamp == _stamp(Path(path).stat()):
            look.keep(path)
            return
        octets, stamp = _read(path)
    except _NOT_THERE:
        _miss(path, look, "there is no such file; its targets come with it")
    except OSError as error:
        look.fail(path, path, f"it cannot be read: {_reason(error)}")
    else:
        look.read(path, Document(path, _form(path), stamp), octets)


def _miss(path: str, look: Look, sentence: str) -> None:
    """Note that nothing is there, and tell it once."""
    known = look.known.get(path)
    if not known or known.stamp != _MISSING:
        look.complaints.append((path, sentence))
    look.documents[path] = Document(path, _form(path), _MISSING)


def _form(path: str) -> Form:
    return Form.JSON if path.lower().endswith(".json") else Form.YAML


def _read(path: str) -> tuple[bytes, Hashable]:
    # A pipe of that name would wait for a writer without O_NONBLOCK.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        octets = file.read(MAX_OCTETS + 1)
    age = time.time() - max(status.st_mtime, status.st_ctime)
    return octets, _stamp(status) if age > _CLOCK_STEP_SECONDS else None


def _stamp(status: os.stat_result) -> Hashable:
    """Give what is another after any change: an inode and a time may come again."""
    times = status.st_mtime_ns, status.st_ctime_ns
    return times, status.st_size, status.st_ino, status.st_dev


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
