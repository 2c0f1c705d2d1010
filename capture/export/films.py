"""Streams as H.264 videos whose frames stand at their own times."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import OutputError, SessionError
from .colors import coloring_of
from .frames import Selection, StreamFrames, Walk

if TYPE_CHECKING:
    from av import VideoStream

TIME_BASE = Fraction(1, 90_000)
"""Frame times are exact to 6 microseconds."""
QUALITY = {"crf": "18", "preset": "ultrafast", "g": "60"}
"""50 dB to what is stored, at 14 ms of CPU and 160 kB per 1080p frame; "veryfast" takes 75 ms for 100 kB. A
player finds any moment within 60 frames."""
MUXING = {"movflags": "+faststart", "movie_timescale": str(TIME_BASE.denominator)}
"""The index comes first; and a first frame that is not at 0 stays where it is, to the same 6 microseconds."""
N_SAMPLES = 24
ITU709 = 1
LIMITED_RANGE = 1


def require_h264() -> None:
    """Raise OutputError unless this machine can write H.264."""
    try:
        import av
    except ImportError as error:
        raise OutputError(f"wanted PyAV, found none ({error}); run `pip install 'mavfer[build]'`") from error
    if "libx264" not in av.codecs_available:
        raise OutputError(
            f"wanted PyAV with libx264, found version {av.__version__} without it; "
            "install PyAV from its own wheel, or take --format png"
        )


def write_videos(folder: Path, selection: Selection, walk: Walk) -> None:
    """Write `color.mp4`, `depth.mp4`, ... into a folder."""
    for frames in selection.streams:
        if len(frames):
            write_video(folder / f"{frames.stream.value}.mp4", frames, selection, walk)


def write_video(path: Path, frames: StreamFrames, selection: Selection, walk: Walk) -> None:
    """Write a stream as one H.264 video: its time t is t after the stretch's begin, or the first tick.

    16-bit streams are colored over a range that is the same for the whole session; depth and thermal have
    their scale at the right. A frame before time 0 is shown from 0 on; of several frames of one time, all but
    the last are left out. Costs about 35 ms of CPU per 1080p frame.

    Raises
    ------
    SessionError
        No frame can be read.
    OSError
        The disk refused.
    """
    import av

    painted = frames.spec.dtype == "uint8"
    coloring = None if painted else coloring_of(frames.spec, frames.sample(N_SAMPLES))
    pts = np.rint((frames.time_ns - selection.start_ns) / 1e9 / float(TIME_BASE)).astype(np.int64)
    pts = np.maximum(pts, 0)
    last = np.append(np.diff(pts) > 0, True) if len(pts) else np.empty(0, bool)
    until = _ends(pts)
    stream: VideoStream | None = None
    lasting: dict[int, int] = {}
    with av.open(str(path), "w", format="mp4", options=MUXING) as container:
        for i, pixels in walk.pixels(frames):
            if not last[i]:
                walk.leave_out(frames, i, "the next one takes its time in the video")
                continue
            picture = pixels if coloring is None else coloring.picture(pixels)
            picture = _even(picture)
            if stream is None:
                stream = container.add_stream("libx264", rate=_rate(pts), options=QUALITY)
                _set_up(stream, picture)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format="yuv420p", dst_colorspace="ITU709"
            )
            frame.pts, frame.time_base = int(pts[i]), TIME_BASE
            lasting[int(pts[i])] = int(until[i] - pts[i])
            for packet in stream.encode(frame):
                packet.duration = lasting.pop(packet.pts or 0, 0)
                container.mux(packet)
        if stream is None:
            raise SessionError(f"no {frames.stream.value} frame can be read: {selection.session.path}")
        for packet in stream.encode():
            packet.duration = lasting.pop(packet.pts or 0, 0)
            container.mux(packet)


def _set_up(stream: "VideoStream", picture: NDArray[np.uint8]) -> None:
    """Set size, time base and color space of a new video."""
    context = stream.codec_context
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.time_base = context.time_base = TIME_BASE
    context.colorspace = context.color_primaries = context.color_trc = ITU709
    context.color_range = LIMITED_RANGE


def _rate(pts: NDArray[np.int64]) -> Fraction:
    """Return the usual frame rate, which players may show."""
    steps = np.diff(np.unique(pts))
    period_s = float(np.median(steps)) * float(TIME_BASE) if len(steps) else 1.0
    return Fraction(max(1 / period_s, 0.01)).limit_denominator(1001)


def _ends(pts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return until when each frame is shown: the next frame's time; the last one as long as usual."""
    steps = np.diff(pts)
    usual = int(np.median(steps[steps > 0])) if np.any(steps > 0) else round(1 / 30 / float(TIME_BASE))
    return np.append(pts[1:], pts[-1:] + usual)


def _even(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture with sides that 4:2:0 can halve; the last row or column is doubled where needed."""
    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(picture)
