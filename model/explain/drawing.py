"""The plots of an explanation: arrays in, matplotlib axes filled. No file is opened here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...report import AMBER, BLUE, GREEN, ROSE, SOFT, VERMILION
from .deletion import ORDERS, Deletion
from .errors import Errors
from .reliability import Reliability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ORDER_NAMES = {
    "map": "the network's map",
    "center": "middle of the crop first",
    "random": "random cells",
    "shifted": "the map, shifted at random",
}
_ORDER_COLORS = {"map": BLUE, "center": AMBER, "random": VERMILION, "shifted": ROSE}


def draw_deletion(figure: Figure, found: Deletion) -> None:
    """Draw how far predictions move, by deletion at the left and by insertion at the right."""
    panels = figure.subplots(1, 2, sharey=True)
    curves = (("blanked", found.deletion), ("shown", found.insertion))
    for axes, (word, by_order) in zip(panels, curves, strict=True):
        for order in ORDERS:
            mean = by_order[order].mean(0)
            share = np.linspace(0, 100, len(mean))
            axes.plot(share, mean, color=_ORDER_COLORS[order], label=ORDER_NAMES[order])
        axes.set_xlabel(f"% of the crop {word}")
    panels[0].set_ylabel("way from the untouched prediction")
    panels[0].legend(fontsize=9)


def draw_reliability(figure: Figure, by_name: Mapping[str, Reliability]) -> None:
    """Draw what was found over what was said, per bin, one panel per dimension."""
    panels = np.atleast_1d(figure.subplots(1, len(by_name)))
    for axes, (name, found) in zip(panels, by_name.items(), strict=True):
        value = np.array([one.value for one in found.found])
        ends = np.array([[one.low, one.high] for one in found.found]).T
        inside = [*found.said, *value]
        low, high = min(inside), max(inside)
        axes.plot([low, high], [low, high], color=SOFT, linewidth=1, linestyle="--", label="as said")
        if np.isfinite(ends).all():
            axes.vlines(found.said, ends[0], ends[1], color=BLUE, linewidth=1.2)
        axes.plot(found.said, value, "o-", color=BLUE, markersize=5, label="found")
        axes.set_xlabel(f"{name}, said")
        axes.set_ylabel("found")
        axes.legend(fontsize=9)


def draw_subjects(figure: Figure, by_dimension: Mapping[str, Sequence[Errors]]) -> None:
    """Draw RMSE and CCC of each subject as bars, a row per dimension."""
    panels = np.atleast_2d(figure.subplots(len(by_dimension), 2, squeeze=False))
    for row, (dimension, found) in zip(panels, by_dimension.items(), strict=True):
        order = sorted(found, key=lambda one: one.name)
        for axes, measure, color in zip(row, ("rmse", "ccc"), (VERMILION, GREEN), strict=True):
            values = [getattr(one, measure).value for one in order]
            axes.bar(range(len(order)), values, color=color, width=0.7)
            axes.set_xticks(
                range(len(order)), [one.name for one in order], rotation=60, ha="right", fontsize=8
            )
            axes.set_title(f"{dimension}, {measure.upper()}")
