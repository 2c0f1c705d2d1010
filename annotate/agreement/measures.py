"""The measures of one table of ratings, gathered: the few of the papers' tables, and all that are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .pairs import ccc, mean_over_pairs, mse, overall_ccc, pearson, share_positive
from .reliability import Estimate, cronbach_alpha, icc, krippendorff_alpha

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measure:
    """How a measure is called in files and in tables, and what it is in a sentence."""

    word: str
    meaning: str


MEASURES: Mapping[str, Measure] = {
    "positive": Measure("% pos.", "share of all raters' ratings above 0"),
    "mse": Measure("MSE", "mean squared difference, mean over pairs of raters, ratings in [-1, 1]"),
    "pearson": Measure("CC", "Pearson's correlation, mean over pairs of raters"),
    "ccc": Measure("CCC", "concordance correlation (Lin 1989), mean over pairs of raters"),
    "occc": Measure("OCCC", "overall concordance correlation (Barnhart and others 2002)"),
    "alpha": Measure("Cronbach α", "Cronbach's alpha (1951), equal to ICC(C,k)"),
    "icc_a1": Measure("ICC(A,1)", "one rater's absolute agreement (McGraw and Wong 1996)"),
    "icc_c1": Measure("ICC(C,1)", "one rater's consistency, whatever each rater's own mean"),
    "icc_ck": Measure("ICC(C,k)", "consistency of the mean of the raters"),
    "krippendorff": Measure("Kripp. α", "Krippendorff's alpha, interval (2011); missing ratings are allowed"),
}
ANY_OVERLAP = ("positive", "mse", "pearson", "ccc", "krippendorff")
"""Measures that need no time which all raters rated: they hold for different raters per session too."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of the raters of one session in one dimension.

    Attributes
    ----------
    positive : share of ratings above 0 (the tables' "% pos."; read as over all samples of all raters)
    mse, pearson, ccc : mean over the pairs of raters for which the measure is defined, in [-1, 1] units; NaN
        with fewer than two raters
    alpha : Cronbach's alpha
    """

    positive: float
    mse: float
    pearson: float
    ccc: float
    alpha: float


def agreement(per_rater: Float) -> Agreement:
    """Return the agreement of K raters, (K, T) in [-1, 1]."""
    return Agreement(
        positive=share_positive(per_rater),
        mse=mean_over_pairs(mse, per_rater),
        pearson=mean_over_pairs(pearson, per_rater),
        ccc=mean_over_pairs(ccc, per_rater),
        alpha=cronbach_alpha(per_rater),
    )


def all_measures(per_rater: Float) -> dict[str, Estimate]:
    """Return every measure of K raters (K, T) in [-1, 1], under the names of MEASURES.

    With fewer than two raters all but "positive" are NaN.
    """
    few = agreement(per_rater)
    return {
        "positive": Estimate(few.positive),
        "mse": Estimate(few.mse),
        "pearson": Estimate(few.pearson),
        "ccc": Estimate(few.ccc),
        "occc": Estimate(overall_ccc(per_rater)),
        "alpha": Estimate(few.alpha),
        "icc_a1": icc(per_rater, "A1"),
        "icc_c1": icc(per_rater, "C1"),
        "icc_ck": icc(per_rater, "Ck"),
        "krippendorff": Estimate(krippendorff_alpha(per_rater)),
    }
