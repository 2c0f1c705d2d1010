"""Pictures and sound as an H.264/AAC MP4 that browsers play, each frame at its own time.

Owns codec settings and time stamps; where pictures come from is in sources.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import StudyError

if TYPE_CHECKING:
    from av import AudioFrame, VideoStream
    from av.container import OutputContainer

TIME_BASE = Fraction(1, 90_000)
"""Of the film's time stamps: to 6 microseconds, and what every rate of film and television divides."""
QUALITY = {"crf": "20", "preset": "veryfast", "bf": "0", "forced-idr": "1"}
"""No frame is stored out of order (bf 0): the first one stands at media time 0 without an edit list."""
KEYFRAME_S = 0.5
"""A jump back decodes at most half a second before it shows a frame."""
MUXING = {"movflags": "+faststart", "movie_timescale": str(TIME_BASE.denominator)}
SOUND_RATE, SOUND_BITS_PER_S = 48_000, 128_000
ITU709, LIMITED_RANGE = 1, 1
MIN_SIDE_PX = 16

Picture = tuple[float, Callable[[], NDArray[np.uint8]]]
"""When a frame was exposed, seconds, and what returns its pixels (H, W, 3) uint8 sRGB."""


def require_codecs(*, sound: bool = False) -> None:
    """Raise StudyError unless this machine can write H.264 (and AAC)."""
    try:
        import av
    except ImportError as error:
        raise StudyError(
            f"wanted PyAV, found none ({error}); run `pip install 'mavfer[annotate]'`"
        ) from error
    for codec in ("libx264", *(["aac"] if sound else [])):
        if codec not in av.codecs_available:
            raise StudyError(
                f"wanted PyAV with {codec}, found version {av.__version__} without it; "
                "install PyAV from its own wheel"
            )


def encode(
    path: Path,
    pictures: Iterable[Picture],
    *,
    fps: float,
    max_width_px: int,
    sound: Iterator[AudioFrame] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Write a film to `path` and return its time stamps and times of exposure.

    Costs about 30 ms of CPU per 1080p frame that is made 1280 x 720. A frame whose
    time falls on the one before it is left out.

    Parameters
    ----------
    pictures : in order of time, all of one size
    fps : the usual rate, which players may show
    max_width_px : wider pictures are made smaller; sides become even
    sound : frames of `SOUND_RATE`, whose time 0 is the first picture's

    Returns
    -------
    (F,) int64, in `TIME_BASE`, the first is 0; (F,) float64, seconds, as the pictures came; and until when
    the last one is shown, in `TIME_BASE`.

    Raises
    ------
    StudyError
        No picture came, or none after the first, or they are too small for H.264.
    """
    import av

    with av.open(str(path), "w", format="mp4", options=MUXING) as container:
        writer: _Writer | None = None
        for time_s, pixels in pictures:
            image = pixels()
            if writer is None:
                writer = _Writer(container, image, fps=fps, max_width_px=max_width_px, sound=sound)
            writer.add(time_s, image)
        if writer is None:
            raise StudyError("wanted a film, found no frame that can be read")
        pts, times_s, end = writer.finish()
        if len(pts) < 2:
            raise StudyError("wanted a film of pictures one after the other, found one moment only")
        return pts, times_s, end


class _Writer:
    """The streams of one film while it is written."""

    def __init__(
        self,
        container: OutputContainer,
        image: NDArray[np.uint8],
        *,
        fps: float,
        max_width_px: int,
        sound: Iterator[AudioFrame] | None,
    ) -> None:
        height, width = image.shape[:2]
        scale = min(1.0, max_width_px / width)
        self._size = tuple(2 * max(1, round(side * scale / 2)) for side in (width, height))
        if min(self._size) < MIN_SIDE_PX:
            raise StudyError(f"wanted pictures of {MIN_SIDE_PX} pixels or more, found {width} x {height}")
        self._usual = max(1, round(1 / fps / TIME_BASE))
        self._container = container
        self._stream = _video_stream(container, self._size, fps)
        self._sound = sound
        self._track = None
        if sound is not None:
            self._track = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
            self._track.bit_rate = SOUND_BITS_PER_S
        self._next_sound = next(sound, None) if sound is not None else None
        self._key_due = 0
        self._pts: list[int] = []
        self._time_s: list[float] = []
        self._waiting: list[tuple[int, NDArray[np.uint8]]] = []
        self._lasting: dict[int, int] = {}

    def add(self, time_s: float, image: NDArray[np.uint8]) -> None:
        """Add a frame; it is encoded when the next one says how long it is shown."""
        pts = round((time_s - self._time_s[0]) / TIME_BASE) if self._time_s else 0
        if self._pts and pts <= self._pts[-1]:
            return
        if self._waiting:
            self._encode(pts)
        self._waiting.append((pts, image))
        self._pts.append(pts)
        self._time_s.append(time_s)

    def finish(self) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
        """Write what is left and return time stamps, times and the end."""
        usual = int(np.median(np.diff(self._pts))) if len(self._pts) > 1 else self._usual
        end = self._pts[-1] + usual
        self._encode(end)
        self._mux_video(None)
        self._write_sound(end)
        if self._track is not None:
            self._container.mux(self._track.encode(None))
        return np.array(self._pts, np.int64), np.array(self._time_s, np.float64), end

    def _encode(self, until: int) -> None:
        import av
        from av.video.frame import PictureType

        pts, image = self._waiting.pop()
        self._write_sound(pts)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(
            self._size[0], self._size[1], format="yuv420p", dst_colorspace="ITU709", interpolation="AREA"
        )
        frame.pts, frame.time_base = pts, TIME_BASE
        if pts >= self._key_due:
            frame.pict_type = PictureType.I
            self._key_due = pts + round(KEYFRAME_S / TIME_BASE)
        self._lasting[pts] = until - pts
        self._mux_video(frame)

    def _mux_video(self, frame: object) -> None:
        for packet in self._stream.encode(frame):  # pyright: ignore[reportArgumentType]
            packet.duration = self._lasting.pop(packet.pts or 0, 0)
            self._container.mux(packet)

    def _write_sound(self, until: int) -> None:
        """Write the sound that begins before a time stamp, so that sound and pictures lie side by side."""
        while self._track is not None and self._sound is not None and self._next_sound is not None:
            frame = self._next_sound
            if (frame.pts or 0) / SOUND_RATE >= until * TIME_BASE:
                return
            self._container.mux(self._track.encode(frame))
            self._next_sound = next(self._sound, None)


def _video_stream(container: OutputContainer, size: tuple[int, ...], fps: float) -> VideoStream:
    """Return a new H.264 stream of a size, with its time base and color space."""
    rate = Fraction(min(max(fps, 0.01), 1000)).limit_denominator(1001)
    stream = container.add_stream("libx264", rate=rate, options=QUALITY)
    context = stream.codec_context
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.time_base = context.time_base = TIME_BASE
    context.colorspace = context.color_primaries = context.color_trc = ITU709
    context.color_range = LIMITED_RANGE
    return stream
