"""Recordings become sessions and traces, several at once; what is there already is not made again.

A recording that cannot be imported does not stop the others: its fate says why.
"""

from __future__ import annotations

import glob
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from ...annotate.trace import Trace, read_trace, write_trace
from ...capture.film import store_film
from ...capture.picture_files import PictureFiles
from ...capture.session import RECORD_NAME, open_session, read_record, require_pseudonym
from ...capture.session_writer import being_written
from ...capture.streams import Stream
from ...capture.video import import_video
from ...errors import MavferError, SessionError, TraceError
from .recording import Layout, Recording
from .workers import Progress, shared_out

State = Literal["imported", "there already", "failed"]
FEW = 0.5
"""Ratings of so small a share of the film, or a film of so small a share of the ratings, are worth a word."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one recording.

    Attributes
    ----------
    n_pictures, film_s : pictures in the session, seconds from the first to the last
    raters : who rated it
    problem : why it failed;  remark : what the user must know of one that did not
    """

    session: str
    subject: str
    state: State
    n_pictures: int = 0
    film_s: float = 0.0
    raters: tuple[str, ...] = ()
    problem: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class _Order:
    """Where recordings go, and how."""

    corpus: str
    sessions: Path
    traces: Path
    overwrite: bool
    max_fps: float | None


def import_recordings(
    layout: Layout,
    *,
    sessions: Path,
    traces: Path,
    overwrite: bool = False,
    max_fps: float | None = None,
    n_workers: int = 1,
    on_progress: Progress | None = None,
) -> tuple[Fate, ...]:
    """Make sessions and traces of a corpus's recordings and return how each fared, in their order.

    Parameters
    ----------
    sessions, traces : the folders that get them; they may hold others
    overwrite : make those again that are there already
    max_fps : keep no more pictures per second than these; None keeps all
    n_workers : processes; recordings are shared out among them
    on_progress : told (pictures read, pictures in all, an estimate)
    """
    order = _Order(layout.corpus, sessions, traces, overwrite, max_fps)
    return tuple(
        shared_out(partial(_attempt, order), layout.recordings, n_workers=n_workers, on_progress=on_progress)
    )


def _attempt(order: _Order, recording: Recording, on_pictures: Progress) -> Fate:
    """Return the fate of one recording; only a defect is raised."""
    try:
        return _bring_in(order, recording, on_pictures)
    except MavferError as error:
        return Fate(recording.session, recording.subject, "failed", problem=str(error))


def _bring_in(order: _Order, recording: Recording, on_pictures: Progress) -> Fate:
    if recording.problem or recording.film is None:
        raise SessionError(recording.problem or f"wanted a film, found none of {recording.session!r}")
    try:
        require_pseudonym(recording.subject)
    except MavferError as error:
        raise SessionError(f"{error}: {recording.film}") from error
    rated = recording.ratings()
    if not rated:
        raise TraceError(f"wanted ratings, found none: {recording.film}")
    to_write, to_remove = _traces_to_change(order, recording, rated)
    out = order.sessions / recording.session
    there = (out / RECORD_NAME).is_file() and not order.overwrite
    if there:
        _require_same(order, recording, out)
    else:
        _store(order, recording, out, on_pictures)
    for path in to_remove:
        path.unlink()
        path.with_suffix(".json").unlink(missing_ok=True)
    for trace in to_write:
        write_trace(order.traces, trace, overwrite=True)
    index = open_session(out).index(Stream.COLOR)
    film_s = float(index.device_time_ns[-1] - index.device_time_ns[0]) / 1e9 if len(index) else 0.0
    return Fate(
        recording.session,
        recording.subject,
        "there already" if there and not to_write else "imported",
        n_pictures=len(index),
        film_s=film_s,
        raters=tuple(sorted({trace.rater for trace in rated})),
        remark=_remark(rated, film_s),
    )


