"""The labels: how many, how they are distributed, and whether the splits are alike.

The plots are those of the paper's Figs. 7 to 9 (section IV-D); raters.py has its Table III.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...annotate.agreement import share_positive
from ...annotate.trace import DIMENSIONS
from ...report import BLUE, GREEN, SOFT, VERMILION, Cell, Page
from ..dataset.record import SPLITS
from .drawing import count, counted, drawable, number, percent
from .raters import add_agreement
from .rows import SessionRows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Float = NDArray[np.float64]
SPLIT_COLORS: Mapping[str, str] = {"train": BLUE, "validation": GREEN, "test": VERMILION, "unused": SOFT}
MOST_DOTS = 1500
"""Labels drawn as dots in one panel, evenly drawn from all."""
MOST_VIDEOS = 120
N_BINS = 20
MARKS = (-1, -0.5, 0, 0.5, 1)


def add_ratings(page: Page, sessions: Sequence[SessionRows]) -> None:
    """Add frames per session, distributions of the labels, and the raters' agreement."""
    labels = split_labels(sessions)
    n_labelled = sum(len(own) for own in labels.values())
    page.section("Labels", _lead(sessions, n_labelled))
    if len(sessions) > 1:
        _add_amounts(page, sessions)
    if not n_labelled:
        if any(rows.labelled(dimension).any() for rows in sessions for dimension in DIMENSIONS):
            page.note("One dimension only", "No frame has both labels, so nothing is drawn over the plane.")
        return
    shown = {split: own for split, own in labels.items() if len(own)}
    page.plot(
        lambda figure: _draw_plane(figure, shown),
        alt="density of valence and arousal, one panel per split, labels as dots",
        size_in=(10, 10 / max(2.0, len(shown)) + 0.6),
        caption="Valence and arousal of every labelled frame, per split: the stronger, the more frames; dots "
        f"are single frames, at most {count(MOST_DOTS)} in a panel. As Fig. 8 of the MRAN paper.",
    )
    page.plot(
        lambda figure: _draw_histograms(figure, shown),
        alt="histograms of valence and arousal, one outline per split",
        size_in=(10, 3.2),
        caption="Share of each split's frames by label; the gray area is all of them. Splits that are alike "
        "lie on one another. As Fig. 9 of the paper.",
    )
    page.table(
        *_split_rows(shown),
        caption="Labels by split, in [-1, 1]; the last column is the earth mover's distance "
        "to the labels trained on: how far a label lies from its like on average",
    )
    add_agreement(page, sessions)


def split_labels(sessions: Sequence[SessionRows]) -> dict[str, Float]:
    """Return by split the labels of frames that have both, (n, 2) of valence and arousal."""
    found: dict[str, list[Float]] = {split: [] for split in (*SPLITS, "unused")}
    for rows in sessions:
        both = np.stack([rows.column[name].astype(float) for name in DIMENSIONS], axis=1)
        own = np.array(["unused"] * len(both), dtype="U10")
        for part in rows.parts:
            own[part.start : part.stop] = part.split
        known = np.isfinite(both).all(axis=1)
        for split, series in found.items():
            series.append(both[known & (own == split)])
    return {split: np.concatenate(series) for split, series in found.items() if series}


def _lead(sessions: Sequence[SessionRows], n_labelled: int) -> str:
    if not any(rows.labelled(dimension).any() for rows in sessions for dimension in DIMENSIONS):
        return "No frame is labelled, so nothing can be trained on this dataset."
    unrated = [rows.entry.id for rows in sessions if not rows.entry.raters]
    n_raters = len({rater for rows in sessions for rater in rows.entry.raters})
    verb = "has" if n_labelled == 1 else "have"
    lead = f"{counted(n_labelled, 'frame')} {verb} a valence and an arousal label"
    lead += f", from {n_raters} raters." if n_raters > 1 else ", from one rater." if n_raters else "."
    if unrated:
        lead += f" {counted(len(unrated), 'session')} {'has' if len(unrated) == 1 else 'have'} no labels."
    return lead


def _add_amounts(page: Page, sessions: Sequence[SessionRows]) -> None:
    shown = sorted(sessions, key=lambda rows: -rows.entry.n_frames)[:MOST_VIDEOS]
    left = len(sessions) - len(shown)
    page.plot(
        lambda figure: _draw_amounts(figure, shown),
        alt="frames in each session: labelled, aligned, all",
        size_in=(10, 3.2 if len(shown) < 30 else 3.6),
        caption="Amount of frames in each session, the longest first, as Fig. 7 of the paper: the outline is "
        "all rows, gray those with an aligned face, blue those of them with both labels."
        + (f" {left} shorter sessions are left out." if left else ""),
    )


