"""Sections, pictures, plots and tables become one self-contained HTML page, in the house's style.

The page needs no network, no script and no other file; its looks live in report.css. It knows nothing of
sessions or models: whoever has something to show hands in pixels, drawing functions and text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import OutputError
from .output import new_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#1d2126"
"""Text and axes of a plot; the page replaces it by its own text color, light or dark."""
SOFT = "#68707b"
BLUE, VERMILION, GREEN, AMBER, SKY, ROSE = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7"
"""Colors that stay apart for color-blind readers (Okabe and Ito 2008, Color Universal Design)."""
_CSS_NAMES = {
    INK: "currentColor",
    SOFT: "var(--soft)",
    BLUE: "var(--blue)",
    VERMILION: "var(--vermilion)",
    GREEN: "var(--green)",
    AMBER: "var(--amber)",
    SKY: "var(--sky)",
    ROSE: "var(--rose)",
}
WEBP_QUALITY = 86
WIPE_STEPS = 32
SHARE_PERCENT = 60  # of its cell is a full bar; the number stands beside it
_PROSE = ' class="prose"'


@dataclass(frozen=True, slots=True)
class Scale:
    """What the colors of a picture mean: a named matplotlib colormap and the text at its two ends."""

    colormap: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels to show.

    Attributes
    ----------
    pixels : (H, W) gray, (H, W, 3) red green blue or (H, W, 4) with opacity, uint8
    alt : what the picture shows, for whoever cannot see it
    label : a few words under the picture
    scale : the color bar under the picture
    """

    pixels: NDArray[np.uint8]
    alt: str
    label: str = ""
    scale: Scale | None = None

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if dtype != np.uint8 or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (3, 4)):
            raise OutputError(f"a picture wants (H, W), (H, W, 3) or (H, W, 4) uint8, found {shape} {dtype}")


@dataclass(frozen=True, slots=True)
class Wipe:
    """Two pictures of one size laid over one another; up to the pointer the left one is seen."""

    left: Picture
    right: Picture

    def __post_init__(self) -> None:
        left, right = self.left.pixels.shape[:2], self.right.pixels.shape[:2]
        if left != right:
            raise OutputError(f"a wipe wants two pictures of one size, found {left} and {right}")


@dataclass(frozen=True, slots=True)
class Share:
    """A table cell drawn as a bar: `value` between 0 and 1, and the text beside it."""

    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Badge:
    """A table cell with one word that stands out: `tone` is "good", "doubt", "bad" or "none"."""

    text: str
    tone: Literal["good", "doubt", "bad", "none"]


@dataclass(frozen=True, slots=True)
class Prose:
    """A table cell with sentences, left-aligned and broken into lines; `small` stands below, softer."""

    text: str
    small: str = ""


Cell = str | Share | Badge | Prose


