"""A video file read picture by picture, and imported as a color-only session.

The frames keep the file's own time stamps, so a variable frame rate stays what it was.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import SessionError
from .film import VideoPicture, store_film
from .place import require_place
from .session import require_pseudonym
from .streams import Stream, StreamSpec

if TYPE_CHECKING:
    from av import VideoFrame

TEXT_FORMATS = ("tty", "bin", "xbin", "adf", "idf")
"""FFmpeg draws text files as pictures of a terminal; nobody means that."""


class Video:
    """A video file, open for reading once from its beginning; a context manager.

    Raises
    ------
    SessionError
        There is no file, it is no video, or it holds no picture.
    """

    def __init__(self, path: Path) -> None:
        import av.error

        if not path.is_file():
            raise SessionError(
                f"wanted a video file, found {'a folder' if path.is_dir() else 'nothing'}: {path}"
            )
        self.path = path
        try:
            self._container = av.open(str(path))
        except (av.error.FFmpegError, ValueError) as error:
            raise SessionError(
                f"wanted a video file, could not open it ({_reason(error)}): {path}"
            ) from error
        if not self._container.streams.video or self._container.format.name in TEXT_FORMATS:
            self._container.close()
            raise SessionError(f"wanted a video file, found one without a picture: {path}")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self._frames = self._decode()
        self._first = next(self._frames, None)
        if self._first is None:
            self._container.close()
            raise SessionError(f"wanted a video file, found one without a picture: {path}")
        self.turns = round(self._first.rotation / 90) % 4
        height, width = self._first.height, self._first.width
        shape = (width, height, 3) if self.turns % 2 else (height, width, 3)
        self.spec = StreamSpec(Stream.COLOR, shape, "uint8", "sRGB")
        self.n_out_of_order = 0

    def __enter__(self) -> "Video":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._container.close()

    @property
    def fps(self) -> float:
        """The average frame rate that the file states; 30 where it states none."""
        return float(self._stream.average_rate or 30)

    @property
    def n_expected(self) -> int:
        """How many frames the file states, or what its length and rate make likely; a guess."""
        if self._stream.frames:
            return self._stream.frames
        length_s = (self._container.duration or 0) / 1e6
        return max(1, round(length_s * self.fps))

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return what the file tells of itself."""
        return {
            "file": self.path.name,
            "codec": self._stream.codec_context.name,
            "fps": self.fps,
            "rotation_deg": 90 * self.turns,
        }

    def pictures(self) -> Iterator[VideoPicture]:
        """Yield all pictures in order of time; one not later than its predecessor is left out and counted.

        Raises
        ------
        SessionError
            The file cannot be decoded to its end.
        """
        frames, first = self._frames, self._first
        if first is None:
            return
        first_s, last_ns = _seconds(first), -1
        while first is not None:
            frame, first = first, None
            t_ns = round((_seconds(frame) - first_s) * 1_000_000_000)
            if t_ns > last_ns:
                last_ns = t_ns
                yield VideoPicture(t_ns, _Pixels(frame, self.turns, self.spec.shape))
            else:
                self.n_out_of_order += 1
            first = next(frames, None)

    def _decode(self) -> Iterator["VideoFrame"]:
        import av.error

        try:
            yield from self._container.decode(self._stream)
        except (av.error.FFmpegError, ValueError) as error:
            raise SessionError(
                f"wanted a whole video, found one that breaks off or is damaged ({_reason(error)}): "
                f"{self.path}"
            ) from error


class _Pixels:
    """Convert a decoded frame to RGB, upright, when called."""

    def __init__(self, frame: "VideoFrame", turns: int, shape: tuple[int, ...]) -> None:
        self._frame = frame
        self._turns = turns
        self._shape = shape

    def __call__(self) -> NDArray[np.uint8]:
        height, width = (self._shape[1::-1]) if self._turns % 2 else self._shape[:2]
        pixels = self._frame.to_ndarray(format="rgb24", width=width, height=height)
        return np.ascontiguousarray(np.rot90(pixels, self._turns), np.uint8)


def _seconds(frame: "VideoFrame") -> Fraction:
    if frame.pts is None or frame.time_base is None:
        raise SessionError("wanted a video whose frames have time stamps, found one without")
    return frame.pts * frame.time_base


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).splitlines()[0]


def import_video(
    file: Path,
    *,
    out: Path,
    subject: str,
    overwrite: bool = False,
    notes: str = "",
    max_fps: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Make a color-only session of a video file and return its folder; see `film.store_film`.

    The frames keep the file's own size and time stamps; they are stored as JPEG of quality 95.

    Raises
    ------
    SessionError
        `file` is missing, no video, or breaks off.
    OutputError
        `out` exists and `overwrite` is False.
    """
    require_place(Path(out).absolute(), overwrite=overwrite)
    require_pseudonym(subject)
    with Video(Path(file)) as video:
        return store_film(
            video,
            out=out,
            subject=subject,
            overwrite=overwrite,
            notes=notes,
            max_fps=max_fps,
            on_progress=on_progress,
        )
