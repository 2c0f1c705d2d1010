"""The traces of many sessions and the times to fuse them at: a damaged file is its own session's trouble."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import MavferError, TraceError
from ..trace import Trace, read_trace

Float = NDArray[np.float64]
N_NAMED = 5
LONGEST_S = 24 * 3600.0
"""Times beyond are no film's."""


@dataclass(slots=True)
class Given:
    """What a folder has of one session: traces, each with the sha256 of its CSV, or what is wrong."""

    traces: list[tuple[Trace, str]] = field(default_factory=list)
    error: MavferError | None = None


def traces_given(folder: Path, *, sessions: Sequence[str] = ()) -> dict[str, Given]:
    """Return the traces in `folder` by session, sorted; of `sessions` alone where some are named.

    Raises
    ------
    TraceError
        There is no such folder, or it has no trace, or none of a session that is named.
    """
    if not folder.is_dir():
        raise TraceError(
            f"wanted a folder of traces, found {'a file' if folder.exists() else 'nothing'}: {folder}"
        )
    found: dict[str, Given] = {}
    for path in sorted(folder.glob("*.csv")):
        given = found.setdefault(_claimed(path), Given())
        try:
            trace = read_trace(path)
            if trace.session in ("", ".", "..") or set(trace.session) & set("/\\\0"):
                raise TraceError(
                    f"wanted a session whose id can name a file, found {trace.session!r}: {path}"
                )
            if any((one.rater, one.dimension) == (trace.rater, trace.dimension) for one, _ in given.traces):
                raise TraceError(
                    f"wanted one {trace.dimension} trace of rater {trace.rater!r} for session "
                    f"{trace.session!r}, found another; remove one: {path}"
                )
            given.traces.append((trace, hashlib.sha256(path.read_bytes()).hexdigest()))
        except TraceError as error:
            given.error = given.error or error
    if not found:
        raise TraceError(f"wanted traces, found no .csv; export them or rate the sessions: {folder}")
    for session in sessions:
        if session not in found:
            names = sorted(found)
            more = f" and {len(names) - N_NAMED} more" if len(names) > N_NAMED else ""
            raise TraceError(
                f"wanted traces of session {session!r}, found only traces of "
                f"{', '.join(map(repr, names[:N_NAMED]))}{more}: {folder}"
            )
    return {session: found[session] for session in sorted(found) if not sessions or session in sessions}


def even_times(traces: Sequence[Trace], *, fps: float, hold_s: float) -> Float:
    """Return times from 0 to where the last rating ceases to hold, `fps` a second.

    Raises
    ------
    TraceError
        The traces begin so late or last so long that they cannot be of one film.
    """
    ends_s = [float(trace.time_s[-1]) for trace in traces]
    end_s = max(ends_s) + hold_s
    if end_s < 0 or end_s > LONGEST_S:
        raise TraceError(
            f"wanted ratings within {LONGEST_S / 3600:g} hours from the session's first tick, found one that "
            f"ends at {max(ends_s):.0f} s in {traces[int(np.argmax(ends_s))].stem}.csv; are those seconds?"
        )
    return np.arange(int(end_s * fps + 1e-6) + 1) / fps


def frame_times(places: Sequence[Path]) -> dict[str, Path]:
    """Return where the frame times of each session are: a recorded session, or the film's record of a study.

    Parameters
    ----------
    places : sessions, folders of sessions, studies

    Raises
    ------
    TraceError
        There is neither at one of them.
    """
    from ...capture.session import RECORD_NAME, read_record
    from ..study.films import read_film

    found: dict[str, Path] = {}
    for place in places:
        films = sorted((place / "videos").glob("*.json")) if (place / "study.toml").is_file() else []
        folders = [place, *sorted(place.iterdir())] if place.is_dir() else []
        recorded = [one for one in folders if (one / RECORD_NAME).is_file()]
        found |= {read_film(path).session: path for path in films}
        found |= {read_record(path).id: path for path in recorded}
        if not films and not recorded:
            raise TraceError(
                f"wanted a recorded session, a folder of them or a study to take frame times from, found "
                f"neither: {place}"
            )
    return found


def times_at(path: Path) -> Float:
    """Return the times of a session's frames or of a film's, (T,) seconds since the session's first tick."""
    from ...capture.session import open_session
    from ...capture.synchronize import synchronize
    from ..study.films import read_film

    if path.suffix == ".json" and path.is_file():
        return read_film(path).time_s
    return np.asarray(synchronize(open_session(path)).time_s, np.float64)


def read_reference(path: Path) -> tuple[Float, Float]:
    """Return the times and values of a signal of the film, a CSV with the columns time_s,value.

    Raises
    ------
    TraceError
        It is missing or damaged.
    """
    try:
        rows = np.genfromtxt(path, delimiter=",", skip_header=1, encoding="utf-8-sig", ndmin=2)
        head = path.read_text(encoding="utf-8-sig").splitlines()[:1]
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise TraceError(
            f"wanted a reference with the columns time_s,value ({reason:.80}): {path}"
        ) from error
    if head != ["time_s,value"] or rows.shape[1:] != (2,) or len(rows) < 2:
        raise TraceError(f"wanted a reference with the columns time_s,value, found something else: {path}")
    if not np.isfinite(rows[:, 0]).all() or np.any(np.diff(rows[:, 0]) <= 0):
        raise TraceError(f"wanted a reference whose times increase, found others: {path}")
    return rows[:, 0], rows[:, 1]


def _claimed(path: Path) -> str:
    """Return the session that a trace says it is of: by its header, or else by its name."""
    try:
        return str(json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["session"])
    except (OSError, ValueError, KeyError, TypeError):
        return path.name.removesuffix(".csv").rsplit(".", 2)[0]  # `read_trace` says what is wrong
