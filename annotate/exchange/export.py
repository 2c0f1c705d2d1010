"""The ratings of a study become traces: at the times of the film's frames, with how they were made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np

from ...errors import StudyError
from ...output import require_free
from ..origin import Comment, Origin
from ..store.records import Assignment, StoredRun, Video
from ..store.store import Store
from ..study.films import Film, read_film
from ..study.study import Study
from ..takes.log import runs_of
from ..takes.replay import Replay, replay
from ..takes.traces import require_rated, traces_of
from ..trace import write_trace
from .events_file import events_name, write_events

SOURCE = "mavfer"
RESAMPLING = "last value at frame times"
Fate = Literal["written", "incomplete", "not begun"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of one assignment.

    Attributes
    ----------
    fate : "written"; or left out: "incomplete" or "not begun"
    found : what the take says; None where it was not begun
    missing_s : seconds of the film without a value
    """

    session: str
    rater: str
    assignment: Assignment
    fate: Fate
    found: Replay | None = None

    @property
    def missing_s(self) -> float:
        """How much of the film has no value, seconds."""
        return sum(end - begin for begin, end in self.found.missing) if self.found else 0.0


def export_traces(
    study: Study,
    store: Store,
    out: Path,
    *,
    sessions: Collection[str] = (),
    raters: Collection[str] = (),
    incomplete: bool = False,
    practice: bool = False,
    events: bool = True,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Iterator[Exported]:
    """Write the ratings of a study into a folder of traces and yield what became of each.

    Samples stand at the times of the film's frames, seconds since the session's first tick; nothing is moved
    for the rater's delay. A take of both dimensions becomes two traces.

    Parameters
    ----------
    sessions, raters : only of these; empty for all
    incomplete : also takes that do not cover their film; missing frames are NaN, and the header says so
    practice : also the ratings of the practice film
    events : write the raw events beside the traces
    on_progress : called with the assignments done and their number

    Raises
    ------
    StudyError
        There is no such session or rater, or a film is missing or another than was rated.
    OutputError
        A file is there and `overwrite` is False; nothing is written then.
    """
    videos = {one.id: one for one in store.videos() if practice or not one.practice}
    names = {one.id: one.name for one in store.raters()}
    _require_known("session", sessions, {one.session for one in videos.values()})
    _require_known("rater", raters, names.values())
    chosen = {id: name for id, name in names.items() if not raters or name in raters}
    wanted = [
        one
        for one in store.assignments()
        if one.video in videos
        and one.rater in chosen
        and (not sessions or videos[one.video].session in sessions)
    ]
    for one in wanted:
        if one.take is not None and (incomplete or one.state == "complete"):
            _require_free(out, videos[one.video], chosen[one.rater], one, overwrite=overwrite)
    films: dict[str, Film] = {}
    for number, one in enumerate(wanted):
        if on_progress is not None:
            on_progress(number, len(wanted))
        video, rater = videos[one.video], chosen[one.rater]
        if one.take is None:
            yield Exported(video.session, rater, one, "not begun")
            continue
        film = films.setdefault(video.id, _film(study, video))
        chunks = store.takes.chunks(one.take)
        found = replay(runs_of(chunks), film, one.dimensions)
        if not incomplete and one.state != "complete":
            yield Exported(video.session, rater, one, "incomplete", found)
            continue
        runs = store.takes.runs(one.take)
        origin = _origin(study, film, one, found, runs)
        if events:
            file = write_events(
                out,
                session=video.session,
                rater=rater,
                dimension=one.dimension,
                take=one.take,
                film_sha256=film.sha256,
                runs=runs,
                chunks=chunks,
                overwrite=overwrite,
            )
            origin = origin.model_copy(update={"events": file})
        for trace in traces_of(found, film, session=video.session, rater=rater):
            write_trace(out, replace(trace, origin=origin), overwrite=overwrite)
        yield Exported(video.session, rater, one, "written", found)


def _origin(study: Study, film: Film, one: Assignment, found: Replay, runs: tuple[StoredRun, ...]) -> Origin:
    without = np.any([np.isnan(column) for column in found.value.values()], axis=0)
    times_s = np.interp([media_s for media_s, _ in found.comments], film.media_s, film.time_s)
    return Origin(
        source=SOURCE,
        resampling=RESAMPLING,
        complete=found.complete,
        study=study.config.id,
        take=one.take,
        film_sha256=film.sha256,
        frames_shown=int(found.shown.sum()),
        frames_skipped=int(found.skipped.sum()),
        frames_missing=int(without.sum()),
        rewinds=found.n_rewinds,
        openings=len(runs),
        comments=tuple(
            Comment(time_s=round(float(time_s), 3), text=text)
            for time_s, (_, text) in zip(times_s, found.comments, strict=True)
        ),
        devices={name: n for name, n in sorted(found.devices.items()) if n},
        started_utc=_utc(runs[0].opened_ms) if runs else None,
        finished_utc=None if one.finished_ms is None else _utc(one.finished_ms),
        clock_ahead_ms=runs[-1].clock_ahead_ms if runs else None,
    )


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _film(study: Study, video: Video) -> Film:
    """Return a film's record, if it is of the film that was rated."""
    path = study.videos / f"{video.id}.json"
    film = read_film(path)
    require_rated(film, video, path=path)
    return film


def _require_known(what: str, wanted: Collection[str], known: Collection[str]) -> None:
    for name in wanted:
        if name not in known:
            there = ", ".join(map(repr, sorted(known)[:10])) or "none"
            raise StudyError(f"wanted a {what} of the study, found {name!r}; it has {there}")


def _require_free(out: Path, video: Video, rater: str, one: Assignment, *, overwrite: bool) -> None:
    for dimension in one.dimensions:
        require_free(out / f"{video.session}.{rater}.{dimension}.csv", overwrite=overwrite)
    require_free(out / events_name(video.session, rater, one.dimension), overwrite=overwrite)
