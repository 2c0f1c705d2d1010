"""A sheet as one PNG: names, times, units and color scales are drawn in, so that it needs no caption."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..errors import OutputError, UsageError
from ..report import INK, SOFT
from .sheet import Block, Curves, Pixels, Row, clock

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 100
MARGIN_PX = 18
NAME_PX = 86
SCALE_PX = 108
GAP_PX = 4
HEAD_PX = 50
TIMES_PX = 18
CURVES_PX = 92
TITLE_PX = 40
BLOCK_GAP_PX = 22
MAX_SIDE_PX = 32_000
"""matplotlib draws no picture of 65536 pixels and more, and few programs open one of half as many."""
LETTER_PX = 6.2
"""Of a header's line, on average."""
EMPTY = (226, 223, 216)


def sheet_png(title: str, blocks: Sequence[Block], *, columns: int, cell_px: int) -> bytes:
    """Return the sheet as PNG.

    Parameters
    ----------
    columns : moments beside each other; a block with more goes on below
    cell_px : width of a picture

    Raises
    ------
    UsageError
        It would be larger than MAX_SIDE_PX.
    OutputError
        matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    columns = min(columns, max(block.moments.n for block in blocks))
    strip_px = columns * (cell_px + GAP_PX) - GAP_PX
    width = 2 * MARGIN_PX + NAME_PX + strip_px + SCALE_PX
    abouts = [_lines(block.about, width - 2 * MARGIN_PX) for block in blocks]
    heights = [
        _height(block, columns, cell_px) + 15 * (about.count("\n"))
        for block, about in zip(blocks, abouts, strict=True)
    ]
    named = len(blocks) > 1 or blocks[0].title != title  # else the block says it
    head_px = TITLE_PX if named else MARGIN_PX - 8
    height = head_px + sum(heights) + BLOCK_GAP_PX * (len(blocks) - 1) + MARGIN_PX
    if max(width, height) > MAX_SIDE_PX:
        raise UsageError(
            f"wanted a sheet of at most {MAX_SIDE_PX} pixels a side, found {width} x {height}; name fewer "
            "folders, a smaller --count, a larger --every, or --out sheet.html"
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
        sheet = _Sheet(figure, width, height, columns, cell_px)
        if named:
            sheet.text(MARGIN_PX, 24, title, size=15, weight="bold")
        top = head_px
        for block, about, block_px in zip(blocks, abouts, heights, strict=True):
            sheet.block(block, about, top)
            top += block_px + BLOCK_GAP_PX
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def require_matplotlib() -> None:
    """Raise OutputError unless matplotlib is there."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise OutputError(
            f"wanted matplotlib to draw a sheet, found none ({error}); run `pip install 'mavfer[report]'`"
        ) from error


def strip_of(row: Row, first: int, columns: int, cell_px: int, *, gap_px: int = GAP_PX) -> Pixels:
    """Return the pictures `first` to `first + columns` of a row side by side, (H, W, 4)."""
    height = cell_height(row, cell_px)
    strip = np.full((height, columns * (cell_px + gap_px) - gap_px, 4), 0, np.uint8)
    for place, picture in enumerate(row.pictures[first : first + columns]):
        left = place * (cell_px + gap_px)
        cell = strip[:, left : left + cell_px, :3]
        strip[:, left : left + cell_px, 3] = 255
        if picture is None:
            cell[:] = EMPTY
        else:
            how = cv2.INTER_AREA if picture.shape[1] > cell_px else cv2.INTER_LINEAR
            cell[:] = cv2.resize(picture, (cell_px, height), interpolation=how)
    return strip


def cell_height(row: Row, cell_px: int) -> int:
    """Return how high a row's pictures are when they are `cell_px` wide."""
    shape = next((picture.shape for picture in row.pictures if picture is not None), (3, 4))
    return max(1, round(cell_px * shape[0] / shape[1]))


