"""Stated standard deviations: true for independent errors, widened for errors that neighbours share."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.solver.depth_shift import DepthPoints, fit_depth, read_over_true
from mavfer.calibrate.solver.rig_geometry import RigGeometry, moved
from mavfer.calibrate.solver.rig_solver import Solution, solve_views
from mavfer.calibrate.solver.uncertainty import _inverse_steps
from mavfer.calibrate.solver.views import BoardView
from mavfer.capture.board import Chessboard
from mavfer.capture.geometry import RigidTransform
from mavfer.errors import CalibrationError

BOARD = Chessboard(9, 6, 25.0)
SIZE_PX = {"color": (1920, 1080), "depth": (512, 424)}
MakeViews = Callable[..., list[BoardView]]
N_TRIALS = 12


def errors(solution: Solution, true: Calibration) -> dict[str, float]:
    """Return some parameters' errors in stated standard deviations."""
    stated, found = solution.uncertainty, solution.geometry
    pose = found.from_color["depth"].inverse()
    ratios = {
        f"{name} {key}": (getattr(found.cameras[name], key) - getattr(true.cameras[name], key))
        / stated[name][key]
        for name in SIZE_PX
        for key in ("fx", "fy", "cx", "cy")
    }
    shift = pose.translation_mm - true.color_from_depth.translation_mm
    for key, value in zip(("tx_mm", "ty_mm", "tz_mm"), shift, strict=True):
        ratios[key] = value / stated["color_from_depth"][key]
    return ratios


def solutions(make_views: MakeViews, spoil: Callable[[np.random.Generator], np.ndarray]) -> list[Solution]:
    views = make_views(24, BOARD, seed=1, noise_px=0.0, cameras=tuple(SIZE_PX))
    solved = []
    for seed in range(N_TRIALS):
        random = np.random.default_rng([seed, 5])
        spoilt = [
            replace(view, corners_px={name: px + spoil(random) for name, px in view.corners_px.items()})
            for view in views
        ]
        solved.append(solve_views(spoilt, BOARD, size_px=SIZE_PX))
    return solved


def test_stated_deviations_are_as_large_as_the_errors(make_views: MakeViews, true_rig: Calibration) -> None:
    solved = solutions(make_views, lambda random: random.normal(0, 0.05, (54, 2)))
    ratios = np.array([list(errors(solution, true_rig).values()) for solution in solved])
    assert 0.8 < np.sqrt((ratios**2).mean()) < 1.2
    assert 0.90 < (np.abs(ratios) < 1.96).mean() <= 0.99
    for solution in solved:
        assert solution.determined.noise_px["color"] == pytest.approx(0.05, rel=0.1)
        assert solution.determined.alike["color"] < 2


def test_errors_that_neighbours_share_widen_what_is_stated(
    make_views: MakeViews, true_rig: Calibration
) -> None:
    x, y = BOARD.points_mm[:, 0] / 200 - 0.5, BOARD.points_mm[:, 1] / 125 - 0.5
    shapes = np.stack([x * x, x * y, y * y, x, y], axis=1)

    def bent(random: np.random.Generator) -> np.ndarray:
        return random.normal(0, 0.03, (54, 2)) + shapes @ random.normal(0, 0.25, (5, 2))

    solved = solutions(make_views, bent)
    ratios = np.array([list(errors(solution, true_rig).values()) for solution in solved])
    assert all(solution.determined.alike["color"] > 2 for solution in solved)
    assert (np.abs(ratios) < 1.96).mean() > 0.85
    plain = (
        ratios * np.sqrt([np.mean(list(solution.determined.alike.values())) for solution in solved])[:, None]
    )
    assert (np.abs(plain) < 1.96).mean() < 0.8


def test_a_step_of_a_pose_is_the_negative_step_of_its_inverse() -> None:
    random = np.random.default_rng(0)
    pose = RigidTransform.from_rotation_vector(random.normal(0, 0.5, 3), random.normal(0, 50, 3))
    step = 1e-6 * random.normal(0, 1, 6)
    turn = RigidTransform.from_rotation_vector(step[:3], np.zeros(3)).rotation
    stepped = RigidTransform(turn @ pose.rotation, pose.translation_mm + step[3:]).inverse()
    wanted = _inverse_steps(pose) @ step
    np.testing.assert_allclose(stepped.translation_mm - pose.inverse().translation_mm, wanted[3:], atol=1e-9)
    again = RigidTransform.from_rotation_vector(wanted[:3], np.zeros(3)).rotation @ pose.rotation.T
    np.testing.assert_allclose(stepped.rotation, again, atol=1e-10)