class Page:
    """A page that grows section by section and is written once.

    Parameters
    ----------
    title, subtitle : str
    mark : str
        A word set beside every number, table and plot, such as "simulated"; "" for none.
    """

    def __init__(self, title: str, subtitle: str = "", *, mark: str = "") -> None:
        self._title, self._subtitle = title, subtitle
        self._mark = f'<span class="mark">{_text(mark)}</span>' if mark else ""
        self._sections: list[tuple[str, str]] = []
        self._body: list[str] = []
        self._n_plots = 0

    def section(self, title: str, text: str = "") -> None:
        """Start a section; `text` is one short paragraph."""
        anchor = f"s{len(self._sections) + 1}"
        self._sections.append((anchor, title))
        lead = f'<p class="lead">{_text(text)}</p>' if text else ""
        close = "</section>" if len(self._sections) > 1 else ""
        self._body.append(f'{close}<section id="{anchor}"><h2>{_text(title)}</h2>{lead}')

    def pictures(
        self, pictures: Sequence[Picture | Wipe], *, caption: str = "", per_row: int = 1, title: str = ""
    ) -> None:
        """Show pictures side by side, `per_row` (1 to 4, or 6) of equal width in a row."""
        cells = "".join(_wipe(item) if isinstance(item, Wipe) else _picture(item) for item in pictures)
        self._figure(f'{self._heading(title)}<div class="grid n{per_row}">{cells}</div>', caption)

    def strips(
        self, rows: Sequence[tuple[str, Picture | Sequence[str]]], *, caption: str = "", title: str = ""
    ) -> None:
        """Show named rows under one another: a wide picture, or short texts spread evenly over its width.

        A picture's `scale` stands under it; its `label` is not shown.
        """
        cells = []
        for name, row in rows:
            if isinstance(row, Picture):
                content = _image(row)
                if row.scale is not None:
                    content = f"<div>{content}{_scale(row.scale)}</div>"
            else:
                content = '<div class="spread">' + "".join(f"<b>{_text(word)}</b>" for word in row) + "</div>"
            cells.append(f"<span>{_text(name)}</span>{content}")
        self._figure(f'{self._heading(title)}<div class="strips">{"".join(cells)}</div>', caption)

    def plot(
        self, draw: Callable[[Figure], None], *, alt: str, size_in: tuple[float, float], caption: str = ""
    ) -> None:
        """Let `draw` fill a matplotlib figure of `size_in` inches and show it, in the house's style."""
        self._n_plots += 1
        svg = plot_svg(draw, alt=alt, size_in=size_in, salt=f"plot{self._n_plots}")
        self._figure(f'<div class="plot">{svg}</div>', caption, mark=True)

    def table(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        *,
        caption: str = "",
        best: Sequence[tuple[int, int]] = (),
    ) -> None:
        """Show a table; the first column is left-aligned, cells (row, column) in `best` are set bold."""
        for row in rows:
            if len(row) != len(header):
                raise OutputError(f"a table row wants {len(header)} cells, found {len(row)}: {row!r}")
        head = "".join(_heading(name, [row[j] for row in rows]) for j, name in enumerate(header))
        lines = []
        for i, row in enumerate(rows):
            cells = [
                _cell(cell, strong=(i, j) in set(best), first=j == 0, name=header[j])
                for j, cell in enumerate(row)
            ]
            lines.append(f"<tr>{''.join(cells)}</tr>")
        words = f"<caption>{_text(caption)} {self._mark}</caption>" if caption else ""
        self._body.append(
            f'<div class="table"><table>{words}'
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        )

    def tiles(self, figures: Mapping[str, str]) -> None:
        """Show key figures large: {what it is: its value}."""
        cells = "".join(
            f"<div><dd>{_text(value)}</dd><dt>{_text(name)} {self._mark}</dt></div>"
            for name, value in figures.items()
        )
        self._body.append(f'<dl class="tiles">{cells}</dl>')

    def note(self, title: str, *paragraphs: str) -> None:
        """Set paragraphs apart in a box."""
        text = "".join(f"<p>{_text(paragraph)}</p>" for paragraph in paragraphs)
        self._body.append(f'<aside class="note"><h3>{_text(title)}</h3>{text}</aside>')

    @contextmanager
    def folded(self, summary: str) -> Iterator[None]:
        """Fold what is added in the block under one line, `summary`, that opens it."""
        self._body.append(f"<details><summary>{_text(summary)} {self._mark}</summary>")
        try:
            yield
        finally:
            self._body.append("</details>")

    def html(self) -> str:
        """Return the whole page."""
        style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
        links = "".join(f'<a href="#{anchor}">{_text(title)}</a>' for anchor, title in self._sections)
        close = "</section>" if self._sections else ""
        return (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f'<meta name="color-scheme" content="light dark"><title>{_text(self._title)}</title>'
            f"<style>{style}{_wipe_rules()}</style></head><body><main>"
            f'<header><h1>{_text(self._title)}</h1><p class="subtitle">{_text(self._subtitle)}</p></header>'
            f"<nav>{links}</nav>{''.join(self._body)}{close}</main></body></html>\n"
        )

    def write(self, path: Path, *, overwrite: bool = False) -> None:
        """Write the page to `path`; it appears there complete or not at all."""
        with new_file(path, overwrite=overwrite) as temporary:
            temporary.write_text(self.html(), encoding="utf-8")

    def _heading(self, title: str) -> str:
        return f"<h3>{_text(title)} {self._mark}</h3>" if title else ""

    def _figure(self, content: str, caption: str, *, mark: bool = False) -> None:
        words = f"<figcaption>{_text(caption)} {self._mark if mark else ''}</figcaption>" if caption else ""
        self._body.append(f"<figure>{content}{words}</figure>")


