"""What the store hands out: frozen rows, and the errors that a caller can handle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...errors import StudyError
from ..trace import DIMENSIONS, Dimension

State = Literal["waiting", "open", "complete"]
Rated = Literal["valence", "arousal", "both"]


class Unknown(StudyError):
    """There is no such rater, video, assignment or take; or it is another rater's."""


class Conflict(StudyError):
    """What is asked contradicts what is stored: a chunk of other content, a take that is complete."""


class Unavailable(StudyError):
    """The database does not work now: it is gone, full or held by another process. Nothing was stored.

    Attributes
    ----------
    told : what is wrong, without the place of the database, which is no rater's business
    """

    def __init__(self, told: str, *, where: str) -> None:
        super().__init__(f"{told}: {where}")
        self.told = told


@dataclass(frozen=True, slots=True)
class Rater:
    """One rater; times are milliseconds since 1970, UTC."""

    id: str
    name: str
    team: int
    active: bool
    created_ms: int
    read_ms: int | None = None
    clock_ahead_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: the study's owner (`rater` is None) or a rater."""

    rater: str | None

    @property
    def is_owner(self) -> bool:
        """Whether it is the study's owner."""
        return self.rater is None


@dataclass(frozen=True, slots=True)
class Video:
    """A film as the database knows it."""

    id: str
    session: str
    practice: bool
    duration_s: float
    sha256: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """One video to be rated by one rater in one pass.

    Attributes
    ----------
    dimension : "valence", "arousal" or "both"
    position : in the rater's own order, from 0
    state : waiting (never opened), open (begun), complete
    take : id of the take that counts, None while waiting
    """

    id: str
    rater: str
    video: str
    dimension: Rated
    position: int
    state: State = "waiting"
    take: str | None = None
    finished_ms: int | None = None

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions that are rated in this pass."""
        return DIMENSIONS if self.dimension == "both" else (self.dimension,)


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """One chunk as it was sent."""

    run: int
    number: int
    received_ms: int
    body: bytes


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One opening of a take's page.

    Attributes
    ----------
    clock_ahead_ms : the rater's clock less the server's
    browser : its User-Agent, at most 300 characters
    """

    number: int
    opened_ms: int
    clock_ahead_ms: int
    browser: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much a database holds.

    Attributes
    ----------
    n_complete, n_discarded : of the takes
    chunk_bytes : of all chunks as they were sent
    """

    version: str
    n_raters: int
    n_videos: int
    n_assignments: int
    n_takes: int
    n_complete: int
    n_discarded: int
    n_chunks: int
    chunk_bytes: int
