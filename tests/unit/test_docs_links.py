"""Links of the pages lead to a file, and to a heading in it, that exist."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)")
_ELSEWHERE = ("http://", "https://", "mailto:")


class Link(NamedTuple):
    """Where a link leads: a path from its page, "" for the page itself; a heading."""

    path: str
    anchor: str


def pages() -> list[Path]:
    """Find every page of the repository."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return sorted(page for page in found if not any(p[0] == "." for p in page.parts))


def links(text: str) -> list[Link]:
    """Find the relative links of a page; what stands in code is none."""
    found = _LINK.findall(_CODE.sub("", _FENCED.sub("", text)))
    return [
        Link(*link.partition("#")[::2])
        for link in found
        if not link.startswith(_ELSEWHERE)
    ]


def anchors(text: str) -> set[str]:
    """Give the names that forges make of the headings."""
    seen: dict[str, int] = {}
    named = set()
    for heading in re.findall(r"^#{1,6} +(.+)$", _FENCED.sub("", text), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        named.add(f"{slug}-{count}" if count else slug)
    return named


def dead(page: Path) -> list[str]:
    """Give the links of a page that lead nowhere."""
    here = ROOT / page
    found = []
    for path, anchor in links(here.read_text("utf-8")):
        target = here.parent / path if path else here
        known = not anchor or (
            target.suffix == ".md"
            and target.is_file()
            and anchor in anchors(target.read_text("utf-8"))
        )
        if not target.exists() or not known:
            found.append(f"{path}#{anchor}" if anchor else path)
    return found


@pytest.mark.parametrize("page", pages(), ids=str)
def test_links(page: Path) -> None:
    """Every relative link leads to a file that exists, and to one of its headings."""
    assert dead(page) == []


def test_dead_links_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link to no file and one to no heading are told; what looks like one is not."""
    (tmp_path / "other.md").write_text("# One: two, `three`\n\n## Same\n\n## Same\n")
    (tmp_path / "page.md").write_text(
        "[a](other.md#one-two-three) [b](other.md#same-1) [c](#here)\n"
        "[d](missing.md) [e](other.md#same-2) [`f`](other.md#nowhere) [g](#there)\n"
        "[h](https://example.com/#x) `[i](code.md)`\n\n# Here\n\n```\n[j](k.md)\n```\n"
    )
    monkeypatch.setattr("tests.unit.test_docs_links.ROOT", tmp_path)

    assert dead(Path("page.md")) == [
        "missing.md",
        "other.md#same-2",
        "other.md#nowhere",
        "#there",
    ]


def test_the_index_has_every_page() -> None:
    """Each page of docs/ stands in its index once, and so does each folder of pages."""
    listed = [link.path for link in links(INDEX.read_text("utf-8"))]
    own = [path.name for path in DOCS.glob("*.md") if path != INDEX]
    folders = [f"{path.parent.name}/README.md" for path in DOCS.glob("*/README.md")]

    inside = [path for path in listed if not path.startswith("..")]
    assert sorted(inside) == sorted(own + folders)
