"""What holds for Microsoft's Kinect SDK 2.0, whichever library asks it (kinect_next.py, pykinect2.py)."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import ValidationError

from ..streams import COLOR_1080P, KINECT_DEPTH
from .factory import Correspondence, FactoryCalibration, FactoryIntrinsics

TICK_NS = 100
"""Its TIMESPAN."""
MIRRORED = True
"""In its camera space x grows to the sensor's left, as it grows to the right of its pictures (Microsoft,
"Coordinate mapping", dn785530): they are mirrored, as libfreenect2's are (its issue 172)."""
SAMPLE_COLUMNS, SAMPLE_ROWS = 8, 7
SAMPLE_DEPTHS_MM = (600, 1000, 2000, 4000)
"""Where its mapper is sampled: over the whole depth picture, from a face's distance to a room's."""
NO_COLOR = (
    "Microsoft's SDK tells no intrinsics of the color camera; depth_to_color samples its mapper instead"
)

ColorOf = Callable[[int, int, int], Any]
"""Its mapper: of a depth pixel's x, y and millimetres, the color pixel (with x and y); may raise."""


def factory_from_lens(
    lens: Any, color_of: ColorOf, *, driver: str, driver_version: str, serial: str | None
) -> FactoryCalibration | None:
    """Return what the SDK tells of the infrared camera; None where that is no camera.

    Parameters
    ----------
    lens : its CameraIntrinsics; zeros before the sensor runs
    color_of : asked for a grid of depth readings
    driver, driver_version, serial : as FactoryCalibration has them
    """
    height, width = KINECT_DEPTH.shape
    try:
        depth = FactoryIntrinsics(
            width=width,
            height=height,
            fx=lens.FocalLengthX,
            fy=lens.FocalLengthY,
            cx=lens.PrincipalPointX,
            cy=lens.PrincipalPointY,
            k1=lens.RadialDistortionSecondOrder,
            k2=lens.RadialDistortionFourthOrder,
            k3=lens.RadialDistortionSixthOrder,
        )
    except ValidationError:  # zeros at first, or not finite: it films all the same
        return None
    return FactoryCalibration(
        driver=driver,
        driver_version=driver_version,
        serial=serial,
        mirrored=MIRRORED,
        depth=depth,
        depth_to_color=_samples(color_of),
        remarks=(NO_COLOR,),
    )


def _samples(color_of: ColorOf) -> tuple[Correspondence, ...]:
    """Return where the mapper sees a grid of depth readings in color; none outside that picture."""
    height, width = KINECT_DEPTH.shape
    columns = np.linspace(0, width - 1, SAMPLE_COLUMNS).round().astype(int).tolist()
    rows = np.linspace(0, height - 1, SAMPLE_ROWS).round().astype(int).tolist()
    found = []
    for depth_mm, y, x in itertools.product(SAMPLE_DEPTHS_MM, rows, columns):
        try:
            seen = color_of(x, y, depth_mm)
        except Exception:  # a COM error of one point, of either library's own kind
            continue
        if 0 <= seen.x < COLOR_1080P.shape[1] and 0 <= seen.y < COLOR_1080P.shape[0]:
            found.append(
                Correspondence(depth_x=x, depth_y=y, depth_mm=depth_mm, color_x=seen.x, color_y=seen.y)
            )
    return tuple(found)
