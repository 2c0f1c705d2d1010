"""Traces of several raters -> one gold standard: resampled, their lag taken out, weighted, aligned, smoothed.

Readings of the paper and of RECOLA (Ringeval et al., 2013) are named where they are taken. All is arrays in,
arrays out, but for `gold_file` (the result's files) and `traces_given` (the raters' files).
"""

from .gold import Gold, gold_standard
from .resample import MAX_GAP_S, MAX_HOLD_S, longest_bridge_s, mean_of_present, resample

__all__ = [
    "MAX_GAP_S",
    "MAX_HOLD_S",
    "Gold",
    "gold_standard",
    "longest_bridge_s",
    "mean_of_present",
    "resample",
]
