"""Confidence intervals over subjects: frames of one face are alike, subjects are independent.

Whole subjects are drawn, with replacement. Seeds are not drawn: with several runs per subject each draw's
score is the mean over them, and the interval is that of this mean.

The plain percentiles of so few subjects are too narrow: their spread is that of n, not n - 1, and they are
normal where Student's t holds. So expanded percentiles are taken (Hesterberg 2015). On 400 drawn populations
each of 8, 12 and 24 subjects who differ in bias, gain and noise, the limits of 95 % held the population's CCC
in 94, 92 and 94 % (plain: 88, 89 and 93 %; BCa: 85, 87 and 92 %), its CC in 95, 94 and 94 %, its RMSE in 90,
90 and 92 %. Where a few subjects are predicted far worse than all others (noise log-normal with a spread of
0.8), no method holds what it says, as those few may be missing: CCC 91 % and RMSE 79 % of 24 subjects.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from .sums import SubjectSums

Float = NDArray[np.float64]
Limits = tuple[float, float]
MIN_SUBJECTS = 5
"""Of fewer, draws are too few for limits of 95 %."""
N_DRAWS = 2000
ABOUT_LIMITS = "limits of 95 % over subjects; those of RMSE are narrow and hold in about 91 % of cases"
"""Said wherever limits are printed, in brackets after a score."""
LEVEL = 0.95


def intervals(sums: SubjectSums, *, n_draws: int = N_DRAWS, seed: int = 0) -> dict[str, Limits]:
    """Return the limits of 95 % of each measure; nothing with fewer than five subjects."""
    if len(sums.subjects) < MIN_SUBJECTS:
        return {}
    weights = drawn_subjects(len(sums.subjects), n_draws=n_draws, seed=seed)
    return {name: limits(values, len(sums.subjects)) for name, values in sums.of_weights(weights).items()}


def drawn_subjects(n_subjects: int, *, n_draws: int = N_DRAWS, seed: int = 0) -> Float:
    """Return (n_draws, n_subjects) float64: how often each draw holds each subject."""
    rng = np.random.default_rng(seed)
    shares = np.full(n_subjects, 1 / n_subjects)
    return rng.multinomial(n_subjects, shares, size=n_draws).astype(np.float64)


def limits(values: Float, n_subjects: int, *, level: float = LEVEL) -> Limits:
    """Return the expanded percentiles of draws (B,); draws that are not defined are left out.

    The tails are Phi(sqrt(n / (n - 1)) t_{n-1}(alpha / 2)) each (Hesterberg, What Teachers Should Know About
    the Bootstrap, The American Statistician 69, 2015, equation 8).
    """
    quantile = student.ppf((1 - level) / 2, n_subjects - 1)
    tail = float(norm.cdf(np.sqrt(n_subjects / (n_subjects - 1)) * quantile))
    low, high = np.nanquantile(values, (tail, 1 - tail))
    return float(low), float(high)
