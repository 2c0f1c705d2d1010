"""What is odd about a session's ratings, one line each: silent, constant, late, short, broken, jumping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...annotate.fusion import longest_bridge_s
from ...annotate.trace import DIMENSIONS, RATING_LIMIT, Dimension, Trace

EARLY_S = 1.0
"""A rating that begins so much after the film, or ends so much before it, is remarked on."""
JUMP = RATING_LIMIT
"""A change by half the scale ..."""
JUMP_WITHIN_S = 0.5
"""... within this time is a slip of the hand rather than a feeling."""
FEW_VALUES = 3
MISSING_SHARE = 0.05
"""Raters who are missing from the mean in fewer frames are not worth a line."""
VISIBLE_JUMP = 0.1
"""Of the gold standard, in [-1, 1], where the raters that it is a mean of change."""

Values = Mapping[Dimension, NDArray[np.float32]]


def remarks_on(
    traces: Sequence[Trace],
    time_s: NDArray[np.float64],
    value: Values,
    per_rater: Values,
    *,
    lag_s: float,
    max_gap_s: float,
) -> tuple[str, ...]:
    """Return what the user must know of the labels of frames at `time_s`; nothing where nobody rated.

    Parameters
    ----------
    value : per dimension (F,), the gold standard
    per_rater : per rated dimension (K, F), in the order of the dimension's traces
    """
    if not traces or not len(time_s):
        return ()
    duration_s = float(time_s[-1])
    found: dict[str, list[str]] = {}
    for dimension in DIMENSIONS:
        rated = [trace for trace in traces if trace.dimension == dimension]
        lines = ["nobody rated it; no frame has a label"]
        if rated:
            lines = [
                f"rater {trace.rater!r} {line}"
                for trace in rated
                for line in _of_trace(trace, duration_s, max_gap_s=max_gap_s)
            ]
            lines += _of_mean(time_s, value[dimension], per_rater[dimension], lag_s=lag_s)
        for line in lines:
            found.setdefault(line, []).append(dimension)
    return tuple(f"{' and '.join(dimensions)}: {line}" for line, dimensions in found.items())


def remarks_on_ends(time_s: NDArray[np.float64], value: NDArray[np.float32], *, lag_s: float) -> list[str]:
    """Return what is to be said of labels that end before the film does, or of none at all."""
    labelled = np.flatnonzero(np.isfinite(value))
    if not len(labelled):
        return ["no frame has a label"]
    n_tail = len(value) - 1 - int(labelled[-1])
    if not n_tail:
        return []
    when = f"{lag_s:g} s later, when a rater reacts" if lag_s else "there"
    from_s = time_s[labelled[-1] + 1]
    return [f"the last {n_tail} frames, from {from_s:.1f} s, have no label: nobody rated any more {when}"]


def _of_trace(trace: Trace, duration_s: float, *, max_gap_s: float) -> list[str]:
    """Return what is odd about one rating; it need not be wrong."""
    present = np.isfinite(trace.value)
    if not present.any():
        return ["gave no value at all, and counts for nothing"]
    rated_s, value = trace.time_s[present], trace.value[present]
    lines = []
    if rated_s[0] > EARLY_S:
        lines.append(f"begins at {rated_s[0]:.1f} s; frames before have no label of this rater")
    if rated_s[-1] < duration_s - EARLY_S:
        lines.append(
            f"ends at {rated_s[-1]:.1f} s of {duration_s:.1f} s; frames after have no label of this rater"
        )
    gaps_s = np.diff(rated_s)
    gaps_s = gaps_s[gaps_s > longest_bridge_s(trace, max_gap_s=max_gap_s)]
    if len(gaps_s):
        lines.append(
            f"pauses {len(gaps_s)} time{'s' if len(gaps_s) > 1 else ''} for longer than {max_gap_s:g} s, "
            f"{gaps_s.sum():.1f} s in all, which are not bridged"
        )
    levels = np.unique(value)
    if len(levels) == 1:
        lines.append(f"gives {levels[0]:g} throughout")
    elif len(levels) <= FEW_VALUES:
        lines.append(f"gives only the values {', '.join(f'{level:g}' for level in levels)}: rated in steps")
    else:
        jumps = np.abs(np.diff(value)) * (np.diff(rated_s) <= JUMP_WITHIN_S)
        n_jumps = int((jumps >= JUMP).sum())
        if n_jumps:
            at = int(np.argmax(jumps))
            lines.append(
                f"jumps {n_jumps} time{'s' if n_jumps > 1 else ''} by half the scale or more, first of all "
                f"from {value[at]:g} to {value[at + 1]:g} at {rated_s[at + 1]:.1f} s"
            )
    return lines


def _of_mean(
    time_s: NDArray[np.float64],
    value: NDArray[np.float32],
    per_rater: NDArray[np.float32],
    *,
    lag_s: float,
) -> list[str]:
    """Return what is odd about the raters' mean: an end without labels, and raters who come and go."""
    lines = remarks_on_ends(time_s, value, lag_s=lag_s)
    labelled = np.flatnonzero(np.isfinite(value))
    if not len(labelled):
        return lines
    there = np.isfinite(per_rater)
    there = there[there.any(axis=1)]
    n_there = there.sum(axis=0)
    partly = (n_there > 0) & (n_there < len(there))
    if partly.sum() > MISSING_SHARE * len(labelled):
        changes = (there[:, 1:] != there[:, :-1]).any(axis=0)
        steps = np.nan_to_num(np.abs(np.diff(value)))
        jump = float(np.where(changes, steps, 0).max(initial=0))
        jumps = f", which jumps by up to {jump:.2f} where one comes or goes" if jump >= VISIBLE_JUMP else ""
        lines.append(f"{partly.mean():.0%} of the frames have the mean of only some of the raters{jumps}")
    return lines
