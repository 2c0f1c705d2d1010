"""From where on a rater is pointed out, and why from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Threshold:
    """From where on a rater is pointed out, and why from there."""

    value: float
    reason: str


THRESHOLDS: Mapping[str, Threshold] = {
    "inverted": Threshold(-0.3, "a correlation beyond -0.3 is of medium size (Cohen 1988), the wrong way"),
    "unrelated": Threshold(0.1, "a correlation below 0.1 is less than small (Cohen 1988)"),
    "others": Threshold(0.3, "others who correlate by less than 0.3 give no measure to judge somebody by"),
    "bias": Threshold(2.5, "2.5 steps are an eighth of the scale from -10 to 10"),
    "spread": Threshold(
        2.0, "half or twice the spread of the median rater changes the mean of three visibly"
    ),
    "late": Threshold(1.0, "raters differ by a second or so (Mariooryad and Busso 2015: lags of 1 to 6 s)"),
    "leave out": Threshold(0.05, "0.05 of alpha is half the step from acceptable (0.7) to good (0.8)"),
    "missing": Threshold(0.2, "a fifth of a session without a rating is more than blinks and pauses"),
}
