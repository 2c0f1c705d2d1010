"""Raters who stand out from the others: how, by how much, and in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..fusion import mean_of_present
from ..trace import RATING_LIMIT, Dimension
from .lags import apart_s
from .pairs import ccc, is_constant, matrix_of, mean_of_defined, mean_over_pairs, pearson, rated_by_all
from .ratings import Ratings
from .reliability import cronbach_alpha
from .thresholds import THRESHOLDS

Float = NDArray[np.float64]
Kind = Literal["inverted", "unrelated", "bias", "spread", "constant", "late", "leave out", "missing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which a rater stands out, in a sentence with its numbers."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One rater against the others in one dimension; means over the sessions shared with others, NaN if none.

    Attributes
    ----------
    n_sessions : shared with at least one other rater
    r, ccc : with the mean of the others, each session alone
    r_among_others : mean correlation of the pairs of others
    bias : own mean less the median rater's (of two raters: the other's), steps of the scale [-10, 10]
    spread : own standard deviation over the median rater's (of two: the other's)
    alpha, alpha_without, ccc_pairs, ccc_pairs_without : Cronbach's alpha and the mean pairwise CCC with and
        without the rater; only of sessions with three raters or more in which both are defined
    later_s : by how much the rater is later (positive) or earlier than each of the others at least
    missing : share of the times that somebody rated and this rater did not
    n_constant : sessions without a single move
    """

    dimension: Dimension
    rater: str
    n_sessions: int
    r: float
    ccc: float
    r_among_others: float
    bias: float
    spread: float
    alpha: float
    alpha_without: float
    ccc_pairs: float
    ccc_pairs_without: float
    later_s: float
    missing: float
    n_constant: int
    n_others: int
    findings: tuple[Finding, ...] = ()

    @property
    def alpha_gain(self) -> float:
        """What leaving the rater out adds to Cronbach's alpha."""
        return self.alpha_without - self.alpha

    @property
    def ccc_gain(self) -> float:
        """What leaving the rater out adds to the mean pairwise CCC."""
        return self.ccc_pairs_without - self.ccc_pairs


def profiles_of(
    sessions: Sequence[Ratings], *, on_progress: Callable[[int, int], None] | None = None
) -> tuple[Profile, ...]:
    """Return every rater's profile per dimension, with what stands out; raters by name.

    Parameters
    ----------
    on_progress : called with the sessions done and their number, each counted once per rater
    """
    found = []
    done, total = 0, sum(len(one.raters) for one in sessions)
    dimensions: list[Dimension] = list(dict.fromkeys(one.dimension for one in sessions))
    for dimension in dimensions:
        own = [one for one in sessions if one.dimension == dimension]
        later_s = apart_s(own)
        for rater in sorted({rater for one in own for rater in one.raters}):
            rated = [one for one in own if rater in one.raters]
            found.append(_profile(dimension, rater, rated, later_s))
            done += len(rated)
            if on_progress is not None:
                on_progress(done, total)
    return tuple(found)


def _profile(
    dimension: Dimension, rater: str, rated: Sequence[Ratings], later_s: Mapping[str, float]
) -> Profile:
    shared = [_AgainstOthers.of(one, rater) for one in rated if len(one.raters) > 1]
    moves = [one.per_rater[one.raters.index(rater)] for one in rated]
    alpha, alpha_without = _of_both([(one.alpha, one.alpha_without) for one in shared])
    ccc_pairs, ccc_pairs_without = _of_both([(one.ccc_pairs, one.ccc_pairs_without) for one in shared])
    numbers = Profile(
        dimension,
        rater,
        n_sessions=len(shared),
        r=mean_of_defined(one.r for one in shared),
        ccc=mean_of_defined(one.ccc for one in shared),
        r_among_others=mean_of_defined(one.r_among_others for one in shared),
        bias=RATING_LIMIT * mean_of_defined(one.bias for one in shared),
        spread=mean_of_defined(one.spread for one in shared),
        alpha=alpha,
        alpha_without=alpha_without,
        ccc_pairs=ccc_pairs,
        ccc_pairs_without=ccc_pairs_without,
        later_s=later_s.get(rater, float("nan")),
        missing=mean_of_defined(one.missing for one in shared),
        n_constant=sum(is_constant(own[np.isfinite(own)]) for own in moves),
        n_others=len({other for one in rated for other in one.raters} - {rater}),
    )
    findings = [finding for look in LOOKS if (finding := look(numbers)) is not None]
    return replace(numbers, findings=tuple(findings))


@dataclass(frozen=True, slots=True)
class _AgainstOthers:
    """One rater against the others of one session, in units of [-1, 1]."""

    r: float
    ccc: float
    r_among_others: float
    bias: float
    spread: float
    alpha: float
    alpha_without: float
    ccc_pairs: float
    ccc_pairs_without: float
    missing: float

    @classmethod
    def of(cls, one: Ratings, rater: str) -> _AgainstOthers:
        k = one.raters.index(rater)
        own, others = one.per_rater[k], np.delete(one.per_rater, k, axis=0)
        others_mean = mean_of_present(others, axis=0)
        together = rated_by_all(one.per_rater)
        peers = together if len(together) > 2 else np.delete(together, k, axis=0)
        bias = spread = float("nan")
        if together.shape[1]:
            bias = float(together[k].mean() - np.median(peers.mean(axis=1)))
            typical = float(np.median(peers.std(axis=1)))
            own_spread = 0.0 if is_constant(together[k]) else float(together[k].std())
            spread = own_spread / typical if typical > 1e-12 else float("nan")
        three = len(others) > 1
        somebody = np.isfinite(one.per_rater).any(axis=0)
        return cls(
            r=pearson(own, others_mean),
            ccc=ccc(own, others_mean),
            r_among_others=mean_over_pairs(pearson, others) if three else float("nan"),
            bias=bias,
            spread=spread,
            alpha=cronbach_alpha(one.per_rater) if three else float("nan"),
            alpha_without=cronbach_alpha(others) if three else float("nan"),
            ccc_pairs=mean_over_pairs(ccc, one.per_rater) if three else float("nan"),
            ccc_pairs_without=mean_over_pairs(ccc, others) if three else float("nan"),
            missing=float(np.mean(~np.isfinite(own[somebody]))) if somebody.any() else float("nan"),
        )


