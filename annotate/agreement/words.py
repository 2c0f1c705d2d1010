"""Figures of agreement as text, and what an alpha is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from ..trace import Dimension
from .reliability import Estimate

PAPER_TABLE_3: Mapping[Dimension, tuple[str, str, str]] = {
    "valence": ("46.9 %", "0.48", "0.79"),
    "arousal": ("45.4 %", "0.42", "0.72"),
}
"""Share positive, mean correlation and Cronbach's alpha of the MAVFER paper's Table III, after zero-mean
normalisation. Its text names the MSE too; its table has none."""


def percent(share: float) -> str:
    """Return a share as text, a dash where it is unknown."""
    return f"{100 * share:.1f} %" if np.isfinite(share) else "–"


def number(value: float, digits: int = 2, *, sign: bool = False) -> str:
    """Return a number as text, never "-0.00", a dash where it is unknown."""
    if not np.isfinite(value):
        return "–"
    if abs(value) >= 1000:  # an alpha of raters who contradict one another has no lower end
        return f"{value:.0e}"
    value = round(value, digits) + 0.0
    return f"{value:+.{digits}f}" if sign and value else f"{value:.{digits}f}"


def figure(name: str, found: Estimate) -> str:
    """Return a measure as text, without its interval."""
    return percent(found.value) if name == "positive" else number(found.value, 3 if name == "mse" else 2)


def interval(name: str, found: Estimate) -> str:
    """Return the interval of a measure as text; "" where there is none."""
    if not (np.isfinite(found.low) and np.isfinite(found.high)):
        return ""
    if name == "positive":
        return f"{100 * found.low:.0f} to {100 * found.high:.0f} %"
    digits = 3 if name == "mse" else 2
    return f"{number(found.low, digits)} to {number(found.high, digits)}"


def consistency(alpha: float) -> tuple[str, Literal["good", "doubt", "bad", "none"]]:
    """Return what an alpha is called, and its tone: above 0.8 good, above 0.7 acceptable.

    The words are the MAVFER paper's (section IV-D).
    """
    if not np.isfinite(alpha):
        return "unknown", "none"
    if alpha > 0.8:
        return "good", "good"
    return ("acceptable", "good") if alpha > 0.7 else ("low", "doubt")
