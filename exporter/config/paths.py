"""The files that a configuration names: where they are, and whether they can be read.

Holds how a path is completed and what may go wrong on the way to the first octet.
Refuses to show a path: some write the secret itself where its path belongs.
"""

import stat
from pathlib import Path

from exporter.config.complaint import Refusal
from exporter.config.source import remedy_of

_RELATIVE = "; a relative path begins at this configuration's folder"


def regular_file(text: str, folder: Path, *, wanted: str) -> Path:
    """Give the full path of a file that is there.

    A relative one begins at the folder. Links stay as they are: where secrets are
    mounted, a rotation replaces the link. Raises Refusal.
    """
    if not text:
        raise Refusal(f"the path is empty; give the path of the file with {wanted}")
    path = folder.absolute() / text
    hint = "" if Path(text).is_absolute() else _RELATIVE
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        raise Refusal(f"{remedy_of(error)}{hint}") from None
    if not regular:
        raise Refusal(f"this is not a regular file; give the path of one{hint}")
    return path
