"""Views that contradict each other are refused with the reason and the names of views."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.solver.depth_shift import DepthPoints
from mavfer.calibrate.solver.diagnosis import mirrored_view, require_size
from mavfer.calibrate.solver.rig_solver import solve_views
from mavfer.calibrate.solver.views import BoardView
from mavfer.capture.board import Board, Chessboard
from mavfer.capture.geometry import RigidTransform
from mavfer.errors import CalibrationError

BOARD = Chessboard(9, 6, 25.0)
SIZE_PX = {"color": (1920, 1080), "depth": (512, 424), "thermal": (640, 512)}
MakeViews = Callable[..., list[BoardView]]


def solve(views: list[BoardView], board: Board = BOARD) -> None:
    names = {name for view in views for name in view.corners_px}
    solve_views(views, board, size_px={name: size for name, size in SIZE_PX.items() if name in names})


def mirrored(views: list[BoardView], *cameras: str, board: Board = BOARD) -> list[BoardView]:
    """Return the views as a detector names them in pictures that are flipped left to right."""
    return [mirrored_view(view, cameras, board, SIZE_PX) for view in views]


@pytest.mark.parametrize("camera", ["color", "depth", "thermal"])
def test_a_mirrored_camera_is_named(make_views: MakeViews, camera: str) -> None:
    with pytest.raises(
        CalibrationError, match=f"the {camera} camera's pictures are mirrored, .* such as 0.000 s"
    ):
        solve(mirrored(make_views(20, BOARD, seed=12), camera))


@pytest.mark.parametrize("camera", ["color", "depth"])
def test_a_mirrored_camera_of_two_is_named(make_views: MakeViews, camera: str) -> None:
    views = make_views(20, BOARD, seed=12, cameras=("color", "depth"))
    with pytest.raises(CalibrationError, match=f"the {camera} camera's pictures are mirrored"):
        solve(mirrored(views, camera))


@pytest.mark.parametrize("cameras", [("color", "depth", "thermal"), ("color", "depth")])
@pytest.mark.parametrize("board", [BOARD, Chessboard(7, 5, 30.0), Board.parse("circles-4x11x20mm")])
def test_a_mirrored_kinect_is_named(make_views: MakeViews, cameras: tuple[str, ...], board: Board) -> None:
    turned = ("thermal",) if board is BOARD else ()
    views = make_views(24, board, seed=12, cameras=cameras, turned=turned)
    with pytest.raises(CalibrationError, match=r"the Kinect's pictures are mirrored, .*libfreenect2"):
        solve(mirrored(views, "color", "depth", board=board), board)


def test_flipping_twice_is_not_flipping(make_views: MakeViews) -> None:
    view = make_views(1, BOARD, seed=3)[0]
    again = mirrored(mirrored([view], "color"), "color")[0]
    np.testing.assert_allclose(again.corners_px["color"], view.corners_px["color"])


@pytest.mark.parametrize("camera", ["depth", "thermal", "color"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.75])
def test_a_camera_that_was_knocked_is_told_with_the_time(
    make_views: MakeViews, true_rig: Calibration, camera: str, share: float
) -> None:
    knock = RigidTransform.from_rotation_vector(np.radians([0.2, 0.35, 0.0]), np.array([1.0, 0.5, 0.0]))
    assert true_rig.thermal_from_color is not None
    moved = {
        "depth": replace(true_rig, color_from_depth=true_rig.color_from_depth @ knock),
        "thermal": replace(true_rig, thermal_from_color=knock @ true_rig.thermal_from_color),
        "color": replace(
            true_rig,
            color_from_depth=knock @ true_rig.color_from_depth,
            thermal_from_color=true_rig.thermal_from_color @ knock.inverse(),
        ),
    }[camera]
    n = round(30 * share)
    views = make_views(30, BOARD, seed=20)[:n] + make_views(30, BOARD, seed=21, rig=moved)[n:]
    with pytest.raises(CalibrationError, match=f"the {camera} camera moved against") as raised:
        solve(views)
    between = [float(word) for word in re.findall(r"(\d+)\.000 s", str(raised.value))]
    assert between[0] - 2 <= n <= between[1] + 2


def test_views_of_two_rigs_are_told_apart(make_views: MakeViews, true_rig: Calibration) -> None:
    assert true_rig.thermal_from_color is not None
    other = replace(
        true_rig,
        thermal_from_color=RigidTransform(true_rig.thermal_from_color.rotation, np.array([-80.0, 10.0, 5.0])),
    )
    views = make_views(15, BOARD, seed=22)
    views += [
        replace(view, name=f"b {view.name}", session=1) for view in make_views(15, BOARD, seed=23, rig=other)
    ]
    with pytest.raises(CalibrationError, match=r"two rigs: \d+ views such as 0.000 s .* such as b 0.000 s"):
        solve(views)


def test_a_board_that_moved_between_the_pictures_of_most_views_is_refused(make_views: MakeViews) -> None:
    random = np.random.default_rng(0)
    views = [
        replace(
            view, corners_px={**view.corners_px, "color": view.corners_px["color"] + random.normal(0, 25, 2)}
        )
        for view in make_views(24, BOARD, seed=24)
    ]
    with pytest.raises(
        CalibrationError, match=r"most at \d+\.000 s .* in most views the board moved between the pictures"
    ):
        solve(views)


def test_corners_that_fit_no_board_are_refused(make_views: MakeViews) -> None:
    random = np.random.default_rng(0)
    views = [
        replace(
            view,
            corners_px={name: px + random.normal(0, 6, px.shape) for name, px in view.corners_px.items()},
        )
        for view in make_views(24, BOARD, seed=25, cameras=("color", "depth"))
    ]
    with pytest.raises(CalibrationError, match=r"fit no flat board: .* most at \d+\.000 s|do not agree"):
        solve(views)


@pytest.mark.parametrize("shift_mm", [-40.0, 0.0, 10.0])
def test_squares_of_another_size_are_measured_by_the_depth_camera(shift_mm: float) -> None:
    random = np.random.default_rng(0)
    said_mm = random.uniform(500, 1200, 20)
    right = DepthPoints(np.arange(20), said_mm, said_mm - shift_mm + random.normal(0, 1.5, 20))
    require_size(right, BOARD)
    larger = DepthPoints(np.arange(20), said_mm, 1.2 * said_mm - shift_mm + random.normal(0, 1.5, 20))
    with pytest.raises(
        CalibrationError, match=r"squares measure 30\.\d mm by the depth camera, --board 9x6x25mm says"
    ):
        require_size(larger, BOARD)


def test_boards_at_one_distance_do_not_measure_their_squares() -> None:
    at_mm = np.full(20, 800.0)
    require_size(DepthPoints(np.arange(20), at_mm, 1.2 * at_mm), BOARD)
    spread_mm = at_mm + np.linspace(-300, 300, 20)
    with pytest.raises(CalibrationError, match="squares measure 30"):
        require_size(DepthPoints(np.arange(20), spread_mm, 1.2 * spread_mm), BOARD)
