"""A sheet as one HTML page that needs no network: strips of pictures, scales, curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..report import Page, Picture
from .sheet import Block, Curves, clock
from .sheet_png import require_matplotlib, strip_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCALE_SIZE_PX = (10, 512)
TIMES = "Times are minutes and seconds since the first tick."


def sheet_page(title: str, blocks: Sequence[Block], *, columns: int, cell_px: int) -> Page:
    """Return the sheet as a page, one section per session.

    Parameters
    ----------
    columns : moments beside each other; a block with more goes on below

    Raises
    ------
    OutputError
        matplotlib is not installed.
    """
    require_matplotlib()
    alone = len(blocks) == 1 and blocks[0].title == title  # said once
    page = Page(title, blocks[0].about if alone else TIMES)
    for block in blocks:
        page.section("Moments" if alone else block.title, TIMES if alone else block.about)
        across = min(columns, block.moments.n)
        for first in range(0, block.moments.n, across):
            times = [clock(at_s) for at_s in block.moments.time_s[first : first + across].tolist()]
            times += [""] * (across - len(times))
            rows: list[tuple[str, Picture | Sequence[str]]] = [("time", times)]
            for row in block.rows:
                strip = strip_of(row, first, across, cell_px)
                none = sum(picture is None for picture in row.pictures[first : first + across])
                alt = f"{row.name} of {block.title}, {across - none} pictures from {times[0]} on"
                rows.append((row.name, Picture(strip, alt)))
                if none:
                    rows.append(("", _missing(block, row.name, first, across)))
                if row.scale is not None and first == 0:
                    ramp = np.broadcast_to(
                        row.scale.colors[
                            np.linspace(0, len(row.scale.colors) - 1, SCALE_SIZE_PX[1]).astype(int)
                        ],
                        (*SCALE_SIZE_PX, 3),
                    )
                    words = ", ".join(f"{text}" for _, text in row.scale.marks)
                    rows.append(
                        ("colors", Picture(np.ascontiguousarray(ramp), f"from left to right: {words}"))
                    )
                    rows.append(("", _spread(row.scale.marks)))
            page.strips(rows)
            for curves in block.curves:
                page.plot(
                    _drawing(block, curves, first, across),
                    alt=f"{curves.name} of {block.title} over time",
                    size_in=(10, 1.7),
                )
    return page


def _missing(block: Block, name: str, first: int, across: int) -> list[str]:
    """Return words below a strip that say where it has no picture."""
    row = next(one for one in block.rows if one.name == name)
    words = [row.missing if one is None else "" for one in row.pictures[first : first + across]]
    return words + [""] * (across - len(words))


def _spread(marks: Sequence[tuple[float, str]], n: int = 6) -> list[str]:
    """Return what a scale's colors mean at the middles of `n` equal parts of it.

    A scale of numbers is linear between its marks; of words, each stands in the part that it lies in.
    """
    try:
        values = [float(text.split()[0]) for _, text in marks]
        slope, low = np.polyfit([place for place, _ in marks], values, 1)
    except (ValueError, IndexError, TypeError, np.linalg.LinAlgError):
        words = [""] * n
        for place, text in marks:
            words[min(n - 1, int(place * n))] = text
        return words
    unit = marks[0][1].partition(" ")[2]
    digits = -1 if abs(slope) > 500 else 0 if abs(slope) > 50 else 1
    return [f"{round(low + slope * (k + 0.5) / n, digits):.{max(0, digits)}f} {unit}" for k in range(n)]


def _drawing(block: Block, curves: Curves, first: int, across: int) -> Callable[[Figure], None]:
    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        start_s = block.moments.start_s + first * block.moments.step_s
        axes.set_xlim(start_s, start_s + across * block.moments.step_s)
        axes.set_ylim(curves.low, curves.high)
        named: set[str] = set()
        for line in curves.lines:
            label = line.name if line.name not in named else None
            named.add(line.name)
            axes.plot(line.time_s, line.value, color=line.color, linewidth=line.thick, label=label)
        axes.set_ylabel(curves.name)
        axes.set_xlabel("seconds since the first tick")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)

    return draw
