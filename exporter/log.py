"""One log call, two spellings: logfmt as the rest of the ecosystem writes it, or JSON.

Lines go to standard error, one each, whatever a server may have put into a value.
"""

import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, Processor

from exporter.printable import printable

_NUMBERS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
LEVELS = tuple(_NUMBERS)


_written = dict.fromkeys(("debug", "info", "warning", "error", "critical"), 0)


def lines_written() -> Mapping[str, int]:
    """Give how many lines were written since the start, by level."""
    return _written


def is_debug() -> bool:
    """Whether lines at debug are written; ask once, so that the rest costs nothing."""
    return bool(structlog.get_logger().is_enabled_for(logging.DEBUG))


def _counted(_: object, __: str, event: EventDict) -> EventDict:
    level = event["level"]
    _written[level] = _written.get(level, 0) + 1
    return event


def _printable(_: object, __: str, event: EventDict) -> EventDict:
    """Escape what could steer a terminal; LF is the renderer's own business."""
    return {key: _escaped(value) for key, value in event.items()}


def _escaped(value: object) -> object:
    if not isinstance(value, str):
        return value
    return "\n".join(map(printable, value.split("\n")))


_RENDERERS: dict[str, tuple[Processor, ...]] = {
    "logfmt": (
        _printable,
        structlog.processors.LogfmtRenderer(
            key_order=["time", "level", "msg"], bool_as_flag=False
        ),
    ),
    "json": (structlog.processors.JSONRenderer(),),
}
FORMATS = tuple(_RENDERERS)


def configure(level: str, spelling: str) -> None:
    """Set up logging for the process, our own and that of the libraries."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _counted,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("msg"),
            *_RENDERERS[spelling],
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_NUMBERS[level]),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Unfailing())),
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_ToStructlog()], force=True)


class _Unfailing:
    """Standard error, whoever reads it or not: no probe fails for want of a log."""

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()


class _ToStructlog(logging.Handler):
    """Hands what libraries log to the same place in the same spelling."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        log.log(
            max(filter(record.levelno.__ge__, _NUMBERS.values()), default=0),
            record.getMessage(),
            source=record.name,
            exc_info=record.exc_info,
        )
