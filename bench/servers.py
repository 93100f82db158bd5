"""Mail servers for measurements: each in a process of its own, on loopback, port 0.

The late one sleeps in a thread per connection and keeps what its own clock saw between
accept() and its greeting; the prompt ones, plain and with STARTTLS, only have to be
cheap.
"""

import asyncio
import multiprocessing
import os
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import NamedTuple, cast

import uvloop

from exporter.demo.certificates import Kind, authority, issue

_GREETING = b"220 mx.bench ESMTP\r\n"
_ANSWERS = {
    b"EHLO": b"250-mx.bench\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250 8BITMIME\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}
_SPAWN = multiprocessing.get_context("spawn")
_BACKLOG = 4096


class Late(NamedTuple):
    """One greeting of the late server, by its own clocks."""

    port: int
    sent_at: float  # Unix time
    took: float  # seconds from accept() to the greeting


class Prompt(asyncio.Protocol):
    """Answers at once; closes after QUIT."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast(asyncio.Transport, transport)
        self.greet()

    def greet(self) -> None:
        """Say the greeting."""
        self._transport.write(_GREETING)

    def data_received(self, data: bytes) -> None:
        """Answer; a client's command comes in one piece."""
        verb = data[:4].upper()
        self._transport.write(_ANSWERS.get(verb, b"500 5.5.1 what\r\n"))
        if verb == b"QUIT":
            self._transport.close()


def _serve_promptly(pipe: Connection) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Prompt, "127.0.0.1", 0, backlog=_BACKLOG)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(serve())


class _Encrypting(asyncio.Protocol):
    """Answers at once, by STARTTLS inside TLS too; closes after QUIT as Postfix does.

    That is with close_notify and FIN in one go, which no transport of asyncio does.
    """

    context: ssl.SSLContext

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._shaken = False
        self._transport.write(_GREETING)

    def data_received(self, data: bytes) -> None:
        if self._tls is None:
            self._answer(data)
            return
        self._incoming.write(data)
        with suppress(ssl.SSLWantReadError):
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
            self._answer(self._tls.read(512))
        self._flush()

    def _answer(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"STAR":
            self._transport.write(b"220 2.0.0 go ahead\r\n")
            self._tls = self.context.wrap_bio(
                self._incoming, self._outgoing, server_side=True
            )
            return
        answer = _ANSWERS.get(verb, b"500 5.5.1 what\r\n")
        if self._tls is None:
            answer = answer.replace(b"250-PIPE", b"250-STARTTLS\r\n250-PIPE")
            self._transport.write(answer)
        else:
            self._tls.write(answer)
        if verb == b"QUIT":
            self._close()

    def _close(self) -> None:
        if self._tls:
            with suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
            self._flush()
        self._transport.close()

    def _flush(self) -> None:
        octets = self._outgoing.read()
        if octets:
            self._transport.write(octets)


def _serve_encrypted(pipe: Connection, kind: Kind, name: str) -> None:
    issued = issue(kind, name)
    _Encrypting.context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(issued.pem + issued.key)
        file.flush()
        context.load_cert_chain(file.name)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_Encrypting, "127.0.0.1", 0, backlog=_BACKLOG)
        pipe.send((server.sockets[0].getsockname()[1], authority()))
        await server.serve_forever()

    uvloop.run(serve())


def _serve_late(pipe: Connection, delay: float, count: int) -> None:
    _come_first()
    listeners = [
        socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG) for _ in range(count)
    ]
    seen: list[Late] = []

    def session(sock: socket.socket, port: int, accepted: float) -> None:
        time.sleep(delay - (time.perf_counter() - accepted))
        with sock:
            took = time.perf_counter() - accepted
            sock.sendall(_GREETING)
            seen.append(Late(port, time.time(), took))
            while data := sock.recv(512):
                sock.sendall(_ANSWERS.get(data[:4].upper(), b"500 5.5.1 what\r\n"))
                if data[:4].upper() == b"QUIT":
                    return

    def accept(listener: socket.socket) -> None:
        port = listener.getsockname()[1]
        while True:
            sock, _ = listener.accept()
            accepted = time.perf_counter()
            arguments = (sock, port, accepted)
            threading.Thread(target=session, args=arguments, daemon=True).start()

    for listener in listeners:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
    pipe.send([listener.getsockname()[1] for listener in listeners])
    while pipe.recv():
        pipe.send(seen)


def _come_first() -> None:
    """Run before ordinary processes, so that 50 ms are 50 ms on a busy machine too."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except (AttributeError, PermissionError):
        print("note: the late server has no real-time priority and may itself be late")


@contextmanager
def prompt_server() -> Iterator[int]:
    """Run a server that answers at once; gives its port."""
    with process(_serve_promptly) as pipe:
        yield pipe.recv()


@contextmanager
def starttls_server(kind: Kind, name: str) -> Iterator[tuple[int, bytes]]:
    """Run a server with STARTTLS; gives its port, and whom to trust in PEM."""
    with process(_serve_encrypted, kind, name) as pipe:
        yield pipe.recv()


@contextmanager
def late_server(delay: float, count: int) -> Iterator[tuple[list[int], Connection]]:
    """Run a server that greets after `delay` seconds, on `count` ports.

    Gives the ports, and a pipe: sent anything true, it gives a list of Late.
    """
    with process(_serve_late, delay, count) as pipe:
        yield pipe.recv(), pipe


@contextmanager
def process(serve: object, *arguments: object) -> Iterator[Connection]:
    """Run a function in a process of its own; gives the other end of its pipe."""
    ours, theirs = _SPAWN.Pipe()
    other = _SPAWN.Process(target=serve, args=(theirs, *arguments), daemon=True)  # type: ignore[arg-type]  # a function, by its name
    other.start()
    try:
        yield ours
    finally:
        other.terminate()
        other.join(5)
