"""One session or video file -> `videos/ID.mp4` and `videos/ID.json`, and what was made is looked at again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import StudyError
from ...output import new_file
from .encode import TIME_BASE, encode, require_codecs
from .films import Film, read_film, write_film
from .sources import Source, open_source, sound_of
from .study import is_id, new_id

MAX_WIDTH_PX = 1280


@dataclass(frozen=True, slots=True)
class Prepared:
    """A film that lies in a study's folder.

    Attributes
    ----------
    video : its id, the stem of its two files
    left_out : one line for each frame of the source that is not in it
    """

    video: str
    film: Film
    left_out: tuple[str, ...] = ()


def prepare(
    path: Path,
    folder: Path,
    *,
    session: str,
    sound: Path | None = None,
    max_width_px: int = MAX_WIDTH_PX,
    on_progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Make the film of a session's color stream, or of a video file, and return it.

    Every stored color frame is in it at its own time, up to `max_width_px` wide. It is H.264
    whatever the source is, so that every browser plays it, and is decoded once more before its record is
    written.

    Parameters
    ----------
    folder : gets ID.mp4 and ID.json
    session : id under which it is rated
    sound : a file whose sound belongs to it; else a video file's own

    Raises
    ------
    StudyError
        The source has no color, this machine no H.264, or the film came out wrong.
    SessionError
        The source is damaged, or no video.
    """
    require_codecs(sound=sound is not None)
    return film_of(
        open_source(path, session=session, sound=sound, on_progress=on_progress),
        folder,
        max_width_px=max_width_px,
        where=path,
    )


def film_of(source: Source, folder: Path, *, max_width_px: int, where: Path) -> Prepared:
    """Make the film of an opened source; `where` stands in errors."""
    video = new_id()
    target = folder / f"{video}.mp4"
    require_codecs(sound=source.sound is not None)
    try:
        with new_file(target) as temporary:
            try:
                pts, time_s, end = encode(
                    temporary,
                    source.pictures,
                    fps=source.fps,
                    max_width_px=max_width_px,
                    sound=None if source.sound is None else sound_of(source.sound),
                )
            except StudyError as error:
                raise StudyError(f"{error}: {where}") from error
            width_px, height_px, has_audio = verify(temporary, pts, where=where)
            digest = _sha256(temporary)
        media_s = media_times(pts)
        film = Film(
            source.session,
            source.words,
            digest,
            width_px,
            height_px,
            has_audio,
            media_s,
            time_s,
            float(end * TIME_BASE),
        )
        write_film(folder / f"{video}.json", film)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return Prepared(video, film, tuple(source.left_out))


def media_times(pts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what a player reports for time stamps in `TIME_BASE`: seconds, rounded to microseconds."""
    return np.rint(pts * float(TIME_BASE) * 1e6) / 1e6


def verify(path: Path, pts: NDArray[np.int64], *, where: Path) -> tuple[int, int, bool]:
    """Decode a film and return width, height and whether it has sound.

    Raises
    ------
    StudyError
        It has not the frames at the times that were written.
    """
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        base = stream.time_base or TIME_BASE
        found = np.array(
            [round((frame.pts or 0) * base / TIME_BASE) for frame in container.decode(stream)], np.int64
        )
        size = stream.codec_context.width, stream.codec_context.height
        has_audio = bool(container.streams.audio)
    if not np.array_equal(found, pts):
        raise StudyError(
            f"wanted a film of {len(pts)} frames at their times, found {len(found)} that differ after "
            f"encoding; is the disk or PyAV damaged? {where}"
        )
    return *size, has_audio


def prepared_before(folder: Path, *, words: str, session: str, known: set[str]) -> Prepared | None:
    """Return a film that an interrupted command has left in `folder`, made of the same source.

    `known` are the ids that the study has already; the MP4's checksum must hold.
    """
    for path in sorted(folder.glob("*.json")):
        if not is_id(path.stem) or path.stem in known:
            continue
        try:
            film = read_film(path)
        except StudyError:
            continue
        mp4 = path.with_suffix(".mp4")
        if (film.session, film.source) == (session, words) and mp4.is_file() and _sha256(mp4) == film.sha256:
            return Prepared(path.stem, film)
    return None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()
