"""RMSE, CC and CCC as the paper defines them (Eq. 6 to 8), in float64 with population moments (ddof 0).

Frames where either series is NaN are left out. Of a series that does not vary, CC is undefined and 0 is
returned: it says nothing about changes. Its CCC is 0 by Eq. 8.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAST_VARIANCE = 1e-12
"""Below it, a series does not vary: labels are in [-1, 1], and sums over frames are rounded."""


def rmse(predicted: ArrayLike, truth: ArrayLike) -> float:
    """Return the root mean square error (Eq. 6)."""
    p, t = _finite_pair(predicted, truth)
    return float(np.sqrt(np.mean((p - t) ** 2)))


def cc(predicted: ArrayLike, truth: ArrayLike) -> float:
    """Return Pearson's correlation (Eq. 7), 0 where one series is constant."""
    p, t = _finite_pair(predicted, truth)
    if min(p.var(), t.var()) < LEAST_VARIANCE:
        return 0.0
    return float(np.mean((p - p.mean()) * (t - t.mean())) / np.sqrt(p.var() * t.var()))


def ccc(predicted: ArrayLike, truth: ArrayLike) -> float:
    """Return the concordance correlation (Eq. 8), 0 where one series is constant."""
    p, t = _finite_pair(predicted, truth)
    if min(p.var(), t.var()) < LEAST_VARIANCE:
        return 0.0
    covariance = np.mean((p - p.mean()) * (t - t.mean()))
    return float(2 * covariance / (p.var() + t.var() + (p.mean() - t.mean()) ** 2))


def scores(predicted: ArrayLike, truth: ArrayLike) -> dict[str, float]:
    """Return {"rmse", "cc", "ccc"} of two series."""
    return {"rmse": rmse(predicted, truth), "cc": cc(predicted, truth), "ccc": ccc(predicted, truth)}


def _finite_pair(predicted: ArrayLike, truth: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    p = np.asarray(predicted, np.float64)
    t = np.asarray(truth, np.float64)
    if p.shape != t.shape or p.ndim != 1:
        raise ValueError(f"wanted two series of one length, found shapes {p.shape} and {t.shape}")
    known = np.isfinite(p) & np.isfinite(t)
    if not known.any():
        raise ValueError("wanted at least one frame where both series are known, found none")
    return p[known], t[known]
