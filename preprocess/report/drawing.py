"""What the report's plots share: looks of the reasons, curves of few points, labels safe to draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...report import AMBER, BLUE, GREEN, INK, ROSE, SKY, SOFT, VERMILION
from ..dataset.record import Reason

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_POINTS = 240
"""Of one curve over time; a longer session's curve shows medians of that many stretches."""
LABEL_LETTERS = 26


@dataclass(frozen=True, slots=True)
class Look:
    """How a reason is called, drawn, and put in words; what is well is drawn faint."""

    word: str
    color: str
    meaning: str
    opacity: float = 1.0


LOOKS: Mapping[Reason, Look] = {
    Reason.OK: Look("ok", GREEN, "Cut at landmarks that were found; valid.", 0.35),
    Reason.PLANE: Look(
        "plane",
        SKY,
        "Valid, but cut with the face taken as a plane at a guessed distance, for want of depth.",
    ),
    Reason.FILLED: Look(
        "filled", ROSE, "No face was found; cut at landmarks between those around the gap. Not valid."
    ),
    Reason.OCCLUDED: Look("occluded", AMBER, "Something stands before the face. Has pixels, is not valid."),
    Reason.NO_FACE: Look("no face", VERMILION, "Color shows no face, or none that was found."),
    Reason.NO_DEPTH: Look("no depth", BLUE, "Too few depth readings on the face."),
    Reason.OUT_OF_VIEW: Look("out of view", "#94673a", "The face is not in this camera's picture."),
    Reason.UNSYNCHRONISED: Look(
        "unsynchronised", "#8a63d2", "Not of color's moment: too far in time, or a repeated picture."
    ),
    Reason.NOT_RECORDED: Look("not recorded", SOFT, "The camera gave no frame for this moment."),
    Reason.DAMAGED: Look("damaged", INK, "Stored, and cannot be decoded."),
    Reason.NOT_SAMPLED: Look(
        "not sampled", "#b9bdc4", "Recorded, and between two frames of the clip rate.", 0.5
    ),
}
"""In order from best to worst; of several in one stretch of time the worst is drawn."""
ORDER = tuple(LOOKS)
_RANK = np.array([ORDER.index(reason) for reason in sorted(Reason)])


def drawable(text: str, most: int = LABEL_LETTERS) -> str:
    """Return text for a plot: cut in the middle if long, and never read as a formula."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    if len(text) > most:
        text = f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"
    return text.replace("$", r"\$")


def thinned(time_s: NDArray, values: NDArray, *, most: int = MOST_POINTS) -> tuple[NDArray, NDArray]:
    """Return a curve of at most `most` points: medians of equal stretches of rows, NaN where unknown."""
    if len(values) <= most:
        return np.asarray(time_s, np.float64), np.asarray(values, np.float64)
    edges = np.linspace(0, len(values), most + 1).astype(int)
    means = [_median(values[a:b]) for a, b in pairwise(edges.tolist())]
    return np.asarray(time_s, np.float64)[(edges[:-1] + edges[1:]) // 2], np.array(means)


def _median(values: NDArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def reason_runs(
    time_s: NDArray, reason: NDArray[np.uint8], *, most: int = MOST_POINTS
) -> list[tuple[Reason, float, float]]:
    """Return (reason, start, length) in seconds, in order of time; of a stretch with several, the worst.

    No more than `most` stretches are looked at, so that a single lost row of a long session is still seen.
    """
    n = len(reason)
    if not n:
        return []
    ranks = _RANK[reason]
    n_bins = min(n, most)
    edges = np.linspace(0, n, n_bins + 1).astype(int)
    worst = np.maximum.reduceat(ranks, edges[:-1])
    period_s = float(np.median(np.diff(time_s))) if n > 1 else 1.0
    ends = np.append(np.asarray(time_s, np.float64), float(time_s[-1]) + period_s)
    firsts = np.flatnonzero(np.concatenate([[True], np.diff(worst) != 0]))
    stops = np.append(firsts[1:], n_bins)
    return [
        (ORDER[int(worst[a])], float(ends[edges[a]]), float(ends[edges[b]] - ends[edges[a]]))
        for a, b in zip(firsts, stops, strict=True)
    ]


def legend_of(figure: Figure, reasons: Iterable[Reason]) -> None:
    """Name the colors of `reasons` above a figure."""
    from matplotlib.patches import Patch

    seen = set(reasons)
    shown = [reason for reason in ORDER if reason in seen]
    figure.legend(
        handles=[
            Patch(facecolor=look.color, alpha=look.opacity, label=look.word, linewidth=0)
            for look in (LOOKS[reason] for reason in shown)
        ],
        ncols=min(6, max(1, len(shown))),
        loc="outside upper left",
        handlelength=1.0,
        columnspacing=1.2,
    )


def count(n: float) -> str:
    """Return a count with a comma at every thousand."""
    return f"{n:,.0f}"


def counted(n: int, word: str) -> str:
    """Return a count with its word: "1 frame", "1,200 frames"."""
    return f"{count(n)} {word}" + ("" if n == 1 else "s")


def percent(share: float) -> str:
    """Return a share as text; never "100 %" or "0 %" of what is not quite so."""
    if not np.isfinite(share):
        return "–"
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    return f"{min(max(100 * share, 0.1), 99.9):.1f} %"


def number(value: float, digits: int = 2) -> str:
    """Return a number as text, a dash where it is unknown."""
    return (
        f"{value:.{digits}f}".replace("-0." + "0" * digits, "0." + "0" * digits)
        if np.isfinite(value)
        else "–"
    )
