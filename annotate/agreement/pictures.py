"""The drawings of the agreement page: functions that fill a matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...report import AMBER, BLUE, GREEN, INK, ROSE, SKY, SOFT, VERMILION
from ..trace import RATING_LIMIT
from .ratings import Ratings
from .readings import Reading
from .standing_out import Profile
from .thresholds import THRESHOLDS
from .words import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Float = NDArray[np.float64]
COLORS = (BLUE, VERMILION, GREEN, AMBER, ROSE, SKY)
DASHES = ("-", "--", ":", "-.")
MOST_POINTS = 500
ACCEPTABLE, GOOD = 0.7, 0.8
LOWEST_ALPHA = -1.0
"""An alpha below this is drawn here: raters who contradict one another may have any."""


def color_of(raters: Sequence[str], rater: str) -> tuple[str, str]:
    """Return the color and the dashes of a rater: the same in every drawing of a page."""
    k = list(raters).index(rater)
    return COLORS[k % len(COLORS)], DASHES[k // len(COLORS) % len(DASHES)]


def drawable(text: str, most: int = 22) -> str:
    """Return a name for a drawing: cut in the middle if long, never read as a formula."""
    if len(text) > most:
        text = f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"
    return text.replace("$", r"\$")


def thinned(time_s: Float, values: Float) -> tuple[Float, Float]:
    """Return a curve (T,) as at most MOST_POINTS means of equal stretches; NaN where nothing is known."""
    if len(values) <= MOST_POINTS:
        return time_s, values
    edges = np.linspace(0, len(values), MOST_POINTS + 1).astype(int)
    present = np.isfinite(values)
    count = np.add.reduceat(present.astype(float), edges[:-1])
    total = np.add.reduceat(np.where(present, values, 0.0), edges[:-1])
    return time_s[(edges[:-1] + edges[1:]) // 2], np.where(count > 0, total / np.maximum(count, 1), np.nan)


def draw_curves(figure: Figure, sessions: Sequence[Ratings], raters: Sequence[str]) -> None:
    """Draw the raters' curves and their mean: one panel per dimension of one session."""
    axes = figure.subplots(len(sessions), 1, sharex=True, squeeze=False)[:, 0]
    for axis, one in zip(axes, sessions, strict=True):
        for rater, series in zip(one.raters, one.per_rater, strict=True):
            color, dashes = color_of(raters, rater)
            time_s, values = thinned(one.time_s, RATING_LIMIT * series)
            axis.plot(time_s, values, color=color, ls=dashes, lw=1.2, label=drawable(rater))
        if len(one.raters) > 1:
            present = np.isfinite(one.per_rater)
            total = np.where(present, one.per_rater, 0.0).sum(axis=0)
            count = present.sum(axis=0)
            mean = np.where(count > 0, RATING_LIMIT * total / np.maximum(count, 1), np.nan)
            axis.plot(*thinned(one.time_s, mean), color=INK, lw=2.4, label="mean")
        axis.set_ylim(-RATING_LIMIT - 0.5, RATING_LIMIT + 0.5)
        axis.set_yticks([-10, -5, 0, 5, 10])
        axis.set_ylabel(one.dimension)
        axis.axhline(0, color=SOFT, lw=0.8)
    axes[-1].set_xlabel("seconds in the session")
    named = {
        label: line
        for axis in axes
        for line, label in zip(*axis.get_legend_handles_labels(), strict=True)
        if label != "mean"
    }
    lines = [(line, label) for label, line in named.items()]
    mean_lines = [
        pair for pair in zip(*axes[0].get_legend_handles_labels(), strict=True) if pair[1] == "mean"
    ]
    if lines:
        handles, labels = zip(*lines, *mean_lines, strict=True)
        figure.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), 7))


