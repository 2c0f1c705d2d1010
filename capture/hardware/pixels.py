"""A frame's pixels as people see them, whatever the camera sent."""

import numpy as np
from numpy.typing import NDArray

from ..export.colors import coloring_of
from ..streams import Frame, StreamSpec


def pixels_of(frame: Frame) -> NDArray:
    """Return a frame's pixels, also where the camera sent a JPEG."""
    if frame.encoded is not None and frame.pixels.size == 0:
        import simplejpeg

        return simplejpeg.decode_jpeg(frame.encoded)
    return frame.pixels


def people_see(pixels: NDArray, spec: StreamSpec) -> NDArray[np.uint8]:
    """Return a picture in colors (H, W, 3); one of 16 bits by a coloring of its own, with its scale."""
    if pixels.ndim == 3:
        return np.ascontiguousarray(pixels)
    return coloring_of(spec, [pixels]).picture(pixels)
