"""How a trace came to be: what its header says beside whose rating of what it is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..config import StrictModel

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class EventsFile(StrictModel):
    """The raw events that a trace was made of: a file beside it."""

    name: Annotated[str, Field(pattern=r"^[^/\\]+$")]
    sha256: Sha256


class Comment(StrictModel):
    """What the rater wrote about a moment: seconds since the session's first tick."""

    time_s: Finite
    text: str


class Origin(StrictModel):
    """How a trace was made; what is not known is None.

    Attributes
    ----------
    source : the program that the rating was given with
    resampling : how its samples came to their times, in words
    lag_s : by how much the samples were moved towards the begin to make up for the rater's delay
    complete : whether the samples cover the film
    frames_shown, frames_skipped, frames_missing : of the film: presented; not presented but covered; without
        a value
    devices : how many value events came from each input device
    clock_ahead_ms : the rater's clock less the server's, when the take was opened last
    scale : the ends of the scale that was rated on, mapped linearly onto [-10, 10]
    file : name of the file that the trace was imported from
    """

    source: str
    resampling: str
    lag_s: Finite = 0.0
    complete: bool | None = None
    study: str | None = None
    take: str | None = None
    film_sha256: Sha256 | None = None
    frames_shown: Count | None = None
    frames_skipped: Count | None = None
    frames_missing: Count | None = None
    rewinds: Count | None = None
    openings: Count | None = None
    comments: tuple[Comment, ...] = ()
    devices: dict[str, Count] | None = None
    started_utc: str | None = None
    finished_utc: str | None = None
    clock_ahead_ms: int | None = None
    scale: tuple[Finite, Finite] | None = None
    file: str | None = None
    events: EventsFile | None = None
