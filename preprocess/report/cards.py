"""Session by session: a strip of all modalities, and all that changes over time on one axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...annotate.trace import DIMENSIONS
from ...report import AMBER, BLUE, GREEN, INK, VERMILION, Page, Picture
from .crops import N_ROWS, Sample, in_colors, sheet
from .drawing import counted, legend_of, percent
from .faces import measured, steps_px
from .losses import rows_counts
from .panels import Curve, Panel, draw_panels, height_of, panel_of
from .raters import rating_panel
from .rows import SessionRows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CARDS = 40
OPEN_CARDS = 4
"""Up to so many sessions all stand open; of more, none does."""
PANELS: Sequence[tuple[str, Sequence[tuple[str, str, str]]]] = (
    ("between the eyes, px", (("eye_distance_px", "", BLUE),)),
    ("distance, mm", (("distance_mm", "", BLUE),)),
    ("pose, degrees", (("yaw", "yaw", BLUE), ("pitch", "pitch", VERMILION), ("roll", "roll", GREEN))),
    ("sharpness", (("sharpness", "", BLUE),)),
    ("brightness, 0 to 255", (("brightness", "", AMBER),)),
)
"""What a card shows of the face: the panel's title, and its measures with their word and color."""


def add_cards(
    page: Page,
    sessions: Sequence[SessionRows],
    samples: Mapping[str, Sample],
    *,
    tell: Callable[[int], None] = lambda _: None,
) -> None:
    """Add one card per session, folded where there are many; of very many, those that lost most.

    Parameters
    ----------
    tell : called with the cards that are done
    """
    shown = cards_of(sessions)
    lead = "Evenly spread frames of every stream, and below them what changed over time, all on one axis."
    if len(shown) > OPEN_CARDS:
        lead += " Click a session to open it."
    if len(shown) < len(sessions):
        lead += (
            f" These are the {len(shown)} of {len(sessions)} sessions that lost most; "
            "`mavfer dataset view` shows the others."
        )
    page.section("Session by session", lead)
    for number, rows in enumerate(shown):
        tell(number)
        if len(shown) > OPEN_CARDS:
            with page.folded(_summary(rows)):
                _add_card(page, rows, samples.get(rows.entry.id), title="")
        else:
            _add_card(page, rows, samples.get(rows.entry.id), title=_summary(rows))


def cards_of(sessions: Sequence[SessionRows]) -> list[SessionRows]:
    """Return the sessions that get a card: all, or the MOST_CARDS that lost most, in the dataset's order."""
    worst = sorted(range(len(sessions)), key=lambda k: -sessions[k].share_lost)[:MOST_CARDS]
    return [sessions[k] for k in sorted(worst)]


def _summary(rows: SessionRows) -> str:
    splits = ", ".join(dict.fromkeys(part.split for part in rows.parts))
    words = [rows.entry.id, rows.entry.subject, splits, counted(rows.entry.n_frames, "frame")]
    aligned = float(rows.aligned.mean()) if rows.entry.n_frames else 0.0
    return " · ".join([word for word in words if word] + [f"{percent(aligned)} aligned"])


def _add_card(page: Page, rows: SessionRows, sample: Sample | None, *, title: str) -> None:
    if sample is not None and len(sample.rows):
        words = [f"{time_s:.1f}" for time_s in rows.time_s[sample.rows]]
        strips: list[tuple[str, Picture | Sequence[str]]] = [
            ("seconds", words + [""] * (N_ROWS - len(words)))
        ]
        for stream, crops in sample.pixels.items():
            pictures, scale = in_colors(stream, crops, rows.reason[stream][sample.rows])
            alt = f"{len(crops)} {stream} crops of {rows.entry.id}, evenly spread over time"
            strips.append((str(stream), Picture(sheet(pictures, n_places=N_ROWS), alt=alt, scale=scale)))
        caption = "Dark gray: no picture; depth without a reading is dark gray too."
        if rows.entry.subject_choice:
            caption += f" The subject's face: {rows.entry.subject_choice}"
        page.strips(strips, title=title, caption=caption)
    if rows.entry.n_frames > 1:
        panels = [*_rating_panels(rows), *_face_panels(rows)]
        page.plot(
            lambda figure: _draw_card(figure, rows, panels),
            alt=f"{rows.entry.id} over time: reasons per stream, ratings, and measures of the face",
            size_in=(10, 1.1 + 0.8 * height_of(panels, n_lines=len(rows.reason))),
        )


def _rating_panels(rows: SessionRows) -> list[Panel]:
    shown = [name for name in DIMENSIONS if rows.labelled(name).any() or name in rows.per_rater]
    return [rating_panel(rows, dimension) for dimension in shown]


def _face_panels(rows: SessionRows) -> list[Panel]:
    """Return the panels of the face that have something to show."""
    panels = []
    for title, curves in PANELS:
        own = [Curve(word, measured(rows, name), color) for name, word, color in curves]
        if any(np.isfinite(curve.values).any() for curve in own):
            panels.append(panel_of(title, own, height=0.8))
    steps = steps_px(rows)
    if np.isfinite(steps).any():
        moved = Curve("", steps, INK, 1.0)
        panels.append(panel_of("row to row in the crop, px", [moved], height=0.8, zero=True))
    return panels


def _draw_card(figure: Figure, rows: SessionRows, panels: Sequence[Panel]) -> None:
    draw_panels(figure.subplots(), rows, panels)
    legend_of(figure, [reason for counts in rows_counts(rows).values() for reason in counts])
