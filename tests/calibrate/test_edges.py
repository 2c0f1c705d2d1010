"""Rims of a depth picture lie where the surface ends, and edges tell how a camera has turned."""

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.verify.contours import find_contours
from mavfer.calibrate.verify.edge_fit import find_offset
from mavfer.calibrate.verify.edges import (
    best_shift,
    expected_edges,
    find_slopes,
    shrink_factor,
    vote,
)
from mavfer.capture.geometry import Intrinsics, RigidTransform

BALL_MM, BALL_AT_MM, WALL_MM = 120.0, np.array([20.0, -30.0, 900.0]), 2400.0
NO_SHIFT_MM = 0.0


def ball_before_wall(rays: NDArray[np.float64], camera_from_depth: RigidTransform) -> NDArray[np.float64]:
    """Return the depth (H, W) mm of a ball before a wall, seen along rays (H, W, 3) of some camera."""
    middle = camera_from_depth.apply(BALL_AT_MM)
    along = rays @ middle / (rays**2).sum(-1)
    apart = ((along[..., None] * rays - middle) ** 2).sum(-1)
    half = np.sqrt(np.maximum(BALL_MM**2 - apart, 0) / (rays**2).sum(-1))
    return np.where(apart < BALL_MM**2, along - half, WALL_MM)


@pytest.fixture
def plain_rig(true_rig: Calibration) -> Calibration:
    return replace(true_rig, depth_shift_mm=NO_SHIFT_MM)


@pytest.fixture
def depth(plain_rig: Calibration) -> NDArray[np.uint16]:
    random = np.random.default_rng(0)
    z = ball_before_wall(plain_rig.depth.ray_image(), RigidTransform.identity())
    return np.rint(z + random.normal(0, 1.5, z.shape)).astype(np.uint16)


@cache
def rays_of(camera: Intrinsics) -> NDArray[np.float64]:
    return camera.ray_image()


def seen_by(camera: Intrinsics, camera_from_depth: RigidTransform) -> NDArray[np.uint8]:
    """Return a bright ball before a dark wall in any camera, with noise and soft edges."""
    z = ball_before_wall(rays_of(camera), camera_from_depth)
    noise = np.random.default_rng(1).normal(0, 2, z.shape)
    soft = cv2.GaussianBlur(np.where(z < WALL_MM - 1, 180.0, 60.0), (0, 0), 0.8)
    return np.clip(soft + noise, 0, 255).astype(np.uint8)


def test_rims_lie_where_the_ball_ends_to_a_fifth_of_a_pixel(
    depth: NDArray[np.uint16], plain_rig: Calibration
) -> None:
    contours = find_contours(depth, plain_rig)
    rays = plain_rig.depth.rays(contours.px)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    apart_mm = np.linalg.norm(np.cross(rays, BALL_AT_MM), axis=1)
    assert len(contours) > 200
    one_pixel_mm = BALL_AT_MM[2] / plain_rig.depth.fx
    assert abs(np.median(apart_mm) - BALL_MM) < 0.2 * one_pixel_mm
    assert np.std(apart_mm) < 0.3 * one_pixel_mm


def test_the_depth_of_a_round_rim_is_extrapolated_and_not_that_of_its_inside(
    depth: NDArray[np.uint16], plain_rig: Calibration
) -> None:
    # a ball's rim lies where the line of sight touches it
    contours = find_contours(depth, plain_rig)
    touching_mm = np.linalg.norm(BALL_AT_MM) - BALL_MM**2 / np.linalg.norm(BALL_AT_MM)
    found_mm = (contours.xyz_depth_mm @ BALL_AT_MM) / np.linalg.norm(BALL_AT_MM)
    assert abs(np.median(found_mm) - touching_mm) < 5


def test_rims_are_looked_for_in_true_depth_and_not_in_readings(
    depth: NDArray[np.uint16], plain_rig: Calibration
) -> None:
    true = find_contours(depth, plain_rig)
    rig = replace(plain_rig, depth_scale=0.5, depth_shift_mm=-20.0)
    np.testing.assert_allclose(find_contours(2 * (depth + 20), rig).xyz_depth_mm, true.xyz_depth_mm)


