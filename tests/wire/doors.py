"""Pages behind a web config, served for tests, and the certificates on both sides."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trustme

from exporter.config import ConfigError
from exporter.config.web_file import load_web
from exporter.exposition import Page
from exporter.exposition.negotiation import TEXT
from exporter.web.access.current import Access
from exporter.web.address import ListenAddress
from exporter.web.listen import Listeners
from exporter.web.prefix import Prefix
from exporter.web.routes import Sources, application

ANY_PORT = ListenAddress("127.0.0.1", 0)
BODY = b"x 1\n"


class Place:
    """A folder with an authority's certificate, a server's pair and a web config."""

    def __init__(self, folder: Path) -> None:
        """Issue what a server needs."""
        self.folder = folder
        self.authority = trustme.CA()
        self.config = folder / "web.yml"
        self.authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        self.renew()

    def renew(self, authority: trustme.CA | None = None) -> None:
        """Write another pair of the same names."""
        issued = (authority or self.authority).issue_cert("127.0.0.1", "localhost")
        issued.cert_chain_pems[0].write_to_path(str(self.folder / "server.crt"))
        issued.private_key_pem.write_to_path(str(self.folder / "server.key"))

    def write(self, text: str) -> None:
        """Write the web config."""
        self.config.write_text(text)

    def write_tls(self, *lines: str) -> None:
        """Write a web config with TLS and these keys of it."""
        keys = ("cert_file: server.crt", "key_file: server.key", *lines)
        self.write("tls_server_config:\n" + "".join(f"  {line}\n" for line in keys))

    def trusting(self) -> ssl.SSLContext:
        """Make a client's context that trusts the server."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        context.check_hostname = False
        return context


@asynccontextmanager
async def door(
    config: Path | None = None,
    prefix: Prefix = Prefix(),  # noqa: B008 -- a tuple
) -> AsyncIterator[tuple[ListenAddress, Listeners]]:
    """Serve pages by a web config on a free port."""

    async def metrics(*_: object) -> Page:
        return Page(TEXT, gzip=False, parts=(BODY,))

    async def reload() -> str:
        return ""

    access = None
    if config:
        read = partial(load_web, config)
        access = Access(read(), read, ConfigError)
    sources = Sources(metrics, lambda: True, reload, lambda: "{}\n", "1")
    listeners = Listeners(application(sources), access, prefix)
    (address,) = await listeners.open([ANY_PORT])
    try:
        yield address, listeners
    finally:
        await listeners.close()


async def ask(
    address: ListenAddress,
    path: str = "/metrics",
    *fields: str,
    method: str = "GET",
    version: str = "1.1",
    tls: ssl.SSLContext | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Send one request on a connection of its own; the names of fields are lower case.

    Raises OSError when there is no answer.
    """
    reader, writer = await asyncio.open_connection(address.host, address.port, ssl=tls)
    try:
        head = (f"{method} {path} HTTP/{version}", "Host: x", "Connection: close")
        writer.write(("\r\n".join((*head, *fields)) + "\r\n\r\n").encode("latin-1"))
        answer = await reader.read()
    finally:
        writer.transport.abort()
    if not answer:
        raise ConnectionError("no answer")
    lines, _, body = answer.partition(b"\r\n\r\n")
    status, *rest = lines.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in rest)
    return int(status.split()[1]), {k.lower(): v for k, v in pairs}, body