def draw_matrices(figure: Figure, raters: Sequence[str], matrices: Mapping[str, Float]) -> None:
    """Draw measures of all pairs of raters in [-1, 1] as heat maps with their numbers, side by side."""
    axes = figure.subplots(1, len(matrices), squeeze=False)[0]
    names = [drawable(rater, 14) for rater in raters]
    small = len(raters) <= 12
    for axis, (title, matrix) in zip(axes, matrices.items(), strict=True):
        shown = np.ma.masked_invalid(matrix)
        axis.pcolormesh(shown, cmap="RdBu", vmin=-1, vmax=1)
        axis.set_xticks(np.arange(len(raters)) + 0.5, names, rotation=0 if len(raters) <= 4 else 60)
        axis.set_yticks(np.arange(len(raters)) + 0.5, names)
        axis.invert_yaxis()
        axis.set_aspect("equal")
        axis.grid(visible=False)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        axis.set_title(title)
        for (i, j), value in np.ndenumerate(matrix):
            if small and np.isfinite(value):
                dark = abs(value) > 0.6
                axis.text(
                    j + 0.5,
                    i + 0.5,
                    number(float(value)),
                    ha="center",
                    va="center",
                    fontsize=10 if len(raters) <= 6 else 7.5,
                    color="#ffffff" if dark else "#101214",
                )


def draw_bias(figure: Figure, sessions: Mapping[str, Sequence[Ratings]], profiles: Sequence[Profile]) -> None:
    """Draw each rater's bias: a dot per session and a bar for the mean; one panel per dimension.

    The dots are the rater's mean less the median of all raters' means of that session, in steps.
    """
    axes = figure.subplots(1, len(sessions), squeeze=False, sharey=True)[0]
    for axis, (dimension, own) in zip(axes, sessions.items(), strict=True):
        mine = [one for one in profiles if one.dimension == dimension]
        names = [one.rater for one in mine]
        for x, one in enumerate(mine):
            color, _ = color_of(names, one.rater)
            axis.bar(x, one.bias, 0.62, color=color, alpha=0.45)
            dots = [bias for session in own if (bias := _bias_in(session, one.rater)) is not None]
            spread = np.linspace(-0.18, 0.18, len(dots)) if len(dots) > 1 else np.zeros(len(dots))
            axis.plot(x + spread, dots, "o", ms=4, color=color)
        limit = THRESHOLDS["bias"].value
        for level in (-limit, limit):
            axis.axhline(level, color=SOFT, lw=1, ls="--")
        axis.axhline(0, color=SOFT, lw=1)
        axis.set_xticks(range(len(names)), [drawable(name, 12) for name in names])
        _slanted(axis, len(names))
        axis.grid(visible=False, axis="x")
        axis.set_title(dimension)
    axes[0].set_ylabel("steps of the scale")


def draw_left_out(figure: Figure, profiles: Sequence[Profile], dimensions: Sequence[str]) -> None:
    """Draw Cronbach's alpha with all raters, and with each left out; one panel per dimension."""
    axes = figure.subplots(1, len(dimensions), squeeze=False, sharey=True)[0]
    for axis, dimension in zip(axes, dimensions, strict=True):
        mine = [one for one in profiles if one.dimension == dimension and np.isfinite(one.alpha_without)]
        for x, one in enumerate(mine):
            better = one.alpha_gain >= THRESHOLDS["leave out"].value
            color = VERMILION if better else BLUE
            start, end = max(one.alpha, LOWEST_ALPHA), max(one.alpha_without, LOWEST_ALPHA)
            axis.plot([x, x], [start, end], color=color, lw=2)
            axis.plot(x, start, "v" if one.alpha < LOWEST_ALPHA else "o", color=SOFT, ms=7)
            head = "^" if end > start else "v"
            axis.plot(x, end, head if end != start else "v", color=color, ms=7)
        axis.set_xticks(range(len(mine)), [drawable(one.rater, 12) for one in mine])
        axis.set_xlim(-0.6, max(len(mine), 1) - 0.4)
        _slanted(axis, len(mine))
        axis.grid(visible=False, axis="x")
        _alpha_levels(axis)
        axis.set_title(dimension)
    low = min(
        (min(one.alpha, one.alpha_without) for one in profiles if np.isfinite(one.alpha_gain)), default=0
    )
    axes[0].set_ylim(max(LOWEST_ALPHA, min(0.0, low)) - 0.08, 1.05)
    axes[0].set_ylabel("Cronbach's alpha")


