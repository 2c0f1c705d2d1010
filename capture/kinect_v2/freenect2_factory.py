"""The factory calibration as libfreenect2 tells it: its IrCameraParams and ColorCameraParams, by name."""

from typing import Any

from pydantic import ValidationError

from ..streams import COLOR_1080P, KINECT_DEPTH
from .factory import FactoryCalibration, FactoryIntrinsics

PINHOLE = ("fx", "fy", "cx", "cy")
LENS = (*PINHOLE, "k1", "k2", "k3", "p1", "p2")
TERMS = ("x3y0", "x0y3", "x2y1", "x1y2", "x2y0", "x0y2", "x1y1", "x1y0", "x0y1", "x0y0")
COLOR_PARAMETERS = (*PINHOLE, "shift_d", "shift_m", *(f"m{axis}_{term}" for axis in "xy" for term in TERMS))
REMARKS = (
    "color has no lens of its own here: it lies in the polynomials, which lead from depth pixels to color "
    "pixels (libfreenect2, Registration)",
    "libfreenect2 computes depth with pixel centers at one half, and registers it with centers at integers",
)
MIRRORED = True
"""libfreenect2's pictures are mirrored (its issue 172), and so are its numbers."""


def factory_from_parameters(
    infrared: Any, color: Any, *, driver: str, driver_version: str, serial: str
) -> FactoryCalibration | None:
    """Return what the sensor told when it was started; None where that is no camera.

    Parameters
    ----------
    infrared, color : what the binding's getIrCameraParams and getColorCameraParams return
    driver, driver_version, serial : as FactoryCalibration has them
    """
    height, width = KINECT_DEPTH.shape
    lens = {name: getattr(infrared, name) for name in LENS}
    pinhole = {name: getattr(color, name) for name in PINHOLE}
    try:
        return FactoryCalibration(
            driver=driver,
            driver_version=driver_version,
            serial=serial,
            mirrored=MIRRORED,
            depth=FactoryIntrinsics(width=width, height=height, **lens),
            color=FactoryIntrinsics(width=COLOR_1080P.shape[1], height=COLOR_1080P.shape[0], **pinhole),
            color_parameters={name: getattr(color, name) for name in COLOR_PARAMETERS},
            remarks=REMARKS,
        )
    except ValidationError:  # zeros, or not finite: it films all the same
        return None
