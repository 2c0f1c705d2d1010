"""Bundle adjustment: it finds the rig that made the corners, and no other solver finds a better one."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.solver.refine import RigGeometry, Sightings, moved, refine, robust_cost
from mavfer.capture.board import Chessboard
from mavfer.capture.geometry import RigidTransform

BOARD = Chessboard(5, 4, 40.0)
N_GLOBAL = 9 + 15 + 15


@pytest.fixture
def true_geometry(true_rig: Calibration) -> RigGeometry:
    random = np.random.default_rng(0)
    boards = []
    for _ in range(10):
        turn = RigidTransform.from_rotation_vector(random.normal(0, 0.35, 3), np.zeros(3))
        middle = np.array([*random.uniform(-120, 120, 2), random.uniform(600, 1000)])
        boards.append(RigidTransform(turn.rotation, middle - turn.apply(BOARD.points_mm.mean(axis=0))))
    assert true_rig.thermal_from_color is not None
    from_color = {"depth": true_rig.color_from_depth.inverse(), "thermal": true_rig.thermal_from_color}
    return RigGeometry(true_rig.cameras, from_color, tuple(boards))


def sightings_of(geometry: RigGeometry, *, noise_px: float, seed: int = 1) -> dict[str, Sightings]:
    random = np.random.default_rng(seed)
    n_views, n_points = len(geometry.color_from_board), len(BOARD.points_mm)
    seen = {}
    for name in geometry.cameras:
        view = np.arange(n_views, dtype=np.int64)
        zero = Sightings(view, np.zeros((n_views, n_points, 2)))
        px = geometry.residuals_px(name, zero, BOARD.points_mm)
        seen[name] = Sightings(view, px + random.normal(0, noise_px, px.shape), max(noise_px, 0.01))
    return seen


def pushed(geometry: RigGeometry, *, seed: int = 2) -> RigGeometry:
    """Return the geometry pushed by some ten pixels."""
    random = np.random.default_rng(seed)
    scale = np.array([10, 10, 5, 5, 0.02, 0.05, 0.001, 0.001, 0.02])
    pose = np.array([0.01, 0.01, 0.01, 5, 5, 5])
    everything = np.concatenate([scale, scale, pose, scale, pose]) * random.normal(0, 0.5, N_GLOBAL)
    return moved(geometry, everything, random.normal(0, 0.3, (len(geometry.color_from_board), 6)) * pose)


def test_exact_corners_give_back_the_exact_rig(true_geometry: RigGeometry) -> None:
    seen = sightings_of(true_geometry, noise_px=0.0)
    found = refine(pushed(true_geometry), seen, BOARD.points_mm).geometry
    for name, camera in true_geometry.cameras.items():
        np.testing.assert_allclose(found.cameras[name].matrix, camera.matrix, atol=1e-4)
    for name, pose in true_geometry.from_color.items():
        np.testing.assert_allclose(found.from_color[name].translation_mm, pose.translation_mm, atol=1e-4)
        assert (found.from_color[name] @ pose.inverse()).angle_deg < 1e-5


def test_scipy_finds_no_lower_cost(true_geometry: RigGeometry) -> None:
    seen = sightings_of(true_geometry, noise_px=0.1)
    seen["depth"].corners_px[3, 5] += 4.0  # an outlier, so that the loss matters
    best = refine(pushed(true_geometry), seen, BOARD.points_mm)

    def weighted(step: np.ndarray) -> np.ndarray:
        geometry = moved(best.geometry, step[:N_GLOBAL], step[N_GLOBAL:].reshape(-1, 6))
        distances = [
            np.linalg.norm(geometry.residuals_px(name, view, BOARD.points_mm), axis=-1).ravel()
            / view.noise_px
            for name, view in seen.items()
        ]
        z = np.concatenate(distances) ** 2
        return np.sqrt(2 * 9.0 * (np.sqrt(1 + z / 9.0) - 1))

    n_views = len(true_geometry.color_from_board)
    start = np.zeros(N_GLOBAL + 6 * n_views)
    rival = least_squares(weighted, start, method="trf", x_scale="jac", max_nfev=3)
    assert 2 * rival.cost > best.cost * (1 - 1e-6)
    assert best.cost == pytest.approx(robust_cost(best.geometry, seen, BOARD.points_mm))


def test_the_covariance_predicts_the_scatter_of_repeated_solutions(true_geometry: RigGeometry) -> None:
    names = list(true_geometry.cameras)
    solutions = [
        refine(true_geometry, sightings_of(true_geometry, noise_px=0.05, seed=seed), BOARD.points_mm)
        for seed in range(16)
    ]
    for number, name in enumerate(names):
        at = 0 if number == 0 else 9 + 15 * (number - 1)
        stated = np.sqrt(solutions[0].covariance[at, at])
        scatter = np.std([solution.geometry.cameras[name].fx for solution in solutions])
        assert 0.6 < scatter / stated < 1.7


def test_one_gross_outlier_moves_the_rig_by_less_than_a_tenth_of_a_pixel(true_geometry: RigGeometry) -> None:
    clean = sightings_of(true_geometry, noise_px=0.05)
    without = refine(true_geometry, clean, BOARD.points_mm).geometry
    clean["thermal"].corners_px[2, 7] += 30.0
    with_outlier = refine(true_geometry, clean, BOARD.points_mm).geometry
    face = np.array([0.0, 0.0, 1000.0])
    pair = (
        geometry.cameras["thermal"].project(geometry.from_color["thermal"].apply(face))
        for geometry in (without, with_outlier)
    )
    assert np.linalg.norm(np.subtract(*pair)) < 0.1
