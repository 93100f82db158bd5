"""One event is one line, in either spelling, whoever logs it and whatever is in it."""

import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from exporter.log import FORMATS, LEVELS, configure

SPELLINGS = pytest.mark.parametrize("spelling", FORMATS)
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"


@contextmanager
def logged(level: str = "info", spelling: str = "logfmt") -> Iterator[io.StringIO]:
    """Set logging up as a process would; give what standard error gets."""
    root = logging.getLogger()
    handlers, root_level = root.handlers[:], root.level
    root.handlers.clear()  # whose they are: they must not be closed
    with redirect_stderr(io.StringIO()) as written:
        try:
            configure(level, spelling)
            yield written
        finally:
            structlog.reset_defaults()
            root.handlers[:] = handlers
            root.setLevel(root_level)


def lines(written: io.StringIO) -> list[str]:
    """Give the lines; each has its end."""
    *whole, rest = written.getvalue().split("\n")
    assert rest == ""
    return whole


# --- the spellings


def test_logfmt() -> None:
    """Time, level and message come first; what holds a blank or `=` is quoted."""
    with logged() as written:
        structlog.get_logger().info(
            "target fails", target="mx1:25", why="a b", sum="1=1", n=3, ok=True, no=None
        )

    (line,) = lines(written)
    assert re.sub(TIME, "T", line) == (
        'time=T level=info msg="target fails" target=mx1:25 why="a b" sum="1=1" n=3 '
        "ok=true no="
    )


def test_json() -> None:
    """A line is an object with the same keys, and values keep their types."""
    with logged(spelling="json") as written:
        structlog.get_logger().warning("target fails", target="mx1:25", n=3, no=None)

    (line,) = lines(written)
    event = json.loads(line)
    assert re.fullmatch(TIME, event.pop("time"))
    assert event == {
        "level": "warning",
        "msg": "target fails",
        "target": "mx1:25",
        "n": 3,
        "no": None,
    }


def test_logfmt_escapes() -> None:
    """Newlines, quotes and backslashes are escaped inside quotes."""
    with logged() as written:
        structlog.get_logger().info('two\nlines and a "quote"', path="C:\\new dir")

    (line,) = lines(written)
    assert r'msg="two\nlines and a \"quote\""' in line
    assert r'path="C:\\new dir"' in line


@given(st.sampled_from(FORMATS), st.text(), st.text())
def test_any_text_is_one_line(spelling: str, message: str, value: str) -> None:
    """Whatever the message and the values hold, there is one line for each event."""
    with logged(spelling=spelling) as written:
        structlog.get_logger().info(message, value=value)
        structlog.get_logger().error(message, value=value)

    both = lines(written)
    assert len(both) == 2
    if spelling == "json":
        events = [json.loads(line) for line in both]
        assert [(e["msg"], e["value"]) for e in events] == [(message, value)] * 2


@pytest.mark.parametrize(
    "spelling",
    [
        "json",
        pytest.param(
            "logfmt",
        ),
    ],
)
def test_nothing_steers_a_terminal(spelling: str) -> None:
    """Control characters and line separators do not get through as they are."""
    with logged(spelling=spelling) as written:
        structlog.get_logger().info("\x1b[2J", value="\r\x00\x85\u2028")

    (line,) = lines(written)
    assert line.isprintable()


# --- levels


@SPELLINGS
@pytest.mark.parametrize("level", LEVELS)
def test_levels(level: str, spelling: str) -> None:
    """What is below the level is not written, and the rest is."""
    with logged(level, spelling) as written:
        log = structlog.get_logger()
        for write in (log.debug, log.info, log.warning, log.error):
            write("said")

    said = ["debug", "info", "warning", "error"][LEVELS.index(level) :]
    assert len(lines(written)) == len(said)
    assert all(word in line for word, line in zip(said, lines(written), strict=True))


# --- libraries


def test_libraries_in_logfmt() -> None:
    """What a library logs has our spelling, and says whose it is."""
    with logged() as written:
        logging.getLogger("aiohttp.server").error("%s is %d\n", "it", 1)

    (line,) = lines(written)
    assert re.sub(TIME, "T", line) == (
        r'time=T level=error msg="it is 1\n" source=aiohttp.server'
    )


def test_libraries_in_json() -> None:
    """The same in JSON."""
    with logged(spelling="json") as written:
        logging.getLogger("asyncio").warning("100%")

    (line,) = lines(written)
    event = json.loads(line)
    assert (event["msg"], event["level"]) == ("100%", "warning")
    assert event["source"] == "asyncio"


@pytest.mark.parametrize(
    ("level", "heard"),
    [("debug", 3), ("info", 3), ("warn", 3), ("error", 2)],
)
def test_libraries_are_heard_from_warning_on(level: str, heard: int) -> None:
    """A library's chatter is not ours, whatever our own level."""
    with logged(level) as written:
        log = logging.getLogger("a.library")
        for write in (log.debug, log.info, log.warning, log.error, log.critical):
            write("said")

    assert len(lines(written)) == heard


def test_a_librarys_own_level() -> None:
    """A level of a library's own is written like the one below it."""
    with logged() as written:
        logging.getLogger("a.library").log(35, "louder than a warning")

    (line,) = lines(written)
    assert "level=warning" in line


# --- exceptions


def fail() -> None:
    """Raise an exception that has a traceback and a cause."""
    raise ValueError('second "line"') from OSError("first\nline")


@SPELLINGS
def test_an_exception_is_one_line(spelling: str) -> None:
    """The traceback stands in the line of its event, whole."""
    with logged(spelling=spelling) as written:
        try:
            fail()
        except ValueError as error:
            structlog.get_logger().exception("it broke")
            structlog.get_logger().error("it broke", exc_info=error)
            logging.getLogger("a.library").exception("it broke")

    ours, given_one, of_library = lines(written)
    for line in (ours, given_one, of_library):
        assert "Traceback (most recent call last)" in line
        assert "OSError" in line
        assert "ValueError" in line
        assert "it broke" in line
    assert "a.library" in of_library


def test_nobody_else_writes() -> None:
    """What a library has set up for the root logger gives way."""
    other = io.StringIO()
    with logged() as written:
        logging.getLogger().addHandler(logging.StreamHandler(other))
        configure("info", "logfmt")
        logging.getLogger("a.library").warning("said")

    assert len(lines(written)) == 1
    assert other.getvalue() == ""


def test_configured_twice() -> None:
    """The later word counts, and nothing is written twice."""
    with logged("error", "logfmt") as written:
        configure("info", "json")
        structlog.get_logger().info("said")
        logging.getLogger("a.library").warning("said")

    assert [json.loads(line)["msg"] for line in lines(written)] == ["said", "said"]
