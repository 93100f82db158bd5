"""TLS over another channel, the server's side.

Holds one session of TLS over memory (`ssl.MemoryBIO`), so that each `send` is a record
of its own and close_notify is said when a script says so, and never by itself. Refuses
the socket: FIN and RST are those of TCP, whatever TLS has come to.
"""

import asyncio
import ssl
from contextlib import suppress

from exporter.demo.channel import Channel, End
from exporter.demo.tls_context import Asked, ServerSide

# More than the content of one record, so that one read takes all of it.
_READ_OCTETS = 32 * 1024


class TlsChannel:
    """A session of TLS; one `send` of up to 16 KiB is one record."""

    def __init__(self, under: Channel, context: ssl.SSLContext) -> None:
        """Prepare; nothing is said before `shake`."""
        self._under = under
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._held = bytearray()  # decrypted, and not yet asked for
        self._end: End | ssl.SSLError | None = None  # of what TLS carries
        self._ended = False  # and it was told

    @property
    def asked(self) -> Asked | None:
        """Give what the client asked for; None until its ClientHello was understood."""
        return self._tls.asked if isinstance(self._tls, ServerSide) else None

    @property
    def agreed(self) -> str:
        """Tell what the handshake came to: version and cipher."""
        cipher = self._tls.cipher()
        return f"{self._tls.version()} {cipher[0] if cipher else None}"

    async def shake(self, octets: bytes) -> bool:
        """Shake hands with a client that began with these; false when it said FIN.

        Raises ssl.SSLError when either side refuses the other, and ConnectionError.
        """
        while True:
            self._incoming.write(octets)
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
            except ssl.SSLError:
                await self._answer()
                raise
            else:
                await self._flush()
                return True
            heard = await self._under.receive(None)
            if not isinstance(heard, bytes):
                return False
            octets = heard

    async def send(self, octets: bytes) -> None:
        """Send all octets; a send that is cut short may leave half a record behind.

        Who has broken TLS is told nothing more: `receive` says so. Raises ssl.SSLError
        behind `notify`, and ConnectionError.
        """
        if isinstance(self._end, ssl.SSLError):
            return
        rest = memoryview(octets)
        while rest:
            rest = rest[self._tls.write(rest) :]
        await self._flush()

    async def receive(self, limit: float | None) -> bytes | End | None:
        """Give what was said inside TLS, its end, and whatever comes behind that.

        Raises ssl.SSLError, once, for an alert and for what cannot be TLS; and
        ConnectionError.
        """
        loop = asyncio.get_running_loop()
        end = None if limit is None else loop.time() + limit
        self._decrypt()  # the last octets of a handshake may bring the first of these
        while not self._held and (self._ended or self._end is None):
            if self._ended and (octets := self._incoming.read()):
                return octets
            left = None if end is None else max(0.0, end - loop.time())
            arrived = await self._under.receive(left)
            if self._ended or not isinstance(arrived, bytes):
                return arrived
            self._incoming.write(arrived)
            self._decrypt()
            await self._answer()
        return self._take()

    async def notify(self) -> None:
        """Say close_notify; nothing can be said behind it, and TCP stays open."""
        self._decrypt()  # octets that wait would stop OpenSSL
        with suppress(ssl.SSLError):  # the client's may be due, or its fault untold
            self._tls.unwrap()
        await self._flush()

    def _decrypt(self) -> None:
        """Take all that is there, so that octets of many records are judged at once."""
        if self._end:
            return
        try:
            while octets := self._tls.read(_READ_OCTETS):
                self._held += octets
            self._end = End.CLOSE_NOTIFY
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:  # instead of b"" behind a close_notify of ours
            self._end = End.CLOSE_NOTIFY
        except ssl.SSLError as error:
            self._end = error

    def _take(self) -> bytes | End | None:
        if self._held:
            octets = bytes(self._held)
            self._held.clear()
            return octets
        self._ended = True
        if isinstance(self._end, ssl.SSLError):
            raise self._end
        return self._end

    async def _flush(self) -> None:
        octets = self._outgoing.read()
        if octets:
            await self._under.send(octets)

    async def _answer(self) -> None:
        """Send what TLS says by itself; who is gone is noticed by reading."""
        with suppress(ConnectionError):
            await self._flush()
