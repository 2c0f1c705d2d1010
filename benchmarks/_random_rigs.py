"""Random rigs, and what their cameras see of a board: corners with noise, or rendered pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from mavfer.calibrate.solver.views import BoardView
from mavfer.capture.board import Board
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.capture.simulated import renderer
from mavfer.capture.simulated.board import HOLD_S, MOVE_S, BoardProgramme
from mavfer.capture.simulated.rig import SimulatedRig

SIZE_PX = {"color": (1920, 1080), "depth": (512, 424), "thermal": (640, 512)}
MARGIN_PX = 4


def random_rig(random: np.random.Generator) -> SimulatedRig:
    """Return a rig as a Kinect v2 and an A65 with its 13 mm lens may be, mounted beside each other.

    Kinect: the spread of the published calibrations (iai_kinect2 and others), about half as much again. The
    thermal camera stands 60 to 150 mm beside the color camera and up to 80 mm above or below, and looks at a
    face at a metre to within 3 degrees.
    """

    def near(middle: float, deviation: float) -> float:
        return float(random.normal(middle, deviation))

    def camera(size, focal, focal_sd, center_sd, distortion, distortion_sd) -> Intrinsics:
        fx = near(focal, focal_sd)
        lens = random.normal(distortion, distortion_sd)
        k1, k2, p1, p2, k3 = (float(value) for value in lens)
        width, height = size
        return Intrinsics(
            width, height, fx, fx * near(1, 0.003), near(width / 2 - 0.5, center_sd),
            near(height / 2 - 0.5, center_sd), (k1, k2, p1, p2, k3),
        )  # fmt: skip

    color = camera(
        SIZE_PX["color"], 1060, 15, 12, (0.05, -0.06, 0, 0, 0.015), (0.015, 0.02, 1e-3, 1e-3, 0.01)
    )
    depth = camera(SIZE_PX["depth"], 366, 3, 5, (0.093, -0.27, 0, 0, 0.1), (0.012, 0.02, 5e-4, 5e-4, 0.02))
    thermal = camera(SIZE_PX["thermal"], 768, 15, 10, (-0.22, 0.14, 0, 0, 0), (0.04, 0.04, 7e-4, 7e-4, 0.02))
    turn = np.radians(random.normal(0, 0.7, 3))
    depth_from_color = RigidTransform.from_rotation_vector(turn, random.normal((52, 0, 0), (0.8, 0.8, 1.2)))
    side = random.choice((-1.0, 1.0)) * random.uniform(60, 150)
    camera_at = np.array([side, random.uniform(-80, 80), random.uniform(-25, 25)])
    away = np.array([0.0, 0.0, 1000.0]) - camera_at
    toward = np.array([np.arctan2(-away[1], away[2]), np.arctan2(away[0], away[2]), 0.0])
    aim = toward + np.radians(random.normal(0, (1.5, 1.5, 1.0)))
    rotation = RigidTransform.from_rotation_vector(aim, np.zeros(3)).rotation.T
    return SimulatedRig(
        color=color,
        depth=depth,
        thermal=thermal,
        color_from_depth=depth_from_color.inverse(),
        thermal_from_color=RigidTransform(rotation, -rotation @ camera_at),
        depth_shift_mm=near(-15, 7),
    )


def from_color(rig: SimulatedRig) -> dict[str, tuple[Intrinsics, RigidTransform]]:
    """Return every camera of a rig and its pose."""
    return {
        "color": (rig.color, RigidTransform.identity()),
        "depth": (rig.depth, rig.color_from_depth.inverse()),
        "thermal": (rig.thermal, rig.thermal_from_color),
    }


def board_poses(rig: SimulatedRig, board: Board, *, n_views: int, seed: int) -> list[RigidTransform]:
    """Return where the simulated rig's own programme holds the board, color from board."""
    programme = BoardProgramme(rig, board.plate, seconds=n_views * (HOLD_S + MOVE_S), seed=seed)
    return [programme.pose(k * (HOLD_S + MOVE_S) + HOLD_S / 2) for k in range(n_views)]


def projected_views(
    rig: SimulatedRig, board: Board, *, n_views: int, noise_px: Mapping[str, float], seed: int
) -> list[BoardView]:
    """Return views with normal errors of the corners, of the cameras that see the board whole."""
    random = np.random.default_rng([seed, 11])
    views = []
    for k, pose in enumerate(board_poses(rig, board, n_views=n_views, seed=seed)):
        corners_px = {}
        for name, (camera, camera_from_color) in from_color(rig).items():
            outline = camera.project((camera_from_color @ pose).apply(board.points_mm))
            size = np.array(SIZE_PX[name])
            if np.all(outline > MARGIN_PX) and np.all(outline < size - 1 - MARGIN_PX):
                corners_px[name] = outline + random.normal(0, noise_px[name], outline.shape)
        if "thermal" in corners_px:  # heated ink is bright: the board is read from its other end
            corners_px["thermal"] = corners_px["thermal"][::-1]
        views.append(BoardView(f"{k}", corners_px, {}))
    return views


@contextmanager
def rendered(rig: SimulatedRig) -> Iterator[None]:
    """Make the simulated cameras that are set up within be those of `rig`."""
    usual = renderer.simulated_rig
    renderer.simulated_rig = lambda: rig
    try:
        yield
    finally:
        renderer.simulated_rig = usual


def plane_reading_mm(
    rig: SimulatedRig, pose: RigidTransform, *, random: np.random.Generator
) -> NDArray[np.uint16]:
    """Return what the depth camera reads of an endless plate at `pose`, with 1.3 mm of noise."""
    depth_from_board = rig.color_from_depth.inverse() @ pose
    normal = depth_from_board.rotation[:, 2]
    true_mm = float(normal @ depth_from_board.translation_mm) / (rig.depth.ray_image() @ normal)
    reading_mm = true_mm - rig.depth_shift_mm + random.normal(0, 1.3, true_mm.shape)
    return np.clip(np.nan_to_num(reading_mm) + 0.5, 0, 8000).astype(np.uint16)
