"""The faces: size, distance, pose, sharpness and light per subject, and how still they lie in the crop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...report import BLUE, SOFT, Cell, Page, Prose
from ..dataset.record import Align, ClipConfig
from .drawing import count, drawable, number
from .outcome import FOLD_BEYOND
from .rows import SessionRows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_SUBJECTS = 60
MEASURES: Mapping[str, str] = {
    "eye_distance_px": "between the eyes, px",
    "distance_mm": "distance, mm",
    "yaw": "yaw, degrees",
    "pitch": "pitch, degrees",
    "roll": "roll, degrees",
    "sharpness": "sharpness",
    "brightness": "brightness, 0 to 255",
    "jitter_px": "row to row in the crop, px",
}
"""What is shown of every face, and its unit."""
POSES = ("yaw", "pitch", "roll")


@dataclass(frozen=True, slots=True)
class Stillness:
    """How the eyes' centers and the tip of the nose move in a session's crops, pixels of the crop.

    Attributes
    ----------
    step_px : median, over pairs of neighboring rows, of the three points' RMS step
    step95_px : its 95th percentile
    noise_px : what white noise of one coordinate would explain the second differences of three rows; real
        motion at an even speed is not in it, all other motion is
    n_pairs : pairs of neighboring rows
    """

    step_px: float
    step95_px: float
    noise_px: float
    n_pairs: int


def measured(rows: SessionRows, name: str) -> NDArray[np.float64]:
    """Return one of MEASURES over a session's rows, (F,); NaN where no face or not known."""
    if name == "jitter_px":
        return steps_px(rows)
    values = rows.column["pose_deg"][:, POSES.index(name)] if name in POSES else rows.column[name]
    return np.where(rows.has_face, values.astype(np.float64), np.nan)


def steps_px(rows: SessionRows) -> NDArray[np.float64]:
    """Return the RMS step of the eyes' centers and the tip of the nose since the row before, (F,)."""
    steps = np.full(len(rows.jump), np.nan)
    if len(steps) > 1:
        moved = np.sum(np.diff(rows.points_px, axis=0) ** 2, axis=2)
        steps[1:] = np.where(np.isfinite(rows.jump[1:]), np.sqrt(moved.mean(axis=1)), np.nan)
    return steps


def stillness(rows: SessionRows) -> Stillness:
    """Return how still a session's faces lie in the crop; NaN where no two rows are neighbors."""
    steps = steps_px(rows)
    known = steps[np.isfinite(steps)]
    if not len(known):
        return Stillness(np.nan, np.nan, np.nan, 0)
    # x[k-1] - 2 x[k] + x[k+1] of white noise has 6 times its variance (1 + 4 + 1)
    bends = np.diff(rows.points_px, n=2, axis=0)
    inside = np.isfinite(rows.jump[1:-1]) & np.isfinite(rows.jump[2:])
    bends = bends[inside & np.isfinite(bends).all(axis=(1, 2))] if len(bends) else bends
    noise = float(np.sqrt(np.mean(bends**2) / 6)) if bends.size else np.nan
    return Stillness(float(np.median(known)), float(np.percentile(known, 95)), noise, len(known))


def add_faces(page: Page, sessions: Sequence[SessionRows], config: ClipConfig) -> None:
    """Add distributions per subject and each session's stillness."""
    by_subject = subjects_of(sessions)
    names = [name for name in MEASURES if any(np.isfinite(measured(rows, name)).any() for rows in sessions)]
    missing = [MEASURES[name].split(",")[0] for name in MEASURES if name not in names]
    lead = "How large, how far, how turned, how sharp and how lit the faces are that were cut."
    if missing:
        lead += f" Not in this dataset: {', '.join(missing)}."
    page.section("Faces", lead)
    if not names:
        return
    shown = dict(list(by_subject.items())[:MOST_SUBJECTS])
    more = f" The first {MOST_SUBJECTS} subjects." if len(by_subject) > len(shown) else ""
    n_lines = -(-len(names) // 4)
    page.plot(
        lambda figure: _draw_spreads(figure, shown, names),
        alt="median and spread of each measure of the faces, one line per subject",
        size_in=(10, n_lines * (1.0 + 0.2 * len(shown))),
        caption="Per subject, all rows with a face: the median as a dot, half of the rows within the thick "
        f"line, nine in ten within the thin one.{more}",
    )
    own = [_still_row(rows) for rows in sessions]
    header = ["session", "pairs of rows", "median step px", "95 % of steps below px", "noise px"]
    if len(own) > FOLD_BEYOND:
        with page.folded(f"How still the faces lie in the crop, {len(own)} sessions"):
            page.table(header, own)
    else:
        page.table(header, own, caption=f"How still the faces lie in the crop of {config.size_px} px")
    page.note("How jitter is measured", *_jitter_words(config))


def _jitter_words(config: ClipConfig) -> tuple[str, ...]:
    words = (
        "A step is how far the eyes' centers and the tip of the nose move in the crop from one row to the "
        "next (root mean square of the three). It contains real motion: blinks, speech, a turning head.",
        "Noise is taken from the second differences of three rows in a row, divided by the square root of 6. "
        "Motion at an even speed drops out, all other motion stays, so the true noise is at most this.",
    )
    if config.align is Align.EYES_NOSE:
        return (*words, "This dataset is aligned by eyes and nose, which puts these points on fixed pixels.")
    return words


def subjects_of(sessions: Sequence[SessionRows]) -> dict[str, list[SessionRows]]:
    """Return the sessions of each subject; spellings that differ in case alone are one person."""
    spelled: dict[str, str] = {}
    grouped: dict[str, list[SessionRows]] = {}
    for rows in sessions:
        subject = spelled.setdefault(rows.entry.subject.casefold(), rows.entry.subject)
        grouped.setdefault(subject, []).append(rows)
    return dict(sorted(grouped.items()))


def _draw_spreads(
    figure: Figure, by_subject: Mapping[str, Sequence[SessionRows]], names: Sequence[str]
) -> None:
    axes = figure.subplots(-(-len(names) // 4), 4, sharey=True, squeeze=False).ravel()
    places = np.arange(len(by_subject))[::-1]
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    for axis, name in zip(axes, names, strict=False):
        for place, sessions in zip(places, by_subject.values(), strict=True):
            values = np.concatenate([measured(rows, name) for rows in sessions])
            values = values[np.isfinite(values)]
            if not len(values):
                continue
            low, lower, middle, upper, high = np.percentile(values, [5, 25, 50, 75, 95])
            axis.plot([low, high], [place, place], color=SOFT, linewidth=1.0)
            axis.plot(
                [lower, upper], [place, place], color=BLUE, linewidth=4.0, solid_capstyle="butt", alpha=0.6
            )
            axis.plot([middle], [place], "o", color=BLUE, markersize=4.5)
        axis.set_title(MEASURES[name], fontsize=9.5)
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="x", labelsize=8.5)
        axis.locator_params(axis="x", nbins=4)
        axis.set_ylim(-0.6, len(by_subject) - 0.4)
    for axis in axes[::4]:
        axis.set_yticks(places, [drawable(subject, 14) for subject in by_subject], fontsize=9)


def _still_row(rows: SessionRows) -> list[Cell]:
    still = stillness(rows)
    return [
        Prose(rows.entry.id),
        count(still.n_pairs),
        number(still.step_px),
        number(still.step95_px),
        number(still.noise_px),
    ]
