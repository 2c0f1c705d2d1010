"""A recorded session as a block of a sheet: a row per stream, raters' traces below."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..annotate.trace import RATING_LIMIT
from ..capture.streams import Stream
from ..errors import SessionError
from ..report import BLUE, VERMILION
from .session_view import SessionView
from .sheet import Block, ColorScale, Curves, Line, Pixels, Row, Spacing, clock, shown_at

THUMB_PX = 220
"""Width of a picture; smaller ones stay as they are."""


def session_block(view: SessionView, *, spacing: Spacing, streams: Sequence[Stream] = ()) -> Block:
    """Return a session's block.

    Parameters
    ----------
    streams : those to show, where the session has them; all if none is named

    Raises
    ------
    SessionError
        The session has none of the streams.
    """
    shown = [stream for stream in view.streams if not streams or stream in streams]
    if not shown:
        raise SessionError(
            f"wanted {' or '.join(stream.value for stream in streams)}, the session has "
            f"{', '.join(stream.value for stream in view.streams)}: {view.session.path}"
        )
    time_s = view.synchronized.time_s
    period_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.1
    moments = spacing.moments(float(time_s[0]), float(time_s[-1] - time_s[0]) + period_s)
    ticks = [shown_at(time_s, at_s) for at_s in moments.time_s.tolist()]
    for k, at_s in enumerate(moments.time_s.tolist()):
        if at_s > time_s[-1] + period_s:
            ticks[k] = -1
    rows = tuple(_row(view, stream, ticks) for stream in shown)
    return Block(view.session.id, _about(view), moments, rows, _ratings(view))


def _row(view: SessionView, stream: Stream, ticks: Sequence[int]) -> Row:
    pictures = tuple(None if tick < 0 else _picture(view, stream, tick) for tick in ticks)
    if stream is Stream.COLOR:
        return Row(stream.value, pictures)
    coloring = view.coloring(stream)
    marks = coloring.scale or ((0.0, "dark"), (1.0, "bright"))
    return Row(stream.value, pictures, scale=ColorScale(coloring.colors, marks))


def _picture(view: SessionView, stream: Stream, tick: int) -> Pixels | None:
    try:
        pixels = view.pixels(stream, tick)
    except SessionError:
        return None
    if stream is not Stream.COLOR:
        pixels = view.coloring(stream).table[pixels]
    return shrunk(pixels, THUMB_PX, smooth=stream is not Stream.DEPTH)


def shrunk(pixels: NDArray, width_px: int, *, smooth: bool = True) -> Pixels:
    """Return (H, W, 3) uint8 at most `width_px` wide."""
    height, width = pixels.shape[:2]
    if width <= width_px:
        return np.ascontiguousarray(pixels, np.uint8)
    size = (width_px, max(1, round(height * width_px / width)))
    how = cv2.INTER_AREA if smooth else cv2.INTER_NEAREST  # between two depths there is nothing
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)


def _about(view: SessionView) -> str:
    record, report = view.session.record, view.synchronized.report
    seconds = float(view.synchronized.time_s[-1] - view.synchronized.time_s[0])
    rate = f" at {record.plan.fps:g} a second" if record.plan.fps is not None else ""
    frames = ", ".join(f"{stream.value} {n}" for stream, n in report.frames.items())
    lost = [
        f"{stream.value} has no frame at {n} tick{'s' if n > 1 else ''}"
        for stream, n in report.missing.items()
        if n
    ]
    lost += [
        f"{name} {n} lost ({reason})"
        for name, reasons in report.lost.items()
        for reason, n in reasons.items()
        if n
    ]
    parts = [
        f"subject {record.subject}",
        "simulated" if record.simulated else "",
        f"{record.started_utc[:16].replace('T', ' ')} UTC",
        f"{clock(seconds)}, {view.n_ticks} ticks{rate}",
        f"frames: {frames}",
        "; ".join(lost) if lost else "nothing lost",
        "" if record.state == "complete" else f"take {record.state}",
    ]
    return " · ".join(filter(None, parts))


def _ratings(view: SessionView) -> tuple[Curves, ...]:
    if not view.traces:
        return ()
    colors = {"valence": BLUE, "arousal": VERMILION}
    lines = tuple(
        Line(trace.dimension, trace.time_s, trace.value, colors[trace.dimension], 1.0)
        for trace in view.traces
    )
    return (Curves("ratings", -RATING_LIMIT, RATING_LIMIT, lines),)