def plot_svg(draw: Callable[[Figure], None], *, alt: str, size_in: tuple[float, float], salt: str) -> str:
    """Return what `draw` makes of an empty figure as an `<svg>` element that follows the page's colors.

    `salt` keeps the ids of several drawings on one page apart; the same drawing and salt give the same text.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**_PLOT_STYLE, "svg.hashsalt": salt}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the reader's browser has it
        figure = Figure(figsize=size_in, layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(
            buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    svg = buffer.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*pt"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*pt"', r"\1", svg))
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{_text(alt)}"', 1)
    for color, name in _CSS_NAMES.items():
        svg = svg.replace(color, name)
    return _tidy(svg, salt=salt)


def _tidy(svg: str, *, salt: str) -> str:
    """Return a drawing with ids by order of appearance and places to a hundredth of a point.

    Matplotlib's ids are hashes of places in full, whose last digits differ from run to run; those that
    nothing refers to, such as axes_1, are alike in all drawings of a page, and are dropped.
    """
    referred = set(re.findall(r"#([\w.-]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in referred else "", svg)
    prefix = hashlib.sha256(salt.encode()).hexdigest()[:6]
    ids: dict[str, str] = {}

    def renamed(found: re.Match[str]) -> str:
        return found[1] + ids.setdefault(found[0][len(found[1]) :], f"{found[2]}{prefix}{len(ids)}")

    svg = re.sub(r'( id="|="#|url\(#)([a-z]+)[0-9a-f]{10}\b', renamed, svg)
    return re.sub(
        r' (?:d|x|y|width|height|transform)="[^"]*"',
        lambda place: re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", place[0]),
        svg,
    )


def colored(
    values: NDArray, *, colormap: str, low: float, high: float, missing: NDArray | None = None
) -> NDArray[np.uint8]:
    """Return `values` (...) as colors (..., 3): `low` and below get the colormap's start, `high` its end.

    Where `missing` (...) bool is True the color is a dark gray that no colormap here contains.
    """
    lut = _lut(colormap)
    place = (np.asarray(values, np.float32) - low) / max(high - low, 1e-9)
    pixels = lut[np.clip(place * 255 + 0.5, 0, 255).astype(np.uint8)]
    if missing is not None:
        pixels[missing] = (38, 40, 44)
    return pixels


def _lut(colormap: str) -> NDArray[np.uint8]:
    import matplotlib

    table = matplotlib.colormaps[colormap](np.linspace(0, 1, 256))[:, :3]
    return np.rint(np.asarray(table) * 255).astype(np.uint8)


def _text(text: str) -> str:
    return html.escape(text, quote=True)


def _image(picture: Picture) -> str:
    import cv2

    height, width, *channels = picture.pixels.shape
    to_bgr = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    pixels = cv2.cvtColor(picture.pixels, to_bgr[channels[0]]) if channels else picture.pixels
    _, payload = cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])
    encoded = base64.b64encode(payload.tobytes()).decode("ascii")
    return (
        f'<img src="data:image/webp;base64,{encoded}" width="{width}" height="{height}" '
        f'alt="{_text(picture.alt)}">'
    )


def _picture(picture: Picture) -> str:
    label = f'<span class="label">{_text(picture.label)}</span>' if picture.label else ""
    return f'<div class="picture">{_image(picture)}{label}{_scale(picture.scale)}</div>'


def _wipe(wipe: Wipe) -> str:
    ends = "".join(f"<span>{_text(side.label)}</span>" for side in (wipe.left, wipe.right))
    return (
        f'<div class="picture"><div class="wipe">{"<i></i>" * WIPE_STEPS}{_image(wipe.right)}'
        f'<div class="over">{_image(wipe.left)}</div></div>'
        f'<span class="ends">{ends}</span>{_scale(wipe.left.scale)}{_scale(wipe.right.scale)}</div>'
    )


def _scale(scale: Scale | None) -> str:
    if scale is None:
        return ""
    stops = ",".join("#" + bytes(color).hex() for color in _lut(scale.colormap)[::15])
    return (
        f'<span class="scale"><span>{_text(scale.low)}</span>'
        f'<s style="background:linear-gradient(90deg,{stops})"></s><span>{_text(scale.high)}</span></span>'
    )


def _heading(name: str, column: Sequence[Cell]) -> str:
    """Return a column's heading, on the side that its cells are on."""
    wordy = bool(column) and all(isinstance(cell, Badge | Prose) for cell in column)
    return f'<th scope="col"{_PROSE if wordy else ""}>{_text(name)}</th>'


def _cell(cell: Cell, *, strong: bool, first: bool, name: str) -> str:
    """Return one cell; `name`, its column's heading, stands beside it where a phone stacks the cells."""
    named = "" if first else f' data-name="{_text(name)}"'
    if isinstance(cell, Badge):
        return f'<td class="verdict"{named}><span class="badge {cell.tone}">{_text(cell.text)}</span></td>'
    if isinstance(cell, Prose):
        small = f"<small>{_text(cell.small)}</small>" if cell.small else ""
        tag = 'th scope="row"' if first else "td"
        return f"<{tag}{_PROSE}{named}>{_text(cell.text)}{small}</{tag.split()[0]}>"
    if isinstance(cell, Share):
        width = f"{SHARE_PERCENT * min(max(cell.value, 0.0), 1.0):.1f}%"
        return f'<td class="share"{named}><s style="width:{width}"></s><span>{_text(cell.text)}</span></td>'
    text = f"<strong>{_text(cell)}</strong>" if strong else _text(cell)
    return f'<th scope="row">{text}</th>' if first else f"<td{named}>{text}</td>"


def _wipe_rules() -> str:
    """Return one rule per stop: under the pointer there, the upper picture ends there. It needs no script."""
    return "".join(
        f".wipe i:nth-child({k}){{left:{100 * (k - 1) / WIPE_STEPS:.3f}%}}"
        f".wipe i:nth-child({k}):hover~.over"
        f"{{clip-path:inset(0 {100 - 100 * (k - 0.5) / WIPE_STEPS:.3f}% 0 0)}}"
        for k in range(1, WIPE_STEPS + 1)
    )


_PLOT_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "figure.facecolor": "none",
    "grid.color": SOFT,
    "grid.alpha": 0.22,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.facecolor": "none",
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}