def test_rims_point_outward(depth: NDArray[np.uint16], plain_rig: Calibration) -> None:
    contours = find_contours(depth, plain_rig)
    middle = plain_rig.depth.project(BALL_AT_MM)
    away = contours.px - middle
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    np.testing.assert_allclose(np.linalg.norm(contours.outward, axis=1), 1)
    assert (contours.outward * away).sum(1).min() > 0.8


@pytest.mark.parametrize("reading", [0, 900])
def test_a_picture_of_one_depth_or_of_none_has_no_rim(reading: int, plain_rig: Calibration) -> None:
    assert len(find_contours(np.full((424, 512), reading, np.uint16), plain_rig)) == 0


def test_a_picture_of_noise_has_no_edges_that_fit(depth: NDArray[np.uint16], plain_rig: Calibration) -> None:
    random = np.random.default_rng(2)
    noise = random.normal(100, 4, (1080, 1920)).clip(0, 255).astype(np.uint8)
    contours = find_contours(depth, plain_rig)
    pose = plain_rig.color_from_depth
    assert find_offset(noise, contours, plain_rig.color, pose, factor=2) is None
    assert find_offset(np.zeros_like(noise), contours, plain_rig.color, pose, factor=2) is None


@pytest.mark.parametrize("camera", ["color", "thermal"])
@pytest.mark.parametrize("turn_deg", [(0.0, 0.0), (0.5, 0.0), (0.0, -0.5), (1.6, 1.2), (-0.1, 0.1)])
def test_a_turn_of_the_camera_is_found_to_a_twentieth_of_a_degree(
    turn_deg: tuple[float, float],
    camera: str,
    depth: NDArray[np.uint16],
    plain_rig: Calibration,
) -> None:
    assert plain_rig.thermal_from_color is not None
    lens = plain_rig.cameras[camera]
    pose = plain_rig.color_from_depth
    if camera == "thermal":
        pose = plain_rig.thermal_from_color @ pose
    turn = RigidTransform.from_rotation_vector(np.radians([*turn_deg, 0.0]), np.zeros(3))
    contours = find_contours(depth, plain_rig)
    picture = seen_by(lens, turn @ pose)
    offset = find_offset(picture, contours, lens, pose, factor=shrink_factor(lens, plain_rig.depth))
    assert offset is not None
    np.testing.assert_allclose(offset.turn_deg[:2], turn_deg, atol=0.05)
    true_px = lens.project((turn @ pose).apply(BALL_AT_MM)) - lens.project(pose.apply(BALL_AT_MM))
    np.testing.assert_allclose(offset.px, true_px, atol=0.8)


def test_the_vote_finds_the_shift_to_a_pixel_of_the_smaller_picture(
    depth: NDArray[np.uint16], plain_rig: Calibration
) -> None:
    color, pose = plain_rig.color, plain_rig.color_from_depth
    slopes = find_slopes(np.roll(seen_by(color, pose), (-8, 14), axis=(0, 1)), factor=2)
    expected = expected_edges(find_contours(depth, plain_rig), color, pose)
    shift_px = best_shift(vote(expected, slopes, reach=12), factor=2)
    assert shift_px is not None
    np.testing.assert_allclose(shift_px, (14, -8), atol=2)


def test_points_that_a_camera_does_not_see_are_left_out(
    depth: NDArray[np.uint16], plain_rig: Calibration
) -> None:
    away = RigidTransform.from_rotation_vector(np.array([0.0, np.pi, 0.0]), np.zeros(3))
    contours = find_contours(depth, plain_rig)
    expected = expected_edges(contours, plain_rig.color, away)
    assert not expected.inside.any()
    assert np.isfinite(expected.px).all()
    assert find_offset(np.zeros((1080, 1920), np.uint8), contours, plain_rig.color, away, factor=2) is None
