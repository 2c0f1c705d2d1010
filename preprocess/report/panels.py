"""Curves and colored lines over one time axis, panel under panel, in a single drawing that is quick to make.

A plot of many axes costs matplotlib most of a second; here the panels share one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...report import INK, SOFT
from ..dataset.record import Reason
from .drawing import LOOKS, reason_runs, thinned
from .rows import SessionRows

LINE = 0.22
"""Height of one colored line, of a panel's."""
GAP = 0.34
LETTER = 0.0092
"""Width of a letter of a panel's words, of the axis; a little more than fonts need."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve of a panel; `values` (F,), NaN where not known."""

    word: str
    values: NDArray
    color: str
    width: float = 1.2


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves on one scale from `low` to `high`, with marks at `ticks`; `height` is 1 for a usual one."""

    title: str
    curves: Sequence[Curve]
    low: float
    high: float
    ticks: Sequence[float]
    height: float = 1.0


def panel_of(title: str, curves: Sequence[Curve], *, height: float = 1.0, zero: bool = False) -> Panel:
    """Return a panel whose scale holds all of its curves, from 0 on where `zero`."""
    from matplotlib.ticker import MaxNLocator

    known = np.concatenate([curve.values[np.isfinite(curve.values)] for curve in curves])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    low = 0.0 if zero else low
    room = max(0.06 * (high - low), 1e-3 * abs(high), 1e-6)
    low, high = (low if zero else low - room), high + room
    ticks = [tick for tick in MaxNLocator(nbins=3).tick_values(low, high) if low <= tick <= high]
    return Panel(title, curves, low, high, ticks, height)


def height_of(panels: Sequence[Panel], *, n_lines: int) -> float:
    """Return the height of a drawing of colored lines and panels, in usual panels."""
    return n_lines * LINE + sum(panel.height + GAP for panel in panels)


def draw_panels(axis, rows: SessionRows, panels: Sequence[Panel]) -> None:
    """Draw a session's reasons, a line per stream, and below them its panels."""
    places, labels, end_s = draw_lines(axis, rows, top=0.0)
    y = -len(rows.reason) * LINE
    for panel in panels:
        y -= GAP + panel.height
        factor = panel.height / (panel.high - panel.low)
        ticks = [y + factor * (tick - panel.low) for tick in panel.ticks]
        axis.hlines(ticks, 0, end_s, color=SOFT, linewidth=0.5, alpha=0.3)
        places += ticks
        labels += [f"{tick:g}".replace("-", "\N{MINUS SIGN}") for tick in panel.ticks]
        _write_words(axis, panel, y + panel.height + 0.07)
        for curve in panel.curves:
            time_s, values = thinned(rows.time_s, curve.values)
            values = y + factor * (np.clip(values, panel.low, panel.high) - panel.low)
            alone = np.isfinite(values).sum() == 1
            axis.plot(
                time_s, values, "." if alone else "-", color=curve.color, linewidth=curve.width, markersize=4
            )
    axis.set_yticks(places, labels, fontsize=8)
    axis.set_ylim(y - 0.05, 0.08)
    finish(axis, end_s)


def draw_lines(axis, rows: SessionRows, *, top: float) -> tuple[list[float], list[str], float]:
    """Draw a colored line per stream, from `top` down; return where they lie, their names, and the end."""
    from matplotlib.collections import PolyCollection

    boxes: dict[Reason, list] = {}
    places, names, end_s = [], [], 0.0
    for i, (stream, reasons) in enumerate(rows.reason.items()):
        y = top - (i + 0.5) * LINE
        places.append(y)
        names.append(str(stream))
        for reason, start_s, length_s in reason_runs(rows.time_s, reasons):
            low, high, stop_s = y - 0.38 * LINE, y + 0.38 * LINE, start_s + length_s
            boxes.setdefault(reason, []).append(
                [(start_s, low), (stop_s, low), (stop_s, high), (start_s, high)]
            )
            end_s = max(end_s, stop_s)
    for reason, own in boxes.items():
        look = LOOKS[reason]
        axis.add_collection(PolyCollection(own, facecolors=look.color, alpha=look.opacity, linewidths=0))
    return places, names, end_s


def finish(axis, end_s: float) -> None:
    """Take away what a drawing of panels does not need."""
    axis.set_xlim(0, end_s or 1.0)
    axis.set_xlabel("seconds")
    axis.grid(visible=False, axis="y")
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="y", length=0)


def _write_words(axis, panel: Panel, y: float) -> None:
    """Write a panel's title, and the names of its curves in their colors, above it."""
    words = [(panel.title, INK)]
    if len(panel.curves) > 1:
        words += [(curve.word, curve.color) for curve in panel.curves]
    x = 0.0
    for word, color in words:
        axis.text(x, y, word, color=color, fontsize=8.5, transform=axis.get_yaxis_transform())
        x += LETTER * (len(word.replace("\\", "")) + 2)
