"""The agreement of a study's complete takes, computed anew only when one was added or taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock

from ...errors import StudyError
from ..store.records import Assignment, Unavailable, Video
from ..store.store import Store
from ..study.films import Film
from ..takes.replays import Replays
from ..takes.traces import require_rated, traces_of
from ..trace import Trace
from .summary import Summary, summary_of


class StudyAgreement:
    """The agreement of a study; used from any thread.

    Parameters
    ----------
    film : returns the film of a video's id
    """

    def __init__(self, store: Store, film: Callable[[str], Film]) -> None:
        self._store, self._film = store, film
        self._replays = Replays(store, kept=1)  # each take is read once, and its traces are kept
        self._lock = Lock()
        self._read: dict[str, tuple[Trace, ...]] = {}
        self._made: tuple[tuple[list[str], list[str]], Summary] | None = None

    def summary(self) -> Summary:
        """Return the agreement of all complete takes that are no practice; of raters who left, too.

        The figures are those that `mavfer labels agree` says of an export of the study. A take is replayed
        once, about 0.1 s for ten minutes of film; the measures take a second or so for a study of 30
        sessions, whenever a take is added. Two who ask at once wait for one computation. A take that cannot
        be read is left out for as long as that is so, and said in the remarks.

        Raises
        ------
        Unavailable
            The database does not work now.
        """
        with self._lock:
            videos = {video.id: video for video in self._store.videos() if not video.practice}
            complete = [
                one
                for one in self._store.assignments()
                if one.state == "complete" and one.take is not None and one.video in videos
            ]
            takes = sorted(one.take for one in complete if one.take is not None)
            names = {rater.id: rater.name for rater in self._store.raters()}
            self._read = {take: traces for take, traces in self._read.items() if take in takes}
            left_out = []
            for one in complete:
                try:
                    self._traces(one, videos[one.video], rater=names[one.rater])
                except Unavailable:
                    raise
                except StudyError as error:
                    session = videos[one.video].session
                    left_out.append(f"session {session!r}: left out {names[one.rater]}: {error}")
            made_of = takes, sorted(left_out)
            if self._made is None or self._made[0] != made_of:
                traces = [trace for own in self._read.values() for trace in own]
                self._made = made_of, summary_of(traces, left_out=made_of[1])
            return self._made[1]

    def _traces(self, one: Assignment, video: Video, *, rater: str) -> None:
        """Take the traces of a complete take as an export has them, unless that has been done."""
        if one.take is None or one.take in self._read:
            return
        film = self._film(video.id)
        require_rated(film, video, path=Path("videos") / f"{video.id}.json")
        found = self._replays.of(one.take, film, one.dimensions)
        self._read[one.take] = traces_of(found, film, session=video.session, rater=rater)