def draw_sessions(figure: Figure, readings: Sequence[Reading], dimensions: Sequence[str]) -> None:
    """Draw Cronbach's alpha and CCC of every session, in the order of alpha; one panel per dimension."""
    axes = figure.subplots(1, len(dimensions), squeeze=False, sharey=True)[0]
    lows = [0.0]
    for axis, dimension in zip(axes, dimensions, strict=True):
        own = [one for one in readings if one.dimension == dimension and one.level == "raw"]
        own = sorted(own, key=lambda one: np.nan_to_num(one.values["alpha"].value, nan=-9))
        x = np.arange(len(own))
        alpha = np.array([one.values["alpha"].value for one in own])
        concordance = np.array([one.values["ccc"].value for one in own])
        shown_alpha = np.maximum(alpha, LOWEST_ALPHA)
        axis.vlines(x, np.minimum(shown_alpha, concordance), np.maximum(shown_alpha, concordance), color=SOFT)
        axis.plot(x, shown_alpha, "o", color=BLUE, label="Cronbach's alpha", ms=7)
        axis.plot(x, concordance, "D", color=AMBER, label="CCC", ms=5)
        lows += [float(v) for v in (*shown_alpha, *concordance) if np.isfinite(v)]
        axis.set_xticks(x, [drawable(one.session, 14) for one in own])
        axis.set_xlim(-0.6, len(own) - 0.4)
        _slanted(axis, len(own))
        if len(own) > 40:
            axis.set_xticks([])
            axis.set_xlabel(f"{len(own)} sessions")
        axis.grid(visible=False, axis="x")
        _alpha_levels(axis)
        axis.set_title(dimension)
    axes[0].set_ylim(min(lows) - 0.05, 1.05)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)


def draw_distribution(
    figure: Figure, sessions: Mapping[str, Sequence[Ratings]], raters: Sequence[str]
) -> None:
    """Draw how often each rater gives which rating; rows are raters, one panel per dimension."""
    axes = figure.subplots(1, len(sessions), squeeze=False, sharey=True)[0]
    edges = np.arange(-RATING_LIMIT - 0.5, RATING_LIMIT + 1)
    for axis, (dimension, own) in zip(axes, sessions.items(), strict=True):
        for row, rater in enumerate(raters):
            parts = [one.per_rater[one.raters.index(rater)] for one in own if rater in one.raters]
            values = RATING_LIMIT * np.concatenate(parts) if parts else np.zeros(0)
            values = values[np.isfinite(values)]
            color, _ = color_of(raters, rater)
            if len(values):
                share = np.histogram(values, edges)[0] / len(values)
                axis.bar(
                    edges[:-1] + 0.5, 0.85 * share / share.max(), 0.9, bottom=-row, color=color, alpha=0.8
                )
                mean = float(values.mean())
                axis.plot([mean, mean], [-row - 0.05, -row + 0.9], color=INK, lw=1.6)
        axis.set_yticks([-row + 0.3 for row in range(len(raters))], [drawable(name, 14) for name in raters])
        axis.tick_params(axis="y", length=0)
        axis.grid(visible=False, axis="y")
        axis.set_xlim(-10.7, 10.7)
        axis.set_xticks([-10, -5, 0, 5, 10])
        axis.axvline(0, color=SOFT, lw=0.8)
        axis.set_title(dimension)
        axis.set_xlabel("rating")


def _bias_in(one: Ratings, rater: str) -> float | None:
    if rater not in one.raters or len(one.raters) < 2:
        return None
    together = one.per_rater[:, np.isfinite(one.per_rater).all(axis=0)]
    if not together.shape[1]:
        return None
    means = together.mean(axis=1)
    k = one.raters.index(rater)
    peers = means if len(means) > 2 else np.delete(means, k)
    return float(RATING_LIMIT * (means[k] - np.median(peers)))


def _alpha_levels(axis) -> None:
    axis.axhline(ACCEPTABLE, color=SOFT, lw=1, ls="--")
    axis.axhline(GOOD, color=SOFT, lw=1, ls=":")


def _slanted(axis, n_names: int) -> None:
    if n_names > 4:
        axis.tick_params(axis="x", rotation=60)
