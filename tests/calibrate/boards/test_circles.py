"""Grids of circles found in pictures of every stream, and the shift of their middles."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from mavfer.calibrate.boards.circles import center_shift_px, find_circles, refine_circles
from mavfer.calibrate.boards.detect import other_sizes
from mavfer.capture.board import Board, CircleGrid
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.capture.streams import Stream

STREAMS = [Stream.COLOR, Stream.INFRARED, Stream.THERMAL]
TEXT = "circles-4x11x20mm"
BOARD = CircleGrid(4, 11, 20.0, 20.0)
PLACES = range(0, 24, 4)


@pytest.mark.parametrize(("stream", "limit_px"), [*zip(STREAMS, (0.02, 0.08, 0.04), strict=True)])
@pytest.mark.parametrize("text", [TEXT, "circles-4x11x20mm-14mm", "circles-4x10x20mm"])
def test_middles_lie_where_the_simulated_rig_has_them(
    film: Callable, text: str, stream: Stream, limit_px: float
) -> None:
    board, errors = Board.parse(text), []
    assert isinstance(board, CircleGrid)
    for i in PLACES:
        shot = film(text, stream, i)
        found = find_circles(shot.picture, board, stream)
        if found is not None:
            shift = center_shift_px(board, shot.camera, shot.camera_from_board)
            errors.append(found - shift - shot.true_px)
    assert len(errors) >= len(PLACES) - 1
    assert np.sqrt((np.concatenate(errors) ** 2).sum(axis=1).mean()) < limit_px


def test_without_the_shift_near_tilted_circles_lie_elsewhere(film: Callable) -> None:
    with_shift, without = [], []
    for i in PLACES:
        shot = film("circles-5x7x30mm", Stream.COLOR, i)
        board = CircleGrid(5, 7, 30.0, 30.0)
        found = find_circles(shot.picture, board, Stream.COLOR)
        if found is not None:
            without.append(found - shot.true_px)
            with_shift.append(without[-1] - center_shift_px(board, shot.camera, shot.camera_from_board))
    assert np.std(np.concatenate(without)) > 5 * np.std(np.concatenate(with_shift))


def test_a_board_square_to_a_plain_camera_has_no_shift_in_its_middle() -> None:
    camera = Intrinsics(640, 480, 500.0, 500.0, 320.0, 240.0)
    middle = -BOARD.points_mm.mean(axis=0) + (0, 0, 500)
    np.testing.assert_allclose(
        center_shift_px(BOARD, camera, RigidTransform(np.eye(3), middle)), 0, atol=1e-9
    )


def test_the_shift_is_that_of_a_disc_drawn_very_finely() -> None:
    camera = Intrinsics(640, 480, 500.0, 500.0, 320.0, 240.0, (-0.2, 0.1, 0.001, 0.0, 0.0))
    board = CircleGrid(2, 3, 20.0, 20.0)
    pose = RigidTransform.from_rotation_vector(
        np.radians([35.0, -30.0, 10.0]), np.array([-60.0, -40.0, 250.0])
    )
    fine = np.stack(np.meshgrid(*[np.linspace(-10, 10, 801)] * 2), axis=-1).reshape(-1, 2)
    disc = fine[np.hypot(*fine.T) < 10]
    for point, shift in zip(board.points_mm, center_shift_px(board, camera, pose), strict=True):
        at = point + np.concatenate([disc, np.zeros((len(disc), 1))], axis=1)
        px, step = camera.project(pose.apply(at)), 1e-3
        right = camera.project(pose.apply(at + np.array([step, 0, 0]))) - px
        down = camera.project(pose.apply(at + np.array([0, step, 0]))) - px
        area = right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0]  # how much picture each bit of disc covers
        centroid = (px * area[:, None]).sum(axis=0) / area.sum()
        np.testing.assert_allclose(shift, centroid - camera.project(pose.apply(point)), atol=2e-3)


def test_bright_circles_are_found_in_thermal_and_dark_ones_too(film: Callable) -> None:
    shot = film(TEXT, Stream.THERMAL, 0)
    bright = find_circles(shot.picture, BOARD, Stream.THERMAL)
    dark = find_circles(15000 - shot.picture, BOARD, Stream.THERMAL)
    assert bright is not None
    assert dark is not None
    np.testing.assert_allclose(bright, dark, atol=0.01)


def test_an_odd_grid_has_one_top_and_an_even_one_stands_upright(film: Callable) -> None:
    for text, same in ((TEXT, True), ("circles-4x10x20mm", False)):
        shot, board = film(text, Stream.COLOR, 4), Board.parse(text)
        assert isinstance(board, CircleGrid)
        turned = find_circles(np.ascontiguousarray(shot.picture[::-1, ::-1]), board, Stream.COLOR)
        assert turned is not None
        back = np.array(shot.picture.shape[1::-1]) - 1 - turned
        np.testing.assert_allclose(back if same else back[::-1], shot.true_px, atol=0.5)


@pytest.mark.parametrize(("sigma_px", "noise"), [(2.0, 2.0), (0.0, 15.0)])
def test_blur_and_noise_cost_little(film: Callable, sigma_px: float, noise: float) -> None:
    shot = film(TEXT, Stream.COLOR, 0)
    worse = cv2.GaussianBlur(shot.picture, (0, 0), sigma_px) if sigma_px else shot.picture
    worse = worse + np.random.default_rng(0).normal(0, noise, worse.shape)
    found = find_circles(np.clip(worse, 0, 255).astype(np.uint8), BOARD, Stream.COLOR)
    assert found is not None
    shift = center_shift_px(BOARD, shot.camera, shot.camera_from_board)
    assert np.sqrt(((found - shift - shot.true_px) ** 2).sum(axis=1).mean()) < 0.1


def test_refining_finds_circles_nearby_and_none_where_they_have_gone(film: Callable) -> None:
    shot = film(TEXT, Stream.INFRARED, 0)
    found = find_circles(shot.picture, BOARD, Stream.INFRARED)
    assert found is not None
    again = refine_circles(shot.picture, found + np.array([0.7, -0.5]), BOARD)
    assert again is not None
    np.testing.assert_allclose(again, found, atol=0.1)
    assert refine_circles(np.full_like(shot.picture, 900), found, BOARD) is None


@pytest.mark.parametrize("stream", STREAMS)
def test_no_circles_are_seen_in_pictures_of_faces(film_face: Callable, stream: Stream) -> None:
    for i in range(7):
        assert find_circles(film_face(stream, i), BOARD, stream) is None


def test_the_size_of_another_grid_is_told(film: Callable) -> None:
    said = other_sizes(film(TEXT, Stream.COLOR, 0).picture, CircleGrid(4, 9, 20.0, 20.0), Stream.COLOR)
    assert said == "the picture shows 4x11 circles"
