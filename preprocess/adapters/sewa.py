"""SEWA (Kossaifi et al., 2019) as its own server gives it, and as AVEC 2017 to 2019 gave it.

docs/corpora.md says where the layouts are known from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from ...annotate.trace import DIMENSIONS, Dimension
from ...errors import SessionError, TraceError
from .recording import (
    GOLD,
    SCALE_ADVICE,
    VIDEO_SUFFIXES,
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
from .tables import Table, read_table

CORPUS = "sewa"
Heard = Literal["av", "v", "a"]
"""What the raters had before them: sound and picture, the picture alone, the sound alone."""
PART = re.compile(r"(train|devel|test)(_[A-Z]{2})?_\d+", re.IGNORECASE)
ALIGNED = re.compile(r"(.+)_(valence|arousal)_(av|v|a)_aligned", re.IGNORECASE)
PERSON = re.compile(r"(?:^|_)(C\d+)_S\d+_(P\d+)(?:_|$)", re.IGNORECASE)
TIME = ("timestamp", "time", "time_s", "seconds", "frametime")
FRAME = ("frame", "frames", "frame_number", "frame_id")
UNHEADED = {"arousal": 1, "valence": 2}
"""Columns of the challenges' labels without a head, after the film's name: time, arousal, valence, liking."""


def find_sewa(folder: Path, *, heard: Heard = "av", scale: float = 1.0) -> Layout:
    """Return what of SEWA lies in a folder.

    Parameters
    ----------
    heard : of the database's own ratings, those given with sound and picture, or with one of them
    scale : the end of the scale that they are on; the challenges' labels are in [-1, 1]

    Raises
    ------
    SessionError
        It is no folder, or has no ratings.
    """
    require_folder(folder)
    tables = list(files_below(folder, ".csv"))
    aligned = [path for path in tables if ALIGNED.fullmatch(path.stem)]
    if aligned:
        return _database(folder, aligned, heard, scale)
    labels = [path for path in tables if PART.fullmatch(path.stem) and path.parent.name.lower() == "labels"]
    if labels:
        return _challenge(folder, labels, scale)
    raise SessionError(
        "wanted labels/Train_DE_01.csv and so on, as in AVEC 2017 to 2019, or files that end in "
        f"_Valence_AV_Aligned.csv, as in the database itself, found neither: {folder}"
    )


def _challenge(folder: Path, labels: Sequence[Path], scale: float) -> Layout:
    films = {name: paths for name, paths in films_by_name(folder).items() if PART.fullmatch(name)}
    recordings, seen = [], set()
    partitions: dict[str, tuple[str, ...]] = {}
    for path in labels:
        name = path.stem
        if name in seen:
            raise SessionError(f"wanted one file of labels for {name!r}, found another; remove one: {path}")
        seen.add(name)
        session = f"{CORPUS}-{name}"
        film, problem = one_film(films.get(name, []), name, folder)
        read = partial(_read_challenge, path, session=session, scale=scale)
        recordings.append(Recording(session, session, film, read, problem=problem))
        part = re.match(r"[A-Za-z]+", name)
        word = part[0].lower() if part else ""
        partitions[word] = (*partitions.get(word, ()), session)
    left_out = tuple(sorted(name for name in films if name not in seen))
    said = ("the gold standard from labels", "each film is of another person")
    return Layout("SEWA (AVEC)", said, tuple(recordings), left_out, partitions)


def _read_challenge(path: Path, *, session: str, scale: float) -> Traces:
    table = read_table(path)
    time_at = table.place(*TIME) if table.headed else 0
    traces = []
    for dimension in DIMENSIONS:
        at = table.place(dimension) if table.headed else UNHEADED[dimension]
        if time_at is None or at is None or at >= len(table.columns):
            raise TraceError(
                "wanted columns name;timestamp;arousal;valence;liking, or the same without their names, "
                f"found {', '.join(table.names)!r:.100}: {path}"
            )
        traces.append(
            trace_of(
                table.columns[time_at],
                table.columns[at],
                session=session,
                rater=GOLD,
                dimension=dimension,
                scale=scale,
                path=path,
                advice=SCALE_ADVICE,
            )
        )
    return tuple(traces)


def _database(folder: Path, aligned: Sequence[Path], heard: Heard, scale: float) -> Layout:
    files: dict[str, dict[Dimension, Path]] = {}
    others: set[str] = set()
    for path in aligned:
        match = ALIGNED.fullmatch(path.stem)
        if match is None:
            continue
        if match[3].lower() != heard:
            others.add(match[3].upper())
            continue
        of_film = files.setdefault(match[1], {})
        dimension: Dimension = "valence" if match[2].lower() == "valence" else "arousal"
        if dimension in of_film:
            raise SessionError(f"wanted one {path.name!r}, found two, also {of_film[dimension]}: {path}")
        of_film[dimension] = path
    if not files:
        raise SessionError(
            f"wanted ratings _{heard.upper()}_Aligned.csv, found those of {', '.join(sorted(others))}; "
            f"choose with --heard: {folder}"
        )
    films = films_by_name(folder)
    recordings = []
    for name, of_film in sorted(files.items()):
        session = f"{CORPUS}-{name}"
        film, problem = _film_of(films, name, next(iter(of_film.values())), folder)
        read = partial(_read_aligned, of_film, session=session, scale=scale, film=film)
        recordings.append(Recording(session, _subject(name), film, read, problem=problem))
    left_out = tuple(sorted(name for name in films if name not in files and PERSON.search(name)))
    said = (
        f"each rater from _{heard.upper()}_Aligned.csv",
        "a person is known by C.._P.. in the film's name",
    )
    return Layout("SEWA", said, tuple(recordings), left_out)


def _film_of(
    films: Mapping[str, list[Path]], name: str, rated: Path, folder: Path
) -> tuple[Path | None, str]:
    """Return the film of that name, or else the one that is alone in the folder of its ratings."""
    if name not in films:
        beside = [path for path in sorted(rated.parent.iterdir()) if path.suffix.lower() in VIDEO_SUFFIXES]
        if len(beside) == 1:
            return beside[0], ""
    return one_film(films.get(name, []), name, folder)


def _subject(name: str) -> str:
    """Return who is filmed: the same for all films of a person; the film where its name does not tell."""
    match = PERSON.search(name)
    return f"{CORPUS}-{match[1].upper()}-{match[2].upper()}" if match else f"{CORPUS}-{name}"


def _read_aligned(
    files: Mapping[Dimension, Path], *, session: str, scale: float, film: Path | None
) -> Traces:
    """Return the traces in a film's ratings: of each rater, or of the gold standard where that is all."""
    traces = []
    for dimension in DIMENSIONS:
        if dimension not in files:
            raise TraceError(f"wanted ratings of {dimension} too, found none: {next(iter(files.values()))}")
        path = files[dimension]
        table = read_table(path)
        at, seconds = _times(table, film)
        gold = table.place(dimension)
        raters = [i for i in range(len(table.columns)) if i not in (at, gold)]
        chosen = raters or ([gold] if gold is not None else [])
        if not chosen:
            raise TraceError(
                f"wanted a time and one column per rater, found {len(table.columns)} columns: {path}"
            )
        for i in chosen:
            named = rater_name(table.names[i]) if table.headed else f"R{i}"
            traces.append(
                trace_of(
                    table.columns[at] * seconds,
                    table.columns[i],
                    session=session,
                    rater=named if i in raters else GOLD,
                    dimension=dimension,
                    scale=scale,
                    path=path,
                    advice=SCALE_ADVICE,
                )
            )
    return tuple(traces)


def _times(table: Table, film: Path | None) -> tuple[int, float]:
    """Return which column tells the time, and how many seconds its unit is; frames count from the first."""
    at = table.place(*TIME) if table.headed else 0
    if at is not None:
        return at, 1.0
    at = table.place(*FRAME)
    if at is None or film is None:
        raise TraceError(
            f"wanted a column {' or '.join((*TIME, *FRAME))}, found {', '.join(table.names)!r:.100}: "
            f"{table.path}"
        )
    from ...capture.video import Video

    with Video(film) as video:
        return at, 1 / video.fps
