"""The figures of the page: attention over faces (10), length of clips (11), valence over time (12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import MavferError
from ...preprocess.dataset.clips import DatasetSession, open_dataset
from ...report import AMBER, BLUE, GREEN, INK, SOFT, VERMILION, Page, Picture, Scale
from ..checkpoint import open_run
from ..evaluation.series import SessionPrediction
from ..explain.attention import attention_maps
from ..explain.overlay import EVEN_TIMES, HEAT, overlay, strip
from .jobs import Settings, Work
from .plan import N_FRAMES
from .results import TableResult
from .written import write_csv

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_SHOWN = 8
"""Frames of a clip that are shown, evenly spread."""
N_SUBJECTS = 2
COLORS = (BLUE, VERMILION, GREEN, AMBER)


@dataclass(frozen=True)
class Figures:
    """Pictures of Fig. 10 by a line that names subject and clip: rows of a name and a picture."""

    faces: Mapping[str, Sequence[tuple[str, NDArray[np.uint8]]]] = field(default_factory=dict)
    why_not: str = ""


def drawn_figures(
    results: Sequence[TableResult], work: Work, settings: Settings, *, dataset: Path
) -> Figures:
    """Return the pictures that want networks to be run; those of figure 10, where it is among `results`."""
    asked = next((one for one in results if one.table.name == "fig10"), None)
    if asked is None:
        return Figures()
    try:
        return Figures(_faces(asked, work, settings, dataset=dataset))
    except MavferError as error:
        return Figures(why_not=str(error))


def add_figure(page: Page, one: TableResult, figures: Figures, settings: Settings) -> None:
    """Add what a figure shows to the section of its table."""
    if one.table.name == "fig10":
        _add_faces(page, figures)
    elif one.table.name == "fig11":
        _add_lengths(page, one, settings)
    elif one.table.name == "fig12":
        _add_series(page, one, settings)


def _faces(
    asked: TableResult, work: Work, settings: Settings, *, dataset: Path
) -> dict[str, list[tuple[str, NDArray[np.uint8]]]]:
    jobs = {
        row.label: {(job.seed, job.fold): job for job in work.by_system.get(row.system, ()) if job.finished}
        for row in asked.table.rows
        if row.system is not None
    }
    jobs = {label: found for label, found in jobs.items() if found}
    at = next((at for at in next(iter(jobs.values()), {}) if all(at in one for one in jobs.values())), None)
    if at is None:
        return {}
    data = open_dataset(dataset, split_name=settings.split, fold=at[1])
    runs = {label: open_run(found[at].folder) for label, found in jobs.items()}
    by_subject: dict[str, DatasetSession] = {}
    for session in sorted(data.split("test"), key=lambda one: one.id):
        if session.n_frames >= N_FRAMES:
            by_subject.setdefault(session.subject, session)
    faces: dict[str, list[tuple[str, NDArray[np.uint8]]]] = {}
    for subject, session in list(by_subject.items())[:N_SUBJECTS]:
        start = liveliest_clip(session.read(settings.dimensions[0]), n_frames=N_FRAMES)
        shown = np.linspace(0, N_FRAMES - 1, N_SHOWN).round().astype(int)
        color = session.read("color", start, start + N_FRAMES)[shown]
        rows = [("color", strip(list(color)))]
        for label, run in runs.items():
            maps = attention_maps(run, session, start)[shown]
            rows.append((label, strip(list(overlay(color, maps)))))
        faces[f"{subject}, {start / session.fps:.1f} to {(start + N_FRAMES) / session.fps:.1f} s"] = rows
    return faces


def liveliest_clip(labels: NDArray[np.floating], *, n_frames: int) -> int:
    """Return the start of the clip over which the labels (F,) span most; unknown labels span nothing."""
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(labels, np.float64), n_frames)
    known = np.isfinite(windows).all(1)
    span = np.where(known, windows.max(1) - windows.min(1), -1.0)
    return int(np.nan_to_num(span, nan=-1.0).argmax())


def _add_faces(page: Page, figures: Figures) -> None:
    if figures.why_not:
        page.note("No pictures", figures.why_not)
    for title, rows in figures.faces.items():
        scale = Scale(HEAT, "no attention", f"{EVEN_TIMES:g} times even, or more")
        pictures = [
            (
                name,
                Picture(
                    pixels,
                    alt=f"{N_SHOWN} frames of {title}, {name}",
                    scale=scale if number == len(rows) - 1 else None,
                ),
            )
            for number, (name, pixels) in enumerate(rows)
        ]
        page.strips(pictures, title=title, caption="Attention over the crops, from the first seed and fold.")


def _add_lengths(page: Page, one: TableResult, settings: Settings) -> None:
    for dimension in settings.dimensions:
        points = [
            (row.system.n_frames or N_FRAMES, found.pooled)
            for row in one.table.rows
            if row.system is not None and (found := one.of(row)) is not None and found.pooled is not None
        ]
        if not points:
            continue

        def draw(figure: Figure, dimension: str = dimension, points: list = points) -> None:
            panels = figure.subplots(1, 3)
            for axes, measure, color in zip(panels, ("rmse", "cc", "ccc"), COLORS, strict=False):
                lengths = [n for n, _ in points]
                values = [pooled.scores[dimension][measure] for _, pooled in points]
                axes.plot(range(len(lengths)), values, "o-", color=color)
                for x, (_, pooled) in enumerate(points):
                    limits = pooled.intervals.get(dimension, {}).get(measure)
                    if limits is not None:
                        axes.vlines(x, *limits, color=color, linewidth=1.2)
                axes.set_xticks(range(len(lengths)), [str(n) for n in lengths])
                axes.set_xlabel("frames per clip")
                axes.set_title(measure.upper())

        page.plot(
            draw,
            alt=f"{dimension} scores over the length of clips",
            size_in=(9, 2.8),
            caption=f"{dimension.capitalize()} over the length of clips, with limits of 95 % over subjects.",
        )


def _add_series(page: Page, one: TableResult, settings: Settings) -> None:
    dimension = settings.dimensions[0]
    series = series_shown(one)
    for session, lines in series.items():

        def draw(figure: Figure, lines: Mapping[str, SessionPrediction] = lines) -> None:
            panels = np.atleast_1d(figure.subplots(len(lines), 1, sharex=True, sharey=True))
            for axes, (label, found), color in zip(panels, lines.items(), COLORS, strict=False):
                said = np.where(found.covered, found.predicted[dimension], np.nan)
                axes.axhline(0, color=SOFT, linewidth=0.6)
                axes.plot(found.time_s, found.truth[dimension], color=INK, linewidth=1.2, label="truth")
                axes.plot(found.time_s, said, color=color, linewidth=1.4, label=label)
                axes.set_ylim(-1.05, 1.05)
                axes.set_ylabel(dimension)
                axes.legend(fontsize=9, ncols=2, loc="lower right", bbox_to_anchor=(1, 0.98))  # above it
            panels[-1].set_xlabel("time [s]")

        page.plot(
            draw,
            alt=f"{dimension} over time of {session}: truth and {', '.join(lines)}",
            size_in=(9, 1.9 * len(lines) + 0.5),
            caption=f"{session}: {dimension}, in [-1, 1], over time; as predicted, without post-processing.",
        )


def series_shown(one: TableResult) -> dict[str, dict[str, SessionPrediction]]:
    """Return by session and row what is predicted under the first seed, of the first subjects by name."""
    by_row = {
        row.label: {session.session: session for session in found.pooled.repeats[0]}
        for row in one.table.rows
        if (found := one.of(row)) is not None and found.pooled is not None
    }
    if not by_row:
        return {}
    shared = sorted(set.intersection(*(set(found) for found in by_row.values())))
    subjects: dict[str, str] = {}
    for name in shared:
        subjects.setdefault(next(iter(by_row.values()))[name].subject, name)
    chosen = [subjects[subject] for subject in sorted(subjects)][:N_SUBJECTS]
    return {name: {label: found[name] for label, found in by_row.items()} for name in chosen}


def write_series(path: Path, one: TableResult, settings: Settings) -> Path | None:
    """Write what figure 12 shows as CSV, a line per frame; None where there is nothing to write."""
    lines = []
    for session, found in series_shown(one).items():
        first = next(iter(found.values()))
        for k, time_s in enumerate(first.time_s):
            line: dict[str, object] = {"session": session, "subject": first.subject, "time_s": float(time_s)}
            for dimension in settings.dimensions:
                line[f"{dimension}_truth"] = float(first.truth[dimension][k])
                line |= {
                    f"{dimension} {label}": float(s.predicted[dimension][k]) for label, s in found.items()
                }
            lines.append(line)
    return write_csv(path, lines) if lines else None
