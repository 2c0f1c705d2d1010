"""Boards on paper, true to scale: a page with the board, a ruler and crosses, and one that says what to do.

The PDF is made of vectors and carries no date: the same board gives the same bytes.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...capture.board import Board, CircleGrid
from ...errors import ConfigError, UsageError
from ...output import new_file
from .words import instructions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAPERS_MM = {"A4": (210.0, 297.0), "letter": (215.9, 279.4), "A3": (297.0, 420.0), "A2": (420.0, 594.0)}
CUSTOM = re.compile(r"(\d{2,4}(?:\.\d+)?)x(\d{2,4}(?:\.\d+)?)")
EDGE_MM = 8.0  # around the ink: printers leave the rim of a page blank, and detectors want it
FOOT_MM = 22.0  # for the ruler and the small print
RULER_MM = 100.0
CROSS_MM, CROSS_OFF_MM = 4.0, 4.0
MM_PER_INCH = 25.4
SUFFIXES = (".pdf", ".png")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A board laid out on paper.

    Attributes
    ----------
    board : Board
    width_mm, height_mm : float, the paper as it lies (on its side where that fits better)
    box_mm : (x0, y0, x1, y1) of the ink, from the paper's top left corner
    """

    board: Board
    width_mm: float
    height_mm: float
    box_mm: tuple[float, float, float, float]

    @property
    def shift_mm(self) -> tuple[float, float]:
        """Where the origin of the board's plane lies on the paper."""
        x0, y0, *_ = ink_box_mm(self.board)
        return self.box_mm[0] - x0, self.box_mm[1] - y0


def ink_box_mm(board: Board) -> tuple[float, float, float, float]:
    """Return x0, y0, x1, y1 of what is inked, on the board's plane."""
    if isinstance(board, CircleGrid):
        low, high = board.points_mm.min(axis=0), board.points_mm.max(axis=0)
        r = board.diameter_mm / 2
        return float(low[0] - r), float(low[1] - r), float(high[0] + r), float(high[1] + r)
    plate = board.plate
    columns, rows = np.flatnonzero(plate.ink.any(axis=0)), np.flatnonzero(plate.ink.any(axis=1))
    (x, y), step = plate.origin_mm, plate.field_mm
    return (
        x + step * float(columns[0]),
        y + step * float(rows[0]),
        x + step * float(columns[-1] + 1),
        y + step * float(rows[-1] + 1),
    )


def paper_size_mm(paper: str) -> tuple[float, float]:
    """Return the shorter and the longer side of a paper named A4, letter, A3, A2, or 300x400.

    Raises
    ------
    UsageError
        There is no such paper.
    """
    for name, size in PAPERS_MM.items():
        if name.lower() == paper.lower():
            return size
    match = CUSTOM.fullmatch(paper.strip())
    if match is None:
        raise UsageError(
            f"wanted a paper of {', '.join(PAPERS_MM)} or millimetres such as 300x400, found {paper!r}"
        )
    sides = sorted((float(match[1]), float(match[2])))
    return sides[0], sides[1]


def lay_out(board: Board, *, paper: str) -> Sheet:
    """Return the board in the middle of the paper, upright or on its side, whichever leaves more room.

    Raises
    ------
    ConfigError
        The board does not fit the paper; the message names the paper that it fits, and the largest board of
        its kind that this paper takes.
    """
    shorter, longer = paper_size_mm(paper)
    x0, y0, x1, y1 = ink_box_mm(board)
    width, height = x1 - x0, y1 - y0
    shares = {(w, h): _share(width, height, w, h) for w, h in ((shorter, longer), (longer, shorter))}
    (w, h), share = max(shares.items(), key=lambda one: one[1])
    if share < 1:
        fitting = [
            name
            for name, (a, b) in PAPERS_MM.items()
            if max(_share(width, height, a, b), _share(width, height, b, a)) >= 1
        ]
        advice = f"it fits {fitting[0]}" if fitting else "it fits none of " + ", ".join(PAPERS_MM)
        side_mm = _side_mm(board)
        largest = floor(2 * side_mm * share) / 2
        room = f"{w - 2 * EDGE_MM:g} x {h - EDGE_MM - FOOT_MM:g} mm"
        raise ConfigError(
            f"wanted a board of at most {room} on paper {paper!r}, found {str(board)!r} of {width:g} x "
            f"{height:g} mm; {advice}, and on {paper} the largest such board has {largest:g} mm instead of "
            f"{side_mm:g} mm"
        )
    left, top = (w - width) / 2, EDGE_MM + (h - EDGE_MM - FOOT_MM - height) / 2
    return Sheet(board, w, h, (left, top, left + width, top + height))


