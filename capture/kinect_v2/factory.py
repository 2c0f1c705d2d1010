"""What the factory measured of one Kinect v2, as its driver tells it: `factory_calibration.json`.

Kept with the session as the driver gave it. Whoever calibrates reads it as a first guess, through
`unmirrored`, which fits the pictures that are stored.
"""

import re
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, ValidationError

from ...config import StrictModel, complaints
from ...errors import CalibrationError
from ..geometry import Intrinsics, RigidTransform
from ..streams import COLOR_1080P

FILE_NAME = "factory_calibration.json"
COLOR_WIDTH = COLOR_1080P.shape[1]
POLYNOMIAL_TERM = re.compile(r"m(?P<of>[xy])_x(?P<power_of_x>\d)y\d")

Number = Annotated[float, Field(allow_inf_nan=False)]
Row = tuple[Number, Number, Number]


class FactoryIntrinsics(StrictModel):
    """A pinhole camera with its lens, in the terms of OpenCV's rational model.

    A point (x, y) of the plane z = 1, r2 = x * x + y * y, is moved by the radial factor
    (1 + k1 r2 + k2 r2^2 + k3 r2^3) / (1 + k4 r2 + k5 r2^2 + k6 r2^3) and by p1, p2 as in Brown (1966).

    Attributes
    ----------
    width, height : int, pixels
    fx, fy, cx, cy : float, pixels; whether pixel centers lie at integers no driver says
    k1, k2, k3 : radial; what Microsoft's SDK calls second, fourth and sixth order
    k4, k5, k6 : radial, of the denominator; no known driver of a Kinect v2 has them
    p1, p2 : tangential
    """

    width: int = Field(gt=0)
    height: int = Field(gt=0)
    fx: Number = Field(gt=0)
    fy: Number = Field(gt=0)
    cx: Number
    cy: Number
    k1: Number = 0.0
    k2: Number = 0.0
    k3: Number = 0.0
    k4: Number = 0.0
    k5: Number = 0.0
    k6: Number = 0.0
    p1: Number = 0.0
    p2: Number = 0.0

    def intrinsics(self) -> Intrinsics:
        """Return the camera as the calibration stage has it.

        Raises
        ------
        CalibrationError
            The lens has a denominator (k4, k5, k6), which `Intrinsics` has not.
        """
        if self.k4 or self.k5 or self.k6:
            raise CalibrationError(
                f"wanted a lens of k1, k2, p1, p2, k3, found k4, k5, k6 = {self.k4!r}, {self.k5!r}, "
                f"{self.k6!r} as well; fit the five to the eight first"
            )
        lens = (self.k1, self.k2, self.p1, self.p2, self.k3)
        return Intrinsics(self.width, self.height, self.fx, self.fy, self.cx, self.cy, lens)

    def mirrored(self) -> "FactoryIntrinsics":
        """Return the camera of the same pictures flipped left to right."""
        return self.model_copy(update={"cx": self.width - 1 - self.cx, "p2": -self.p2})


class FactoryPose(StrictModel):
    """Where one camera stands to another: `xyz_b = rotation @ xyz_a + translation_mm`."""

    rotation: tuple[Row, Row, Row]
    translation_mm: Row

    def transform(self) -> RigidTransform:
        """Return it as the calibration stage has it; raises CalibrationError where it is no rotation."""
        return RigidTransform(np.array(self.rotation), np.array(self.translation_mm))

    def mirrored(self) -> "FactoryPose":
        """Return the pose between the same two cameras when the pictures of both are flipped."""
        flip = np.diag([-1.0, 1.0, 1.0])
        a, b, c = map(tuple, (flip @ np.array(self.rotation) @ flip).tolist())
        x, y, z = self.translation_mm
        return FactoryPose(rotation=(a, b, c), translation_mm=(-x, y, z))


class Correspondence(StrictModel):
    """Where the driver's own mapper sees a reading of the depth picture in the color picture, pixels."""

    depth_x: Number
    depth_y: Number
    depth_mm: Number = Field(gt=0)
    color_x: Number
    color_y: Number


class FactoryCalibration(StrictModel):
    """What one driver tells of one sensor's factory calibration.

    Attributes
    ----------
    version : of this document
    driver, driver_version : who told it
    serial : of the sensor; None where the driver does not tell
    mirrored : whether the numbers belong to pictures that are mirrored left to right; those stored are not
    depth : of the infrared camera, which depth and infrared share
    color : None where the driver does not tell: Microsoft's SDK has no intrinsics of the color camera
    color_from_depth : None where the driver does not tell
    color_parameters : how libfreenect2 maps depth to color (its ColorCameraParams, by name: the cubic
        polynomials mx_*, my_*, shift_d, shift_m); empty elsewhere
    depth_to_color : samples of how the SDK's mapper does it; empty elsewhere
    remarks : what is absent, and why
    """

    version: Literal[1] = 1
    driver: str
    driver_version: str
    serial: str | None
    mirrored: bool
    depth: FactoryIntrinsics
    color: FactoryIntrinsics | None = None
    color_from_depth: FactoryPose | None = None
    color_parameters: dict[str, Number] = Field(default_factory=dict)
    depth_to_color: tuple[Correspondence, ...] = ()
    remarks: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return the document; the same calibration gives the same text."""
        return self.model_dump_json(indent=1) + "\n"

    def unmirrored(self) -> "FactoryCalibration":
        """Return the calibration that belongs to pictures as stored: not mirrored."""
        if not self.mirrored:
            return self
        samples = tuple(
            sample.model_copy(
                update={
                    "depth_x": self.depth.width - 1 - sample.depth_x,
                    "color_x": COLOR_WIDTH - 1 - sample.color_x,
                }
            )
            for sample in self.depth_to_color
        )
        return self.model_copy(
            update={
                "mirrored": False,
                "depth": self.depth.mirrored(),
                "color": self.color and self.color.mirrored(),
                "color_from_depth": self.color_from_depth and self.color_from_depth.mirrored(),
                "color_parameters": {
                    name: _parameter_mirrored(name, value) for name, value in self.color_parameters.items()
                },
                "depth_to_color": samples,
            }
        )


def _parameter_mirrored(name: str, value: float) -> float:
    """Return one of libfreenect2's color parameters for pictures that are flipped left to right.

    Its Registration reckons color_x = fx (X / (fx 0.002199) - shift_m / shift_d + shift_m / z) + cx and
    color_y = Y / 0.002199 + cy, where X and Y are the sums of mx_x*y*, my_x*y* over powers of x and y, which
    count from the depth camera's center. When x and X change their signs, the rest has to follow.
    """
    if name == "cx":
        return COLOR_WIDTH - 1 - value
    if name == "shift_m":
        return -value
    term = POLYNOMIAL_TERM.fullmatch(name)
    if term is None:
        return value
    odd = int(term["power_of_x"]) % 2 == 1
    return -value if odd == (term["of"] == "y") else value


def factory_from_json(text: str, *, where: object) -> FactoryCalibration:
    """Return the document in `text`.

    Raises
    ------
    CalibrationError
        It is no JSON, or a key is unknown, absent or out of range.
    """
    try:
        return FactoryCalibration.model_validate_json(text, strict=True)
    except ValidationError as error:
        told = complaints(error, FactoryCalibration)
        raise CalibrationError(f"wanted a factory calibration: {told}: {where}") from error
