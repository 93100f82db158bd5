"""Octets behind a path, for OpenSSL, which takes a certificate and its key from a file.

Holds them in memory where the system can: no key comes to lie on a disk, and a root
that is read-only, with no folder for temporary files, is enough. Refuses to keep them
any longer than they are needed.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def memory_file(octets: bytes) -> Iterator[str]:
    """Give a path behind which these octets are, and where possible no disk.

    Raises OSError where there is neither such memory nor a folder to write to.
    """
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        number = os.memfd_create("pem")
        with os.fdopen(number, "wb") as file:
            file.write(octets)
            file.flush()
            yield f"/proc/self/fd/{number}"
        return
    with TemporaryDirectory() as folder:
        path = Path(folder, "pem")
        path.touch(0o600)
        path.write_bytes(octets)
        yield str(path)
