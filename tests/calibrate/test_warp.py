"""The warp: identity, shift, nearest surface, no invented depth, and the fast one equal to the plain one."""

from dataclasses import replace

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.warp import DepthWarp, carry, thermal_to_color, warp_depth
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.capture.streams import Stream
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


def noisy_scene(camera: Intrinsics, seed: int) -> np.ndarray:
    """Return a ball before a wall, with noise, flying pixels and holes."""
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(-1, 1, camera.width), np.linspace(-1, 1, camera.height))
    depth_mm = 1700 + 100 * x
    ball = (x - 0.1) ** 2 + (y + 0.1) ** 2 < 0.2
    depth_mm[ball] = (1000 - 300 * np.sqrt(0.2 - (x - 0.1) ** 2 - (y + 0.1) ** 2, where=ball, out=0 * x))[
        ball
    ]
    flying = random.random(depth_mm.shape) < 0.02
    depth_mm[flying] = random.uniform(700, 1700, flying.sum())
    depth_mm = depth_mm + random.normal(0, 1.5, depth_mm.shape)
    depth_mm[random.random(depth_mm.shape) < 0.05] = 0
    return np.round(depth_mm).astype(np.uint16)


@pytest.mark.parametrize("slope_mm", [0.0, 1.0, 2.5])
def test_warp_of_identity_rig_returns_the_depth_it_was_given(
    identity_rig: Calibration, slope_mm: float
) -> None:
    depth_mm = np.round(900 + slope_mm * np.arange(120) + 0 * np.arange(90)[:, None]).astype(np.uint16)
    warped = DepthWarp(identity_rig).to_color(depth_mm)
    corners = np.ix_([0, -1], [0, -1])  # three neighbours are too few to tell it from a flying pixel
    depth_mm[corners] = warped[corners]
    assert np.abs(warped.astype(int) - depth_mm).max() <= (0 if slope_mm != 2.5 else 1)


def test_the_depth_shift_is_added(identity_rig: Calibration) -> None:
    flat = np.full((90, 120), 1000, np.uint16)
    warped = DepthWarp(replace(identity_rig, depth_shift_mm=-13.4)).to_color(flat)
    assert set(np.unique(warped)) <= {0, 987}
    nothing = DepthWarp(replace(identity_rig, depth_shift_mm=25.0)).to_color(np.zeros((90, 120), np.uint16))
    assert not nothing.any()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_fast_warp_equals_plain_numpy(true_rig: Calibration, seed: int) -> None:
    depth_mm = noisy_scene(true_rig.depth, seed)
    fast, plain = DepthWarp(true_rig).to_color(depth_mm), warp_depth(depth_mm, true_rig)
    assert (fast > 0).mean() > 0.5
    # Compilers may round the last bit differently: a millimetre or a rim pixel here and there.
    assert np.mean(fast != plain) < 1e-4


def test_a_region_is_that_part_of_the_whole(true_rig: Calibration) -> None:
    depth_mm = noisy_scene(true_rig.depth, 2)
    warp = DepthWarp(true_rig)
    x0, y0, x1, y1 = 700, 300, 1100, 800
    part, whole = warp.to_color(depth_mm, (x0, y0, x1, y1)), warp.to_color(depth_mm)[y0:y1, x0:x1]
    assert part.shape == (500, 400)
    assert np.mean(part != whole) < 1e-3
    assert not warp.to_color(depth_mm, (-900, -900, -400, -400)).any()


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


@pytest.mark.parametrize("stream", [Stream.DEPTH, Stream.INFRARED, Stream.THERMAL])
def test_carried_points_are_where_the_camera_projects_them(true_rig: Calibration, stream: Stream) -> None:
    xyz_color = np.array([[0.0, 0.0, 900.0], [80.0, -60.0, 1000.0], [-50.0, 70.0, 1200.0]])
    carried = carry(true_rig.color.project(xyz_color), xyz_color[:, 2], true_rig, stream)
    xyz = true_rig.from_color(stream).apply(xyz_color)
    np.testing.assert_allclose(carried, true_rig.camera_of(stream).project(xyz), atol=1e-6)


def test_carried_into_color_nothing_moves(true_rig: Calibration) -> None:
    px = np.array([[960.0, 540.0], [300.5, 200.25]])
    np.testing.assert_allclose(carry(px, np.array([900.0, 700.0]), true_rig, Stream.COLOR), px, atol=1e-6)


def test_carrying_without_depth_gives_nan(true_rig: Calibration) -> None:
    carried = carry(np.full((3, 2), 500.0), np.array([0.0, np.nan, 900.0]), true_rig, Stream.THERMAL)
    assert np.isnan(carried[:2]).all()
    assert np.isfinite(carried[2]).all()


def test_carrying_into_a_missing_camera_is_refused(true_rig: Calibration) -> None:
    without = replace(true_rig, thermal=None, thermal_from_color=None)
    with pytest.raises(CalibrationError, match="'thermal'"):
        carry(np.zeros((1, 2)), np.ones(1), without, Stream.THERMAL)


def test_thermal_is_laid_where_the_depth_says(true_rig: Calibration) -> None:
    x, y = np.meshgrid(np.arange(640), np.arange(512))
    region = (800, 400, 1000, 600)
    depth_mm = np.full((200, 200), 1000, np.uint16)
    depth_mm[:20] = 0
    px = np.stack(np.meshgrid(np.arange(800, 1000), np.arange(400, 600)), axis=-1)
    wanted = carry(px, depth_mm, true_rig, Stream.THERMAL)
    for axis, picture in enumerate((x, y)):
        laid = thermal_to_color(picture.astype(np.float32), depth_mm, true_rig, region=region)
        assert not laid[:20].any()
        np.testing.assert_allclose(laid[20:], wanted[20:, :, axis], atol=0.05)


def test_a_head_lays_no_warmth_on_the_wall_that_it_hides(identity_rig: Calibration) -> None:
    beside = RigidTransform(np.eye(3), np.array([160.0, 0.0, 0.0]))
    rig = replace(identity_rig, thermal_from_color=beside)
    depth_mm = two_surfaces(CAMERA)
    # The square appears 20 px to the right in the thermal picture, the wall 10.
    thermal = np.full((90, 120), 100, np.uint16)
    thermal[30:60, 60:100] = 900
    laid = thermal_to_color(thermal, depth_mm, rig)
    row = laid[45]
    assert np.all(row[42:78] == 900)  # the square itself
    assert np.all(row[82:88] == 0)  # wall behind it, for the thermal camera
    assert np.all(row[93:108] == 100)
    assert np.all(row[2:37] == 100)


def test_pictures_of_another_size_are_refused(true_rig: Calibration) -> None:
    warp = DepthWarp(true_rig)
    for call in (warp.to_color, lambda picture: warp_depth(picture, true_rig)):
        with pytest.raises(CalibrationError, match="wanted a picture of 424 x 512 as calibrated"):
            call(np.zeros((480, 640), np.uint16))
    with pytest.raises(CalibrationError, match="region"):
        warp.to_color(np.zeros((424, 512), np.uint16), (10, 10, 10, 20))
    with pytest.raises(CalibrationError, match="for the region"):
        thermal_to_color(np.zeros((512, 640), np.uint16), np.zeros((5, 5), np.uint16), true_rig)
