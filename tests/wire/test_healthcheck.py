"""`healthcheck` over real sockets: who answers, who does not, and who takes long."""

import argparse
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from exporter.cli import healthcheck, parsed

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nOK\n"
FAST = "10s"  # a busy machine may be slow; what must be quick is quick by itself


def flags(port: int, *argv: str) -> argparse.Namespace:
    """Read a command line for a port of this machine."""
    listen = f"--web.listen-address=127.0.0.1:{port}"
    return parsed(["healthcheck", listen, f"--timeout={FAST}", *argv])


@contextmanager
def answering(
    *pieces: bytes, pause: float = 0.0, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[int, list[bytes]]]:
    """Answer one request in pieces; gives the port and what was asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        requests: list[bytes] = []
        left = threading.Event()

        def answer() -> None:
            sock, _ = listener.accept()
            try:
                if tls:
                    sock = tls.wrap_socket(sock, server_side=True)
                requests.append(sock.recv(4096))
                for piece in pieces:
                    sock.sendall(piece)
                    if left.wait(pause):
                        break
            except OSError:
                pass
            finally:
                sock.close()

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield listener.getsockname()[1], requests
        finally:
            left.set()
            thread.join(10)


def test_it_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    """Who answers 200 is well, and was asked for the page of its prefix."""
    with answering(OK) as (port, requests):
        assert healthcheck.run(flags(port, "--web.route-prefix=/mail")) == 0

    assert capsys.readouterr().out.endswith("/mail/-/healthy is well: OK\n")
    assert requests[0].startswith(b"GET /mail/-/healthy HTTP/1.1\r\n")


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names is not between a container and itself."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with answering(OK) as (port, _):
        assert healthcheck.run(flags(port)) == 0


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that nobody listens on is refused, in words."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert healthcheck.run(flags(bound.getsockname()[1])) == 1

    assert "the connection was refused; is it running" in capsys.readouterr().err


def test_a_host_that_no_name_can_be(capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be looked up is one line, too."""
    arguments = parsed(["healthcheck", "--url", f"http://{'a' * 64}.test/"])
    assert healthcheck.run(arguments) == 1
    assert "this is no name of a host" in capsys.readouterr().err


def test_the_limit_is_for_all(capsys: pytest.CaptureFixture[str]) -> None:
    """An answer that drips octet by octet does not outlast the limit."""
    drops = [bytes([octet]) for octet in OK]
    with answering(*drops, pause=0.2) as (port, _):
        begun = time.monotonic()
        assert healthcheck.run(flags(port, "--timeout=0.5s")) == 1
        assert time.monotonic() - begun < 5

    assert "nothing within 0.5 s" in capsys.readouterr().err


def test_what_it_says_is_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    """A page of any length, with any octets, is one short printable line."""
    head = b"HTTP/1.1 500 No\r\nContent-Length: 1000000\r\n\r\n"
    with answering(head, b"\x1b[2J\xff\n" * 100_000) as (port, _):
        assert healthcheck.run(flags(port)) == 1

    line = capsys.readouterr().err.removesuffix("\n")
    assert line.isprintable()
    assert len(line) < 500


def test_not_http(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever speaks another protocol is no exporter."""
    with answering(b"220 mx.test ESMTP\r\n") as (port, _):
        assert healthcheck.run(flags(port)) == 1

    assert "no HTTP came back" in capsys.readouterr().err


@pytest.fixture
def tls() -> ssl.SSLContext:
    """Give the TLS of a server whose certificate is for its public name."""
    certificate = trustme.CA().issue_cert("mail.example.com")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def test_https_on_loopback(tls: ssl.SSLContext, tmp_path: Path) -> None:
    """On loopback a certificate for the public name does."""
    config = tmp_path / "web.yaml"
    config.write_text("tls_server_config: {cert_file: a, key_file: b}\n")
    with answering(OK, tls=tls) as (port, requests):
        assert healthcheck.run(flags(port, f"--web.config.file={config}")) == 0

    assert requests[0].startswith(b"GET /-/healthy ")


def test_http_is_not_https(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """HTTPS that is answered in the clear is told, with what to do."""
    config = tmp_path / "web.yaml"
    config.write_text("tls_server_config: {cert_file: a, key_file: b}\n")
    with answering(OK) as (port, _):
        assert healthcheck.run(flags(port, f"--web.config.file={config}")) == 1

    assert "leave --web.config.file out" in capsys.readouterr().err
