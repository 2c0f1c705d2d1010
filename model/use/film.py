"""The overlaid film: the face's box, and valence and arousal as curves under the picture; H.264.

`draw_moment` is pure; `write_film` reads the recording's color and writes one frame for each of its pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.export.films import MUXING, QUALITY, TIME_BASE, require_h264
from ...capture.session import Session
from ...capture.streams import Stream
from ...capture.synchronize import synchronize
from ...errors import SessionError
from .scores import RowScores

if TYPE_CHECKING:
    from av import VideoStream

Progress = Callable[[int, int], None]
Color = tuple[int, int, int]

MOST_HEIGHT_PX = 720  # of the picture; larger ones are averaged down
STRIP_SHARE = 0.28  # of the picture's height, for the curves
WINDOW_S = 12.0  # of the curves; now is at the right
INK: Color = (235, 235, 235)
SOFT: Color = (150, 150, 150)
FAINT: Color = (90, 90, 90)
GROUND: Color = (24, 24, 24)
BOX: Color = (120, 220, 120)
DOUBTED: Color = (230, 170, 60)
CURVES: tuple[Color, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (0, 114, 178),
)
"""Told apart by color-blind eyes too (Okabe and Ito 2008); classes beyond the seventh begin again."""


def draw_moment(
    color: NDArray[np.uint8], *, t_s: float, scores: RowScores, mark: str = ""
) -> NDArray[np.uint8]:
    """Return a picture (H, W, 3) with the box of the nearest row, and the last WINDOW_S of scores below it.

    Parameters
    ----------
    color : (H0, W0, 3) uint8 red green blue, as recorded; shrunk to MOST_HEIGHT_PX
    t_s : when it was taken, seconds since the session's first tick
    mark : words in the corner, such as that the recording is simulated
    """
    factor = min(1.0, MOST_HEIGHT_PX / color.shape[0])
    width, height = (max(2, round(side * factor) // 2 * 2) for side in color.shape[1::-1])
    picture = cv2.resize(color, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    row = int(np.argmin(np.abs(scores.time_s - t_s)))
    box = scores.box_px[row] * factor
    if box.any():
        corners = [(round(float(x)), round(float(y))) for x, y in (box[:2], box[2:])]
        trusted = bool(scores.covered[row])
        cv2.rectangle(picture, corners[0], corners[1], BOX if trusted else DOUBTED, 2, cv2.LINE_AA)
    if mark:
        _write(picture, mark, (10, 24), INK)
    strip = _curves(width, max(48, round(height * STRIP_SHARE) // 2 * 2), t_s=t_s, scores=scores)
    return np.concatenate([picture, strip])


def write_film(
    path: Path,
    session: Session,
    scores: RowScores,
    *,
    mark: str = "",
    on_progress: Progress | None = None,
) -> None:
    """Write every color picture of a session under its scores, at its own time.

    About 25 ms of CPU per picture of 1080 lines, most of it decoding and encoding.

    Raises
    ------
    OutputError
        This machine cannot write H.264.
    SessionError
        No color picture can be read.
    """
    require_h264()
    import av

    synchronized = synchronize(session)
    index = synchronized.index[Stream.COLOR]
    ticks = np.flatnonzero(index >= 0)
    stream: VideoStream | None = None
    with av.open(str(path), "w", format="mp4", options=MUXING) as container:
        for n, tick in enumerate(ticks.tolist()):
            t_s = float(synchronized.time_s[tick])
            try:
                pixels = session.frame(Stream.COLOR, int(index[tick])).pixels
            except SessionError:
                continue  # its row says so: damaged
            picture = draw_moment(pixels.astype(np.uint8, copy=False), t_s=t_s, scores=scores, mark=mark)
            if stream is None:
                stream = _stream(container, picture, synchronized.time_s[ticks])
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = round(t_s / TIME_BASE), TIME_BASE
            container.mux(stream.encode(frame))
            if on_progress is not None:
                on_progress(n + 1, len(ticks))
        if stream is None:
            raise SessionError(f"wanted color pictures to draw on, none can be read: {session.path}")
        container.mux(stream.encode())


def _stream(container, picture: NDArray[np.uint8], time_s: NDArray[np.float64]) -> VideoStream:
    period_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    rate = Fraction(1 / period_s).limit_denominator(1001)
    stream: VideoStream = container.add_stream("libx264", rate=rate, options=QUALITY)
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.time_base = stream.codec_context.time_base = TIME_BASE
    return stream


def _curves(width: int, height: int, *, t_s: float, scores: RowScores) -> NDArray[np.uint8]:
    """Return the strip (height, width, 3): each score over time, its scale, and its present value."""
    strip = np.full((height, width, 3), GROUND, np.uint8)
    left, right = 44, width - 190
    low, high = (-1.0, 1.0) if _is_signed(scores.names) else (0.0, 1.0)

    def y_of(value: NDArray[np.float64]) -> NDArray[np.float64]:
        return 8 + (height - 16) * (high - np.clip(value, low, high)) / (high - low)

    for level in (low, (low + high) / 2, high):
        y = round(float(y_of(np.array(level))))
        words = f"{level:+g}" if low < 0 and level else f"{level:g}"
        cv2.line(strip, (left, y), (right, y), FAINT, 1)
        _write(strip, words, (8, min(max(y + 5, 14), height - 4)), SOFT)
    seen = (scores.time_s > t_s - WINDOW_S) & (scores.time_s <= t_s + 1e-6)
    now = np.array([np.interp(t_s, scores.time_s, column) for column in scores.scores.T])
    line_px = max(18, min(30, (height - 8) // max(1, len(scores.names))))
    for k, name in enumerate(scores.names):
        ink = CURVES[k % len(CURVES)]
        times = np.append(scores.time_s[seen], t_s)
        values = np.append(scores.scores[seen, k], now[k])
        x = right - (right - left) * (t_s - times) / WINDOW_S
        points = np.rint(np.stack([x, y_of(values)], axis=1)).astype(np.int32)
        cv2.polylines(strip, [points.reshape(-1, 1, 2)], False, ink, 2, cv2.LINE_AA)
        words = f"{name} {now[k]:+.2f}" if low < 0 else f"{name} {now[k]:.2f}"
        _write(strip, words, (right + 12, 20 + k * line_px), ink)
    if 20 + len(scores.names) * line_px < height:  # room below the names
        _write(strip, f"last {WINDOW_S:g} s", (right + 12, height - 8), SOFT)
    return strip


def _write(picture: NDArray[np.uint8], words: str, at: tuple[int, int], ink: Color) -> None:
    plain = words.encode("ascii", "replace").decode()  # OpenCV's own font has no other letters
    for shift, tone in ((1, GROUND), (0, ink)):  # a shadow, so that it reads on any picture
        place = (at[0] + shift, at[1] + shift)
        cv2.putText(picture, plain, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, tone, 1, cv2.LINE_AA)


def _is_signed(names: Sequence[str]) -> bool:
    return set(names) <= {"valence", "arousal"}