def test_uncertainty_names_every_parameter(make_views: MakeViews) -> None:
    sizes = {**SIZE_PX, "thermal": (640, 512)}
    stated = solve_views(make_views(25, BOARD, seed=2), BOARD, size_px=sizes).uncertainty
    lens = {"fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3"}
    pose = {"rx_deg", "ry_deg", "rz_deg", "tx_mm", "ty_mm", "tz_mm"}
    assert {name: set(table) for name, table in stated.items()} == {
        "color": lens,
        "depth": lens,
        "thermal": lens,
        "color_from_depth": pose,
        "thermal_from_color": pose,
        "face_at_1m": {"depth_px", "thermal_px"},
    }
    assert all(value > 0 for table in stated.values() for value in table.values())


def depth_points(solution: Solution, *, scale: float, shift_mm: float, noise_mm: float = 0.3) -> DepthPoints:
    """Return what a depth camera reads if true = scale * reading + shift."""
    index = np.array([i for i, view in enumerate(solution.views) if "depth" in view.corners_px])
    poses = [solution.geometry.color_from_board[i] for i in index]
    true = np.array([solution.geometry.from_color["depth"].apply(pose.translation_mm)[2] for pose in poses])
    noise = np.random.default_rng(0).normal(0, noise_mm, len(true))
    return DepthPoints(index, true, (true - shift_mm) / scale + noise)


@pytest.fixture
def solution(make_views: MakeViews) -> Solution:
    return solve_views(make_views(24, BOARD, seed=1, cameras=tuple(SIZE_PX)), BOARD, size_px=SIZE_PX)


@pytest.mark.parametrize("scaled", [False, True])
def test_depth_shift_and_scale_come_back_within_their_deviations(solution: Solution, scaled: bool) -> None:
    points = depth_points(solution, scale=1.01 if scaled else 1.0, shift_mm=-13.0)
    determined = solution.determined
    fit = fit_depth(
        points,
        solution.geometry,
        covariance=determined.covariance,
        board_steps=determined.board_steps,
        scaled=scaled,
    )
    assert abs(fit.shift_mm + 13) < 3 * fit.shift_deviation_mm
    assert abs(fit.scale - (1.01 if scaled else 1)) <= 3 * fit.scale_deviation
    assert 0 < fit.shift_deviation_mm < 3
    assert (fit.scale_deviation > 0) == scaled


def test_a_scale_wants_boards_near_and_far(solution: Solution) -> None:
    points = depth_points(solution, scale=1.0, shift_mm=-13.0)
    near = points.true_mm < np.median(points.true_mm)
    few = DepthPoints(
        points.view[near][:7], points.true_mm[near][:7], 800 + 0.01 * points.reading_mm[near][:7]
    )
    determined = solution.determined
    with pytest.raises(CalibrationError, match="for --depth-scale, found 7 over"):
        fit_depth(
            few,
            solution.geometry,
            covariance=determined.covariance,
            board_steps=determined.board_steps,
            scaled=True,
        )


def test_the_shift_says_nothing_about_the_size_of_the_squares(solution: Solution) -> None:
    slope, deviation = read_over_true(depth_points(solution, scale=1.0, shift_mm=-40.0))
    assert abs(slope - 1) < max(4 * deviation, 1e-3)
    slope, _ = read_over_true(depth_points(solution, scale=25 / 30, shift_mm=-20.0))
    assert slope == pytest.approx(1.2, abs=0.01)


def test_a_longer_focal_length_puts_the_boards_farther_away(solution: Solution) -> None:
    """The derivative that widens the shift is that of solving again with another lens."""
    from mavfer.calibrate.solver.depth_shift import _depth_slopes

    determined = solution.determined
    points = depth_points(solution, scale=1.0, shift_mm=0.0)
    slopes = _depth_slopes(points, solution.geometry, determined.board_steps)
    random = np.random.default_rng(3)
    deviations = np.sqrt(np.diag(determined.covariance))
    step = 0.01 * deviations * random.normal(0, 1, len(deviations))

    def true_mm(geometry: RigGeometry, pixels: np.ndarray) -> np.ndarray:
        rays = geometry.cameras["depth"].rays(pixels)
        poses = [geometry.from_color["depth"] @ geometry.color_from_board[i] for i in points.view]
        return np.array(
            [
                pose.rotation[:, 2] @ pose.translation_mm / (ray @ pose.rotation[:, 2])
                for ray, pose in zip(rays, poses, strict=True)
            ]
        )

    geometry = solution.geometry
    poses = [geometry.from_color["depth"] @ geometry.color_from_board[i] for i in points.view]
    pixels = np.stack([geometry.cameras["depth"].project(pose.translation_mm) for pose in poses])
    ahead = true_mm(moved(geometry, step, determined.board_steps @ step), pixels)
    behind = true_mm(moved(geometry, -step, -determined.board_steps @ step), pixels)
    np.testing.assert_allclose(slopes @ step, (ahead - behind) / 2, atol=1e-3 * np.abs(ahead - behind).max())
