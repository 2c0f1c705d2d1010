"""The gold standard at a session's frame times, what each rater said there, and what is odd about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...annotate.fusion import MAX_GAP_S, gold_standard
from ...annotate.trace import DIMENSIONS, Dimension, Trace
from ...errors import TraceError
from .remarks import remarks_on

BEYOND_S, BEYOND_SHARE = 10.0, 0.1
"""A rater may let the tool run for so long after the film, whichever is more; a trace that goes on is another
session's."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What one session's raters said at F frame times.

    Attributes
    ----------
    value : per dimension (F,) float32 in [-1, 1], the raters' mean; NaN where none rated
    per_rater : per rated dimension (K, F) float32 in [-1, 1], NaN where that rater gave nothing
    raters : per rated dimension the K pseudonyms
    remarks : what the user must know of these labels, one line each
    """

    value: Mapping[Dimension, NDArray[np.float32]]
    per_rater: Mapping[Dimension, NDArray[np.float32]]
    raters: Mapping[Dimension, tuple[str, ...]]
    remarks: tuple[str, ...] = ()

    @property
    def all_raters(self) -> tuple[str, ...]:
        """Every rater of either dimension, sorted."""
        return tuple(sorted({rater for raters in self.raters.values() for rater in raters}))


def labels_at(
    traces: Sequence[Trace], time_s: NDArray[np.float64], *, lag_s: float, max_gap_s: float = MAX_GAP_S
) -> Labels:
    """Return the labels of frames at `time_s` (F,), seconds since the session's first tick.

    A rater who needs `lag_s` seconds to react rates the frame at t when the clock says t + lag_s, so the
    frame's label is read there. Knowledge ends where a rating does: where the ratings end with the film,
    the last `lag_s` seconds have no label. The first and last rating hold for `fusion.MAX_HOLD_S` at most,
    which makes up for one sample. A dimension that nobody rated is NaN.

    Parameters
    ----------
    max_gap_s : missing ratings are interpolated over so long a gap and no longer one
    """
    value: dict[Dimension, NDArray[np.float32]] = {}
    per_rater: dict[Dimension, NDArray[np.float32]] = {}
    raters: dict[Dimension, tuple[str, ...]] = {}
    for dimension in DIMENSIONS:
        rated = [trace for trace in traces if trace.dimension == dimension]
        if not rated:
            value[dimension] = np.full(len(time_s), np.nan, np.float32)
            continue
        gold = gold_standard(rated, time_s, lag_s=lag_s, max_gap_s=max_gap_s)
        value[dimension] = gold.value.astype(np.float32)
        per_rater[dimension] = gold.per_rater.astype(np.float32)
        raters[dimension] = tuple(gold.raters)
    remarks = remarks_on(traces, time_s, value, per_rater, lag_s=lag_s, max_gap_s=max_gap_s)
    return Labels(value, per_rater, raters, remarks)


def check_lengths(traces: Sequence[Trace], *, duration_s: float, lag_s: float, path: Path) -> None:
    """Raise TraceError if a trace has ratings that no film of `duration_s` seconds can have.

    Ratings may go on for the raters' lag and BEYOND_S (or BEYOND_SHARE of the film) after the film. A trace
    that is too short is no error: the frames after its end have no label of this rater.

    Parameters
    ----------
    duration_s : from the session's first tick to its last
    path : of the session, for the complaint
    """
    for trace in traces:
        rated_s = trace.time_s[np.isfinite(trace.value)]
        if not len(rated_s):
            continue
        until_s = duration_s + lag_s + max(BEYOND_S, BEYOND_SHARE * duration_s)
        if rated_s[-1] > until_s:
            would_be_s = rated_s[-1] / 1000
            in_ms = duration_s / 2 <= would_be_s <= until_s and np.diff(rated_s).min(initial=1) >= 1
            why = "are its times milliseconds?" if in_ms else "is it another session's?"
            raise TraceError(
                f"wanted a trace of a session of {duration_s:.1f} s, found ratings until {rated_s[-1]:.1f} s "
                f"in {trace.stem}.csv; {why} Mend it or leave it out: {path}"
            )
        if rated_s[0] > duration_s + lag_s:
            raise TraceError(
                f"wanted a trace of a session of {duration_s:.1f} s, found its first rating at "
                f"{rated_s[0]:.1f} s in {trace.stem}.csv; do its times count from the session's first tick? "
                f"Mend it or leave it out: {path}"
            )
