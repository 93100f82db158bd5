"""The addresses of our own pages, all built from one prefix.

A target's name may hold anything. Most stand in the path, slashes and all, as people
would type them; one that a browser or proxy would fold (`a//b`, `..`) stands in the
query, where nobody does.
"""

from typing import NamedTuple
from urllib.parse import quote, urlencode

from aiohttp import web

# Segments that URL parsers drop or climb over, spelt plainly or as `%2e` alike.
_FOLDED = frozenset({"", ".", ".."})


class Links(NamedTuple):
    """Where things are; the prefix has no slash at its end."""

    prefix: str = ""

    def to(self, path: str) -> str:
        """Give the address of a fixed path, which begins without a slash."""
        return f"{self.prefix}/{path}"

    def status(self, **query: object) -> str:
        """Give the status page's address with what is asked of it, blanks left out."""
        asked = urlencode({key: value for key, value in query.items() if value})
        return self.to(f"?{asked}" if asked else "")

    def target(self, name: str) -> str:
        """Give the address of a target's page."""
        return self.to(_with_name("targets", name))

    def document(self, name: str) -> str:
        """Give the address of a target in the API."""
        return self.to(_with_name("api/v1/targets", name))


def _with_name(path: str, name: str) -> str:
    if _FOLDED.isdisjoint(name.split("/")):
        return f"{path}/{quote(name, safe='/:@')}"
    return f"{path}/?{urlencode({'name': name})}"


def asked_name(request: web.Request) -> str:
    """Read a target's name back from the address that was asked for."""
    return request.match_info["name"] or request.query.get("name", "")
