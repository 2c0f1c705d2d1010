"""What is wrong with the built site: links and anchors that lead nowhere, and whatever it would fetch.

Sphinx checks the links that it makes; here every `href` and `src` is followed in the files as built.
"""

from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from sphinx.application import Sphinx

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
"""Elements whose address a browser fetches by itself."""


class Page(HTMLParser):
    """The links, the fetched addresses and the anchors of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what an element says of addresses."""
        said = {key: value or "" for key, value in attrs}
        self.anchors |= {said[key] for key in ("id", "name") if key in said}
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
        if tag in LOADED and LOADED[tag] in said and said.get("rel") not in ("canonical", "alternate"):
            self.loaded.append(said[LOADED[tag]])


def problems_of(folder: Path) -> list[str]:
    """Return what is wrong with the site in `folder`, one line each."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        where = path.relative_to(folder).as_posix()
        found += [f"{where}: would fetch {link}" for link in page.loaded if urlsplit(link).netloc]
        for link in (*page.links, *page.loaded):
            parts = urlsplit(link)
            if parts.scheme in ("data", "mailto") or link == "#":
                continue
            if parts.scheme or parts.netloc:
                if parts.scheme != "https" or "." not in parts.netloc or " " in link:
                    found.append(f"{where}: no address: {link}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                found.append(f"{where}: no such file: {link}")
            elif target in pages and parts.fragment and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{where}: no such anchor: {link}")
    for style in folder.rglob("*.css"):
        if "url(http" in style.read_text(encoding="utf-8").replace('"', "").replace("'", ""):
            found.append(f"{style.relative_to(folder).as_posix()}: would fetch from elsewhere")
    return found


def _check(app: "Sphinx", failure: Exception | None) -> None:
    from sphinx.util import logging

    if failure is None and app.builder.format == "html":
        for problem in problems_of(Path(app.outdir)):
            logging.getLogger(__name__).warning(problem)


def setup(app: "Sphinx") -> dict[str, bool]:
    """Tell Sphinx of the check."""
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
