"""A Calibration as ROS reads it: a camera_info file per camera, and the poses between them.

camera_info as camera_calibration_parsers has it: https://docs.ros.org/en/api/sensor_msgs (CameraInfo), frames
as in REP 103 (optical: x right, y down, z forward; metres). Plain YAML 1.1, written by hand.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...capture.geometry import Intrinsics, RigidTransform
from ..calibration import Calibration

EXTRINSICS_FILE = "extrinsics.yaml"
MM_PER_M = 1000.0


def ros_files(calibration: Calibration) -> dict[str, str]:
    """Return the texts of color.yaml, depth.yaml, thermal.yaml and extrinsics.yaml by name.

    Every digit of the cameras is kept; their pictures are raw, so rectification is the identity and the
    projection is the camera matrix. The depth shift has no place in camera_info: it stands as a comment.
    """
    files = {}
    for name, camera in calibration.cameras.items():
        comments = [
            f"the {name} camera of the rig {calibration.rig!r}; frame {_frame(name)}",
            *(["also for infrared, which comes from the same sensor"] if name == "depth" else []),
            *([_depth_rule(calibration)] if name == "depth" else []),
        ]
        files[f"{name}.yaml"] = _commented(comments) + _camera_info(name, camera)
    poses = {"depth": calibration.color_from_depth}
    if calibration.thermal_from_color is not None:
        poses["thermal"] = calibration.thermal_from_color.inverse()
    comments = [
        f"where the cameras of the rig {calibration.rig!r} stand, as static transforms (tf2)",
        "metres; quaternion x, y, z, w; optical frames of REP 103: x right, y down, z forward",
        "a transform is the pose of the child in its parent: xyz_parent = rotation xyz_child + translation",
    ]
    body = "".join(_transform(name, pose) for name, pose in poses.items())
    return {**files, EXTRINSICS_FILE: f"{_commented(comments)}transforms:\n{body}"}


def quaternion_xyzw(rotation: NDArray) -> NDArray[np.float64]:
    """Return the unit quaternion (4,) x, y, z, w of a rotation (3, 3), with w >= 0 (Shepperd 1978)."""
    r = np.asarray(rotation, np.float64)
    squares = np.array([r[0, 0], r[1, 1], r[2, 2], np.trace(r)])
    i = int(np.argmax(squares))
    if i == 3:
        found = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], 1 + np.trace(r)])
    else:
        j, k = (i + 1) % 3, (i + 2) % 3
        found = np.empty(4)
        found[i] = 1 + r[i, i] - r[j, j] - r[k, k]
        found[j], found[k] = r[j, i] + r[i, j], r[k, i] + r[i, k]
        found[3] = r[k, j] - r[j, k]
    found /= np.linalg.norm(found)
    return -found if found[3] < 0 else found


def _camera_info(name: str, camera: Intrinsics) -> str:
    matrix = camera.matrix
    projection = np.concatenate([matrix, np.zeros((3, 1))], axis=1)
    return (
        f"image_width: {camera.width}\n"
        f"image_height: {camera.height}\n"
        f"camera_name: {name}\n"
        + _matrix("camera_matrix", matrix)
        + "distortion_model: plumb_bob\n"
        + _matrix("distortion_coefficients", np.array([camera.distortion]))
        + _matrix("rectification_matrix", np.eye(3))
        + _matrix("projection_matrix", projection)
    )


def _matrix(name: str, values: NDArray) -> str:
    rows, cols = values.shape
    return f"{name}:\n  rows: {rows}\n  cols: {cols}\n  data: {_list(values.ravel().tolist())}\n"


def _transform(name: str, parent_from_child: RigidTransform) -> str:
    x, y, z = (yaml_number(value / MM_PER_M) for value in parent_from_child.translation_mm.tolist())
    qx, qy, qz, qw = (yaml_number(value) for value in quaternion_xyzw(parent_from_child.rotation).tolist())
    parent, child = _frame("color"), _frame(name)
    return (
        f"  # ros2 run tf2_ros static_transform_publisher --x {x} --y {y} --z {z} --qx {qx} --qy {qy} "
        f"--qz {qz} --qw {qw} --frame-id {parent} --child-frame-id {child}\n"
        f"  - header:\n      frame_id: {parent}\n    child_frame_id: {child}\n    transform:\n"
        f"      translation:\n        x: {x}\n        y: {y}\n        z: {z}\n"
        f"      rotation:\n        x: {qx}\n        y: {qy}\n        z: {qz}\n        w: {qw}\n"
    )


def _frame(name: str) -> str:
    return f"{name}_optical_frame"


def _depth_rule(calibration: Calibration) -> str:
    return f"true depth in mm = {calibration.depth_scale!r} * reading + {calibration.depth_shift_mm!r}"


def _commented(lines: Sequence[str]) -> str:
    return "".join(f"# {line}\n" for line in lines)


def _list(values: Sequence[float]) -> str:
    return f"[{', '.join(yaml_number(value) for value in values)}]"


def yaml_number(value: float) -> str:
    """Return a number that YAML 1.1 reads as one: PyYAML takes 1e-05 for a text, and 1.0e-05 for a number."""
    mantissa, e, exponent = repr(float(value)).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{e}{exponent}"
