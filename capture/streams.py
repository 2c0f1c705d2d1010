"""What a camera delivers: the four streams, their shapes and units, and one frame of one of them."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ..errors import SessionError


class Stream(StrEnum):
    """The four streams of the rig, by their names in files and on the command line."""

    COLOR = "color"
    DEPTH = "depth"
    INFRARED = "infrared"
    THERMAL = "thermal"


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """The shape, type and unit of one stream's pixels.

    Attributes
    ----------
    stream : Stream
    shape : (height, width) or (height, width, 3), the latter in the order red, green, blue
    dtype : "uint8" or "uint16"
    unit : "sRGB", "mm", "counts"; of thermal as temperature.py reads it, such as "0.04 K" per count
    """

    stream: Stream
    shape: tuple[int, ...]
    dtype: str
    unit: str


COLOR_1080P = StreamSpec(Stream.COLOR, (1080, 1920, 3), "uint8", "sRGB")
KINECT_DEPTH = StreamSpec(Stream.DEPTH, (424, 512), "uint16", "mm")
KINECT_INFRARED = StreamSpec(Stream.INFRARED, (424, 512), "uint16", "counts")
A65_THERMAL = StreamSpec(Stream.THERMAL, (512, 640), "uint16", "0.04 K")
"""FLIR A65, TemperatureLinearMode on, resolution High: temperature_c = counts * 0.04 - 273.15."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of one stream.

    Attributes
    ----------
    stream : Stream
    pixels : as the stream's StreamSpec says
    device_time_ns : int, the sensor's own clock when the frame was exposed
    host_time_ns : int, the recording machine's monotonic clock when the frame arrived
    frame_id : int, the sensor's own counter; a gap in it is a lost frame
    encoded : the JPEG that the camera itself made, if it did; it is stored as it is, `pixels` may be empty
    flags : what the camera says of this frame (see `Capture.flags`)
    """

    stream: Stream
    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    device_time_ns: int
    host_time_ns: int
    frame_id: int
    encoded: bytes | None = None
    flags: tuple[str, ...] = ()


def check_pixels(pixels: NDArray, spec: StreamSpec) -> None:
    """Raise SessionError if `pixels` has not the shape and dtype that `spec` promises."""
    if pixels.shape != spec.shape or pixels.dtype != np.dtype(spec.dtype):
        raise SessionError(
            f"stream {spec.stream.value!r} wants {spec.shape} {spec.dtype}, "
            f"found {pixels.shape} {pixels.dtype}"
        )
