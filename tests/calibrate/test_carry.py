"""Points carried out of color and pictures laid into it: through the geometry, past what hides, and back."""

from dataclasses import replace

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.carry import carry, lay_in_color
from mavfer.calibrate.warp import DepthWarp
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.capture.streams import Stream
from mavfer.errors import CalibrationError

CAMERA = Intrinsics(120, 90, 100.0, 100.0, 60.0, 45.0)


@pytest.fixture
def identity_rig() -> Calibration:
    """Return a rig whose cameras are one."""
    same = RigidTransform.identity()
    return Calibration("test", CAMERA, CAMERA, CAMERA, same, same, 0.0)


def two_surfaces() -> np.ndarray:
    """Return a square 800 mm away before a wall 1600 mm away."""
    depth_mm = np.full((90, 120), 1600, np.uint16)
    depth_mm[30:60, 40:80] = 800
    return depth_mm


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
        laid = lay_in_color(picture.astype(np.float32), depth_mm, true_rig, region=region, of=Stream.THERMAL)
        assert not laid[:20].any()
        np.testing.assert_allclose(laid[20:], wanted[20:, :, axis], atol=0.05)


def test_a_head_lays_no_warmth_on_the_wall_that_it_hides(identity_rig: Calibration) -> None:
    beside = RigidTransform(np.eye(3), np.array([160.0, 0.0, 0.0]))
    rig = replace(identity_rig, thermal_from_color=beside)
    depth_mm = two_surfaces()
    # The square appears 20 px to the right in the thermal picture, the wall 10.
    thermal = np.full((90, 120), 100, np.uint16)
    thermal[30:60, 60:100] = 900
    laid = lay_in_color(thermal, depth_mm, rig, of=Stream.THERMAL)
    row = laid[45]
    assert np.all(row[42:78] == 900)  # the square itself
    assert np.all(row[82:88] == 0)  # wall behind it, for the thermal camera
    assert np.all(row[93:108] == 100)
    assert np.all(row[2:37] == 100)


@pytest.mark.parametrize("stream", [Stream.DEPTH, Stream.INFRARED, Stream.THERMAL])
def test_points_carried_away_and_found_by_their_depth_come_back(
    true_rig: Calibration, stream: Stream
) -> None:
    random = np.random.default_rng(0)
    px = random.uniform((500, 200), (1400, 900), (68, 2))
    z_mm = random.uniform(700, 1400, 68)
    there = carry(px, z_mm, true_rig, stream)
    pose = true_rig.from_color(stream)
    own_z_mm = pose.apply(true_rig.color.unproject(px, z_mm))[:, 2]
    xyz_mm = pose.inverse().apply(true_rig.camera_of(stream).unproject(there, own_z_mm))
    np.testing.assert_allclose(true_rig.color.project(xyz_mm), px, atol=1e-5)


def test_carried_landmarks_move_with_their_depth_along_one_line(true_rig: Calibration) -> None:
    px = np.broadcast_to((900.0, 500.0), (50, 2))
    there = carry(px, np.linspace(600, 3000, 50), true_rig, Stream.INFRARED)
    steps = np.diff(there[:, 0])
    assert np.all(np.sign(steps) == np.sign(steps[0]))
    assert np.all(np.diff(np.abs(steps)) < 0)  # parallax goes with the inverse of depth


def test_infrared_on_the_depth_it_came_with_is_what_the_depth_warp_would_lay(true_rig: Calibration) -> None:
    rows, columns = np.mgrid[:424, :512]
    depth_mm = np.full((424, 512), 1000, np.uint16)
    depth_mm[150:260, 200:300] = 800
    region = (500, 200, 1400, 900)
    depth_color_mm = DepthWarp(true_rig).to_color(depth_mm, region)
    px = np.stack(np.meshgrid(np.arange(500, 1400), np.arange(200, 900)), axis=-1)
    wanted = carry(px, depth_color_mm, true_rig, Stream.INFRARED)
    for axis, picture in enumerate((columns, rows)):
        laid = lay_in_color(
            picture.astype(np.float32), depth_color_mm, true_rig, region=region, of=Stream.INFRARED
        )
        seen = laid > 0
        assert seen.mean() > 0.95
        assert not laid[depth_color_mm == 0].any()
        assert np.abs(laid - wanted[..., axis])[seen].max() < 0.05