def write_board(
    path: Path, board: Board, *, paper: str = "A4", dpi: int = 300, overwrite: bool = False
) -> Sheet:
    """Write the board as PDF (two pages) or PNG (one picture), and return how it lies on the paper.

    Raises
    ------
    UsageError
        The name ends neither in .pdf nor in .png, or there is no such paper.
    ConfigError
        The board does not fit the paper, or matplotlib is not installed.
    OutputError
        Something is at `path` and `overwrite` is False.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"wanted a name that ends in .pdf or .png: {path}")
    if not 50 <= dpi <= 1200:
        raise UsageError(f"wanted 50 to 1200 dots per inch, found {dpi!r}")
    sheet = lay_out(board, paper=paper)
    try:
        from matplotlib.backends.backend_pdf import PdfPages
    except ImportError as error:
        raise ConfigError(
            f"wanted matplotlib to draw a board, found none ({error}); run `pip install 'mavfer[report]'`"
        ) from error
    with new_file(path, overwrite=overwrite) as temporary:
        page = board_page(sheet)
        if path.suffix.lower() == ".png":
            page.savefig(temporary, format="png", dpi=dpi, metadata={"Software": None})
        else:
            about = {"Title": f"Calibration board {board}", "Creator": "mavfer", "CreationDate": None}
            with PdfPages(temporary, metadata=about) as pages:
                pages.savefig(page)
                pages.savefig(instructions_page(sheet))
    return sheet


def ink_rectangles_mm(board: Board) -> NDArray[np.float64]:
    """Return the ink of a board of squares as rectangles (N, 4): x, y, width, height on its plane.

    Fields that touch along a row, and equal runs below each other, are one rectangle: no hairlines between.
    """
    plate = board.plate
    open_runs: dict[tuple[int, int], int] = {}  # first and last column -> first row
    rectangles: list[tuple[int, int, int, int]] = []
    for row in range(len(plate.ink) + 1):
        runs: set[tuple[int, int]] = set()
        if row < len(plate.ink):
            edges = np.diff(np.pad((plate.ink[row] > 0.5).astype(int), 1))
            firsts, lasts = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
            runs = {(int(a), int(b)) for a, b in zip(firsts, lasts, strict=True)}
        for run in [run for run in open_runs if run not in runs]:
            first_row = open_runs.pop(run)
            rectangles.append((run[0], first_row, run[1] - run[0], row - first_row))
        for run in runs:
            open_runs.setdefault(run, row)
    found = np.array(sorted(rectangles), np.float64) * plate.field_mm
    found[:, :2] += plate.origin_mm
    return found


def board_page(sheet: Sheet) -> Figure:
    """Return the page with the board as a figure whose axes are the paper in millimetres, y down."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle, Rectangle

    figure, axes = _page(sheet)
    board, (dx, dy) = sheet.board, sheet.shift_mm
    if isinstance(board, CircleGrid):
        radius = board.diameter_mm / 2
        patches = [Circle((x + dx, y + dy), radius) for x, y, _ in board.points_mm.tolist()]
    else:
        patches = [Rectangle((x + dx, y + dy), w, h) for x, y, w, h in ink_rectangles_mm(board).tolist()]
    axes.add_collection(
        PatchCollection(patches, facecolor="black", edgecolor="none", linewidth=0, snap=False)
    )
    _crosses(axes, sheet)
    _ruler(axes, sheet)
    return figure


def instructions_page(sheet: Sheet) -> Figure:
    """Return the page that says how the board is made and used."""
    figure, axes = _page(sheet)
    points = 9.5
    letters = int((sheet.width_mm - 40) / (points * 0.19))  # the mean letter is about 0.53 of its size wide
    lines = [
        line
        for paragraph in instructions_of(sheet).splitlines()
        for line in (textwrap.wrap(paragraph, letters, subsequent_indent="   ") or [""])
    ]
    room_mm = sheet.height_mm - 30
    step_mm = min(4.9, room_mm / len(lines))
    for k, line in enumerate(lines):
        size = min(points, step_mm / 4.9 * points)
        axes.text(20, 18 + k * step_mm, line, fontsize=size, va="top", weight="bold" if k == 0 else "normal")
    return figure


def instructions_of(sheet: Sheet) -> str:
    """Return what to do with the printed board, as plain text."""
    x0, y0, x1, y1 = sheet.box_mm
    return instructions(
        sheet.board,
        ruler_mm=RULER_MM,
        across_mm=x1 - x0 + 2 * CROSS_OFF_MM,
        down_mm=y1 - y0 + 2 * CROSS_OFF_MM,
    )


def _page(sheet: Sheet) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(sheet.width_mm / MM_PER_INCH, sheet.height_mm / MM_PER_INCH), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, sheet.width_mm)
    axes.set_ylim(sheet.height_mm, 0)
    axes.set_axis_off()
    return figure, axes


def _crosses(axes: Axes, sheet: Sheet) -> None:
    x0, y0, x1, y1 = sheet.box_mm
    for x in (x0 - CROSS_OFF_MM, x1 + CROSS_OFF_MM):
        for y in (y0 - CROSS_OFF_MM, y1 + CROSS_OFF_MM):
            half = CROSS_MM / 2
            axes.plot([x - half, x + half], [y, y], color="black", linewidth=0.4)
            axes.plot([x, x], [y - half, y + half], color="black", linewidth=0.4)


def _ruler(axes: Axes, sheet: Sheet) -> None:
    left, y = (sheet.width_mm - RULER_MM) / 2, sheet.height_mm - 12.0
    axes.plot([left, left + RULER_MM], [y, y], color="black", linewidth=0.5, solid_capstyle="butt")
    for mm in range(0, int(RULER_MM) + 1):
        tick = 3.0 if mm % 10 == 0 else 2.0 if mm % 5 == 0 else 1.2
        axes.plot([left + mm] * 2, [y - tick, y], color="black", linewidth=0.3, solid_capstyle="butt")
    axes.text(
        sheet.width_mm / 2,
        y + 1.2,
        f"{RULER_MM:g} mm   mavfer calibrate --board {sheet.board}   {sheet.board.kind}; print at 100 %",
        ha="center",
        va="top",
        fontsize=6.5,
    )


def _share(width: float, height: float, paper_width: float, paper_height: float) -> float:
    """Return by how much the board could grow and still fit."""
    return min((paper_width - 2 * EDGE_MM) / width, (paper_height - EDGE_MM - FOOT_MM) / height)


def _side_mm(board: Board) -> float:
    """Return the length by which the board is named."""
    for name in ("square_mm", "marker_mm", "spacing_mm"):
        if hasattr(board, name):
            return float(getattr(board, name))
    return 1.0
