"""Small pictures of what a camera sees, made beside the recording and never in its way.

A recorder offers every frame it has; a thread of its own turns some of them into JPEGs, colored so that an
operator can read them. What the other end makes of such a message is here too.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Literal

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from ..config import StrictModel
from .desk import Preview
from .streams import Frame, Stream, StreamSpec, check_pixels
from .temperature import conversion, widened

EVERY_S = 0.25
WIDTH_PX = 480
QUALITY = 78
DEPTH_MM = (400.0, 1500.0)
"""A face before the rig, and what is behind it; the Kinect v2 reads nothing nearer than about 400 mm."""
PERCENTILES = {Stream.THERMAL: (1.0, 99.7), Stream.INFRARED: (1.0, 99.8)}
LEAST_SPAN = {Stream.THERMAL: 4.0, Stream.INFRARED: 64.0}
"""Kelvin and counts; a picture of one gray would be all noise otherwise."""
FOLLOW = 0.15
"""How far the ends of a coloring move toward those of each new picture: 1.6 s at four pictures a second."""
SAMPLE_STEP_PX = 8
MAX_JPEG_BYTES = 512 * 1024
MAX_SIDE_PX = 2048

Send = Callable[[dict[str, Any], bytes], None]


class Previewer:
    """Turns some of the frames it is offered into small JPEGs, on a thread of its own.

    One set of color, depth, infrared and thermal costs 3 to 5 ms of one core. The thread has the priority of
    the others: a nicer one is put aside by other programs while it holds Python's lock, and recording waits
    with it (measured on two busy cores: 171 ms at worst instead of 50).

    Parameters
    ----------
    send : takes a head that JSON can hold and a JPEG; called from the previewer's thread. If it raises, that
        picture is lost and nothing else.
    specs : the streams that may come; others are passed over
    every_s : least time between two sets
    """

    def __init__(self, send: Send, specs: Iterable[StreamSpec], every_s: float = EVERY_S) -> None:
        self._send = send
        self._makers = {spec.stream: _Maker(spec) for spec in specs}
        self._every_s = every_s
        self._due_s = 0.0
        self._frames: tuple[Frame, ...] | None = None
        self._wake = threading.Event()
        self._closing = False
        self.n_failed = 0
        """Pictures that could not be made or sent."""
        self._thread = threading.Thread(target=self._run, name="previews", daemon=True)
        self._thread.start()

    def offer(self, frames: tuple[Frame, ...]) -> None:
        """Let these frames be pictured if none are in the making and it is time; a microsecond either way."""
        if self._frames is None and time.monotonic() >= self._due_s:
            self._frames = frames
            self._wake.set()

    def close(self) -> None:
        """End the thread after the picture that it is at; harmless when called twice."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._closing:
                return
            self._due_s = time.monotonic() + self._every_s
            for frame in self._frames or ():
                self._picture(frame)
            self._frames = None

    def _picture(self, frame: Frame) -> None:
        maker = self._makers.get(frame.stream)
        if maker is None:
            return
        try:
            self._send(*maker.make(frame))
        except Exception:  # a picture is a courtesy: whatever is wrong with one, recording goes on
            self.n_failed += 1


class _Maker:
    """Makes one stream's pictures; remembers where its coloring begins and ends."""

    def __init__(self, spec: StreamSpec) -> None:
        self._spec, self._stream, self._law = spec, spec.stream, conversion(spec.unit)
        self._levels: tuple[float, float] | None = None

    def make(self, frame: Frame) -> tuple[dict[str, Any], bytes]:
        """Return a picture's head and its JPEG; raises SessionError for pixels unlike the spec."""
        if frame.encoded is None or self._stream is not Stream.COLOR:
            check_pixels(frame.pixels, self._spec)  # an empty picture ends the process in the libraries below
        if self._stream is Stream.COLOR:
            low, high, unit = 0.0, 0.0, ""
            small = _small(frame.pixels) if frame.encoded is None else _small_of_jpeg(frame.encoded)
            jpeg = simplejpeg.encode_jpeg(small, quality=QUALITY, colorsubsampling="420")
        elif self._stream is Stream.DEPTH:
            (low, high), unit = DEPTH_MM, "mm"
            jpeg = _encode_colored(np.take(_depth_table(), frame.pixels), self._stream)  # never a mean with 0
        else:
            low, high = self._levels = self._follow(frame.pixels)
            first = np.array([low, 0.0, 0.0, 0.0])  # what cv2 takes for a number
            above = cv2.subtract(_small(frame.pixels), first)  # 0 where it would be negative
            index = np.asarray(cv2.convertScaleAbs(above, alpha=255 / (high - low)), np.uint8)
            jpeg = _encode_colored(index, self._stream)
            unit = "counts"
            if self._law is not None:
                low_c, high_c = self._law.celsius(low), self._law.celsius(high)
                if math.isfinite(low_c) and math.isfinite(high_c):
                    low, high, unit = low_c, high_c, "\N{DEGREE SIGN}C"
        head = {
            "stream": self._stream.value,
            "frame_id": int(frame.frame_id),
            "host_time_ns": int(frame.host_time_ns),
            "low": float(low),
            "high": float(high),
            "unit": unit,
        }
        return head, jpeg

    def _follow(self, counts: NDArray) -> tuple[float, float]:
        """Return where the coloring begins and ends, in counts: robust, and a small step from the last."""
        sample = counts[::SAMPLE_STEP_PX, ::SAMPLE_STEP_PX]
        low, high = (float(value) for value in np.percentile(sample, PERCENTILES[self._stream]))
        low, high = widened(self._law, low, high, least=LEAST_SPAN[self._stream])
        if self._levels is None:
            return low, high
        was_low, was_high = self._levels
        return was_low + FOLLOW * (low - was_low), was_high + FOLLOW * (high - was_high)


