"""What a take says becomes traces: the one way, for the export and for the agreement of a study."""

from __future__ import annotations

from pathlib import Path

from ...errors import StudyError
from ..store.records import Video
from ..study.films import Film
from ..trace import Trace
from .replay import Replay


def traces_of(found: Replay, film: Film, *, session: str, rater: str) -> tuple[Trace, ...]:
    """Return what a take says, as one trace per dimension at the times of the film's frames."""
    return tuple(
        Trace(session, rater, dimension, film.time_s, value) for dimension, value in found.value.items()
    )


def require_rated(film: Film, video: Video, *, path: Path) -> None:
    """Raise StudyError unless a film is the one that was rated: another has other frames.

    Parameters
    ----------
    path : of the film's record, for the complaint
    """
    if film.sha256 != video.sha256:
        raise StudyError(
            f"wanted the film of session {video.session!r} that was rated, found another of SHA-256 "
            f"{film.sha256[:12]}...; bring back the study's own: {path}"
        )
