"""Requests that are wrong in one way or another, by a seed: the same ones each time.

Holds how they are made; refuses to know what is answered.
"""

import base64
import random
from collections.abc import Callable, Iterator

_PATHS = (b"/", b"/metrics", b"/config", b"/-/healthy", b"/-/ready", b"/-/reload")
_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS", b"TRACE", b"CONNECT")
_ODD = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b":",
    b"\x7f",
    b"\xff",
    b"\x80",
    b"%",
)

Make = Callable[[random.Random], bytes]


def requests(seed: int, count: int) -> Iterator[bytes]:
    """Give so many requests; each is what one connection sends before it is done."""
    chance = random.Random(seed)  # noqa: S311 -- repeatable, not secret
    for number in range(count):
        yield _KINDS[number % len(_KINDS)](chance)


def _noise(chance: random.Random, most: int = 200) -> bytes:
    return chance.randbytes(chance.randrange(1, most))


def _path(chance: random.Random) -> bytes:
    return chance.choice(_PATHS)


def _plain(chance: random.Random, *fields: bytes, method: bytes = b"GET") -> bytes:
    lines = (method + b" " + _path(chance) + b" HTTP/1.1", b"Host: x", *fields)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _garbage(chance: random.Random) -> bytes:
    return _noise(chance, 4000)


def _broken_line(chance: random.Random) -> bytes:
    parts = [chance.choice(_METHODS), _path(chance), b"HTTP/1.1"]
    chance.choice(
        (
            lambda: parts.pop(chance.randrange(3)),
            lambda: parts.insert(chance.randrange(4), _noise(chance, 20)),
            lambda: parts.__setitem__(2, b"HTTP/" + _noise(chance, 5)),
            lambda: parts.__setitem__(2, chance.choice((b"HTTP/9.9", b"HTTP/0.9"))),
            lambda: parts.__setitem__(0, _noise(chance, 10)),
        )
    )()
    return b" ".join(parts) + b"\r\nHost: x\r\n\r\n"


def _any_method(chance: random.Random) -> bytes:
    return _plain(chance, method=chance.choice(_METHODS))


def _broken_field(chance: random.Random) -> bytes:
    name = chance.choice((b"", b"X", b" X", b"X ", b"Host", b"Content-Length"))
    value = chance.choice(_ODD).join((b"a", b"b", _noise(chance, 10)))
    return _plain(chance, name + chance.choice((b":", b"", b"::")) + value)


def _many_fields(chance: random.Random) -> bytes:
    count = chance.choice((60, 64, 65, 200, 1000))
    return _plain(chance, *(b"X%d: y" % number for number in range(count)))


def _huge_field(chance: random.Random) -> bytes:
    size = chance.choice((8_000, 8_190, 8_192, 40_000, 400_000))
    return _plain(chance, b"X: " + b"a" * size)


def _large_head(chance: random.Random) -> bytes:
    size = chance.choice((600, 700, 4000, 8000))
    return _plain(chance, *(b"X%d: " % n + b"a" * size for n in range(50)))


def _long_line(chance: random.Random) -> bytes:
    size = chance.choice((8_000, 8_190, 70_000))
    return b"GET /" + b"a" * size + b" HTTP/1.1\r\nHost: x\r\n\r\n"


def _broken_chunks(chance: random.Random) -> bytes:
    size = chance.choice((b"5", b"-1", b"FFFFFFFFFFFFFFFFFF", b"0x5", b"", b"z", b"0"))
    body = size + chance.choice((b"\r\n", b"\n", b";a=b\r\n")) + b"hello"
    body += chance.choice(
        (b"\r\n0\r\n\r\n", b"0\r\n\r\n", b"\r\n0\r\nX: y\r\n\r\n", b"")
    )
    method = chance.choice((b"POST", b"GET", b"PUT"))
    return _plain(chance, b"Transfer-Encoding: chunked", method=method) + body


def _odd_lengths(chance: random.Random) -> bytes:
    length = chance.choice((b"-1", b"+5", b"1e9", b"9" * 20, b"5, 5", b" "))
    fields = [b"Content-Length: " + length]
    if chance.random() < 0.5:
        fields.append(chance.choice((b"Content-Length: 5", b"Transfer-Encoding: gzip")))
    return _plain(chance, *fields, method=b"POST") + b"hello"


