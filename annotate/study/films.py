"""A prepared film's record: what each frame of the MP4 is in the session; owns `videos/ID.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from ...config import StrictModel, complaints
from ...errors import StudyError
from ...output import new_file


class _FilmRecord(StrictModel):
    kind: Literal["film"] = "film"
    schema_version: Literal[1] = 1
    session: str
    source: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    width_px: int
    height_px: int
    has_audio: bool
    media_s: list[float]
    time_s: list[float]
    end_s: float


@dataclass(frozen=True, slots=True)
class Film:
    """One film of a study.

    Attributes
    ----------
    session : id of the session that it shows; "practice" for the practice film
    source : what it was made of, in words
    sha256 : of the MP4
    media_s : (F,) float64, increasing, when the player shows each frame: `mediaTime` of the frame callback
    time_s : (F,) float64, increasing, when each frame was exposed, seconds since the session's first tick
    end_s : media time at which the film ends, after the last frame
    """

    session: str
    source: str
    sha256: str
    width_px: int
    height_px: int
    has_audio: bool
    media_s: NDArray[np.float64]
    time_s: NDArray[np.float64]
    end_s: float

    @property
    def n_frames(self) -> int:
        """How many frames it has."""
        return len(self.media_s)

    def frame_at(self, media_s: float) -> int:
        """Return the frame that is shown at a media time; the nearest begin wins within half a frame of it.

        Browsers round `mediaTime` to microseconds, so a frame's own time may fall just short of it.
        """
        return max(0, int(np.searchsorted(self.media_s, media_s + 1e-4, side="right")) - 1)


def write_film(path: Path, film: Film) -> None:
    """Write a film's record to `path`."""
    record = _FilmRecord(
        session=film.session,
        source=film.source,
        sha256=film.sha256,
        width_px=film.width_px,
        height_px=film.height_px,
        has_audio=film.has_audio,
        media_s=film.media_s.tolist(),
        time_s=film.time_s.tolist(),
        end_s=film.end_s,
    )
    with new_file(path, overwrite=True) as temporary:
        temporary.write_text(record.model_dump_json() + "\n", encoding="utf-8")


def read_film(path: Path) -> Film:
    """Return the film that the record at `path` describes.

    Raises
    ------
    StudyError
        It is missing or damaged.
    """
    try:
        record = _FilmRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StudyError(
            f"wanted a film's record, found nothing; was only a part of the study copied? {path}"
        ) from error
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        reason = complaints(error, _FilmRecord) if isinstance(error, ValidationError) else str(error)
        raise StudyError(f"wanted a film's record, could not read it ({reason}): {path}") from error
    media_s, time_s = np.array(record.media_s), np.array(record.time_s)
    if len(media_s) == 0 or len(media_s) != len(time_s) or np.any(np.diff(media_s) <= 0):
        raise StudyError(f"wanted a time for every frame, increasing, found none or others: {path}")
    return Film(
        record.session,
        record.source,
        record.sha256,
        record.width_px,
        record.height_px,
        record.has_audio,
        media_s,
        time_s,
        record.end_s,
    )
