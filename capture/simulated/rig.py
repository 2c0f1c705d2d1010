"""The simulated rig: three cameras with known intrinsics, distortion and poses.

The pipeline never reads it; it is what calibration has to find.
"""

from dataclasses import dataclass

import numpy as np

from ..geometry import Intrinsics, RigidTransform


@dataclass(frozen=True, slots=True)
class SimulatedRig:
    """Three cameras; the reference frame is the color camera's.

    Attributes
    ----------
    color, depth, thermal : Intrinsics; infrared shares the depth camera
    color_from_depth, thermal_from_color : RigidTransform, millimetres
    depth_shift_mm : float, true depth = measured depth + depth_shift_mm (the convention of iai_kinect2)
    """

    color: Intrinsics
    depth: Intrinsics
    thermal: Intrinsics
    color_from_depth: RigidTransform
    thermal_from_color: RigidTransform
    depth_shift_mm: float


def simulated_rig() -> SimulatedRig:
    """Return the one simulated rig.

    Intrinsics of color and depth are of the size that iai_kinect2 publishes for two Kinect v2; the thermal
    camera is an A65 with its 13 mm lens (17 um pixels: 13 / 0.017 = 765 px), mounted 8 cm to the left and
    6 cm above the color camera and turned toward a face at one metre.
    """
    depth_from_color = RigidTransform.from_rotation_vector(
        np.radians([-0.2, 0.6, 0.3]), np.array([52.0, 0.5, -1.0])
    )
    return SimulatedRig(
        color=Intrinsics(1920, 1080, 1060.0, 1058.0, 957.0, 531.0, (0.05, -0.06, 0.001, -0.001, 0.015)),
        depth=Intrinsics(512, 424, 366.0, 365.0, 255.0, 209.0, (0.094, -0.275, 0.0, 0.0, 0.1)),
        thermal=Intrinsics(640, 512, 772.0, 772.0, 322.0, 254.0, (-0.22, 0.14, 0.0005, -0.0005, 0.0)),
        color_from_depth=depth_from_color.inverse(),
        thermal_from_color=RigidTransform.from_rotation_vector(
            np.radians([3.5, -5.0, 0.8]), np.array([78.0, 60.0, 8.0])
        ),
        depth_shift_mm=-13.0,
    )
