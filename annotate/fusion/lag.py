"""How late raters are: against each other, or against a signal of the film whose time is known.

Raters alone tell only how late one is relative to another: if all are late by two seconds, their ratings
look as if nobody were. What all have in common is given from outside, or found against a reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import TraceError
from ..agreement.pairs import is_constant
from ..trace import Trace
from .resample import mean_of_present, resample

Float = NDArray[np.float64]
Source = Literal["none", "fixed", "estimated", "reference", "fallback"]
STEP_S = 0.1
"""Of the search; raters move a slider no faster."""
MAX_LAG_S = 6.0
"""Observed lags reach 6 s: Mariooryad and Busso, IEEE Transactions on Affective Computing 6(2), 2015."""
LONGEST_SEARCH = 0.25
"""Share of the ratings' length that may be searched: a longer shift leaves too little to compare."""
MIN_OVERLAP = 0.5
"""Share of a rater's samples that must meet the other series for a shift to count."""
MIN_SHARED = 3
"""Samples, whatever the share: through two any line goes."""
N_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class RaterLag:
    """How late one rater is taken to be.

    Attributes
    ----------
    lag_s : the rating of the film at t is read at t + lag_s
    source : "none", "fixed" (given), "estimated" (against the other raters), "reference" (against a signal of
        the film), "fallback" (given, because the estimate lay at the edge of the search)
    correlation : r with what it was estimated against, at this lag; NaN where nothing was estimated
    """

    rater: str
    lag_s: float
    source: Source
    correlation: float = float("nan")


def lags_against_each_other(
    traces: Sequence[Trace],
    *,
    common_s: float = 0.0,
    max_lag_s: float = MAX_LAG_S,
    fallback_s: float | None = None,
) -> tuple[RaterLag, ...]:
    """Return each rater's lag: `common_s`, plus how much later than the raters on average this one is.

    Each is shifted to where its r with the mean of the others is highest, the others as shifted so far,
    until nothing moves (Woody, Medical and Biological Engineering 5, 1967). Shifts sum to 0, but for
    rounding. Lags are found to STEP_S. A rater without a value has the common lag. Costs a few times
    K * K * max_lag_s / STEP_S correlations: 1 s for 6 raters and ten minutes.

    Parameters
    ----------
    traces : of one session and one dimension
    max_lag_s : of the search, to both sides of the common lag
    fallback_s : the lag of a rater whose estimate lies at the edge; None refuses it

    Raises
    ------
    TraceError
        There is nobody to compare with, the ratings are too short for the search, or an estimate lies at its
        edge or rests on no agreement and there is no fallback.
    """
    rated = [k for k, trace in enumerate(traces) if np.isfinite(trace.value).any()]
    if len(rated) < 2:
        raise TraceError(
            f"wanted two raters or more to estimate lags against each other, found {len(rated)}; use --lag "
            "SECONDS"
        )
    grid = _grid([traces[k] for k in rated], max_lag_s=max_lag_s)
    values = np.stack([resample(traces[k], grid) for k in rated])
    shift, r, failed = _woody(values, reach=round(max_lag_s / STEP_S))
    found = []
    for k, trace in enumerate(traces):
        if k not in rated:
            found.append(RaterLag(trace.rater, common_s, "fixed"))
            continue
        n = rated.index(k)
        lag_s = round(common_s + int(shift[n]) * STEP_S, 9)
        if failed[n] and fallback_s is None:
            raise TraceError(_refusal(trace.rater, failed[n], against="the other raters"))
        if failed[n]:
            found.append(RaterLag(trace.rater, float(fallback_s or 0.0), "fallback"))
        else:
            found.append(RaterLag(trace.rater, lag_s, "estimated", float(r[n])))
    return tuple(found)


def lags_against_reference(
    traces: Sequence[Trace],
    *,
    time_s: Float,
    value: Float,
    max_lag_s: float = MAX_LAG_S,
    fallback_s: float | None = None,
) -> tuple[RaterLag, ...]:
    """Return each rater's lag behind a signal of the film, of 0 to `max_lag_s`: the one of the highest r.

    Mariooryad and Busso (2015) compare with features of the face and the voice, by mutual information or r.

    Parameters
    ----------
    time_s, value : (N,) float64, the signal: anything that should rise when the rating does
    max_lag_s, fallback_s : as in `lags_against_each_other`

    Raises
    ------
    TraceError
        The ratings are too short for the search, or an estimate lies at its edge and there is no fallback.
    """
    found = []
    for trace in traces:
        if not np.isfinite(trace.value).any():
            found.append(RaterLag(trace.rater, 0.0, "fixed"))
            continue
        grid = _grid([trace], max_lag_s=max_lag_s)
        signal = np.interp(grid, time_s, value, left=np.nan, right=np.nan)
        shifts = np.arange(round(max_lag_s / STEP_S) + 1)
        best, r, failed = _best_shift(resample(trace, grid), signal, shifts)
        if failed and fallback_s is None:
            raise TraceError(_refusal(trace.rater, failed, against="the reference"))
        if failed:
            found.append(RaterLag(trace.rater, float(fallback_s or 0.0), "fallback"))
        else:
            found.append(RaterLag(trace.rater, round(best * STEP_S, 9), "reference", r))
    return tuple(found)


