"""`healthcheck`: asks the running exporter whether it is well, as containers do.

Needs no shell, no curl and no configuration. Runs every few seconds beside the
exporter, so it imports little, and it follows no proxy and no redirect.
"""

import argparse
import errno
import ipaddress
import re
import ssl
import threading
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from exporter.cli import DEFAULT_LISTEN, USAGE_ERROR, fail
from exporter.cli.running import add_web_flags
from exporter.web.address import ListenError, parse_listen_address

HEALTHY, READY = "/-/healthy", "/-/ready"
_OK = 200
_UNAUTHORIZED = 401
_SECONDS = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,3})?)s?")
# What an exporter says of itself is one short line.
_SHOWN_OCTETS = 200
# A key of exporter-toolkit's file that has it serve HTTPS; it stands in no other place.
_SERVES_TLS = re.compile(r"^[\"']?tls_server_config[\"']?\s*:", re.MULTILINE)
_WILDCARDS = {None: "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- nothing is bound


class _UsageError(ValueError):
    """A flag that cannot be followed; the text names the remedy."""


class Question(NamedTuple):
    """What is asked, of whom."""

    https: bool
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        """Spell it as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' * self.https}://{host}:{self.port}{self.path}"


class Answer(NamedTuple):
    """What came back: the status, and the beginning of the text."""

    status: int
    text: str


def run(arguments: argparse.Namespace) -> int:
    """Ask; 0 when the exporter is well, 1 when it is not or nobody answers in time."""
    try:
        question = asked(arguments)
        seconds = limit(arguments.timeout)
    except (_UsageError, ListenError) as error:
        return fail(str(error), USAGE_ERROR)
    except OSError as error:
        return fail(
            f"--web.config.file cannot be read: {error.strerror or error}; give the "
            "file that the exporter was given"
        )
    try:
        answer = answered(question, seconds)
    except (OSError, HTTPException) as error:
        return fail(f"{question} does not answer: {_why(error, seconds)}")
    return _judged(question, answer)


def _judged(question: Question, answer: Answer) -> int:
    if answer.status == _OK:
        print(f"{question} is well: {answer.text}")
        return 0
    if answer.status == _UNAUTHORIZED and not question.path.endswith(READY):
        # It listens, reads and decides: that is what being alive means.
        print(f"{question} is alive: it answers, and asks for a password")
        return 0
    return fail(
        f"{question} answers {answer.status}: {answer.text}; "
        f"{_REMEDIES.get(answer.status, _IN_THE_LOG)}"
    )


_IN_THE_LOG = "look into the exporter's log"
_REMEDIES = {
    401: "it asks for a password: ask without --ready",
    404: "is this the exporter, and is --web.route-prefix the same as its own?",
    503: "it is starting or stopping; ask again, and then look into its log",
}


def asked(arguments: argparse.Namespace) -> Question:
    """Make the question of the flags.

    Raises _UsageError or ListenError for flags that cannot be followed, OSError for a
    web configuration that cannot be read.
    """
    if arguments.url:
        return _of_url(arguments.url)
    if arguments.pid:
        add_web_flags(arguments, arguments.pid)
    listen = parse_listen_address((arguments.listen or [DEFAULT_LISTEN])[0])
    https = False
    if arguments.web_config_file:
        text = Path(arguments.web_config_file).read_text("utf-8", "replace")
        https = bool(_SERVES_TLS.search(text))
    prefix = arguments.route_prefix
    if prefix is None:
        prefix = _path_of(arguments.external_url)
    prefix = prefix.strip("/")
    path = (f"/{prefix}" if prefix else "") + (READY if arguments.ready else HEALTHY)
    host = _WILDCARDS.get(listen.host, listen.host)
    return Question(https, host or "", listen.port, _sendable(path))


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        raise _UsageError(
            f"--web.external-url: {url!a} is no address; write it as https://host/path"
        ) from None


def _of_url(url: str) -> Question:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _UsageError(
            f"--url: {url!a} is no address; write one as "
            f"http://127.0.0.1:10525{HEALTHY}"
        )
    https = parts.scheme == "https"
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return Question(
        https, parts.hostname, port or (443 if https else 80), _sendable(path or "/")
    )


def _sendable(path: str) -> str:
    if path.isascii() and path.isprintable() and " " not in path:
        return path
    raise _UsageError(f"{path!a} is no path; percent-encode what is not ASCII")


def limit(text: str) -> float:
    """Read the seconds of `--timeout`, as in `3s` or `0.5`.

    Raises _UsageError.
    """
    match = _SECONDS.fullmatch(text)
    if not match or not float(match[1]):
        raise _UsageError(f"--timeout: {text!a} is no time; write seconds, as 3s")
    return float(match[1])


def answered(question: Question, seconds: float) -> Answer:
    """Ask, in so many seconds altogether.

    Raises OSError (TimeoutError when the time is up) or HTTPException.
    """
    came: list[Answer | OSError | HTTPException] = []

    def ask() -> None:
        try:
            came.append(_exchange(question, seconds))
        except (OSError, HTTPException) as error:
            came.append(error)
        except UnicodeError:  # a label that no name has
            came.append(OSError(errno.EINVAL, "this is no name of a host"))

    # A socket's own timeout starts anew with each octet; leaving a thread does not.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if not came:
        raise TimeoutError
    if isinstance(came[0], Answer):
        return came[0]
    raise came[0]


def _exchange(question: Question, seconds: float) -> Answer:
    host, port = question.host, question.port
    connection = (
        HTTPSConnection(host, port, timeout=seconds, context=_context(host))
        if question.https
        else HTTPConnection(host, port, timeout=seconds)
    )
    try:
        connection.request("GET", question.path, headers={"Connection": "close"})
        reply = connection.getresponse()
        text = reply.read(_SHOWN_OCTETS).decode("utf-8", "replace").strip()
        return Answer(reply.status, _printable(text))
    finally:
        connection.close()


def _context(host: str) -> ssl.SSLContext:
    """Verify, but on loopback.

    There the certificate is for the public name and never for 127.0.0.1, and whoever
    could stand in between already owns the machine.
    """
    context = ssl.create_default_context()
    if _is_loopback(host):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _why(error: OSError | HTTPException, seconds: float) -> str:
    """Say what kept the answer away, and what to do."""
    if isinstance(error, TimeoutError):
        return f"nothing within {seconds:g} s; look into its log, or raise --timeout"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused; is it running, and is the address its own?"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_message}; give the certificate's own name with --url"
    if isinstance(error, ssl.SSLError):
        return (
            "TLS failed; if it serves no HTTPS, leave --web.config.file out, and if it "
            "asks clients for certificates, ask a listener that does not"
        )
    if isinstance(error, HTTPException):
        return (
            f"no HTTP came back ({type(error).__name__}); if it serves HTTPS, give "
            "--web.config.file or an https:// --url"
        )
    told = error.strerror or type(error).__name__
    return f"{told.lower()}; is the address its own? See --web.listen-address"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