def scale_colors(stream: Stream, n_colors: int = 24) -> list[str]:
    """Return a stream's coloring from low to high as "#rrggbb"; empty for color, which has none."""
    if stream is Stream.COLOR:
        return []
    first = 1 if stream is Stream.DEPTH else 0  # depth's color 0 means no reading
    rows = _colors(stream)[np.linspace(first, 255, n_colors).round().astype(int), 0]
    return [f"#{red:02x}{green:02x}{blue:02x}" for blue, green, red in rows.tolist()]


class Head(StrictModel):
    """What is sent with a picture; see `desk.Preview`."""

    model_config = ConfigDict(strict=True)

    stream: Literal["color", "depth", "infrared", "thermal"]
    frame_id: int = Field(ge=-(2**63), lt=2**63)
    host_time_ns: int = Field(ge=-(2**63), lt=2**63)
    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    unit: str = Field(max_length=16)


def preview_of_message(head: object, jpeg: object) -> Preview | None:
    """Return what `Previewer` sent, or None where the message is anything else; never raises."""
    if not isinstance(jpeg, bytes) or len(jpeg) > MAX_JPEG_BYTES:
        return None
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg)
        told = Head.model_validate(head)
    except ValueError:  # pydantic's ValidationError is one
        return None
    if not (0 < int(height) <= MAX_SIDE_PX and 0 < int(width) <= MAX_SIDE_PX):
        return None
    return Preview(
        Stream(told.stream), told.frame_id, told.host_time_ns, jpeg, told.low, told.high, told.unit
    )


def _small(pixels: NDArray) -> NDArray:
    """Return a picture that is at most WIDTH_PX wide."""
    height, width = pixels.shape[:2]
    if width <= WIDTH_PX:
        return pixels
    return cv2.resize(pixels, (WIDTH_PX, max(1, round(height * WIDTH_PX / width))))


def _small_of_jpeg(jpeg: bytes) -> NDArray[np.uint8]:
    """Return the picture in a camera's own JPEG, at most WIDTH_PX wide, decoded to little more than that."""
    return _small(simplejpeg.decode_jpeg(jpeg, fastdct=True, min_width=WIDTH_PX, min_height=1, min_factor=1))


def _encode_colored(index: NDArray[np.uint8], stream: Stream) -> bytes:
    """Return a JPEG of (H, W) places in a stream's 256 colors."""
    if stream is Stream.INFRARED:
        gray = np.take(np.ascontiguousarray(_colors(stream)[:, 0, 0]), index)
        return simplejpeg.encode_jpeg(gray[..., None], quality=QUALITY, colorspace="GRAY")
    picture = np.asarray(cv2.applyColorMap(index, _colors(stream)), np.uint8)
    return simplejpeg.encode_jpeg(picture, quality=QUALITY, colorspace="BGR", colorsubsampling="420")


@cache
def _colors(stream: Stream) -> NDArray[np.uint8]:
    """Return a stream's 256 colors, (256, 1, 3) uint8 blue green red."""
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    if stream is Stream.INFRARED:  # faces lie low between the room and what reflects: brighten the dark half
        gray = (255 * (ramp / 255) ** 0.6).round().astype(np.uint8)
        return np.repeat(gray[:, :, None], 3, axis=2)
    if stream is Stream.THERMAL:
        return np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO), np.uint8)
    # near is warm, far is a dim blue; turbo's dark ends are left out, so that black can only mean: no reading
    turbo = cv2.applyColorMap((232 - ramp * (216 / 255)).round().astype(np.uint8), cv2.COLORMAP_TURBO)
    turbo[0] = 0
    return np.asarray(turbo, np.uint8)


@cache
def _depth_table() -> NDArray[np.uint8]:
    """Return for each depth in mm (65536,) its place in the colors: 0 for no reading, 1 near, 255 far."""
    low, high = DEPTH_MM
    place = 1 + 254 * (np.arange(65536) - low) / (high - low)
    table = np.clip(place, 1, 255).astype(np.uint8)
    table[0] = 0
    return table
