"""Where targets are found: patterns of files, and addresses of HTTP, as text.

Holds their syntax, and the sentence for whoever missed it. Refuses to look: whether a
file or a server is there is found out by reading it, again and again.
"""

import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from exporter.config.address import MAX_PORT, Rules, check_host, checked
from exporter.config.complaint import Refusal

MAX_URL = 2000  # what servers and proxies agree on

# Prometheus's own rule for file_sd: `*` in the last part only, and one of three ends.
FILES_PATTERN = r"^[^*?\[]*(\*[^/?\[]*)?\.(json|yml|yaml|JSON|YML|YAML)$"
_FILES = re.compile(FILES_PATTERN.strip("^$"), re.DOTALL)
URL_PATTERN = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#@]+([/?#]\S*)?$"
_VISIBLE = re.compile("[!-~]+")


def check_files(text: str, folder: Path) -> str:
    """Give the full pattern of files in Prometheus's file_sd format.

    A relative one begins at the folder. Raises Refusal.
    """
    return str(folder.absolute() / checked(text, _FILES_RULES))


def check_url(text: str) -> str:
    """Give back an address of http or https that has a host and no credentials.

    The refusal doesn't show it: there may be credentials in it. Raises Refusal.
    """
    if not 1 <= len(text) <= MAX_URL:
        raise Refusal(f"an address has 1 to {MAX_URL} characters, not {len(text)}")
    if not _VISIBLE.fullmatch(text):
        raise Refusal("an address has no spaces and is ASCII; encode the rest as %XX")
    parts = _split(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise Refusal("give an address such as `http://cmdb.example.com/targets`")
    if "@" in parts.netloc:
        raise Refusal(
            "credentials are not supported here, where they would be shown; leave "
            "them out of the address"
        )
    _check_netloc(parts)
    return text


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:
        raise Refusal(_BAD_HOST) from None


def _check_netloc(parts: SplitResult) -> None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise Refusal(f"the port must be a whole number from 1 to {MAX_PORT}")
    try:
        check_host(parts.hostname or "")
    except Refusal:
        raise Refusal(_BAD_HOST) from None


_BAD_HOST = "the host in it is neither a name nor an address; `[IPv6]` has brackets"

_FILES_RULES: Rules = (
    (lambda text: not text, "the path is empty; write it as in `targets/*.yaml`"),
    (
        lambda text: not text.lower().endswith((".json", ".yml", ".yaml")),
        "{}: the files end in `.json`, `.yml` or `.yaml`, which says how to read them",
    ),
    (
        lambda text: "?" in text or "[" in text,
        "{}: only `*` stands for other characters; leave `?` and `[` out",
    ),
    (
        lambda text: "*" in text.rpartition("/")[0],
        "{}: `*` may stand in the last part only; write out the folders before it",
    ),
    (
        lambda text: not _FILES.fullmatch(text),
        "{}: the end is written `.json`, `.yml` or `.yaml`",
    ),
)
