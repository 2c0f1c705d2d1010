"""The raters' traces of many sessions, read once: a damaged file is the trouble of its own session alone."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from ...annotate.fusion.gold_file import GoldFile
from ...annotate.trace import Trace, read_trace
from ...errors import TraceError

N_NAMED = 5


@dataclass(slots=True)
class Rated:
    """What raters said of one session: traces or gold standards, or the error that makes them unusable."""

    traces: list[Trace] = field(default_factory=list)
    gold: list[GoldFile] = field(default_factory=list)
    error: TraceError | None = None


def read_ratings(folder: Path, session_ids: Collection[str]) -> dict[str, Rated]:
    """Return the traces in `folder` by session; a session that nobody rated has none.

    Raises
    ------
    TraceError
        There is no such folder, or it has no trace of any of the sessions: it is another study's.
    """
    if not folder.is_dir():
        raise TraceError(
            f"wanted a folder of traces, found {'a file' if folder.exists() else 'nothing'}: {folder}"
        )
    rated = {session_id: Rated() for session_id in session_ids}
    others: set[str] = set()
    for path in sorted(folder.glob("*.csv")):
        session_id = _claimed(path)
        if session_id not in rated:
            others.add(session_id)
            continue
        try:
            _add(rated[session_id], read_trace(path), path)
        except TraceError as error:
            rated[session_id].error = rated[session_id].error or error
    if rated and not any(one.traces or one.error for one in rated.values()):
        names = sorted(rated)
        wanted = f"session {names[0]!r}" if len(names) == 1 else f"sessions {listed(names)}"
        there = f"only traces of {listed(sorted(others))}" if others else "no trace at all"
        raise TraceError(
            f"wanted traces of {wanted}, found {there}; name the folder that has them, or leave "
            f"--traces out: {folder}"
        )
    return rated


def _add(rated: Rated, trace: Trace, path: Path) -> None:
    if any((one.rater, one.dimension) == (trace.rater, trace.dimension) for one in rated.traces):
        raise TraceError(
            f"wanted one {trace.dimension} trace of rater {trace.rater!r} for session {trace.session!r}, "
            f"found another; remove one: {path}"
        )
    rated.traces.append(trace)


def _claimed(path: Path) -> str:
    """Return the session that a trace says it is of: by its header, or else by its name."""
    by_name = path.name.removesuffix(".csv").rsplit(".", 2)[0]
    try:
        header = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return str(header["session"])
    except (OSError, ValueError, KeyError, TypeError):
        return by_name  # `read_trace` says what is wrong with the header


def listed(names: list[str]) -> str:
    """Return the first names, quoted, and how many more there are."""
    more = f" and {len(names) - N_NAMED} more" if len(names) > N_NAMED else ""
    return f"{', '.join(map(repr, names[:N_NAMED]))}{more}"
