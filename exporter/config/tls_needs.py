"""What a module's keys about TLS need of each other, and of `ehlo`.

Holds five laws, each about what is written over a built-in module. Refuses to judge a
key by itself.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from exporter.config.address import is_loopback, read_dns_server
from exporter.config.complaint import Refusal
from exporter.config.reader import Node, Path
from exporter.config.said import NO_TLS, STARTTLS, said
from exporter.printable import quoted
from exporter.vocabulary import Policy

Said = Iterator[tuple[Path, str]]

_ENFORCED = (Policy.ENFORCE.value,)
_ACTIVE = (Policy.REPORT.value, *_ENFORCED)
# Keys that say nothing without TLS, each with the values that do; None: any.
_NEED_TLS: Mapping[str, tuple[str, ...] | None] = {
    "verify": _ENFORCED,
    "tls_server_name": None,
    "ca_file": None,
    "cert_file": None,
    "dane": _ACTIVE,
    "mta_sts": _ACTIVE,
}
_PAIR = (("cert_file", "key_file", "certificate"), ("key_file", "cert_file", "key"))


def _tls(name: str, module: Node) -> Said:
    if said(name, module, "tls") != NO_TLS:
        return
    for key, values in _NEED_TLS.items():
        written = module.find(key)
        if written and (values is None or written.node.value in values):
            yield (
                (key,),
                "this needs TLS, and `tls` is `none` here; set it to `opportunistic`, "
                "`required` or `implicit`, or leave this out",
            )


def _starttls(name: str, module: Node) -> Said:
    tls = said(name, module, "tls")
    if tls in STARTTLS and said(name, module, "ehlo") is False:
        yield (
            ("tls",) if module.find("tls") else ("ehlo",),
            f"`tls: {tls}` is STARTTLS, which needs EHLO; set `ehlo: true`, or `tls` "
            "to `none` or `implicit`",
        )


def _pair(_name: str, module: Node) -> Said:
    for key, other, called in _PAIR:
        if module.find(key) and not module.find(other):
            yield (key,), f"a {called} needs its `{other}` beside it; give both or none"


def _dane(_name: str, module: Node) -> Said:
    dane = module.find("dane")
    if dane and dane.node.value in _ACTIVE and not module.find("dane_resolver"):
        yield (
            ("dane",),
            "DANE needs a resolver that validates DNSSEC; name it, as in "
            "`dane_resolver: 127.0.0.1:53`",
        )


def _resolver(_name: str, module: Node) -> Said:
    written = module.find("dane_resolver")
    trusted = module.find("dane_resolver_trusted")
    is_trusted = trusted is not None and trusted.node.value is True
    if is_trusted and not written:
        yield (
            ("dane_resolver_trusted",),
            "there is no resolver here to be trusted; name it with `dane_resolver`",
        )
    if not written or is_trusted:
        return
    with suppress(Refusal):  # told where the key is read
        address, _ = read_dns_server(written.node.text or "")
        if not is_loopback(address):
            yield (
                ("dane_resolver",),
                f"{quoted(address)} is not on this machine, so its answers could be "
                "forged on the way; name a resolver on loopback, or, where the way is "
                "safe, add `dane_resolver_trusted: true`",
            )


TLS_LAWS: tuple[Callable[[str, Node], Said], ...] = (
    *(_tls, _starttls, _pair),
    *(_dane, _resolver),
)
