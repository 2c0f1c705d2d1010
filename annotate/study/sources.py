"""What a film is made of: a session's color stream or a video file, as pictures and sound, by time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...capture.session import RECORD_NAME, open_session
from ...errors import SessionError, StudyError
from .encode import SOUND_RATE, Picture

if TYPE_CHECKING:
    from av import AudioFrame

PRACTICE = "practice"
SESSION_ID = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"
SOUND_GAP_S = 0.05
"""A hole in the sound is filled with silence from this length on; shorter ones are the clocks' rounding."""
Told = Callable[[int, int], None]


@dataclass(slots=True)
class Source:
    """One session or video file, opened for one reading.

    Attributes
    ----------
    session : id under which it is rated
    words : what it is, with a fingerprint of its content: equal words are equal films
    fps : its usual frame rate
    pictures : read once; yields frames in order of time
    sound : the file whose sound belongs to it, if it has any
    left_out : one line for each frame that is not in the film; filled while it is read
    close : lets the file go, read or not
    """

    session: str
    words: str
    fps: float
    pictures: Iterator[Picture]
    sound: Path | None = None
    left_out: list[str] = field(default_factory=list)
    close: Callable[[], None] = lambda: None


def session_of(path: Path) -> str:
    """Return the id under which a session's folder or a video file is rated; nothing is decoded.

    Raises
    ------
    StudyError
        There is nothing, a folder without a session, or a name that no trace can have.
    """
    if path.is_dir() and not (path / RECORD_NAME).is_file():
        raise StudyError(f"wanted a session's folder or a video file, found a folder without one: {path}")
    if not path.exists():
        raise StudyError(f"wanted a session's folder or a video file, found nothing: {path}")
    session = open_session(path).id if path.is_dir() else path.stem
    if not re.fullmatch(SESSION_ID, session):
        raise StudyError(
            f"wanted a session's name of letters, digits, -, _ and ., found {session!r}; rename it: {path}"
        )
    if session.casefold() == PRACTICE:
        raise StudyError(
            f"wanted a session's name, found {session!r}, which is the practice film's; rename it: {path}"
        )
    return session


def open_source(
    path: Path, *, session: str, sound: Path | None = None, on_progress: Told | None = None
) -> Source:
    """Return a session's color stream, or a video file, ready to be read.

    Raises
    ------
    StudyError
        The session has no color frames, or shows calibration boards.
    SessionError
        It is missing or damaged, or no video.
    """
    if path.is_dir():
        return _of_session(path, session=session, sound=sound, on_progress=on_progress)
    return _of_file(path, session=session, sound=sound, on_progress=on_progress)


def fingerprint(path: Path) -> str:
    """Return 16 hexadecimal digits that change with a file's, or a session's, content.

    Of a session, names and sizes of its files and the whole `session.toml` count: its frames are not read.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        for one in sorted(path.glob("*.mcap")):
            digest.update(f"{one.name} {one.stat().st_size}\n".encode())
        path = path / RECORD_NAME
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()[:16]


def _of_session(path: Path, *, session: str, sound: Path | None, on_progress: Told | None) -> Source:
    from ...capture.export.frames import Walk, select
    from ...capture.streams import Stream

    opened = open_session(path)
    if Stream.COLOR not in opened.streams or len(opened.index(Stream.COLOR)) == 0:
        has = ", ".join(stream.value for stream in opened.streams if len(opened.index(stream))) or "no frame"
        raise StudyError(f"wanted a session with color, which raters watch, found {has}: {path}")
    settings = opened.record.settings
    scene = None if settings is None else settings.simulated
    if opened.record.simulated and scene is not None and scene.target == "board":
        raise StudyError(f"wanted a session of a person, found one of a simulated calibration board: {path}")
    selection = select(opened, streams=[Stream.COLOR])
    frames = selection.streams[0]
    walk = Walk(selection, on_progress)
    steps_s = np.diff(frames.time_ns) / 1e9
    steps_s = steps_s[steps_s > 0]
    source = Source(
        session,
        f"session {session}, {len(frames)} color frames, {fingerprint(path)}",
        1 / float(np.median(steps_s)) if len(steps_s) else 30.0,
        iter(()),
        sound,
        walk.left_out,
    )

    def pictures() -> Iterator[Picture]:
        for i, pixels in walk.pixels(frames):
            yield float(frames.time_ns[i]) / 1e9, lambda pixels=pixels: pixels

    source.pictures = pictures()
    return source


def _of_file(path: Path, *, session: str, sound: Path | None, on_progress: Told | None) -> Source:
    from ...capture.video import Video

    video = Video(path)
    source = Source(session, f"video {path.name}, {fingerprint(path)}", video.fps, iter(()))
    source.close = video.close
    source.sound = sound or (path if _has_sound(path) else None)

    def pictures() -> Iterator[Picture]:
        with video:
            total = video.n_expected
            for done, picture in enumerate(video.pictures(), start=1):
                yield picture.t_ns / 1e9, picture.pixels
                if on_progress is not None:
                    on_progress(done, max(done, total))
            if video.n_out_of_order:
                source.left_out.append(f"{video.n_out_of_order} pictures not later than the one before")

    source.pictures = pictures()
    return source


def _has_sound(path: Path) -> bool:
    import av

    with av.open(str(path)) as container:
        return bool(container.streams.audio)


def sound_of(path: Path) -> Iterator[AudioFrame]:
    """Yield a file's sound as stereo of 48 kHz; time 0 is its first picture, or its own begin without one.

    Sound before time 0 is cut; where it begins later, or has a hole, silence is put in. Sound that breaks off
    ends there.

    Raises
    ------
    StudyError
        The file has no sound, or cannot be opened.
    """
    import av
    import av.error

    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StudyError(f"wanted a file with sound, could not open it ({reason}): {path}") from error
    with container:
        if not container.streams.audio:
            raise StudyError(f"wanted a file with sound, found none in it: {path}")
        first_s = _first_picture_s(path)
        track = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_RATE)
        written: int | None = None
        try:
            for frame in container.decode(track):
                if frame.pts is None or frame.time_base is None:
                    continue
                if first_s is None:
                    first_s = float(frame.pts * frame.time_base)
                at = round((float(frame.pts * frame.time_base) - first_s) * SOUND_RATE)
                for piece in resampler.resample(frame):
                    samples = piece.to_ndarray()
                    if written is None:
                        written = 0
                    if at > written + (SOUND_GAP_S * SOUND_RATE if written else 0):
                        yield _sound_frame(np.zeros((2, at - written), np.float32), written)
                        written = at
                    if written == 0 and at < 0:
                        cut = min(-at, samples.shape[1])
                        samples, at = samples[:, cut:], at + cut
                    if samples.shape[1]:
                        yield _sound_frame(samples, written)
                        written += samples.shape[1]
        except (av.error.FFmpegError, ValueError):
            return  # what was decoded is kept: pictures are what is rated


def _sound_frame(samples: np.ndarray, at: int) -> AudioFrame:
    from fractions import Fraction

    import av

    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples, np.float32), format="fltp", layout="stereo"
    )
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, at, Fraction(1, SOUND_RATE)
    return frame


def _first_picture_s(path: Path) -> float | None:
    """Return when a file's first picture is shown; None where it has none."""
    import av
    import av.error

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                return None
            frame = next(container.decode(container.streams.video[0]), None)
    except (av.error.FFmpegError, ValueError) as error:
        raise SessionError(f"wanted a video file, could not read its first picture: {path}") from error
    return None if frame is None or frame.time is None else frame.time
