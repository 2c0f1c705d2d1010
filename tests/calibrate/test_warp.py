"""The warp's laws: identity, shift, nearest surface, no invented depth, refusals."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.optics import limit_r2
from mavfer.calibrate.warp import DepthWarp
from mavfer.calibrate.warp_reference import warp_depth
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.errors import CalibrationError

CAMERA = Intrinsics(120, 90, 100.0, 100.0, 60.0, 45.0)


@pytest.fixture
def identity_rig() -> Calibration:
    """Return a rig whose color and depth cameras are one."""
    same = RigidTransform.identity()
    return Calibration("test", CAMERA, CAMERA, CAMERA, same, same, 0.0)


def two_surfaces(camera: Intrinsics, *, near_mm: int = 800, far_mm: int = 1600) -> np.ndarray:
    """Return a square before a wall."""
    depth_mm = np.full((camera.height, camera.width), far_mm, np.uint16)
    height, width = depth_mm.shape
    depth_mm[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = near_mm
    return depth_mm


@pytest.mark.parametrize("slope_mm", [0.0, 1.0, 2.5])
def test_warp_of_identity_rig_returns_the_depth_it_was_given(
    identity_rig: Calibration, slope_mm: float
) -> None:
    depth_mm = np.round(900 + slope_mm * np.arange(120) + 0 * np.arange(90)[:, None]).astype(np.uint16)
    warped = DepthWarp(identity_rig).to_color(depth_mm)
    corners = np.ix_([0, -1], [0, -1])  # three neighbours are too few to tell it from a flying pixel
    depth_mm[corners] = warped[corners]
    assert np.abs(warped.astype(int) - depth_mm).max() <= (0 if slope_mm != 2.5 else 1)


def test_the_depth_shift_is_added_to_the_scaled_reading(identity_rig: Calibration) -> None:
    flat = np.full((90, 120), 1000, np.uint16)
    scaled = DepthWarp(replace(identity_rig, depth_shift_mm=-13.4, depth_scale=1.01)).to_color(flat)
    assert set(np.unique(scaled)) <= {0, 997}
    warped = DepthWarp(replace(identity_rig, depth_shift_mm=-13.4)).to_color(flat)
    assert set(np.unique(warped)) <= {0, 987}
    nothing = DepthWarp(replace(identity_rig, depth_shift_mm=25.0)).to_color(np.zeros((90, 120), np.uint16))
    assert not nothing.any()


@pytest.mark.parametrize(
    "offset_mm", [(-100.0, 0.0, 0.0), (100.0, 0.0, 0.0), (0.0, 80.0, 0.0), (60.0, -60.0, 0.0)]
)
def test_a_wall_moves_by_what_the_offset_says(
    identity_rig: Calibration, offset_mm: tuple[float, float, float]
) -> None:
    wall = np.full((90, 120), 1000, np.uint16)
    beside = replace(identity_rig, color_from_depth=RigidTransform(np.eye(3), np.array(offset_mm)))
    warped = DepthWarp(beside).to_color(wall)
    dx, dy = (round(offset / 10) for offset in offset_mm[:2])  # focal length 100 px, 1000 mm away
    inside = warped[max(dy, 0) + 1 : 89 + min(dy, 0), max(dx, 0) + 1 : 119 + min(dx, 0)]
    assert np.all(inside == 1000)
    assert np.count_nonzero(warped) <= (120 - abs(dx)) * (90 - abs(dy))


def test_walking_away_only_ever_makes_depth_grow(identity_rig: Calibration) -> None:
    warp = DepthWarp(identity_rig)
    # Seen along one axis, every pixel shows the same point, however far it is.
    scenes = [two_surfaces(CAMERA, near_mm=800 + step, far_mm=1600 + step) for step in range(0, 500, 50)]
    warped = [warp.to_color(scene).astype(int) for scene in scenes]
    for near, far in pairwise(warped):
        seen = (near > 0) & (far > 0)
        assert seen.mean() > 0.99
        assert np.all(far[seen] > near[seen])


def test_another_surface_before_it_never_makes_a_pixel_farther(true_rig: Calibration) -> None:
    wall = np.full((424, 512), 1500, np.uint16)
    before = wall.copy()
    before[100:200, 150:300] = 900
    warp = DepthWarp(true_rig)
    alone, covered = warp.to_color(wall).astype(int), warp.to_color(before).astype(int)
    both = (alone > 0) & (covered > 0)
    assert np.all(covered[both] <= alone[both] + 1)  # a rim is flat, where the wall was slanted


@pytest.mark.parametrize(
    "offset_mm", [(-52.0, -0.5, 1.0), (60.0, 0.0, 0.0), (0.0, 60.0, 0.0), (45.0, 45.0, 0.0)]
)
@pytest.mark.parametrize("roll_deg", [0.0, 1.0, 30.0, -44.0])
def test_for_any_baseline_and_roll_all_that_is_seen_is_covered_and_near_wins(
    offset_mm: tuple[float, float, float], roll_deg: float
) -> None:
    color = Intrinsics(640, 360, 350.0, 350.0, 320.0, 180.0)
    depth = Intrinsics(256, 212, 183.0, 183.0, 128.0, 106.0)
    turn = np.radians([0.0, 0.0, roll_deg])
    pose = RigidTransform.from_rotation_vector(turn, np.array(offset_mm))
    rig = Calibration("test", color, depth, None, pose, None, 0.0)
    depth_mm = two_surfaces(depth, near_mm=700, far_mm=1400)
    warped = DepthWarp(rig).to_color(depth_mm)
    on_square, on_wall = depth_mm == 700, depth_mm == 1400
    rays = depth.ray_image()
    for z_mm, where in ((700, on_square), (1400, on_wall)):
        inner = np.zeros_like(where)
        inner[2:-2, 2:-2] = where[:-4, 2:-2] & where[4:, 2:-2] & where[2:-2, :-4] & where[2:-2, 4:]
        px = np.round(color.project(pose.apply(rays * z_mm))).astype(int)
        inner &= np.all((px >= 2) & (px < (638, 358)), axis=-1)
        found = warped[px[inner][:, 1], px[inner][:, 0]].astype(int)
        own_mm = z_mm + offset_mm[2]
        assert np.count_nonzero(found == 0) <= 1  # beside an edge at 44 degrees
        found = found[found > 0]
        assert np.all(found <= own_mm + 1)  # itself, or what hides it
        if z_mm == 700:
            assert np.all(np.abs(found - own_mm) <= 1)


def test_readings_where_the_depth_lens_has_no_ray_are_dropped(identity_rig: Calibration) -> None:
    folding = replace(CAMERA, distortion=(-1.2, 0.0, 0.0, 0.0, 0.0))
    rig = replace(identity_rig, depth=folding)
    rays = folding.ray_image()
    assert np.isnan(rays[0, 0]).any()
    wall = np.full((90, 120), 1000, np.uint16)
    fast = DepthWarp(rig).to_color(wall)
    np.testing.assert_array_equal(fast, warp_depth(wall, rig))
    assert fast[45, 60] == 1000


def test_a_color_lens_that_folds_back_brings_nothing_back_into_the_picture() -> None:
    bent = replace(CAMERA, distortion=(-0.9, 0.0, 0.0, 0.0, 0.0))
    wide = Intrinsics(200, 150, 60.0, 60.0, 100.0, 75.0)
    same = RigidTransform.identity()
    rig = Calibration("test", bent, wide, None, same, None, 0.0)
    assert limit_r2(bent) == pytest.approx(1 / 2.7)  # r - 0.9 r^3 turns where 1 = 2.7 r^2
    near_rim = np.full((150, 200), 1500, np.uint16)
    outside = np.linalg.norm(wide.ray_image()[..., :2], axis=-1) ** 2 > 1 / 2.7
    near_rim[outside] = 700
    warped = DepthWarp(rig).to_color(near_rim)
    assert set(np.unique(warped)) <= {0, 1500}


def test_a_rig_whose_cameras_are_turned_against_each_other_is_refused(identity_rig: Calibration) -> None:
    for vector, found in (((0, 0, 60), "a roll of 60 degrees"), ((0, 120, 0), "120 degrees apart")):
        turned = RigidTransform.from_rotation_vector(np.radians(np.array(vector, float)), np.zeros(3))
        rig = replace(identity_rig, color_from_depth=turned)
        with pytest.raises(CalibrationError, match=found):
            DepthWarp(rig)
        with pytest.raises(CalibrationError, match=found):
            warp_depth(np.zeros((90, 120), np.uint16), rig)


def test_the_nearest_surface_wins(true_rig: Calibration) -> None:
    depth_mm = two_surfaces(true_rig.depth)
    warped = DepthWarp(replace(true_rig, depth_shift_mm=0.0)).to_color(depth_mm)
    rays = true_rig.depth.ray_image()[160:260, 190:320]
    places = true_rig.color.project(true_rig.color_from_depth.apply(rays * 800.0))
    at = np.round(places).astype(int)
    seen = warped[at[..., 1], at[..., 0]].astype(float)
    assert np.all(np.abs(seen - 800) < 20)  # 800 mm along the depth camera's axis


def test_what_neither_camera_saw_stays_empty(identity_rig: Calibration) -> None:
    apart = RigidTransform(np.eye(3), np.array([-160.0, 0.0, 0.0]))
    depth_mm = two_surfaces(CAMERA)
    warped = DepthWarp(replace(identity_rig, color_from_depth=apart)).to_color(depth_mm)
    # The square moves 160 / 800 * 100 = 20 px to the left, the wall 10: 10 px of shadow open at its right.
    row = warped[45]
    assert np.all(row[21:59] == 800)
    assert np.all(row[62:69] == 0)
    assert np.all(row[72:108] == 1600)
    assert set(np.unique(warped)) == {0, 800, 1600}


def test_a_flying_pixel_is_dropped(identity_rig: Calibration) -> None:
    depth_mm = np.full((90, 120), 1500, np.uint16)
    depth_mm[40, 60] = 1100
    warped = DepthWarp(identity_rig).to_color(depth_mm)
    assert warped[40, 60] == 0
    assert set(np.unique(warped)) == {0, 1500}


def test_a_ray_traced_plane_is_met_to_half_a_millimetre(true_rig: Calibration) -> None:
    normal = np.array([0.3, -0.2, 1.0])
    depth_from_color = true_rig.color_from_depth.inverse()
    rays = true_rig.depth.ray_image()
    turned = depth_from_color.rotation @ normal
    true_depth = (950.0 + turned @ depth_from_color.translation_mm) / (rays @ turned)
    reading = np.round(true_depth - true_rig.depth_shift_mm).astype(np.uint16)
    warped = DepthWarp(true_rig).to_color(reading, (400, 100, 1500, 950)).astype(float)
    px = np.stack(np.meshgrid(np.arange(400, 1500), np.arange(100, 950)), axis=-1)
    truth = 950.0 / (true_rig.color.rays(px) @ normal)
    assert (warped > 0).mean() > 0.999
    assert np.abs(warped - truth)[warped > 0].mean() < 0.5
    assert np.abs(warped - truth)[warped > 0].max() < 3


def test_pictures_of_another_size_are_refused(true_rig: Calibration) -> None:
    warp = DepthWarp(true_rig)
    for call in (warp.to_color, lambda picture: warp_depth(picture, true_rig)):
        with pytest.raises(CalibrationError, match="wanted a picture of 424 x 512 as calibrated"):
            call(np.zeros((480, 640), np.uint16))
    for region in ((10, 10, 10, 20), (0, 20, 30, 10), (0, 0, 10**6, 10)):
        with pytest.raises(CalibrationError, match="wanted a region"):
            warp.to_color(np.zeros((424, 512), np.uint16), region)
