"""A rig with known geometry, and board views made by projecting the board's corners through it."""

from collections.abc import Callable

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.solver.views import BoardView, enough_points
from mavfer.capture.board import Board
from mavfer.capture.geometry import Intrinsics, RigidTransform

SIZE_PX = {"color": (1920, 1080), "depth": (512, 424), "thermal": (640, 512)}
MakeViews = Callable[..., list[BoardView]]


@pytest.fixture
def true_rig() -> Calibration:
    """Return a rig of the size that iai_kinect2 publishes for a Kinect v2, with an A65 beside it."""
    return Calibration(
        rig="test",
        color=Intrinsics(1920, 1080, 1059.9, 1053.9, 954.9, 523.7, (0.056, -0.074, 0.0014, -0.0017, 0.024)),
        depth=Intrinsics(512, 424, 366.9, 364.8, 243.0, 207.7, (0.097, -0.283, 0.0002, -0.0005, 0.105)),
        thermal=Intrinsics(640, 512, 772.0, 771.0, 322.0, 254.0, (-0.22, 0.14, 0.0005, -0.0005, 0.0)),
        color_from_depth=RigidTransform.from_rotation_vector(
            np.array([-0.0017, -0.0108, 0.0169]), np.array([-52.05, -0.46, 0.89])
        ),
        thermal_from_color=RigidTransform.from_rotation_vector(
            np.radians([3.5, -5.0, 0.8]), np.array([78.0, 60.0, 8.0])
        ),
        depth_shift_mm=-13.35,
    )


@pytest.fixture
def make_views(true_rig: Calibration) -> MakeViews:
    """Return a function that makes views of a board, seen by every camera that has it whole, or in part."""

    def make(
        n_views: int,
        board: Board,
        *,
        seed: int,
        noise_px: float = 0.03,
        spread: float = 0.5,
        tilt: float = 0.35,
        turned: tuple[str, ...] = ("thermal",),
        cameras: tuple[str, ...] = ("color", "depth", "thermal"),
        rig: Calibration = true_rig,
        in_part: bool = False,
    ) -> list[BoardView]:
        random = np.random.default_rng(seed)
        assert rig.thermal is not None
        assert rig.thermal_from_color is not None
        seen_from = {
            "color": (rig.color, RigidTransform.identity()),
            "depth": (rig.depth, rig.color_from_depth.inverse()),
            "thermal": (rig.thermal, rig.thermal_from_color),
        }
        views: list[BoardView] = []
        while len(views) < n_views:
            z = random.uniform(600, 1200)
            vector = np.array([*random.normal(0, tilt, 2), random.normal(0, 0.2)])
            turn = RigidTransform.from_rotation_vector(vector, np.zeros(3))
            middle = np.array([*(random.uniform(-1, 1, 2) * (0.7, 0.45) * spread * z), z])
            pose = RigidTransform(turn.rotation, middle - turn.apply(board.points_mm.mean(axis=0)))
            corners_px = {}
            for name in cameras:
                camera, from_color = seen_from[name]
                px = camera.project((from_color @ pose).apply(board.points_mm))
                inside = np.all((px > 4) & (px < np.array(SIZE_PX[name]) - 5), axis=1)
                if inside.all() or in_part:
                    px = np.where(inside[:, None], px + random.normal(0, noise_px, px.shape), np.nan)
                    if enough_points(px, board):
                        corners_px[name] = px[::-1] if name in turned else px
            if "color" in corners_px and len(corners_px) > 1:
                views.append(BoardView(f"{len(views):.3f} s", corners_px, {}))
        return views

    return make
