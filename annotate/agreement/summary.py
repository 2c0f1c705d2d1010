"""All that is said of the agreement of a set of traces, as one value; pages and files are made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..trace import Dimension, Trace
from .ratings import FPS, Ratings, ratings_of
from .readings import LEVELS, Level, Reading, Scope, readings_of
from .standing_out import Finding, Profile, profiles_of


@dataclass(frozen=True, slots=True)
class Summary:
    """The agreement of a set of traces.

    Attributes
    ----------
    sessions : what was compared
    readings : every measure in every reading
    profiles : every rater against the others
    fps, lag_s : how the traces were sampled
    left_out : what could not be read, a line each
    """

    sessions: tuple[Ratings, ...]
    readings: tuple[Reading, ...]
    profiles: tuple[Profile, ...]
    fps: float
    lag_s: float
    left_out: tuple[str, ...] = ()

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions that were rated, valence first."""
        return tuple(dict.fromkeys(one.dimension for one in self.sessions))

    @property
    def raters(self) -> tuple[str, ...]:
        """All raters by name."""
        return tuple(sorted({rater for one in self.sessions for rater in one.raters}))

    @property
    def session_ids(self) -> tuple[str, ...]:
        """All sessions by name."""
        return tuple(sorted({one.session for one in self.sessions}))

    @property
    def simulated(self) -> bool:
        """Whether any rating is of no person."""
        return any(one.simulated for one in self.sessions)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that stands out of raters."""
        return tuple(finding for one in self.profiles for finding in one.findings)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What could not be compared, a line each."""
        alone = [
            f"session {one.session!r}: only {one.raters[0]} rated {one.dimension}; nothing to compare"
            for one in self.sessions
            if len(one.raters) == 1
        ]
        silent = [
            f"session {one.session!r}: the {one.dimension} trace of {rater} holds no rating; left out"
            for one in self.sessions
            for rater in one.silent
        ]
        return (*self.left_out, *alone, *silent)

    def reading(self, dimension: Dimension, scope: Scope, level: Level) -> Reading | None:
        """Return a reading over sessions; None where there is none."""
        for one in self.readings:
            if (one.dimension, one.scope, one.level) == (dimension, scope, level) and not one.session:
                return one
        return None

    def over_sessions(self) -> tuple[Reading, ...]:
        """Return the readings that are over sessions; not the mean of the same ones twice."""
        return tuple(one for one in self.readings if one.scope != "session")

    def of_sessions(self) -> tuple[Reading, ...]:
        """Return the readings of single sessions with two raters or more, as rated and zero-mean."""
        return tuple(one for one in self.readings if one.scope == "session" and one.n_raters > 1)


def summary_of(
    traces: Sequence[Trace],
    *,
    fps: float = FPS,
    lag_s: float = 0.0,
    seed: int = 0,
    left_out: Sequence[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Return the agreement of a set of traces; `seed` is of the bootstrap.

    Parameters
    ----------
    on_progress : called with the readings done and their number: each session alone and against each rater

    Raises
    ------
    TraceError
        Two traces are of one rater, session and dimension.
    """
    sessions = ratings_of(traces, fps=fps, lag_s=lag_s)
    tell = on_progress or (lambda *_: None)
    n_alone = len(LEVELS) * sum(bool(one.raters) for one in sessions)
    total = n_alone + sum(len(one.raters) for one in sessions)
    readings = readings_of(sessions, seed=seed, on_progress=lambda done, _: tell(done, total))
    profiles = profiles_of(sessions, on_progress=lambda done, _: tell(n_alone + done, total))
    return Summary(sessions, readings, profiles, fps=fps, lag_s=lag_s, left_out=tuple(left_out))
