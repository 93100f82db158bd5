"""Namespaces of the kernel for one command: its own mounts, or a network of its own.

Nothing that happens in one is seen by the rest of the machine, and it goes with the
last process in it.
"""

import os
import subprocess

from tests.conftest import find_peer, missing_peer


def unshared(*kinds: str) -> tuple[str, ...]:
    """Give what to write before a command; skips where the machine does not let us."""
    owner = () if os.geteuid() == 0 else ("--map-root-user",)
    command = (str(find_peer("unshare")), *owner, *kinds)
    tried = subprocess.run(
        [*command, "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        missing_peer(f"no namespaces ({' '.join(kinds)}): {tried.stderr.strip()}")
    return command
