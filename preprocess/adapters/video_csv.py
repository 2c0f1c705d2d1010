"""Plain recordings: a folder of videos with their ratings beside them, as CSV.

`NAME.csv` holds times, valence and arousal of the video NAME; `NAME.RATER.csv` does so for one of several
raters. Traces as mavfer writes them (`NAME.RATER.valence.csv`) are taken as they are.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ...annotate.trace import DIMENSIONS, Dimension, read_trace
from ...errors import SessionError, TraceError
from .recording import (
    SCALE_ADVICE,
    Layout,
    Recording,
    Traces,
    files_below,
    films_by_name,
    one_film,
    rater_name,
    require_folder,
    trace_of,
)
from .tables import read_table

SUBJECTS_NAME = "subjects.csv"
ONLY_RATER = "rater"


@dataclass(frozen=True, slots=True)
class Columns:
    """How the columns of a table of ratings are called, and the scale they are on: [-scale, scale]."""

    time_s: str = "time_s"
    valence: str = "valence"
    arousal: str = "arousal"
    scale: float = 1.0


def find_video_csv(folder: Path, *, columns: Columns, subjects: Path | None = None) -> Layout:
    """Return the videos in a folder, with the ratings beside them.

    Parameters
    ----------
    columns : of the tables
    subjects : CSV with the columns video,subject; `subjects.csv` in the folder is taken where it is there

    Raises
    ------
    SessionError
        It is no folder, has no video, or no ratings of any.
    """
    require_folder(folder)
    films = films_by_name(folder)
    if not films:
        raise SessionError(
            f"wanted videos (.mp4, .avi, ...) with a .csv of the same name, found no video: {folder}"
        )
    if subjects is None and (folder / SUBJECTS_NAME).is_file():
        subjects = folder / SUBJECTS_NAME
    known = None if subjects is None else _read_subjects(subjects)
    tables: dict[str, list[Path]] = {}
    strays = []
    for path in files_below(folder, ".csv"):
        if path.name == SUBJECTS_NAME or path == subjects:
            continue
        name = _film_of(path, films)
        if name is None:
            strays.append(path.name)
        else:
            tables.setdefault(name, []).append(path)
    if not tables:
        stray = f", only {', '.join(strays[:3])}" if strays else ""
        raise SessionError(
            f"wanted ratings beside the videos, named {next(iter(films))}.csv or "
            f"{next(iter(films))}.RATER.csv, found none{stray}: {folder}"
        )
    recordings = [
        _recording(name, films[name], paths, columns, known, folder) for name, paths in sorted(tables.items())
    ]
    said = [f"ratings on the scale [-{columns.scale:g}, {columns.scale:g}] (--scale)"]
    said.append(
        "each video is taken for another person: name them in subjects.csv (video,subject) if some are not"
        if subjects is None
        else f"who is filmed from {subjects.name}"
    )
    if strays:
        said.append(f"no video goes with {', '.join(strays[:5])}{' and more' if len(strays) > 5 else ''}")
    left_out = tuple(sorted(name for name in films if name not in tables))
    return Layout("video + CSV", tuple(said), tuple(recordings), left_out)


def _recording(
    name: str,
    films: Sequence[Path],
    tables: Sequence[Path],
    columns: Columns,
    subjects: Mapping[str, str] | None,
    folder: Path,
) -> Recording:
    film, problem = one_film(films, name, folder)
    subject = name
    if subjects is not None:
        found = next((subjects[key] for key in _keys(name, films) if key in subjects), None)
        if found is None:
            problem = problem or f"wanted the subject of {name!r} in {SUBJECTS_NAME}, found none: {folder}"
        subject = found or name
    read = partial(_read_ratings, tuple(tables), session=name, columns=columns)
    return Recording(name, subject, film, read, problem=problem)


def _keys(name: str, films: Sequence[Path]) -> tuple[str, ...]:
    """Return how subjects.csv may call a video: by its file or without the suffix."""
    return (name, *(film.name for film in films))


def _film_of(path: Path, films: Mapping[str, list[Path]]) -> str | None:
    """Return the video that a table goes with: the longest name that the table's begins with."""
    fitting = [name for name in films if path.stem == name or path.stem.startswith(f"{name}.")]
    return max(fitting, key=len, default=None)


def _read_ratings(paths: Sequence[Path], *, session: str, columns: Columns) -> Traces:
    traces: list = []
    for path in paths:
        rest = path.stem[len(session) + 1 :]
        if rest.rpartition(".")[2] in DIMENSIONS and rest.rpartition(".")[0]:
            traces.append(replace(read_trace(path), session=session))
        else:
            traces += _of_table(path, session, rater_name(rest) if rest else ONLY_RATER, columns)
    return tuple(traces)


def _of_table(path: Path, session: str, rater: str, columns: Columns) -> Traces:
    """Return one rater's traces from a table with a time and one column per dimension, or one of them."""
    table = read_table(path)
    time_at = table.place(columns.time_s)
    named: tuple[tuple[Dimension, str], ...] = (("valence", columns.valence), ("arousal", columns.arousal))
    at: list[tuple[Dimension, int]] = [
        (dimension, place) for dimension, name in named if (place := table.place(name)) is not None
    ]
    if time_at is None or not table.headed or not at:
        found = ", ".join(table.names) if table.headed else "columns without names"
        raise TraceError(
            f"wanted the columns {columns.time_s},{columns.valence},{columns.arousal}, found {found!r:.100}; "
            f"name them with --time-column, --valence-column and --arousal-column: {path}"
        )
    traces = tuple(
        trace_of(
            table.columns[time_at],
            table.columns[place],
            session=session,
            rater=rater,
            dimension=dimension,
            scale=columns.scale,
            path=path,
            advice=SCALE_ADVICE,
        )
        for dimension, place in at
    )
    if not any(np.isfinite(trace.value).any() for trace in traces):
        raise TraceError(f"wanted ratings, found none but empty cells: {path}")
    return traces


def _read_subjects(path: Path) -> dict[str, str]:
    """Return who is filmed in each video; raises SessionError where the file does not say so."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [[cell.strip() for cell in row] for row in csv.reader(stream) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SessionError(f"wanted the videos' subjects, could not read them ({error}): {path}") from error
    if not rows or [cell.casefold() for cell in rows[0]] != ["video", "subject"]:
        found = ",".join(rows[0]) if rows else "nothing"
        raise SessionError(f"wanted the columns video,subject, found {found!r:.60}: {path}")
    subjects: dict[str, str] = {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != 2 or not all(row):
            raise SessionError(
                f"wanted a video and its subject, found {','.join(row)!r:.60} in line {number}: {path}"
            )
        if subjects.setdefault(row[0], row[1]) != row[1]:
            raise SessionError(f"wanted one subject for {row[0]!r}, found another in line {number}: {path}")
    return subjects
