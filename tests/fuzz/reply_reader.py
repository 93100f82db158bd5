"""Coverage-guided octets for the reply parser, by atheris (libFuzzer).

A program: `python tests/fuzz/reply_reader.py -max_total_time=60 tests/fuzz/corpus`.
libFuzzer writes what it finds new into the first folder that it is given; here that is
one beside .hypothesis, so that the kept corpus changes by somebody's decision only. A
find that fails is written to `crash-*` in the working directory.
"""

import os
import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]  # it ships no types, and is no dependency of ours

HERE = Path(__file__).resolve().parent
NEW = HERE.parents[1] / ".hypothesis" / "reply_reader"

# Run as a program, the folder of this file is what Python finds modules in.
sys.path.insert(0, str(HERE.parents[1]))

with atheris.instrument_imports(include=["exporter.smtp"]):
    from tests.fuzz.properties import examine


def main() -> None:
    """Fuzz until libFuzzer's own limits; it ends the process itself."""
    NEW.mkdir(parents=True, exist_ok=True)
    options = [word for word in sys.argv[1:] if word.startswith("-")]
    folders = [word for word in sys.argv[1:] if not word.startswith("-")]
    atheris.Setup([sys.argv[0], *options, os.fspath(NEW), *folders], examine)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
