"""From board views to a rig: recovered where the views determine it, refused where they do not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration, ViewResidual
from mavfer.calibrate.solver.depth_shift import blank_mm, paper_depths_mm
from mavfer.calibrate.solver.gates import calibration_warnings
from mavfer.calibrate.solver.rig_geometry import RigGeometry
from mavfer.calibrate.solver.rig_solver import Solution, solve_views
from mavfer.calibrate.solver.views import BoardView
from mavfer.capture.board import Board, Chessboard
from mavfer.capture.geometry import RigidTransform
from mavfer.errors import CalibrationError

BOARD = Chessboard(9, 6, 25.0)
SIZE_PX = {"color": (1920, 1080), "depth": (512, 424), "thermal": (640, 512)}
FACE_MM = np.array([[x, y, z] for x in (-100, 0, 100) for y in (-100, 0, 100) for z in (900, 1000)], float)
MakeViews = Callable[..., list[BoardView]]


def face_errors(solution: Solution, true: Calibration) -> tuple[float, float, float]:
    """Return the largest error at a face: depth in color in px and in mm, color in thermal in px."""
    found = solution.geometry
    xyz_depth = true.color_from_depth.inverse().apply(FACE_MM)
    rays = found.cameras["depth"].unproject(true.depth.project(xyz_depth), xyz_depth[:, 2])
    xyz_color = found.from_color["depth"].inverse().apply(rays)
    depth_px = found.cameras["color"].project(xyz_color) - true.color.project(FACE_MM)
    thermal_px = np.zeros((1, 2))
    if "thermal" in found.cameras and true.thermal is not None and true.thermal_from_color is not None:
        seen = found.cameras["color"].unproject(true.color.project(FACE_MM), FACE_MM[:, 2])
        thermal_px = found.cameras["thermal"].project(found.from_color["thermal"].apply(seen))
        thermal_px = thermal_px - true.thermal.project(true.thermal_from_color.apply(FACE_MM))
    distances = (np.linalg.norm(error, axis=1).max() for error in (depth_px, xyz_color - FACE_MM, thermal_px))
    depth, depth_mm, thermal = distances
    return float(depth), float(depth_mm), float(thermal)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_thirty_views_place_a_face_within_a_tenth_of_a_pixel_and_half_a_millimetre(
    make_views: MakeViews, true_rig: Calibration, seed: int
) -> None:
    solution = solve_views(make_views(30, BOARD, seed=seed), BOARD, size_px=SIZE_PX)
    depth_px, depth_mm, thermal_px = face_errors(solution, true_rig)
    assert depth_px < 0.1
    assert depth_mm < 0.5
    assert thermal_px < 0.15
    for name, camera in solution.geometry.cameras.items():
        assert abs(camera.fx / true_rig.cameras[name].fx - 1) < 0.002
        assert solution.rms_px[name] == pytest.approx(0.03 * np.sqrt(2), rel=0.2)
    assert solution.face_error_px["depth"] < 0.1


def test_exact_views_give_the_exact_rig(make_views: MakeViews, true_rig: Calibration) -> None:
    solution = solve_views(make_views(20, BOARD, seed=3, noise_px=0.0), BOARD, size_px=SIZE_PX)
    assert max(face_errors(solution, true_rig)) < 1e-3


def test_a_rig_without_a_thermal_camera_is_solved(make_views: MakeViews, true_rig: Calibration) -> None:
    views = make_views(25, BOARD, seed=4, cameras=("color", "depth"))
    solution = solve_views(views, BOARD, size_px={name: SIZE_PX[name] for name in ("color", "depth")})
    assert set(solution.geometry.cameras) == {"color", "depth"}
    assert max(face_errors(solution, true_rig)) < 0.5


def test_the_same_views_give_the_same_bytes(make_views: MakeViews) -> None:
    views = make_views(30, BOARD, seed=4)
    first, *others = (solve_views(views, BOARD, size_px=SIZE_PX) for _ in range(4))
    for other in others:
        assert other.geometry.cameras == first.geometry.cameras
        assert other.uncertainty == first.uncertainty


@pytest.mark.parametrize("turned", [(), ("thermal",), ("depth", "thermal")])
def test_it_does_not_matter_which_end_of_the_board_a_camera_takes_for_the_first(
    make_views: MakeViews, true_rig: Calibration, turned: tuple[str, ...]
) -> None:
    solution = solve_views(make_views(20, BOARD, seed=5, turned=turned), BOARD, size_px=SIZE_PX)
    assert max(face_errors(solution, true_rig)) < 0.5


def test_a_symmetric_board_is_untangled_view_by_view(make_views: MakeViews, true_rig: Calibration) -> None:
    board = Chessboard(7, 5, 30.0)
    views = [
        replace(
            view,
            corners_px={
                name: px[::-1] if name == "depth" and i % 3 == 0 else px
                for name, px in view.corners_px.items()
            },
        )
        for i, view in enumerate(make_views(25, board, seed=6))
    ]
    assert max(face_errors(solve_views(views, board, size_px=SIZE_PX), true_rig)) < 0.6


def test_a_picture_that_contradicts_the_others_is_left_out_and_named(
    make_views: MakeViews, true_rig: Calibration
) -> None:
    views = make_views(25, BOARD, seed=7)
    moved = {**views[9].corners_px, "depth": views[9].corners_px["depth"] + (3.0, -2.0)}
    views[9] = replace(views[9], corners_px=moved)
    solution = solve_views(views, BOARD, size_px=SIZE_PX)
    dropped = [(view.view, view.camera) for view in solution.residuals if not view.used]
    assert ("9.000 s", "depth") in dropped
    assert {name for name, _ in dropped} == {"9.000 s"}
    assert max(face_errors(solution, true_rig)) < 0.5


def test_too_few_views_are_refused(make_views: MakeViews) -> None:
    with pytest.raises(CalibrationError, match=r"at least 8 views .* color camera, found 5"):
        solve_views(make_views(5, BOARD, seed=8), BOARD, size_px=SIZE_PX)


def test_cameras_that_share_too_few_views_are_refused(make_views: MakeViews) -> None:
    both = make_views(24, BOARD, seed=9, spread=0.3)
    views = [
        replace(
            view, corners_px={("color" if i % 2 else "depth"): view.corners_px["color" if i % 2 else "depth"]}
        )
        for i, view in enumerate(both)
    ]
    with pytest.raises(CalibrationError, match="6 views that the color and the depth camera share, found 0"):
        solve_views(views, BOARD, size_px={name: SIZE_PX[name] for name in ("color", "depth")})


def test_boards_that_stay_in_the_middle_are_refused_whatever_the_residual(make_views: MakeViews) -> None:
    with pytest.raises(CalibrationError, match="camera's picture, found them in"):
        solve_views(make_views(25, BOARD, seed=10, spread=0.02), BOARD, size_px=SIZE_PX)


def test_boards_that_are_never_tilted_are_refused_whatever_the_residual(make_views: MakeViews) -> None:
    views = make_views(25, BOARD, seed=11, tilt=0.0, spread=0.6, noise_px=0.1, cameras=("color", "depth"))
    with pytest.raises(CalibrationError, match="focal length stays open; tilt it"):
        solve_views(views, BOARD, size_px={name: SIZE_PX[name] for name in ("color", "depth")})


def test_what_is_doubtful_is_said(true_rig: Calibration) -> None:
    calibration = replace(
        true_rig,
        coverage={"color": 0.9, "depth": 0.2},
        residuals=(ViewResidual("1.200 s", "depth", 2.5, 54, used=False),),
    )
    warnings = calibration_warnings(calibration)
    assert len(warnings) == 2
    assert "depth camera saw the board in 20%" in warnings[0]
    assert "left out the depth picture at 1.200 s" in warnings[1]


def test_the_depth_shift_is_what_the_white_squares_read_too_much(true_rig: Calibration) -> None:
    geometry = RigGeometry(true_rig.cameras, {"depth": true_rig.color_from_depth.inverse()}, ())
    turn = RigidTransform.from_rotation_vector(np.array([0.3, -0.4, 0.1]), np.zeros(3))
    pose = RigidTransform(turn.rotation, np.array([-100.0, -60.0, 800.0]))
    depth_from_board = geometry.from_color["depth"] @ pose
    rays = true_rig.depth.ray_image()
    normal = depth_from_board.rotation[:, 2]
    true_mm = (normal @ depth_from_board.translation_mm) / (rays @ normal)
    on_board = depth_from_board.inverse().apply(rays * true_mm[..., None])[..., :2] / BOARD.square_mm
    square = np.clip(np.nan_to_num(np.floor(on_board)), -2, (9, 6)).astype(int)
    margin = np.any((square == -2) | (square == (9, 6)), axis=-1)
    black_reads_far = np.where((square.sum(axis=-1) % 2 == 1) | margin, 0.0, 30.0)
    reading = np.clip(np.nan_to_num(true_mm) + 13.35 + black_reads_far, 0, 8000)
    paper = blank_mm(BOARD)
    true, read = paper_depths_mm(np.round(reading).astype(np.uint16), paper, geometry, pose)
    difference = true - read
    assert len(difference) > 100
    assert np.median(difference) == pytest.approx(-13.35, abs=0.2)
    assert np.abs(difference + 13.35).max() < 0.51
    assert len(paper_depths_mm(np.zeros((424, 512), np.uint16), paper, geometry, pose)[0]) == 0


def test_a_view_whose_every_picture_is_left_out_does_no_harm(
    make_views: MakeViews, true_rig: Calibration
) -> None:
    views = make_views(25, BOARD, seed=7)
    blurred = views[9].corners_px["color"] + np.random.default_rng(0).normal(0, 2, (54, 2))
    views[9] = replace(views[9], corners_px={"color": blurred})
    solution = solve_views(views, BOARD, size_px=SIZE_PX)
    assert [(view.view, view.camera) for view in solution.residuals if not view.used] == [
        ("9.000 s", "color")
    ]
    assert max(face_errors(solution, true_rig)) < 0.5


@pytest.mark.parametrize("board", [Board.parse("charuco-11x8x20mm"), Board.parse("aruco-5x4x32mm")])
def test_boards_seen_in_part_are_solved_from_the_points_that_were_seen(
    make_views: MakeViews, true_rig: Calibration, board: Board
) -> None:
    views = make_views(30, board, seed=15, in_part=True, spread=0.9, turned=())
    n_partial = sum(np.isnan(px).any() for view in views for px in view.corners_px.values())
    assert n_partial > 10
    solution = solve_views(views, board, size_px=SIZE_PX)
    assert max(face_errors(solution, true_rig)) < 0.5
    counted = {(view.view, view.camera): view.n_corners for view in solution.residuals}
    for view in views:
        for name, px in view.corners_px.items():
            assert counted[view.name, name] == np.isfinite(px).all(axis=1).sum()


def test_a_picture_left_out_says_why_and_keeps_its_corners(make_views: MakeViews) -> None:
    views = make_views(25, BOARD, seed=16)
    random = np.random.default_rng(0)
    still = {**views[4].corners_px, "color": views[4].corners_px["color"] + (6.0, 4.0)}
    blurred = {**views[9].corners_px, "color": views[9].corners_px["color"] + random.normal(0, 3, (54, 2))}
    views[4], views[9] = replace(views[4], corners_px=still), replace(views[9], corners_px=blurred)
    solution = solve_views(views, BOARD, size_px=SIZE_PX)
    left_out = {view.view: view for view in solution.residuals if not view.used}
    assert "the board moved between the pictures" in left_out["4.000 s"].reason
    assert "the picture is blurred" in left_out["9.000 s"].reason
    assert all(view.corners_px is not None for view in solution.residuals)
    assert {view.reason for view in solution.residuals if view.used} == {""}


def test_views_that_leave_a_length_open_are_doubted(true_rig: Calibration) -> None:
    uncertainty = {
        "color": {"fx": 8.0, "fy": 1.0},
        "color_from_depth": {"tz_mm": 2.5},
        "depth": {"depth_shift_mm": 3.0},
    }
    warnings = calibration_warnings(replace(true_rig, uncertainty=uncertainty))
    assert len(warnings) == 3
    assert "the color camera's focal length is known (%) only within 0.75 % (wanted 0.3 %" in warnings[0]
    assert "translation of color_from_depth" in warnings[1]
    assert "depth shift" in warnings[2]


def test_a_camera_that_is_far_off_in_a_few_views_is_left_out_of_those(
    make_views: MakeViews, true_rig: Calibration
) -> None:
    views, random = make_views(40, BOARD, seed=14), np.random.default_rng(1)
    knocked = set()
    for i in range(0, 40, 6):
        if "thermal" in views[i].corners_px:
            moved = views[i].corners_px["thermal"] + random.normal(0, 30, 2)
            views[i] = replace(views[i], corners_px={**views[i].corners_px, "thermal": moved})
            knocked.add(views[i].name)
    assert len(knocked) >= 3
    solution = solve_views(views, BOARD, size_px=SIZE_PX)
    assert {view.view for view in solution.residuals if not view.used} == knocked
    assert max(face_errors(solution, true_rig)) < 0.5
