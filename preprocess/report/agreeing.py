"""How well the raters agree, session by session and over all sessions, as in the paper's Table III.

Numbers only; raters.py shows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...annotate.agreement import Agreement, agreement
from ...annotate.agreement.ratings import zero_mean
from .rows import SessionRows

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Overall:
    """The agreement of one dimension over all sessions, in three readings.

    Attributes
    ----------
    mean : of each session's own agreement, every session with two raters or more counting the same
    pooled : of the sessions of one team of raters laid end to end, as rated
    centered : the same after each rater's own mean over each session is taken out (zero-mean normalisation)
    n_sessions, n_teams : sessions with two raters or more, and how many different teams rated them
    """

    mean: Agreement
    pooled: Agreement
    centered: Agreement
    n_sessions: int
    n_teams: int


def overall_agreement(sessions: Sequence[SessionRows], dimension: str) -> Overall | None:
    """Return the agreement over all sessions with two raters or more; None where there is none.

    A session's correlations and alpha do not change when a rater's mean is taken out of the session; those
    of sessions laid end to end do. Teams are weighted by their ratings.
    """
    found = [spoken(rows, dimension) for rows in sessions if dimension in rows.per_rater]
    rated = [(names, series) for names, series in found if len(names) > 1]
    if not rated:
        return None
    teams: dict[tuple[str, ...], list[Float]] = {}
    for names, series in rated:
        teams.setdefault(names, []).append(series)
    return Overall(
        mean=_mean([agreement(series) for _, series in rated], [1.0] * len(rated)),
        pooled=_pooled(list(teams.values()), centered=False),
        centered=_pooled(list(teams.values()), centered=True),
        n_sessions=len(rated),
        n_teams=len(teams),
    )


def spoken(rows: SessionRows, dimension: str) -> tuple[tuple[str, ...], Float]:
    """Return the K raters of a session who gave a value, and their ratings (K, F).

    One who gave none says nothing of agreement, and no moment would be rated by all.
    """
    series = rows.per_rater[dimension]
    gave = np.flatnonzero(np.isfinite(series).any(axis=1))
    names = rows.rater_names[dimension]
    return tuple(names[k] for k in gave), series[gave]


def _pooled(teams: Sequence[Sequence[Float]], *, centered: bool) -> Agreement:
    joined = [
        np.concatenate([zero_mean(own) if centered else own for own in series], axis=1) for series in teams
    ]
    return _mean([agreement(own) for own in joined], [float(np.isfinite(own).sum()) for own in joined])


def _mean(values: Sequence[Agreement], weights: Sequence[float]) -> Agreement:
    """Return the weighted mean of each measure over those for which it is defined."""

    def mean(name: str) -> float:
        pairs = [(getattr(one, name), weight) for one, weight in zip(values, weights, strict=True)]
        known = [(value, weight) for value, weight in pairs if np.isfinite(value)]
        whole = sum(weight for _, weight in known)
        return sum(value * weight for value, weight in known) / whole if whole else float("nan")

    return Agreement(mean("positive"), mean("mse"), mean("pearson"), mean("ccc"), mean("alpha"))
