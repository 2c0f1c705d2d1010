"""Pictures of boards before the simulated rig, with the pixels at which their points truly lie."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from mavfer.capture.board import Board
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.capture.simulated.board import HOLD_S, MOVE_S
from mavfer.capture.simulated.renderer import KinectView, ThermalView
from mavfer.capture.simulated.rig import simulated_rig
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.streams import Stream


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture, the true pixels (N, 2) of the board's points, and where camera and board stand."""

    picture: np.ndarray
    true_px: np.ndarray
    camera: Intrinsics
    camera_from_board: RigidTransform

    def inside(self, *, margin_px: float) -> np.ndarray:
        """Return which points (N,) lie in the picture, so far from its border."""
        size = np.array([self.camera.width, self.camera.height])
        return np.all((self.true_px > margin_px) & (self.true_px < size - 1 - margin_px), axis=1)


Film = Callable[[str, Stream, int], Shot]


@cache
def _views(board: str, target: str) -> tuple[KinectView, ThermalView]:
    scene = SceneSettings.model_validate({"target": target, "board": board})
    return (
        KinectView(scene, subject="s", seconds=40.0),
        ThermalView(scene, subject="s", seconds=40.0),
    )


def _picture(views: tuple[KinectView, ThermalView], stream: Stream, t_s: float, i: int) -> np.ndarray:
    kinect, thermal = views
    if stream is Stream.COLOR:
        return kinect.color(t_s, i)
    return kinect.depth_infrared(t_s, i)[1] if stream is Stream.INFRARED else thermal.thermal(t_s, i)


@pytest.fixture(scope="session")
def film() -> Film:
    """Return a function that films the i-th place of a board's programme in one stream."""
    rig = simulated_rig()
    cameras = {
        Stream.COLOR: (rig.color, RigidTransform.identity()),
        Stream.INFRARED: (rig.depth, rig.color_from_depth.inverse()),
        Stream.THERMAL: (rig.thermal, rig.thermal_from_color),
    }

    def shoot(board: str, stream: Stream, i: int) -> Shot:
        views = _views(board, "board")
        t_s = (i + 0.3) * (HOLD_S + MOVE_S)
        camera, from_color = cameras[stream]
        pose = from_color @ views[0].programme.pose(t_s)
        true_px = camera.project(pose.apply(Board.parse(board).points_mm))
        return Shot(_picture(views, stream, t_s, i), true_px, camera, pose)

    return shoot


@pytest.fixture(scope="session")
def film_face() -> Callable[[Stream, int], np.ndarray]:
    """Return a function that films a face, without any board, in one stream."""
    return lambda stream, i: _picture(_views("9x6x25mm", "face"), stream, 0.7 * i, i)
