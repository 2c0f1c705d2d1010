"""Files of other rating tools become traces; a file that cannot be read does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import MavferError, TraceError, UsageError
from ...output import require_free
from ..trace import Trace, write_trace
from .rated import Names, Rated, trace_of


@dataclass(frozen=True, slots=True)
class Import:
    """What came of an import: the traces written, and what is wrong with the files that were not."""

    traces: tuple[Trace, ...]
    troubles: tuple[MavferError, ...]


def import_ratings(
    place: Path,
    out: Path,
    *,
    read: Callable[[Path], Sequence[Rated]],
    suffixes: Sequence[str],
    names: Names,
    overwrite: bool = False,
) -> Import:
    """Read a file, or all files below a folder, and write the traces in them into the folder `out`.

    Raises
    ------
    TraceError
        There is no such file or folder, or none of the suffixes in it.
    UsageError
        The pattern of names is none.
    """
    folder = place if place.is_dir() else place.parent
    paths = _paths(place, suffixes)
    if out.is_dir():
        paths = [path for path in paths if out.resolve() not in path.resolve().parents] or paths
    traces: dict[str, Path] = {}
    written: list[Trace] = []
    troubles: list[MavferError] = []
    for path in paths:
        try:
            for trace in _traces(read(path), folder, names):
                twin = traces.setdefault(trace.stem, path)
                if twin != path or any(one.stem == trace.stem for one in written):
                    raise TraceError(
                        f"wanted one {trace.dimension} rating of session {trace.session!r} by "
                        f"{trace.rater!r}, found another in {twin.name!r}; tell them apart by "
                        f"--named: {path}"
                    )
                require_free(out / f"{trace.stem}.csv", overwrite=overwrite)
                write_trace(out, trace, overwrite=overwrite)
                written.append(trace)
        except MavferError as error:
            if isinstance(error, UsageError):
                raise
            troubles.append(error)
    return Import(tuple(written), tuple(troubles))


def _traces(ratings: Sequence[Rated], folder: Path, names: Names) -> list[Trace]:
    made = []
    for one in ratings:
        session, rater, dimension = names.of(one, folder)
        made.append(trace_of(one, session=session, rater=rater, dimension=dimension))
    return made


def _paths(place: Path, suffixes: Sequence[str]) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise TraceError(f"wanted a file or a folder of ratings, found nothing: {place}")
    found = sorted(
        path
        for path in place.rglob("*")
        if path.is_file() and path.suffix.casefold() in suffixes and not path.name.startswith(".")
    )
    if not found:
        raise TraceError(f"wanted files of ratings ({', '.join(suffixes)}), found none: {place}")
    return found
