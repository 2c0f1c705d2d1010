"""Agreement in its readings: per session, as mean over sessions, and pooled; as rated and zero-mean.

Every figure carries which reading it is. Within one session zero-mean normalisation changes neither
correlation nor consistency; with sessions laid end to end it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..trace import Dimension
from .bootstrap import MIN_SESSIONS, interval_of_mean, intervals_of_pooled
from .measures import ANY_OVERLAP, MEASURES, all_measures
from .pairs import mean_of_defined
from .ratings import Ratings
from .reliability import Estimate

Float = NDArray[np.float64]
Scope = Literal["session", "mean of sessions", "pooled per team", "pooled over all"]
Level = Literal["raw", "zero-mean"]
LEVELS: tuple[Level, ...] = ("raw", "zero-mean")
SCOPES: Mapping[Scope, str] = {
    "session": "one session alone",
    "mean of sessions": "each session's own figure, every session with two raters or more counting the same",
    "pooled per team": "the sessions of the same raters laid end to end; several such teams are weighted by "
    "their ratings",
    "pooled over all": "all sessions laid end to end, with missing cells where a rater did not rate; only "
    "measures that need no moment rated by all",
}
LEVEL_WORDS: Mapping[Level, str] = {
    "raw": "as rated",
    "zero-mean": "after each rater's own mean over each session is taken out",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """The measures of one dimension in one reading.

    Attributes
    ----------
    session : "" unless the scope is one session
    n_raters : different raters in it
    n_sessions, n_times : what it is computed over; times are samples of the grid
    n_teams : how many sets of raters share sessions
    interval : where the intervals of 95 % come from: "F" (analysis of variance; ICC only; times taken as
        independent), "sessions" (bootstrap over sessions), "" (none)
    values : by the names of MEASURES
    """

    dimension: Dimension
    scope: Scope
    level: Level
    session: str
    n_raters: int
    n_sessions: int
    n_times: int
    n_teams: int
    interval: Literal["F", "sessions", ""]
    values: Mapping[str, Estimate]


def readings_of(
    sessions: Sequence[Ratings], *, seed: int = 0, on_progress: Callable[[int, int], None] | None = None
) -> tuple[Reading, ...]:
    """Return the agreement of all sessions in every reading, dimension by dimension.

    Sessions with one rater are left out of all but their own line. From five sessions on, what is over
    sessions has intervals by bootstrap over sessions, drawn with `seed`.

    Parameters
    ----------
    on_progress : called with the sessions done and their number, each counted once per level
    """
    found: list[Reading] = []
    done, total = 0, len(LEVELS) * sum(bool(one.raters) for one in sessions)
    for dimension in dict.fromkeys(one.dimension for one in sessions):
        own = [one for one in sessions if one.dimension == dimension and one.raters]
        rated = [one for one in own if len(one.raters) > 1]
        for level in LEVELS:
            alone: list[Reading] = []
            for one in own:
                if on_progress is not None:
                    on_progress(done, total)
                alone.append(_of_session(one, level))
                done += 1
            found += alone
            if rated:
                by_session = [reading for reading in alone if reading.n_raters > 1]
                found.append(_mean_of_sessions(by_session, rated, seed=seed))
                found.append(_pooled_per_team(rated, level, seed=seed))
                if len(teams_of(rated)) > 1:
                    found.append(_pooled_over_all(rated, level, seed=seed))
    return tuple(found)


def teams_of(sessions: Sequence[Ratings]) -> dict[tuple[str, ...], list[Ratings]]:
    """Return the sessions of each set of raters that rated the same ones."""
    teams: dict[tuple[str, ...], list[Ratings]] = {}
    for one in sessions:
        teams.setdefault(one.raters, []).append(one)
    return teams


def laid_end_to_end(sessions: Sequence[Ratings], raters: Sequence[str], level: Level) -> Float:
    """Return the ratings of all sessions in a row, (R, sum of T), NaN where a rater did not rate."""
    parts = []
    for one in sessions:
        part = np.full((len(raters), one.per_rater.shape[1]), np.nan)
        part[[list(raters).index(rater) for rater in one.raters]] = at_level(one, level)
        parts.append(part)
    return np.concatenate(parts, axis=1)


def at_level(one: Ratings, level: Level) -> Float:
    """Return the ratings as rated or zero-mean, (K, T)."""
    return one.zero_mean if level == "zero-mean" else one.per_rater


def _of_session(one: Ratings, level: Level) -> Reading:
    return Reading(
        one.dimension,
        "session",
        level,
        one.session,
        n_raters=len(one.raters),
        n_sessions=1,
        n_times=len(one.time_s),
        n_teams=1,
        interval="F" if len(one.raters) > 1 else "",
        values=all_measures(at_level(one, level)),
    )


def _mean_of_sessions(alone: Sequence[Reading], rated: Sequence[Ratings], *, seed: int) -> Reading:
    values = {}
    for name in MEASURES:
        own = [reading.values[name].value for reading in alone]
        values[name] = Estimate(mean_of_defined(own), *interval_of_mean(own, seed=seed))
    return _over(rated, "mean of sessions", alone[0].level, values)


def _pooled_per_team(rated: Sequence[Ratings], level: Level, *, seed: int) -> Reading:
    teams = list(teams_of(rated).values())
    joined = [laid_end_to_end(team, team[0].raters, level) for team in teams]
    measures = [all_measures(one) for one in joined]
    weights = np.array([float(np.isfinite(one).sum()) for one in joined])
    limits = intervals_of_pooled([[at_level(one, level) for one in team] for team in teams], seed=seed)
    values = {
        name: Estimate(
            _weighted(np.array([one[name].value for one in measures]), weights),
            *limits.get(name, ()),
        )
        for name in MEASURES
    }
    return _over(rated, "pooled per team", level, values)


def _pooled_over_all(rated: Sequence[Ratings], level: Level, *, seed: int) -> Reading:
    raters = sorted({rater for one in rated for rater in one.raters})
    found = all_measures(laid_end_to_end(rated, raters, level))
    parts = [laid_end_to_end([one], raters, level) for one in rated]
    limits = intervals_of_pooled([parts], seed=seed)
    values = {
        name: Estimate(found[name].value, *limits.get(name, ()))
        if name in ANY_OVERLAP
        else Estimate(float("nan"))
        for name in MEASURES
    }
    return _over(rated, "pooled over all", level, values)


def _over(rated: Sequence[Ratings], scope: Scope, level: Level, values: Mapping[str, Estimate]) -> Reading:
    return Reading(
        rated[0].dimension,
        scope,
        level,
        "",
        n_raters=len({rater for one in rated for rater in one.raters}),
        n_sessions=len(rated),
        n_times=sum(len(one.time_s) for one in rated),
        n_teams=len(teams_of(rated)),
        interval="sessions" if len(rated) >= MIN_SESSIONS else "",
        values=values,
    )


def _weighted(values: Float, weights: Float) -> float:
    known = np.isfinite(values) & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else float("nan")