def fixed_lags(traces: Sequence[Trace], lag_s: float) -> tuple[RaterLag, ...]:
    """Return one given lag for all; of 0 s it is none."""
    source: Source = "fixed" if lag_s else "none"
    return tuple(RaterLag(trace.rater, lag_s, source) for trace in traces)


def correlation_at(late: Float, wanted: Float, shift: int, *, min_shared: float) -> float:
    """Return r of `late`, read `shift` samples later, with `wanted`; both (T,) on one even grid.

    NaN where they share fewer samples than `min_shared`, or one of them is constant there.
    """
    n = len(wanted)
    a, b = late[max(shift, 0) : n + min(shift, 0)], wanted[max(-shift, 0) : n - max(shift, 0)]
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < min_shared:
        return float("nan")
    x, y = a[both], b[both]
    if is_constant(x) or is_constant(y):
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    return float((x @ y) / np.sqrt((x @ x) * (y @ y)))


def _woody(values: Float, *, reach: int) -> tuple[NDArray[np.int64], Float, list[str]]:
    """Return the shift of each series in samples, its r with the others, and why it failed, "" if not.

    Those who cannot be told from their pairs are compared in the end with those who can.
    """
    n_raters = len(values)
    shift = np.zeros(n_raters, np.int64)
    r = np.full(n_raters, np.nan)
    failed = [""] * n_raters
    shifts = np.arange(-reach, reach + 1)
    sound = _sound(values, reach=reach)

    def others(k: int) -> Float:
        moved = [_shifted(values[n], int(shift[n])) for n in sound if n != k]
        return mean_of_present(np.stack(moved), axis=0)

    for _ in range(N_ROUNDS):
        before = shift.copy()
        for k in sound:
            shift[k], r[k], failed[k] = _best_shift(values[k], others(k), shifts)
        shift[sound] -= round(float(np.mean(shift[sound])))
        if np.array_equal(shift, before):
            break
    for k in range(n_raters):
        if k not in sound:
            shift[k], r[k], failed[k] = _best_shift(values[k], others(k), shifts)
    return shift, r, failed


def _sound(values: Float, *, reach: int) -> list[int]:
    """Return who can be compared pair by pair, within twice the search; at least two."""
    sound = list(range(len(values)))
    twice = np.arange(-2 * reach, 2 * reach + 1)
    fails = np.zeros((len(values), len(values)), bool)
    for k in sound:
        for other in sound[:k]:
            fails[k, other] = fails[other, k] = bool(_best_shift(values[k], values[other], twice)[2])
    while len(sound) > 2:
        n_failed = fails[np.ix_(sound, sound)].sum(axis=1)
        if not n_failed.any():
            break
        sound.pop(int(np.argmax(n_failed)))
    return sound


def _best_shift(late: Float, wanted: Float, shifts: NDArray[np.int64]) -> tuple[int, float, str]:
    """Return the shift of `late` with the highest r, that r, and why it cannot be used, "" if it can."""
    min_shared = max(MIN_SHARED, MIN_OVERLAP * np.isfinite(late).sum())
    r = np.array([correlation_at(late, wanted, int(shift), min_shared=min_shared) for shift in shifts])
    if not np.isfinite(r).any() or np.nanmax(r) <= 0:
        return 0, float("nan"), "no agreement at any lag"
    top = np.flatnonzero(r >= np.nanmax(r) - 1e-12)
    best = int(top[np.argmin(np.abs(shifts[top]))])  # of equals the smallest shift
    if best in (0, len(shifts) - 1):
        return int(shifts[best]), float(r[best]), f"{shifts[best] * STEP_S:+.1f} s"
    return int(shifts[best]), float(r[best]), ""


def _shifted(values: Float, shift: int) -> Float:
    """Return values[t + shift], NaN beyond the ends."""
    result = np.full(len(values), np.nan)
    n = len(values)
    result[max(-shift, 0) : n - max(shift, 0)] = values[max(shift, 0) : n + min(shift, 0)]
    return result


def _grid(traces: Sequence[Trace], *, max_lag_s: float) -> Float:
    """Return the times at which traces are compared, every STEP_S; refuses ratings too short to search."""
    known = [trace.time_s[np.isfinite(trace.value)] for trace in traces]
    start_s, end_s = min(float(at[0]) for at in known), max(float(at[-1]) for at in known)
    if max_lag_s < 2 * STEP_S:
        raise TraceError(f"wanted a search of {2 * STEP_S:g} s or more for lags, found {max_lag_s:g} s")
    if max_lag_s > LONGEST_SEARCH * (end_s - start_s):
        raise TraceError(
            f"wanted ratings of {max_lag_s / LONGEST_SEARCH:.0f} s or more to search lags of up to "
            f"{max_lag_s:g} s, found {end_s - start_s:.1f} s; lower --max-lag-s or use --lag SECONDS"
        )
    n_steps = int((end_s - start_s) / STEP_S + 1e-6)
    return np.asarray(start_s + np.arange(n_steps + 1) * STEP_S, np.float64)


def _refusal(rater: str, why: str, *, against: str) -> str:
    if why.startswith("no"):
        found = f"{why} with {against}"
    else:
        found = f"it at the edge of the search, {why} from {against}"
    return (
        f"wanted the lag of rater {rater!r}, found {found}; use --lag SECONDS, leave the rater out, or "
        "name a --fallback-lag-s"
    )