def _draw_amounts(figure: Figure, sessions: Sequence[SessionRows]) -> None:
    axis = figure.subplots()
    places = np.arange(len(sessions))
    both = [np.isfinite([rows.column[name] for name in DIMENSIONS]).all(axis=0) for rows in sessions]
    axis.bar(places, [rows.entry.n_frames for rows in sessions], fill=False, edgecolor=SOFT, linewidth=0.8)
    axis.bar(places, [int(rows.aligned.sum()) for rows in sessions], color=SOFT, alpha=0.45, linewidth=0)
    axis.bar(
        places,
        [int((rows.aligned & own).sum()) for rows, own in zip(sessions, both, strict=True)],
        color=BLUE,
        linewidth=0,
    )
    if len(sessions) <= 45:
        axis.set_xticks(
            places, [drawable(rows.entry.id, 18) for rows in sessions], rotation=60, ha="right", fontsize=8.5
        )
    else:
        axis.set_xlabel("sessions")
    axis.set_xlim(-0.7, max(12, len(sessions)) - 0.3)
    axis.grid(visible=False, axis="x")
    axis.set_ylabel("frames")


def _draw_plane(figure: Figure, labels: Mapping[str, Float]) -> None:
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgb

    axes = figure.subplots(1, max(2, len(labels)), sharex=True, sharey=True, squeeze=False)[0]
    edges = np.linspace(-1, 1, N_BINS + 1)
    for axis in axes[len(labels) :]:
        axis.set_visible(False)
    for axis, (split, both) in zip(axes, labels.items(), strict=False):
        share, _, _ = np.histogram2d(both[:, 0], both[:, 1], bins=(edges, edges))
        filled = np.argwhere(share > 0)
        x, y, step = edges[filled[:, 0]], edges[filled[:, 1]], edges[1] - edges[0]
        boxes = np.stack(
            [np.stack([x + i * step, y + j * step], axis=1) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))],
            axis=1,
        )
        strength = share[tuple(filled.T)] / share.max()
        color = to_rgb(SPLIT_COLORS[split])
        axis.add_collection(
            PolyCollection(
                list(boxes), facecolors=[(*color, 0.12 + 0.75 * s) for s in strength], linewidths=0
            )
        )
        dots = both[:: max(1, -(-len(both) // MOST_DOTS))]
        axis.plot(dots[:, 0], dots[:, 1], ".", color=SPLIT_COLORS[split], markersize=1.6, alpha=0.5)
        axis.axhline(0, color=SOFT, linewidth=0.6)
        axis.axvline(0, color=SOFT, linewidth=0.6)
        axis.set_title(f"{split}, {counted(len(both), 'frame')}")
        axis.set_xlabel("valence")
        axis.set_aspect("equal")
    axes[0].set_xlim(-1.03, 1.03)
    axes[0].set_ylim(-1.03, 1.03)
    axes[0].set_xticks(MARKS)
    axes[0].set_yticks(MARKS)
    axes[0].set_ylabel("arousal")


def _draw_histograms(figure: Figure, labels: Mapping[str, Float]) -> None:
    axes = figure.subplots(1, 2, sharey=True)
    edges = np.linspace(-1, 1, N_BINS + 1)
    whole = np.concatenate(list(labels.values()))
    for i, (axis, dimension) in enumerate(zip(axes, DIMENSIONS, strict=True)):
        axis.stairs(
            100 * np.histogram(whole[:, i], edges)[0] / len(whole), edges, fill=True, color=SOFT, alpha=0.25
        )
        for split, both in labels.items():
            shares = 100 * np.histogram(both[:, i], edges)[0] / len(both)
            axis.stairs(shares, edges, color=SPLIT_COLORS[split], linewidth=1.8, label=split)
        axis.set_xlabel(dimension)
        axis.set_xlim(-1, 1)
        axis.set_xticks(MARKS)
    axes[0].set_ylabel("percent of the frames")
    figure.legend(*axes[0].get_legend_handles_labels(), ncols=len(labels), loc="outside upper left")


def _split_rows(labels: Mapping[str, Float]) -> tuple[list[str], list[list[Cell]]]:
    header = [
        "dimension",
        "split",
        "frames",
        "mean",
        "deviation",
        "lowest",
        "highest",
        "positive",
        "to train",
    ]
    lines: list[list[Cell]] = []
    train = labels.get("train")
    for i, dimension in enumerate(DIMENSIONS):
        for split, both in labels.items():
            values = both[:, i]
            off = number(earth_movers(values, train[:, i])) if train is not None and split != "train" else "–"
            lines.append(
                [
                    dimension,
                    split,
                    count(len(values)),
                    number(float(values.mean())),
                    number(float(values.std())),
                    number(float(values.min())),
                    number(float(values.max())),
                    percent(share_positive(values)),
                    off,
                ]
            )
    return header, lines


def earth_movers(a: Float, b: Float) -> float:
    """Return how far values of `a` (n,) must move on average to become those of `b` (m,), in their unit.

    The first Wasserstein distance in one dimension: the area between the two distribution functions.
    """
    places = np.sort(np.concatenate([a, b]))
    below_a = np.searchsorted(np.sort(a), places[:-1], side="right") / len(a)
    below_b = np.searchsorted(np.sort(b), places[:-1], side="right") / len(b)
    return float(np.sum(np.abs(below_a - below_b) * np.diff(places)))
