"""Whether one system is better than another on the same subjects.

Subjects are drawn (bootstrap) or their two predictions swapped (permutation) as wholes, with all seeds of a
subject together.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .bootstrap import MIN_SUBJECTS, N_DRAWS, drawn_subjects, limits
from .sums import SubjectSums

N_SWAPS = 10_000
EXACT_UP_TO = 13
"""Subjects whose 2**13 = 8192 patterns of swaps are all gone through."""
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Paired:
    """One measure of two systems.

    Attributes
    ----------
    a, b, difference : scores, and a - b
    low, high : limits of 95 % of the difference over subjects; None with fewer than five
    p_value : two-sided, of the permutation by subject; None where the systems have other numbers of seeds
    """

    a: float
    b: float
    difference: float
    low: float | None
    high: float | None
    p_value: float | None

    @property
    def outside(self) -> bool:
        """Whether 0 lies outside the limits: the difference is more than chance of subjects makes."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def paired(a: SubjectSums, b: SubjectSums, *, seed: int = 0) -> dict[str, Paired]:
    """Return each measure of two systems that were scored on the same subjects.

    Raises
    ------
    ValueError
        The subjects, or what is measured, differ.
    """
    if a.subjects != b.subjects or a.measures != b.measures:
        raise ValueError(f"wanted the same subjects and measures, found {a.subjects} and {b.subjects}")
    n_subjects = len(a.subjects)
    scores_a, scores_b = a.scores(), b.scores()
    drawn = {}
    if n_subjects >= MIN_SUBJECTS:
        weights = drawn_subjects(n_subjects, n_draws=N_DRAWS, seed=seed)
        drawn_a, drawn_b = a.of_weights(weights), b.of_weights(weights)
        drawn = {name: limits(drawn_a[name] - drawn_b[name], n_subjects) for name in drawn_a}
    p_values = _p_values(a, b, seed=seed) if a.values.shape[0] == b.values.shape[0] else {}
    return {
        name: Paired(
            a=scores_a[name],
            b=scores_b[name],
            difference=scores_a[name] - scores_b[name],
            low=drawn[name][0] if name in drawn else None,
            high=drawn[name][1] if name in drawn else None,
            p_value=p_values.get(name),
        )
        for name in a.measures
    }


def swaps(n_subjects: int, *, seed: int = 0) -> tuple[NDArray[np.bool_], bool]:
    """Return (P, S) bool, who is swapped in each pattern, and whether these are all patterns there are."""
    if n_subjects <= EXACT_UP_TO:
        return np.array(list(product((False, True), repeat=n_subjects)), bool), True
    return np.random.default_rng(seed).random((N_SWAPS, n_subjects)) < 0.5, False


def adjusted(p_values: list[float]) -> list[float]:
    """Return p-values after Holm's correction for their number (Holm 1979), in the order given."""
    order = np.argsort(p_values)
    found, least = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(order.tolist()):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[at]))
        found[at] = least
    return found


def _p_values(a: SubjectSums, b: SubjectSums, *, seed: int) -> dict[str, float]:
    """Return the share of patterns that make a difference at least as large as the one observed."""
    swapped, exact = swaps(len(a.subjects), seed=seed)
    weights = swapped.astype(np.float64)
    change = b.values - a.values
    total_a, total_b = a.values.sum(1), b.values.sum(1)
    moved = np.einsum("ps,rs...->rp...", weights, change)
    found = {}
    of_a, of_b = a.of_totals(total_a[:, None] + moved), b.of_totals(total_b[:, None] - moved)
    scores_a, scores_b = a.scores(), b.scores()
    for name in a.measures:
        observed = abs(scores_a[name] - scores_b[name])
        extreme = np.abs(of_a[name].mean(0) - of_b[name].mean(0)) >= observed - ROUNDING
        found[name] = float(extreme.mean() if exact else (1 + extreme.sum()) / (1 + len(extreme)))
    return found
