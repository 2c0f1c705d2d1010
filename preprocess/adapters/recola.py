"""RECOLA (Ringeval et al., 2013) as its authors give it, and as the AVEC challenges gave it.

Both have folders `arousal` and `valence` side by side with one file of ratings per film, which bears the
film's name. docs/corpora.md says where that is known from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from ...annotate.trace import DIMENSIONS, Dimension
from ...errors import SessionError, TraceError
from .recording import (
    GOLD,
    Layout,
    Recording,
    Traces,
    films_by_name,
    one_film,
    rater_name,
    require_folder,
    trace_of,
)
from .tables import Table, head_of, read_table

CORPUS = "recola"
Ratings = Literal["individual", "gold"]
TIME = ("time", "frametime", "timestamp", "time_s")
NAMES = ("instance_name", "name")
FILM = re.compile(r"P\d+", re.IGNORECASE)
PART = re.compile(r"(train|dev|test)_\d+", re.IGNORECASE)
GOLD_OVERSHOOT = 1.1
"""The gold standard is made of centered ratings, which may leave the scale by a little."""
MAX_RATERS = 12
"""A table of more columns is one of features: `features_audio` of the challenges has such folders too."""


def find_recola(folder: Path, *, ratings: Ratings | None = None) -> Layout:
    """Return what of RECOLA lies in a folder.

    Parameters
    ----------
    ratings : those of the single raters or the gold standard; None for the raters where they are there

    Raises
    ------
    SessionError
        It is no folder, has no ratings of the kind, or several sets of them.
    """
    require_folder(folder)
    sets = {place: kind for place in _places(folder) if (kind := _kind(place)) is not None}
    wanted = ratings or ("individual" if "individual" in sets.values() else "gold")
    of_kind = [place for place, kind in sets.items() if kind == wanted]
    if not of_kind:
        found = " and ".join(sorted(set(sets.values()))) + " ones only" if sets else "none"
        raise SessionError(
            f"wanted {'' if ratings is None else ratings + ' '}ratings in folders arousal and valence side "
            f"by side, P16.csv or train_1.arff in each, as in RECOLA-Annotation/emotional_behaviour or "
            f"ratings_gold_standard, found {found}: {folder}"
        )
    if len(of_kind) > 1:
        listed = ", ".join(str(place.relative_to(folder)) for place in of_kind)
        raise SessionError(
            f"wanted one set of {wanted} ratings, found {listed}; name a folder with one: {folder}"
        )
    return _layout(folder, of_kind[0], wanted)


def _layout(folder: Path, place: Path, kind: Ratings) -> Layout:
    files = {dimension: _files(place / dimension) for dimension in DIMENSIONS}
    names = sorted({name for found in files.values() for name in found}, key=_in_order)
    films = {name: paths for name, paths in films_by_name(folder).items() if _is_film(name)}
    recordings = []
    for name in names:
        film, problem = one_film(films.get(name, []), name, folder)
        read = partial(
            _read_ratings,
            tuple((dimension, files[dimension].get(name)) for dimension in DIMENSIONS),
            session=f"{CORPUS}-{name}",
            kind=kind,
            place=place,
        )
        recordings.append(Recording(f"{CORPUS}-{name}", f"{CORPUS}-{name}", film, read, problem=problem))
    partitions: dict[str, tuple[str, ...]] = {}
    for name in names:
        if match := PART.fullmatch(name):
            part = match[1].lower()
            partitions[part] = (*partitions.get(part, ()), f"{CORPUS}-{name}")
    left_out = sorted((name for name in films if name not in names), key=_in_order)
    said = (
        f"{'each rater' if kind == 'individual' else 'the gold standard'} from {place.relative_to(folder)}",
        "each film is of another person",
    )
    return Layout("RECOLA", said, tuple(recordings), tuple(left_out), partitions)


def _read_ratings(
    files: Sequence[tuple[Dimension, Path | None]], *, session: str, kind: Ratings, place: Path
) -> Traces:
    """Return the traces of one film."""
    traces = []
    for dimension, path in files:
        if path is None:
            raise TraceError(f"wanted ratings of valence and of arousal, found none of {dimension}: {place}")
        table = read_table(path)
        at = time_column(table)
        time_s = table.columns[at]
        for i, name in enumerate(table.names):
            if i != at:
                rater = GOLD if kind == "gold" else rater_name(name if table.headed else f"R{i}")
                traces.append(
                    trace_of(
                        time_s,
                        table.columns[i],
                        session=session,
                        rater=rater,
                        dimension=dimension,
                        scale=1.0,
                        overshoot=GOLD_OVERSHOOT if kind == "gold" else 1.0,
                        path=path,
                    )
                )
    return tuple(traces)


def time_column(table: Table) -> int:
    """Return which column holds the seconds; the first where none is named so and none is named at all.

    Raises
    ------
    TraceError
        The columns are named and none of them is a time.
    """
    at = table.place(*TIME)
    if at is None and table.headed:
        raise TraceError(
            f"wanted a column {' or '.join(TIME)}, found {', '.join(table.names)!r:.100}: {table.path}"
        )
    return 0 if at is None else at


def _places(folder: Path) -> list[Path]:
    """Return the folders that have folders `arousal` and `valence`."""
    found = {path.parent for path in sorted(folder.rglob("arousal")) if (path.parent / "valence").is_dir()}
    return sorted(found)


def _kind(place: Path) -> Ratings | None:
    """Return whose ratings a set holds, as one of its files tells; None where they are no ratings."""
    files = _files(place / DIMENSIONS[0]) or _files(place / DIMENSIONS[1])
    if not files:
        return None
    path = next(iter(files.values()))
    columns = [name for name in head_of(path) if name.casefold() not in (*TIME, *NAMES) and name]
    if not columns:  # no head
        try:
            columns = list(read_table(path).names[1:])
        except TraceError:
            return None
    if len(columns) > MAX_RATERS:
        return None
    return "gold" if len(columns) == 1 else "individual"


def _files(place: Path) -> dict[str, Path]:
    """Return the files of ratings in a folder by the name of their film."""
    found = {}
    for path in sorted(place.glob("*")) if place.is_dir() else ():
        if path.suffix.lower() in (".csv", ".arff") and _is_film(path.stem):
            found[path.stem] = path
    return found


def _is_film(name: str) -> bool:
    return bool(FILM.fullmatch(name) or PART.fullmatch(name))


def _in_order(name: str) -> tuple[str, int]:
    """Sort P9 before P10."""
    return re.sub(r"\d+$", "", name), int(re.search(r"\d+$", name)[0])  # pyright: ignore[reportOptionalSubscript]