def _store(order: _Order, recording: Recording, out: Path, on_pictures: Progress) -> None:
    film, notes = recording.film, _notes(order, recording)
    if film is None:
        raise SessionError(f"wanted a film, found none of {recording.session!r}")
    for cut_off in order.sessions.glob(f".{glob.escape(recording.session)}.partial-*"):
        if being_written(cut_off) is None:  # of an import that was killed
            shutil.rmtree(cut_off, ignore_errors=True)
    if recording.pictures:
        store_film(
            PictureFiles(film, recording.pictures),
            out=out,
            subject=recording.subject,
            overwrite=order.overwrite,
            notes=notes,
            max_fps=order.max_fps,
            on_progress=on_pictures,
        )
    else:
        import_video(
            film,
            out=out,
            subject=recording.subject,
            overwrite=order.overwrite,
            notes=notes,
            max_fps=order.max_fps,
            on_progress=on_pictures,
        )


def _notes(order: _Order, recording: Recording) -> str:
    """Return what the session's record says of where it comes from; it differs where the pictures would."""
    name = recording.film.name if recording.film is not None else ""
    rate = f", {1 / recording.pictures[1][0]:g} a second" if len(recording.pictures) > 1 else ""
    kept = "all pictures" if order.max_fps is None else f"at most {order.max_fps:g} pictures a second"
    return f"imported from {order.corpus}: {name}{rate}, {kept}"


def _require_same(order: _Order, recording: Recording, out: Path) -> None:
    """Raise SessionError unless the session that is there is what would be made of the recording."""
    record = read_record(out)
    wanted = (recording.subject, _notes(order, recording))
    if (record.subject, record.notes) != wanted:
        raise SessionError(
            f"wanted to make the session of {wanted[0]} ({wanted[1]}), found one of {record.subject} "
            f"({record.notes or 'without notes'}); pass --overwrite, or another --out: {out}"
        )


def _traces_to_change(
    order: _Order, recording: Recording, rated: Sequence[Trace]
) -> tuple[list[Trace], list[Path]]:
    """Return the traces that are not there yet; asked to overwrite, all, and the others that must go.

    Raises
    ------
    TraceError
        Others are there of the same session: they would be fused with these.
    """
    stems = {trace.stem for trace in rated}
    if len(stems) < len(rated):
        raise TraceError(f"wanted one set of ratings per rater, found several: {recording.film}")
    there = sorted(order.traces.glob(f"{glob.escape(recording.session)}.*.csv"))
    of_session = [path for path in there if path.stem.rsplit(".", 2)[0] == recording.session]
    others = [path for path in of_session if path.stem not in stems]
    if others and not order.overwrite:
        raise TraceError(
            f"wanted no other ratings of {recording.session!r}, found {others[0].name}; pass --overwrite to "
            f"remove them, or name another --traces: {order.traces}"
        )
    if order.overwrite:
        return list(rated), others
    missing = []
    for trace in rated:
        path = order.traces / f"{trace.stem}.csv"
        if not path.is_file():
            missing.append(trace)
        elif not _equal(read_trace(path), trace):
            raise TraceError(
                f"wanted the ratings of the corpus, found others under the same name; pass --overwrite, or "
                f"name another --traces: {path}"
            )
    return missing, []


def _equal(a: Trace, b: Trace) -> bool:
    return np.array_equal(a.time_s, b.time_s) and np.array_equal(a.value, b.value, equal_nan=True)


def _remark(rated: Sequence[Trace], film_s: float) -> str:
    """Return what looks wrong with the lengths of ratings and film; "" where nothing does."""
    rated_s = max(float(trace.time_s[-1]) for trace in rated)
    if rated_s < FEW * film_s:
        return f"ratings end at {rated_s:.1f} s of {film_s:.1f} s of film"
    if film_s < FEW * rated_s:
        return f"the film ends at {film_s:.1f} s, the ratings at {rated_s:.1f} s: are their times in seconds?"
    return ""
