"""What a rater's page tells the server: chunks of events, each checked whole before it is stored.

Times `t_ms` are `performance.now()` of the page that sends them, on which `event.timeStamp` and the frame
callback's `now` stand too; media times are the player's, seconds. A page that is opened anew has another time
origin, so the events of one take are in runs: a run is one opening of the page, and its chunks are numbered
from 0. A replayed chunk is the same bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..trace import RATING_LIMIT

MAX_CHUNK_BYTES = 64 * 1024
MAX_EVENTS = 2000
MAX_CHUNKS = 100_000
MAX_COMMENT = 500

TimeMs = Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
MediaS = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Rating = Annotated[float, Field(ge=-RATING_LIMIT, le=RATING_LIMIT, allow_inf_nan=False)]
Source = Literal["start", "mouse", "touch", "key", "pad", "wheel"]


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    t_ms: TimeMs


class FrameShown(_Event):
    """A frame of the film was presented (`requestVideoFrameCallback`: now, mediaTime, presentedFrames)."""

    kind: Literal["frame"]
    media_s: MediaS
    presented: Annotated[int, Field(ge=0, le=1_000_000_000)]


class Moved(_Event):
    """The rater's value, at the start of a run and when it changes; None for a dimension that is not rated.

    `t_ms` is the input event's own time stamp, not the time at which a handler ran.
    """

    kind: Literal["value"]
    source: Source
    valence: Rating | None = None
    arousal: Rating | None = None


class Played(_Event):
    """The player started, stopped, waited for data, or jumped to `media_s`.

    "rate" says that something set another speed than 1x, which the page undid.
    """

    kind: Literal["playback"]
    what: Literal["play", "pause", "wait", "hidden", "rewind", "seek", "rate", "ended"]
    media_s: MediaS


class Commented(_Event):
    """The rater wrote something about the moment `media_s`."""

    kind: Literal["comment"]
    media_s: MediaS
    text: Annotated[str, Field(min_length=1, max_length=MAX_COMMENT)]


Event = Annotated[FrameShown | Moved | Played | Commented, Field(discriminator="kind")]


class Chunk(BaseModel):
    """The body of one chunk.

    Attributes
    ----------
    wall_ms : `Date.now()` when the chunk was made; compared with the server's clock, used for nothing else
    events : in the order in which they happened to the page; `t_ms` need not increase between kinds
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    wall_ms: Annotated[float, Field(ge=0, le=1e14, allow_inf_nan=False)]
    events: Annotated[list[Event], Field(max_length=MAX_EVENTS)]