def _of_both(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the means of a measure with and without a rater, over sessions in which both are defined."""
    known = [pair for pair in pairs if np.isfinite(pair).all()]
    return mean_of_defined(first for first, _ in known), mean_of_defined(second for _, second in known)


def pairwise(
    sessions: Sequence[Ratings], measure: Callable[[Float, Float], float]
) -> tuple[list[str], Float]:
    """Return all raters and a measure of each pair of them, (R, R), mean over the sessions they share."""
    raters = sorted({rater for one in sessions for rater in one.raters})
    total, count = np.zeros((len(raters),) * 2), np.zeros((len(raters),) * 2)
    for one in sessions:
        at = np.ix_(*[[raters.index(rater) for rater in one.raters]] * 2)
        found = matrix_of(measure, one.per_rater)
        total[at] += np.nan_to_num(found)
        count[at] += np.isfinite(found)
    return raters, np.where(count > 0, total / np.maximum(count, 1), np.nan)


# -- what stands out, in words ---------------------------------------------------------------------------


def _others_agree(one: Profile) -> bool:
    """Whether the others agree among themselves; of one other, nothing speaks against it."""
    return not one.r_among_others < THRESHOLDS["others"].value


def _with_one(one: Profile) -> str:
    return "; with two raters, who is right cannot be told" if one.n_others == 1 else ""


def _inverted(one: Profile) -> Finding | None:
    if not (one.r <= THRESHOLDS["inverted"].value and _others_agree(one)):
        return None
    others = "the other rater" if one.n_others == 1 else "the mean of the others"
    asked = _with_one(one) or "; did they mistake the direction of the scale?"
    return Finding(
        "inverted",
        f"{one.rater} rates {one.dimension} the other way round: r = {one.r:.2f} with {others} "
        f"over {_sessions(one)}{asked}",
    )


def _unrelated(one: Profile) -> Finding | None:
    low, limit = THRESHOLDS["inverted"].value, THRESHOLDS["unrelated"].value
    if not (low < one.r < limit and _others_agree(one)):
        return None
    among = (
        "" if np.isnan(one.r_among_others) else f", who have r = {one.r_among_others:.2f} among themselves"
    )
    others = "the other rater's: r" if one.n_others == 1 else "the others: r with their mean"
    return Finding(
        "unrelated",
        f"{one.rater}'s {one.dimension} hardly follows {others} = {one.r:.2f}{among}{_with_one(one)}",
    )


def _bias(one: Profile) -> Finding | None:
    if not abs(one.bias) >= THRESHOLDS["bias"].value:
        return None
    where = "higher" if one.bias > 0 else "lower"
    than = "the other rater" if one.n_others == 1 else "the median rater"
    return Finding(
        "bias",
        f"{one.rater} rates {one.dimension} {abs(one.bias):.1f} steps {where} than {than}; zero-mean "
        f"normalisation takes this out",
    )


def _spread(one: Profile) -> Finding | None:
    limit = THRESHOLDS["spread"].value
    if not (one.spread >= limit or one.spread <= 1 / limit) or one.spread == 0:
        return None
    than = "the other rater's" if one.n_others == 1 else "the median rater's"
    how = "a wide" if one.spread > 1 else "a narrow"
    return Finding(
        "spread",
        f"{one.rater} uses {how} part of the {one.dimension} scale: {one.spread:.2g} times {than} standard "
        f"deviation",
    )


def _constant(one: Profile) -> Finding | None:
    if not one.n_constant:
        return None
    where = f"{one.n_constant} session{'' if one.n_constant == 1 else 's'}"
    return Finding("constant", f"{one.rater} never moved the {one.dimension} slider in {where}")


def _late(one: Profile) -> Finding | None:
    if not abs(one.later_s) >= THRESHOLDS["late"].value:
        return None
    how = "later" if one.later_s > 0 else "earlier"
    than = "the other rater" if one.n_others == 1 else "every other rater"
    return Finding(
        "late",
        f"{one.rater} rates {one.dimension} {abs(one.later_s):.1f} s {how} than {than}; "
        f"`mavfer labels fuse --lag` can take this out",
    )


def _leave_out(one: Profile) -> Finding | None:
    if not one.alpha_gain >= THRESHOLDS["leave out"].value:
        return None
    return Finding(
        "leave out",
        f"without {one.rater}, Cronbach's alpha of {one.dimension} is {one.alpha_without:.2f} in place of "
        f"{one.alpha:.2f}, and the mean CCC {one.ccc_pairs_without:.2f} in place of {one.ccc_pairs:.2f}",
    )


def _missing(one: Profile) -> Finding | None:
    if not one.missing >= THRESHOLDS["missing"].value:
        return None
    return Finding(
        "missing", f"{one.rater} gave no {one.dimension} in {100 * one.missing:.0f} % of what was rated"
    )


def _sessions(one: Profile) -> str:
    return f"{one.n_sessions} session{'' if one.n_sessions == 1 else 's'}"


LOOKS: Sequence[Callable[[Profile], Finding | None]] = (
    _inverted,
    _unrelated,
    _constant,
    _bias,
    _spread,
    _late,
    _leave_out,
    _missing,
)
