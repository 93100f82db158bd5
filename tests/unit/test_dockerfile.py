"""The Dockerfile says what the exporter and its page on containers say."""

import json
import re
from pathlib import Path

from exporter import cli
from exporter.web.address import DEFAULT_PORT

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "container.md").read_text("utf-8")
TEXT = re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"))
LINES = [
    " ".join(line.split()) for line in TEXT.replace("\\\n", " ").splitlines() if line
]


def said(instruction: str) -> list[str]:
    """Give what stands behind each use of an instruction."""
    return [line.partition(" ")[2] for line in LINES if line.startswith(instruction)]


def words(text: str) -> list[str]:
    """Read the form that no shell is needed for."""
    found: list[str] = json.loads(text)
    return found


def test_one_argument_names_the_base() -> None:
    """What is built on is a name without a registry, and can be another."""
    assert said("FROM") == ["${BASE} AS build", "${RUNTIME}"]
    base, runtime = (one for one in said("ARG") if one.startswith(("BASE", "RUNTIME")))
    assert re.fullmatch(r"BASE=[a-z]+:[\w.-]+", base)
    assert runtime == "RUNTIME=${BASE}"


def test_commands_need_no_shell_and_are_the_exporters() -> None:
    """Entry point, command and health check are lists that our parser takes."""
    (program,) = words(said("ENTRYPOINT")[0])
    check = words(said("HEALTHCHECK")[0].partition(" CMD ")[2])

    assert Path(program).name == check[0].rpartition("/")[2] == cli.PROGRAM
    assert cli.parsed(words(said("CMD")[0])).config_file == cli.DEFAULT_CONFIG
    assert cli.parsed(check[1:]).pid == 1
    assert said("WORKDIR")[-1] == str(Path(cli.DEFAULT_CONFIG).parent)


def test_nothing_runs_behind_the_last_from() -> None:
    """The last stage copies, and so needs no shell when it is built either."""
    last = max(place for place, line in enumerate(LINES) if line.startswith("FROM"))

    assert not any(line.startswith("RUN") for line in LINES[last:])


def test_the_page_tells_of_it() -> None:
    """User, port and command on the page are those of the image."""
    assert said("EXPOSE") == [str(DEFAULT_PORT)]
    assert f"| port | {DEFAULT_PORT}," in PAGE
    assert f"| user | {said('USER')[0]}," in PAGE
    assert f"`{words(said('ENTRYPOINT')[0])[0]} {words(said('CMD')[0])[0]}`" in PAGE
    assert said("STOPSIGNAL") == ["SIGTERM"]
    assert "| SIGTERM |" in PAGE


def test_only_what_is_needed_is_sent() -> None:
    """The build sees what it copies, and no other file of the checkout."""
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        name
        for line in said("COPY")
        if not line.startswith("--from")
        for name in line.split()[:-1]
    }

    assert next(line for line in ignored if not line.startswith("#")) == "*"
    assert allowed == copied