def test_a_picture_of_one_temperature_lays_that_temperature_and_no_other(true_rig: Calibration) -> None:
    depth_mm = np.full((1080, 1920), 1000, np.uint16)
    laid = lay_in_color(np.full((512, 640), 7500, np.uint16), depth_mm, true_rig, of=Stream.THERMAL)
    assert set(np.unique(laid)) == {0, 7500}  # nothing is mixed with what lies beside the picture


def test_what_lies_far_beside_a_lens_that_folds_back_is_not_seen(true_rig: Calibration) -> None:
    bent = replace(true_rig.camera_of(Stream.THERMAL), distortion=(-0.35, 0.2, 0.0, 0.0, -3.0))
    rig = replace(true_rig, thermal=bent)
    x, y = (edges.ravel() for edges in np.meshgrid(np.linspace(0, 1919, 25), np.linspace(0, 1079, 15)))
    px = np.stack([x, y], axis=-1)
    xyz_mm = rig.from_color(Stream.THERMAL).apply(rig.color.unproject(px, np.full(len(px), 1000.0)))
    straight = replace(bent, distortion=(0.0, 0.0, 0.0, 0.0, 0.0)).project(xyz_mm)
    beside = np.any((straight < (-200, -200)) | (straight > (840, 712)), axis=-1)
    assert beside.any()
    assert np.isnan(carry(px[beside], np.full(beside.sum(), 1000.0), rig, Stream.THERMAL)).all()
    laid = lay_in_color(
        np.full((512, 640), 7500, np.uint16), np.full((1080, 1920), 1000, np.uint16), rig, of=Stream.THERMAL
    )
    assert not laid[y[beside].astype(int), x[beside].astype(int)].any()
    assert laid[540, 960] == 7500


def test_a_picture_of_no_depth_lays_nothing(true_rig: Calibration) -> None:
    warm = np.full((512, 640), 30_000, np.uint16)
    laid = lay_in_color(
        warm, np.zeros((40, 50), np.uint16), true_rig, region=(900, 500, 950, 540), of=Stream.THERMAL
    )
    assert laid.shape == (40, 50)
    assert laid.dtype == np.uint16
    assert not laid.any()


def test_pictures_of_another_size_or_of_a_missing_camera_are_refused(true_rig: Calibration) -> None:
    depth_mm = np.zeros((5, 5), np.uint16)
    with pytest.raises(CalibrationError, match="wanted a depth picture of 1080 x 1920 for the region"):
        lay_in_color(np.zeros((512, 640), np.uint16), depth_mm, true_rig, of=Stream.THERMAL)
    with pytest.raises(CalibrationError, match="wanted a picture of 512 x 640 as calibrated"):
        lay_in_color(
            np.zeros((480, 640), np.uint16), depth_mm, true_rig, region=(0, 0, 5, 5), of=Stream.THERMAL
        )
    without = replace(true_rig, thermal=None, thermal_from_color=None)
    with pytest.raises(CalibrationError, match="'thermal'"):
        lay_in_color(np.zeros((512, 640)), depth_mm, without, of=Stream.THERMAL, region=(0, 0, 5, 5))


def test_a_depth_picture_is_not_blended_into_color(true_rig: Calibration) -> None:
    depth_mm = np.full((1080, 1920), 1000, np.uint16)
    with pytest.raises(CalibrationError, match="thermal or infrared picture to lay in color, found 'depth'"):
        lay_in_color(np.zeros((424, 512), np.uint16), depth_mm, true_rig, of=Stream.DEPTH)
