"""One rater's continuous rating of one session, and its files.

A trace is `<session>.<rater>.<dimension>.csv` with the columns time_s,value, and beside it a header of
the same stem, `.json`, that says whose rating of what it is and how it was made. A CSV without a header is
read by its name. Schema 1 had no `origin`.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ..config import StrictModel, complaints
from ..errors import TraceError
from ..output import new_file, require_free
from .origin import Origin

SCHEMA_VERSION = 2
RATING_LIMIT = 10.0
COLUMNS = ["time_s", "value"]
Dimension = Literal["valence", "arousal"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)


@dataclass(frozen=True, slots=True)
class Trace:
    """One rater's rating of one dimension of one session.

    Attributes
    ----------
    session : str, id of the session that was rated
    rater : str, the rater's pseudonym: letters, digits, - and _
    dimension : "valence" or "arousal"
    time_s : (N,) float64, strictly increasing, seconds since the session's first tick
    value : (N,) float64 in [-10, 10]; NaN where the rater gave none
    simulated : bool, True if no person rated
    origin : how it was made; None where that is not known
    """

    session: str
    rater: str
    dimension: Dimension
    time_s: NDArray[np.float64]
    value: NDArray[np.float64]
    simulated: bool = False
    origin: Origin | None = None

    def __post_init__(self) -> None:
        time_s = np.array(self.time_s, np.float64)
        value = np.array(self.value, np.float64)
        if time_s.ndim != 1 or time_s.shape != value.shape or len(time_s) == 0:
            raise TraceError(f"wanted as many times as values, found {time_s.shape} and {value.shape}")
        if not np.all(np.isfinite(time_s)):
            raise TraceError("wanted finite times, found NaN or infinity")
        back = np.flatnonzero(np.diff(time_s) <= 0)
        if len(back):
            first = int(back[0])
            raise TraceError(
                f"wanted times that increase, found {time_s[first + 1]:g} s after {time_s[first]:g} s"
            )
        outside = value[(np.abs(value) > RATING_LIMIT)]
        if len(outside):
            raise TraceError(f"wanted ratings in [-10, 10], found {outside[0]:g}")
        if self.dimension not in DIMENSIONS:
            raise TraceError(f"wanted the dimension valence or arousal, found {self.dimension!r}")
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.rater):
            raise TraceError(f"wanted a rater of letters, digits, - and _, found {self.rater!r}")
        time_s.setflags(write=False)
        value.setflags(write=False)
        object.__setattr__(self, "time_s", time_s)
        object.__setattr__(self, "value", value)

    @property
    def stem(self) -> str:
        """The name of its files, without the suffix."""
        return f"{self.session}.{self.rater}.{self.dimension}"


class _Header(StrictModel):
    kind: Literal["trace"]
    schema_version: Literal[1, 2]
    session: str
    rater: str
    dimension: Dimension
    simulated: bool = False
    origin: Origin | None = None


def write_trace(folder: Path, trace: Trace, *, overwrite: bool = False) -> Path:
    """Write `trace` into `folder` and return the path of its CSV.

    Raises
    ------
    OutputError
        A file of it exists and `overwrite` is False, or the folder cannot be written.
    """
    csv_path = folder / f"{trace.stem}.csv"
    header_path = folder / f"{trace.stem}.json"
    require_free(csv_path, overwrite=overwrite)
    header = _Header(
        kind="trace",
        schema_version=SCHEMA_VERSION,
        session=trace.session,
        rater=trace.rater,
        dimension=trace.dimension,
        simulated=trace.simulated,
        origin=trace.origin,
    )
    with new_file(header_path, overwrite=overwrite) as temporary:
        temporary.write_text(
            json.dumps(header.model_dump(mode="json", exclude_none=True), indent=2) + "\n", encoding="utf-8"
        )
    with new_file(csv_path, overwrite=overwrite) as temporary, temporary.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        pairs = zip(trace.time_s.tolist(), trace.value.tolist(), strict=True)
        writer.writerows((time_s, "" if np.isnan(value) else value) for time_s, value in pairs)
    return csv_path


def read_trace(csv_path: Path) -> Trace:
    """Return the trace in `csv_path`; its header, or else its name, says whose rating of what it is.

    Raises
    ------
    TraceError
        The file is missing, damaged, or holds times or values that no rating has.
    """
    header = _read_header(csv_path)
    time_s, value = _read_columns(csv_path)
    try:
        return Trace(
            header.session, header.rater, header.dimension, time_s, value, header.simulated, header.origin
        )
    except TraceError as error:
        raise TraceError(f"{error}; mend or leave out the file: {csv_path}") from error


def read_traces(folder: Path, session_id: str) -> tuple[Trace, ...]:
    """Return every trace of the session `session_id` in `folder`, in the order of their file names.

    Raises
    ------
    TraceError
        The folder is missing or has no trace of that session (the message names the sessions it has), one
        of its files is damaged, or two are of one rater and dimension.
    """
    if not folder.is_dir():
        raise TraceError(
            f"wanted a folder of traces, found {'a file' if folder.exists() else 'nothing'}: {folder}"
        )
    headers = [(path, _read_header(path)) for path in sorted(folder.glob("*.csv"))]
    paths = [path for path, header in headers if header.session == session_id]
    if not paths:
        others = sorted({header.session for _, header in headers})
        raise TraceError(
            f"wanted traces of session {session_id!r}, found {_listed(others)}; "
            f"name the folder that has them, or rate the session: {folder}"
        )
    traces = tuple(read_trace(path) for path in paths)
    first: dict[tuple[str, str], Path] = {}
    for path, trace in zip(paths, traces, strict=True):
        twin = first.setdefault((trace.rater, trace.dimension), path)
        if twin != path:
            raise TraceError(
                f"wanted one {trace.dimension} trace of rater {trace.rater!r} for session {session_id!r}, "
                f"found another in {twin.name!r}; remove one: {path}"
            )
    return traces


def _listed(sessions: Sequence[str], n_shown: int = 5) -> str:
    if not sessions:
        return "no trace at all"
    more = f" and {len(sessions) - n_shown} more" if len(sessions) > n_shown else ""
    return f"only traces of {', '.join(map(repr, sessions[:n_shown]))}{more}"


def _read_header(csv_path: Path) -> _Header:
    path = csv_path.with_suffix(".json")
    if path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
            if '"kind": "gold"' in text[:200]:
                raise TraceError(
                    "wanted a rater's trace, found a gold standard; keep gold standards in a folder of their "
                    f"own: {csv_path}"
                )
            return _Header.model_validate_json(text)
        except (ValidationError, UnicodeDecodeError) as error:
            reason = complaints(error, _Header) if isinstance(error, ValidationError) else str(error)
            raise TraceError(
                f"wanted the header of a trace, found something else ({reason}): {path}"
            ) from error
    session, rater, dimension = [*csv_path.name.removesuffix(".csv").rsplit(".", 2), "", ""][:3]
    for known in DIMENSIONS:
        if session and rater and dimension == known:
            return _Header(
                kind="trace", schema_version=SCHEMA_VERSION, session=session, rater=rater, dimension=known
            )
    raise TraceError(
        "wanted a trace named SESSION.RATER.valence.csv or SESSION.RATER.arousal.csv, or a .json header "
        f"beside it, found neither; rename the file: {csv_path}"
    )


def _read_columns(csv_path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    try:
        with csv_path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.reader(stream))
    except FileNotFoundError as error:
        raise TraceError(f"wanted a trace, found nothing: {csv_path}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"wanted a trace, could not read it ({error}): {csv_path}") from error
    if not rows or [name.strip() for name in rows[0]] != COLUMNS:
        found = ",".join(rows[0]) if rows else "nothing"
        raise TraceError(f"wanted the columns time_s,value, found {found!r:.80}: {csv_path}")
    time_s, value = [], []
    for number, row in enumerate(rows[1:], start=2):
        try:
            time_text, value_text = row
            time_s.append(float(time_text))
            value.append(float(value_text) if value_text.strip() else float("nan"))
        except ValueError as error:
            raise TraceError(
                f"wanted a time and a value, found {','.join(row)!r:.80} in line {number}: {csv_path}"
            ) from error
    return np.array(time_s, np.float64), np.array(value, np.float64)