def _odd_encodings(chance: random.Random) -> bytes:
    encoding = chance.choice((b"gzip", b"br", b"deflate", b"zstd", _noise(chance, 9)))
    fields = (b"Content-Encoding: " + encoding, b"Content-Length: 5")
    return _plain(chance, *fields, method=b"POST") + _noise(chance, 6)


def _pipelined(chance: random.Random) -> bytes:
    count = chance.choice((2, 5, 50))
    return b"".join(_plain(chance) for _ in range(count)) + _noise(chance)


def _absolute(chance: random.Random) -> bytes:
    target = chance.choice(
        (
            *(b"http://x/metrics", b"http://[::1/", b"http://[x]/", b"http://x:y/"),
            *(b"//x/y", b"*", b"x:80", b"http://", b"?", b"#", b"/#x", b"http:///"),
            *(b"http://x:99999/", b"http://u:p@x/", b"javascript:0", b"/\xc3\xa4"),
        )
    )
    method = chance.choice(_METHODS)
    return method + b" " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n"


def _percent(chance: random.Random) -> bytes:
    signs = (b"%", b"%0", b"%zz", b"%00", b"%ff%fe", b"%2e%2e/", b"../", b"%25", b"\\")
    path = b"".join(chance.choices(signs, k=chance.randrange(1, 6)))
    query = chance.choice((b"", b"?name[]=%ff", b"?%00", b"?name[]=" + path, b"?&&=&"))
    start = chance.choice((b"/", b"/metrics", b"/-/", b"/metrics/"))
    return b"GET " + start + path + query + b" HTTP/1.1\r\nHost: x\r\n\r\n"


def _odd_login(chance: random.Random) -> bytes:
    encoded = base64.b64encode(_noise(chance, 120))
    value = chance.choice(
        (
            *(b"Basic", b"Basic ", b"basic :", b"Basic =", b"Basic a", b"Bearer x"),
            *(
                b"Basic " + encoded,
                b"Basic " + encoded[:-1],
                b"Basic " + _noise(chance),
            ),
            *(b"Basic " + base64.b64encode(b"a:" + b"\0" * 9), b"Digest a=b", encoded),
            b"Basic " + base64.b64encode(b"alice:" + b"p" * 100),
        )
    )
    fields = [b"Authorization: " + value.replace(b"\n", b"").replace(b"\r", b"")]
    return _plain(chance, *fields * chance.choice((1, 1, 2)))


def _odd_accept(chance: random.Random) -> bytes:
    value = chance.choice((b"*/*;q=x", b";;;", b"text/plain;version=a", b",,", b"\xff"))
    name = chance.choice((b"Accept: ", b"Accept-Encoding: ", b"X-Prometheus-Scrape-"))
    return _plain(chance, name + value)


def _expecting(chance: random.Random) -> bytes:
    value = chance.choice((b"100-continue", b"200-ok", _noise(chance, 9)))
    fields = (b"Expect: " + value, b"Content-Length: 5")
    return _plain(chance, *fields, method=b"POST") + b"hello"


def _upgrading(chance: random.Random) -> bytes:
    value = chance.choice((b"websocket", b"h2c", b"TLS/1.0", _noise(chance, 9)))
    return _plain(chance, b"Connection: Upgrade", b"Upgrade: " + value) + _noise(chance)


def _cut_short(chance: random.Random) -> bytes:
    whole = _plain(chance, b"Accept: */*")
    return whole[: chance.randrange(len(whole))]


def _old(chance: random.Random) -> bytes:
    version = chance.choice((b" HTTP/1.0", b"", b" HTTP/0.9", b" HTTP/2.0"))
    return b"GET " + _path(chance) + version + b"\r\n\r\n"


def _mutated(chance: random.Random) -> bytes:
    octets = bytearray(_plain(chance, b"Accept: */*", b"Accept-Encoding: gzip"))
    for _ in range(chance.randrange(1, 5)):
        octets[chance.randrange(len(octets))] = chance.randrange(256)
    return bytes(octets)


_KINDS: tuple[Make, ...] = (
    *(_garbage, _broken_line, _any_method, _broken_field, _many_fields, _huge_field),
    *(_large_head, _long_line, _broken_chunks, _odd_lengths, _odd_encodings),
    *(_pipelined, _absolute, _percent, _odd_login, _odd_accept, _expecting),
    *(_upgrading, _cut_short, _old, _mutated),
)
