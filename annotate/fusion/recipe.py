"""What is done to traces to make a gold standard of them; it is kept in the result's header."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from ...config import StrictModel
from .lag import MAX_LAG_S
from .resample import MAX_GAP_S, MAX_HOLD_S
from .smoothing import Smooth
from .warping import BAND_S
from .weights import WORDS, Weighting


class Method(StrEnum):
    """How raters become one."""

    MEAN = "mean"
    EWE = "ewe"
    CCC = "ccc"
    DTW = "dtw"


class Lag(StrEnum):
    """Where the raters' lags come from."""

    NONE = "none"
    FIXED = "fixed"
    ESTIMATED = "estimated"
    REFERENCE = "reference"


USUAL = {
    Method.MEAN: Weighting.EQUAL,
    Method.EWE: Weighting.R_MEAN,
    Method.CCC: Weighting.CCC_PAIRS,
    Method.DTW: Weighting.EQUAL,
}
POSSIBLE = {
    Method.MEAN: (Weighting.EQUAL,),
    Method.EWE: tuple(how for how in Weighting if how is not Weighting.EQUAL),
    Method.CCC: (Weighting.CCC_PAIRS,),
    Method.DTW: tuple(Weighting),
}


class Recipe(StrictModel):
    """How a gold standard is made. The default is the paper's: the mean over raters, no lag, no smoothing.

    Attributes
    ----------
    weighting : "usual" is replaced by the method's: equal for mean and dtw, r-mean for ewe, ccc-pairs for ccc
    centered : each rater's own mean is replaced by that of all
    smoothing, window_s : of the gold standard, after the raters have become one
    lag, lag_s : of all raters if fixed; if estimated against each other, what they have in common
    max_lag_s, fallback_lag_s : of the search, as in `lag.lags_against_each_other`
    band_s : of the warping
    max_gap_s, max_hold_s : as in `resample.resample`
    """

    method: Method = Method.MEAN
    weighting: Weighting = Weighting.EQUAL
    centered: bool = False
    smoothing: Smooth = Smooth.NONE
    window_s: float = Field(default=0.0, ge=0, le=600, allow_inf_nan=False)
    lag: Lag = Lag.NONE
    lag_s: float = Field(default=0.0, ge=0, le=30, allow_inf_nan=False)
    max_lag_s: float = Field(default=MAX_LAG_S, gt=0, le=30, allow_inf_nan=False)
    fallback_lag_s: float | None = Field(default=None, ge=0, le=30, allow_inf_nan=False)
    band_s: float = Field(default=BAND_S, gt=0, le=60, allow_inf_nan=False)
    max_gap_s: float = Field(default=MAX_GAP_S, ge=0, le=60, allow_inf_nan=False)
    max_hold_s: float = Field(default=MAX_HOLD_S, ge=0, le=10, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _usual(cls, table: object) -> object:
        """Put the method's own weighting where none is said."""
        if isinstance(table, dict) and table.get("weighting") is None:
            known = table.get("method", Method.MEAN)
            if known in list(Method):
                return {**table, "weighting": USUAL[Method(known)]}
        return table

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.weighting not in POSSIBLE[self.method]:
            possible = ", ".join(POSSIBLE[self.method])
            raise ValueError(f"wanted {possible} for {self.method.value}, found {self.weighting.value}")
        if (self.smoothing is Smooth.NONE) != (self.window_s == 0):
            raise ValueError("wanted a smoothing and the width of its window, found only one of them")
        if self.lag is Lag.NONE and self.lag_s:
            raise ValueError(f"wanted no lag, found {self.lag_s:g} s")
        return self

    @property
    def words(self) -> str:
        """What is done, in one line for people."""
        parts = [METHOD_WORDS[self.method]]
        if self.method is not Method.MEAN:
            parts[0] += f", weights: {WORDS[self.weighting]}"
        parts.append(LAG_WORDS[self.lag].format(lag_s=self.lag_s, max_lag_s=self.max_lag_s))
        if self.centered:
            parts.append("each rater's mean replaced by that of all")
        if self.smoothing is not Smooth.NONE:
            parts.append(f"smoothed by {SMOOTH_WORDS[self.smoothing]} over {self.window_s:g} s")
        return "; ".join(parts)


METHOD_WORDS = {
    Method.MEAN: "mean over raters",
    Method.EWE: "evaluator weighted estimator",
    Method.CCC: "CCC-weighted mean",
    Method.DTW: "mean aligned by time warping (DBA begun at the medoid)",
}
LAG_WORDS = {
    Lag.NONE: "no lag taken out",
    Lag.FIXED: "a lag of {lag_s:g} s taken out",
    Lag.ESTIMATED: "lags estimated against each other, {lag_s:g} s in common",
    Lag.REFERENCE: "lags of up to {max_lag_s:g} s estimated against a reference",
}
SMOOTH_WORDS: dict[Smooth, Literal["a moving average", "a Savitzky-Golay filter", "a median"]] = {
    Smooth.AVERAGE: "a moving average",
    Smooth.SAVGOL: "a Savitzky-Golay filter",
    Smooth.MEDIAN: "a median",
}
