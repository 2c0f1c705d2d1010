"""What an adapter says of a folder of other people's recordings: its films, whose they are, their ratings.

An adapter only looks; `bring_in` makes sessions and traces of what it found.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...annotate.trace import RATING_LIMIT, Dimension, Trace
from ...errors import SessionError, TraceError

VIDEO_SUFFIXES = (
    *(".mp4", ".avi", ".mov", ".mkv", ".m4v", ".mpg", ".mpeg", ".webm", ".wmv", ".flv", ".mts", ".ogv"),
)
GOLD = "gold"
"""The rater that a corpus's own gold standard is imported as."""

SCALE_ADVICE = "; pass the end of their scale as --scale"

Traces = tuple[Trace, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """One film of a corpus.

    Attributes
    ----------
    session : id of the session to make
    subject : pseudonym of who is filmed
    film : a video file, or the folder of the pictures; None where there is none
    ratings : reads the traces; raises TraceError. Picklable, so that it can be called in another process
    pictures : the picture files with their times in seconds, where the film is a folder of them
    problem : why it cannot be imported; "" where nothing is known against it
    """

    session: str
    subject: str
    film: Path | None
    ratings: Callable[[], Traces]
    pictures: tuple[tuple[float, Path], ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """What was found in a corpus's folder.

    Attributes
    ----------
    corpus : its name
    taken : what was taken for what, one sentence each
    recordings : in the order of their ids
    left_out : what has no ratings, and so is no material: the name of each
    partitions : the subjects of each part into which the corpus is officially divided; empty where it is not
    """

    corpus: str
    taken: tuple[str, ...]
    recordings: tuple[Recording, ...]
    left_out: tuple[str, ...] = ()
    partitions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def require_folder(folder: Path) -> None:
    """Raise SessionError unless `folder` is one."""
    if not folder.is_dir():
        raise SessionError(
            f"wanted the corpus's folder, found {'a file' if folder.exists() else 'nothing'}: {folder}"
        )


def files_below(folder: Path, *suffixes: str) -> Iterator[Path]:
    """Yield the files below a folder with one of these suffixes, in order; hidden ones are passed over."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in suffixes and not hidden and path.is_file():
            yield path


def films_by_name(folder: Path) -> dict[str, list[Path]]:
    """Return the video files below a folder, by their names without suffix."""
    films: dict[str, list[Path]] = {}
    for path in files_below(folder, *VIDEO_SUFFIXES):
        films.setdefault(path.stem, []).append(path)
    return films


def one_film(films: Sequence[Path], name: str, folder: Path) -> tuple[Path | None, str]:
    """Return the one video of a name, or None and why there is not one."""
    if len(films) == 1:
        return films[0], ""
    if not films:
        return None, f"wanted a video {name + '.mp4'!r} (or .avi, .mov, ...), found none below: {folder}"
    found = ", ".join(str(path.relative_to(folder)) for path in films[:3])
    return None, f"wanted one video {name!r}, found {len(films)} ({found}); move the others away: {folder}"


def trace_of(
    time_s: NDArray[np.float64],
    value: NDArray[np.float64],
    *,
    session: str,
    rater: str,
    dimension: Dimension,
    scale: float,
    path: Path,
    overshoot: float = 1.0,
    advice: str = "",
) -> Trace:
    """Return ratings as a trace.

    Parameters
    ----------
    time_s : (N,) float64, seconds since the film's first picture
    value : (N,) float64 in [-scale, scale]; NaN where none was given
    scale : what becomes 10
    path : where they were read, for messages
    overshoot : ratings may leave the scale by this factor, and are cut off at its ends then
    advice : what to do about ratings beyond the scale

    Raises
    ------
    TraceError
        A rating is beyond the scale, or a time is not later than the one before.
    """
    beyond = value[np.abs(value) > scale * overshoot * (1 + 1e-9)]
    if len(beyond):
        raise TraceError(
            f"wanted ratings in [-{scale:g}, {scale:g}], found {beyond[0]:g} of rater {rater!r}{advice}: "
            f"{path}"
        )
    rating = np.clip(value * (RATING_LIMIT / scale), -RATING_LIMIT, RATING_LIMIT)
    try:
        return Trace(session, rater, dimension, time_s, rating)
    except TraceError as error:
        raise TraceError(f"{error}: {path}") from error


def pseudonym_of(name: str, *, prefix: str) -> str:
    """Return a pseudonym for a person's name: the same for the same name, and the name is not in it.

    Case and blanks make no difference. Whoever has a list of names can find out whose it is.
    """
    plain = " ".join(name.casefold().split())
    return f"{prefix}{hashlib.sha256(plain.encode()).hexdigest()[:8]}"


def rater_name(text: str) -> str:
    """Return a column's name as a trace may name its rater."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text.strip()).strip("-") or "rater"
