"""Links and pictures of README.md and of the pages lead somewhere, read as the repository shows them.

The site has its own check, in docs/reference/site_check.py. Addresses elsewhere are only looked at: there is
no network.
"""

import re
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import pytest

from .conftest import PAGES, ROOT

LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+(?:\([^()\s]*\))?)(?:\s+\"[^\"]*\")?\)")
HTML = re.compile(r"<(?:a|img|source)\s[^>]*(?:href|src|srcset)=\"([^\"]+)\"")
PICTURE = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".svg")
MOVING_MB, STILL_MB = 6, 1


def prose_of(page: str) -> str:
    """Return a page without its code: what stands in there links nowhere."""
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"^[ >]*(`{3,})[^\n]*\n.*?^[ >]*\1", "", text, flags=re.M | re.S)
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", lambda code: "x" * ("](" not in code[0]), text)


def links_of(page: str) -> list[str]:
    """Return the addresses of a page's links and pictures."""
    text = prose_of(page)
    return LINK.findall(text) + HTML.findall(text)


@cache
def anchors_of(path: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    text = re.sub(
        r"^[ >]*(`{3,})[^\n]*\n.*?^[ >]*\1", "", path.read_text(encoding="utf-8"), flags=re.M | re.S
    )
    found: dict[str, int] = {}
    anchors = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))
    for heading in re.findall(r"^#{1,6}\s+(.*?)\s*#*$", text, re.M):
        words = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        anchors.add(anchor if anchor not in found else f"{anchor}-{found[anchor]}")
        found[anchor] = found.get(anchor, 0) + 1
    return frozenset(anchors)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    for link in links_of(page):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme in ("https", "mailto"), f"{page}: {link}"
            assert parts.scheme == "mailto" or "." in parts.netloc, f"{page}: {link}"
            continue
        target = (ROOT / page).parent / parts.path if parts.path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        assert target.resolve().is_relative_to(ROOT), f"{page}: {link}"
        if parts.fragment and target.suffix == ".md":
            assert parts.fragment in anchors_of(target.resolve()), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_of_a_page_is_there_small_and_said_in_words(page: str) -> None:
    for words, link in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", prose_of(page)):
        path = (ROOT / page).parent / link
        assert path.suffix in PICTURE, f"{page}: {link}"
        most = MOVING_MB if path.suffix in (".gif", ".webp") else STILL_MB
        assert path.stat().st_size < most * 1e6, f"{page}: {link}"
        assert len(words) > 10, f"{page}: {link} says in no words what it shows"


def test_every_page_is_reached_from_the_index() -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = {
        line for block in re.findall(r"```\{toctree\}\n(.*?)```", text, re.S) for line in block.split("\n")
    }
    pages = {
        Path(page).relative_to("docs").with_suffix("").as_posix() for page in PAGES if page != "README.md"
    }
    assert {page for page in pages if "/" not in page and page != "index"} <= listed


def test_the_check_of_the_site_finds_dead_links_and_whatever_would_be_fetched(tmp_path: Path) -> None:
    found = import_module_from(ROOT / "docs" / "reference" / "site_check.py").problems_of
    (tmp_path / "b.html").write_text('<h1 id="there">b</h1>')
    page = tmp_path / "a.html"
    page.write_text('<a href="b.html#there">b</a> <a href="https://doi.org/10.1/x">x</a> <a href="#">up</a>')
    assert found(tmp_path) == []
    page.write_text('<a href="c.html">c</a> <a href="b.html#gone">b</a> <a href="http://HOST">x</a>')
    assert [problem.partition(":")[2].split(":")[0] for problem in found(tmp_path)] == [
        " no such file",
        " no such anchor",
        " no address",
    ]
    page.write_text('<script src="https://cdn.example.org/x.js"></script>')
    (tmp_path / "a.css").write_text("@font-face { src: url('https://fonts.example.org/x') }")
    assert len(found(tmp_path)) == 2


def import_module_from(path: Path) -> ModuleType:
    """Return a module that lies in no package."""
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_anchors_are_those_of_the_headings(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("# A `b` (c)\n## A b c\n## A b c\n```\n# no\n```\n## See [d](e)\n")
    assert anchors_of(page) == {"a-b-c", "a-b-c-1", "a-b-c-2", "see-d"}
