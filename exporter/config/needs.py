"""What the keys of one module need of each other.

Holds its laws, each about what is written and not about what it means, so that they
are told beside whatever else is wrong. Refuses to judge a key by itself.
"""

from collections.abc import Callable, Iterator

from exporter.config.complaint import Complaints
from exporter.config.reader import Entry, Node, Path
from exporter.config.said import said
from exporter.config.tls_needs import TLS_LAWS

Said = Iterator[tuple[Path, str]]

_NEED_EHLO: tuple[Path, ...] = (
    ("auth",),
    ("mail",),
    ("expect", "reply", "ehlo"),
    ("expect", "extensions"),
    ("expect", "extensions_absent"),
)
_NEED_BESIDE: tuple[tuple[Path, str], ...] = (
    (("expect", "reply", "auth"), "auth"),
    (("expect", "reply", "mail"), "mail"),
    (("expect", "reply", "rcpt"), "mail"),
)
_WHERE_FROM = ("password_file", "password_env")


def check_needs(root: Node, complaints: Complaints) -> None:
    """Complain about each key of a module that lacks another, or has one too many."""
    modules = root.find("modules")
    for name, module in modules.node.entries.items() if modules else ():
        for law in _LAWS:
            for path, message in law(str(name), module.node):
                entry = module.node.find(*path) or module
                complaints.add(
                    message, place=entry.place, path=("modules", name, *path)
                )


def _ehlo(name: str, module: Node) -> Said:
    for path in _NEED_EHLO if said(name, module, "ehlo") is False else ():
        if module.find(*path):
            yield path, "this needs EHLO; set `ehlo: true` or leave it out"


def _beside(_name: str, module: Node) -> Said:
    for path, needed in _NEED_BESIDE:
        if module.find(*path) and not module.find(needed):
            yield path, f"this module has no `{needed}`; give it one or leave this out"


def _password(_name: str, module: Node) -> Said:
    auth = module.find("auth")
    if auth is None or not isinstance(auth.node.value, dict):
        return
    written = [key for key in _WHERE_FROM if key in auth.node.entries]
    if len(written) == len(_WHERE_FROM):
        yield (
            ("auth", written[-1]),
            f"`{written[0]}` says already where the password is; leave one of them out",
        )
    elif not written and "password" not in auth.node.entries:
        yield (
            ("auth",),
            "say where the password is, with `password_file` or `password_env`",
        )


def _both_ways(_name: str, module: Node) -> Said:
    wanted = {word for _, word in _keywords(module.find("expect", "extensions"))}
    for number, word in _keywords(module.find("expect", "extensions_absent")):
        if word in wanted:
            yield (
                ("expect", "extensions_absent", number),
                f"`{word}` stands in `extensions` too; leave it out of one of them",
            )


def _keywords(entry: Entry | None) -> Iterator[tuple[str | int, str]]:
    for number, item in entry.node.entries.items() if entry else ():
        if item.node.text:
            yield number, item.node.text.upper()


_LAWS: tuple[Callable[[str, Node], Said], ...] = (
    *(_ehlo, _beside, _password, _both_ways),
    *TLS_LAWS,
)