def _height(block: Block, columns: int, cell_px: int) -> int:
    one = TIMES_PX + sum(cell_height(row, cell_px) + GAP_PX for row in block.rows)
    one += CURVES_PX * len(block.curves)
    return HEAD_PX + one * -(-block.moments.n // columns)


def _lines(text: str, width_px: int) -> str:
    """Return a header's text broken at its dots into lines that fit."""
    lines = [""]
    for part in text.split(" · "):
        longer = f"{lines[-1]} · {part}" if lines[-1] else part
        if lines[-1] and len(longer) * LETTER_PX > width_px:
            lines.append(part)
        else:
            lines[-1] = longer
    return "\n".join(lines)


class _Sheet:
    """A figure addressed in pixels from its upper left corner."""

    def __init__(self, figure: Figure, width: int, height: int, columns: int, cell_px: int) -> None:
        self._figure, self._width, self._height = figure, width, height
        self._columns, self._cell_px = columns, cell_px
        self._left = MARGIN_PX + NAME_PX
        self._strip_px = columns * (cell_px + GAP_PX) - GAP_PX

    def text(self, x: float, y: float, words: str, *, size: float = 9, **style: Any) -> None:
        style = {"color": INK, "va": "center", **style}
        self._figure.text(x / self._width, 1 - y / self._height, words, fontsize=size * 72 / DPI, **style)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        box = (x / self._width, 1 - (y + height) / self._height, width / self._width, height / self._height)
        return self._figure.add_axes(box)

    def block(self, block: Block, about: str, top: float) -> None:
        self.text(MARGIN_PX, top + 10, block.title, size=14, weight="bold")
        self.text(MARGIN_PX, top + 22, about, size=11, color=SOFT, va="top", linespacing=1.3)
        top += HEAD_PX + 15 * about.count("\n")
        for first in range(0, block.moments.n, self._columns):
            top = self._line(block, first, top)

    def _line(self, block: Block, first: int, top: float) -> float:
        """Draw the moments from `first` on beside each other; return where the next line begins."""
        for place, at_s in enumerate(block.moments.time_s[first : first + self._columns].tolist()):
            center = self._left + place * (self._cell_px + GAP_PX) + self._cell_px / 2
            self.text(center, top + TIMES_PX / 2, f"{clock(at_s)}", size=11, color=SOFT, ha="center")
        self.text(self._left - 8, top + TIMES_PX / 2, "min:s", size=11, color=SOFT, ha="right")
        top += TIMES_PX
        for row in block.rows:
            height = cell_height(row, self._cell_px)
            self._row(row, first, top, height)
            top += height + GAP_PX
        for curves in block.curves:
            self._curves(block, curves, first, top)
            top += CURVES_PX
        return top

    def _row(self, row: Row, first: int, top: float, height: int) -> None:
        self.text(self._left - 8, top + height / 2, row.name, size=12, ha="right")
        axes = self.axes(self._left, top, self._strip_px, height)
        strip = strip_of(row, first, self._columns, self._cell_px)
        axes.imshow(strip, aspect="auto", interpolation="nearest")
        axes.set_axis_off()
        for place, picture in enumerate(row.pictures[first : first + self._columns]):
            if picture is None:
                center = self._left + place * (self._cell_px + GAP_PX) + self._cell_px / 2
                self.text(center, top + height / 2, row.missing, size=11, color=SOFT, ha="center")
        if row.scale is None:
            return
        bar = self.axes(self._left + self._strip_px + 10, top + 6, 10, height - 12)
        bar.imshow(
            row.scale.colors[::-1][:, None], aspect="auto", interpolation="nearest", extent=(0, 1, 0, 1)
        )
        bar.set_axis_off()
        last = -1.0
        for place, words in row.scale.marks:
            if (place - last) * (height - 12) < 13:
                continue
            last = place
            y = top + 6 + (1 - place) * (height - 12)
            self.text(self._left + self._strip_px + 25, y, words, size=10)

    def _curves(self, block: Block, curves: Curves, first: int, top: float) -> None:
        height = CURVES_PX - 24
        axes = self.axes(self._left, top + 6, self._strip_px, height)
        start_s = block.moments.start_s + first * block.moments.step_s
        axes.set_xlim(start_s, start_s + self._columns * block.moments.step_s)
        axes.set_ylim(curves.low, curves.high)
        axes.set_yticks([curves.low, (curves.low + curves.high) / 2, curves.high])
        axes.tick_params(labelsize=10 * 72 / DPI, colors=SOFT, length=2, pad=2)
        axes.grid(color=SOFT, alpha=0.22, linewidth=0.6)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(SOFT)
        axes.set_xticks(_whole_s(*axes.get_xlim()))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} s")
        said: dict[str, str] = {}
        for line in curves.lines:
            axes.plot(line.time_s, line.value, color=line.color, linewidth=line.thick, clip_on=True)
            said.setdefault(line.name, line.color)
        self.text(MARGIN_PX, top + 6 + height / 2, curves.name, size=12)
        for k, (name, color) in enumerate(said.items()):
            x = self._left + self._strip_px + 10
            self.text(x, top + 14 + 16 * k, f"— {name}", size=11, color=color, weight="bold")


def _whole_s(low: float, high: float) -> list[float]:
    """Return round seconds between two times, 4 to 10 of them."""
    steps = (factor * 10.0**power for power in range(-1, 5) for factor in (1, 2, 5))
    step = next((step for step in steps if (high - low) / step <= 10), high - low)
    return [k * step for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
