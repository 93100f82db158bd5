"""Writes requirements.lock and requirements-build.lock out of pyproject.toml.

Holds what the image promises: each package at one version, with the hashes of all its
files, for every Python and machine below. Refuses a set of which one of them would have
to compile something. Names no registry, here or in what it writes: uv knows its own.
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

OLDEST = "3.11"
PYTHONS = (OLDEST, "3.12", "3.13", "3.14")
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28")
UV = Path(sys.executable).with_name("uv")

_COMPILE = (
    *("pip", "compile", "--quiet", "--universal", f"--python-version={OLDEST}"),
    *("--upgrade", "--generate-hashes", "--no-emit-index-url", "--no-annotate"),
    "--custom-compile-command=make lock",
)
_NO_COMPILER = ("--only-binary=:all:", "--no-header", "--no-annotate", "--quiet")


def main() -> None:
    """Write both files and hold them against every Python and machine."""
    with Path("pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    build = "\n".join(project["build-system"]["requires"])
    for name, source, text in (
        ("requirements.lock", "pyproject.toml", ""),
        ("requirements-build.lock", "-", build),
    ):
        _uv(*_COMPILE, f"--output-file={name}", source, text=text)
        for python in PYTHONS:
            for platform in PLATFORMS:
                where = f"--python-version={python}", f"--python-platform={platform}"
                _uv("pip", "compile", *_NO_COMPILER, *where, name)
                print(f"{name}: all there for Python {python} on {platform}")


def _uv(*arguments: str, text: str = "") -> None:
    done = subprocess.run(
        [UV, *arguments],
        input=text,
        text=True,
        stdout=subprocess.DEVNULL,
        env={"UV_NO_CONFIG": "1", **os.environ},
        check=False,
    )
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
