import cv2
import numpy as np
import pytest

from mavfer.capture.board import Chessboard
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.capture.simulated.board import (
    HOLD_S,
    MOVE_S,
    BoardProgramme,
    draw_flat,
    ink_table,
    ray_grid,
)
from mavfer.capture.simulated.rig import simulated_rig

CORNERS_MM = np.array([(25.0 * i, 25.0 * j, 0.0) for j in range(6) for i in range(9)])
PERIOD_S = HOLD_S + MOVE_S


def as_gray(view, thermal_view, stream: str, t_s: float) -> np.ndarray:
    if stream == "color":
        return cv2.cvtColor(view.color(t_s, 1), cv2.COLOR_RGB2GRAY)
    if stream == "infrared":
        return np.clip(np.sqrt(view.depth_infrared(t_s, 1)[1]) * 1.3, 0, 255).astype(np.uint8)
    return np.clip((thermal_view.thermal(t_s, 1) * 0.04 - 273.15 - 20) * 15, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("stream", ["color", "infrared", "thermal"])
def test_corners_are_found_where_the_truth_projects_them(kinect, thermal, stream):
    view, thermal_view = kinect("board", target="board"), thermal("board", target="board")
    rig = view.rig
    camera, from_color = {
        "color": (rig.color, RigidTransform.identity()),
        "infrared": (rig.depth, rig.color_from_depth.inverse()),
        "thermal": (rig.thermal, rig.thermal_from_color),
    }[stream]
    misses = []
    for k in range(0, 24, 2):
        t = (k + 0.3) * PERIOD_S
        px = camera.project(from_color.apply(view.programme.pose(t).apply(CORNERS_MM)))
        if not np.all((px > 12) & (px < (camera.width - 13, camera.height - 13))):
            continue
        gray = as_gray(view, thermal_view, stream, t)
        found, corners = cv2.findChessboardCornersSB(gray, (9, 6), flags=0)
        assert found
        corners = cv2.cornerSubPix(gray, corners, (4, 4), (-1, -1), (3, 50, 1e-4)).reshape(-1, 2)
        if np.linalg.norm(corners[0] - px[0]) > np.linalg.norm(corners[-1] - px[0]):
            corners = corners[::-1]
        misses.append(corners - px)
    assert len(misses) >= 5
    assert np.linalg.norm(misses, axis=2).mean() < 0.1
    assert np.abs(np.mean(misses, axis=(0, 1))).max() < 0.02  # no half pixel, nor a tenth of one


def test_a_drawn_target_equals_its_picture_sampled_very_finely():
    camera = Intrinsics(160, 120, 150.0, 150.0, 80.0, 60.0, (-0.2, 0.1, 0.0, 0.0, 0.0))
    target = Chessboard(9, 6, 25.0).plate
    pose = RigidTransform.from_rotation_vector(
        np.radians([25.0, -20.0, 12.0]), np.array([-90.0, -60.0, 480.0])
    )
    matrix = np.concatenate([pose.rotation, pose.translation_mm[:, None]], axis=1)
    ink, cover, _ = draw_flat(
        ray_grid(camera), matrix, ink_table(target), 25.0, np.array(target.origin_mm), 0, 0, 120, 160
    )
    fine = np.zeros((120, 160))
    offsets = (np.arange(16) + 0.5) / 16 - 0.5
    columns, rows = np.meshgrid(np.arange(160.0), np.arange(120.0))
    for dy in offsets:
        for dx in offsets:
            rays = camera.rays(np.stack([columns + dx, rows + dy], axis=-1))
            normal = pose.rotation[:, 2]
            hit = rays * ((normal @ pose.translation_mm) / (rays @ normal))[..., None]
            plate = (hit - pose.translation_mm) @ pose.rotation
            u, v = (np.floor((plate[..., k] - target.origin_mm[k]) / 25.0).astype(int) for k in (0, 1))
            inside = (u >= 0) & (u < target.ink.shape[1]) & (v >= 0) & (v < target.ink.shape[0])
            fine += np.where(inside, target.ink[np.clip(v, 0, 8), np.clip(u, 0, 11)], 0.0) / 256
    difference = ink * cover - fine
    assert np.abs(difference).mean() < 0.01
    assert abs(difference.sum()) / fine.sum() < 0.002
    assert np.abs(difference).max() < 0.2


def test_interpolated_rays_are_those_of_the_camera():
    camera = simulated_rig().color
    grid = ray_grid(camera, step_px=8)
    px = np.random.default_rng(0).integers(0, (1920, 1080), (500, 2))
    exact = camera.rays(px)[:, :2]
    assert np.abs(grid[px[:, 1], px[:, 0]] - exact).max() * camera.fx < 0.005  # pixels


@pytest.fixture(scope="module")
def programme() -> BoardProgramme:
    return BoardProgramme(simulated_rig(), Chessboard(9, 6, 25.0).plate, seconds=40.0, seed=0)


def test_the_board_is_held_still_and_then_moved(programme):
    for k in range(10):
        start = k * PERIOD_S
        still = [programme.pose(start + s).translation_mm for s in (0.0, 0.2, HOLD_S - 0.01)]
        np.testing.assert_array_equal(still[0], still[1])
        np.testing.assert_array_equal(still[0], still[2])
        assert np.linalg.norm(programme.pose(start + PERIOD_S).translation_mm - still[0]) > 5


def test_the_programme_reaches_every_part_of_every_picture(programme):
    rig = simulated_rig()
    cameras = (
        (rig.color, RigidTransform.identity()),
        (rig.depth, rig.color_from_depth.inverse()),
        (rig.thermal, rig.thermal_from_color),
    )
    for camera, from_color in cameras:
        whole = []
        for k in range(60):
            px = camera.project(from_color.apply(programme.pose(k * PERIOD_S).apply(CORNERS_MM)))
            if np.all((px > 0) & (px < (camera.width - 1, camera.height - 1))):
                whole.append(px)
        assert len(whole) >= 25
        cells = np.floor(np.concatenate(whole) / (camera.width / 6, camera.height / 4)).astype(int)
        assert len(np.unique(cells, axis=0)) >= 22  # of 24
        low, high = np.concatenate(whole).min(0), np.concatenate(whole).max(0)
        assert np.all(low < 0.06 * np.array([camera.width, camera.height]))
        assert np.all(high > 0.94 * np.array([camera.width, camera.height]))


def test_the_programme_tilts_and_spreads_the_board(programme):
    poses = [programme.pose(k * PERIOD_S) for k in range(60)]
    normals = np.array([pose.rotation[:, 2] for pose in poses])
    for axis in (0, 1):
        assert normals[:, axis].min() < -0.4
        assert normals[:, axis].max() > 0.4
    distance = [pose.translation_mm[2] for pose in poses]
    assert min(distance) < 650
    assert max(distance) > 1000
