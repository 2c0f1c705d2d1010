"""Traces -> the raters of one session and dimension on one time grid; folders of traces read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import TraceError
from ..fusion import resample
from ..trace import DIMENSIONS, RATING_LIMIT, Dimension, Trace, read_trace

Float = NDArray[np.float64]
FPS = 10.0
"""Samples per second that measures are taken from: ratings move more slowly, and more only costs time."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """The raters of one session in one dimension.

    Attributes
    ----------
    raters : the K pseudonyms, sorted
    time_s : (T,) float64, evenly spaced, seconds since the session's first tick
    per_rater : (K, T) float64 in [-1, 1], NaN where that rater gave nothing
    simulated : whether any of them is no person
    silent : raters with a trace in which nothing is rated; they are not among the K
    """

    session: str
    dimension: Dimension
    raters: tuple[str, ...]
    time_s: Float
    per_rater: Float
    simulated: bool = False
    silent: tuple[str, ...] = ()

    @property
    def zero_mean(self) -> Float:
        """The ratings less each rater's own mean over this session, (K, T)."""
        return zero_mean(self.per_rater)


def zero_mean(per_rater: Float) -> Float:
    """Return ratings (K, T) with each rater's own mean taken out; NaN stays."""
    known = np.isfinite(per_rater)
    total = np.where(known, per_rater, 0.0).sum(axis=1)
    return per_rater - (total / np.maximum(known.sum(axis=1), 1))[:, None]


def ratings_of(traces: Sequence[Trace], *, fps: float = FPS, lag_s: float = 0.0) -> tuple[Ratings, ...]:
    """Return the ratings of every session and dimension, valence first, sessions by name.

    A trace is read between its samples linearly, and not over gaps (`fusion.resample`).

    Parameters
    ----------
    fps : samples per second of the grid, which begins with the first rating of the session
    lag_s : taken off all ratings alike; agreement hardly depends on it

    Raises
    ------
    TraceError
        Two traces are of one rater, session and dimension.
    """
    groups: dict[tuple[Dimension, str], dict[str, Trace]] = {}
    for trace in traces:
        own = groups.setdefault((trace.dimension, trace.session), {})
        if trace.rater in own:
            raise TraceError(
                f"wanted one {trace.dimension} trace of rater {trace.rater!r} for session "
                f"{trace.session!r}, found two; remove one"
            )
        own[trace.rater] = trace
    order = sorted(groups, key=lambda key: (DIMENSIONS.index(key[0]), key[1]))
    return tuple(_on_one_grid(list(groups[key].values()), fps=fps, lag_s=lag_s) for key in order)


def read_folder(folder: Path) -> tuple[Trace, ...]:
    """Return all traces in a folder, in the order of their file names.

    Raises
    ------
    TraceError
        It is no folder or has no trace, one of its files is damaged, or two are of one rater, session and
        dimension.
    """
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise TraceError(f"wanted a folder of traces, found {found}: {folder}")
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise TraceError(
            f"wanted traces (SESSION.RATER.DIMENSION.csv), found none; export them with "
            f"`mavfer traces export`, or name the folder that has them: {folder}"
        )
    first: dict[tuple[str, str, str], Path] = {}
    traces = []
    for path in paths:
        trace = read_trace(path)
        twin = first.setdefault((trace.session, trace.rater, trace.dimension), path)
        if twin != path:
            raise TraceError(
                f"wanted one {trace.dimension} trace of rater {trace.rater!r} for session "
                f"{trace.session!r}, found another in {twin.name!r}; remove one: {path}"
            )
        traces.append(trace)
    return tuple(traces)


def _on_one_grid(traces: list[Trace], *, fps: float, lag_s: float) -> Ratings:
    traces = sorted(traces, key=lambda trace: trace.rater)
    begin_s = min(float(trace.time_s[0]) for trace in traces) - lag_s
    end_s = max(float(trace.time_s[-1]) for trace in traces) - lag_s
    time_s = begin_s + np.arange(int(np.floor((end_s - begin_s) * fps + 1e-6)) + 1) / fps
    per_rater = np.stack([resample(trace, time_s, lag_s=lag_s) for trace in traces]) / RATING_LIMIT
    rated = [bool(np.isfinite(own).any()) for own in per_rater]
    return Ratings(
        session=traces[0].session,
        dimension=traces[0].dimension,
        raters=tuple(trace.rater for trace, own in zip(traces, rated, strict=True) if own),
        time_s=time_s,
        per_rater=per_rater[rated],
        silent=tuple(trace.rater for trace, own in zip(traces, rated, strict=True) if not own),
        simulated=any(trace.simulated for trace in traces),
    )
