"""ChArUco boards and ArUco grids found in pictures of every stream, whole and in part."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from mavfer.calibrate.boards.detect import find_corners, other_sizes, refine_corners
from mavfer.calibrate.boards.markers import mirrored_board
from mavfer.capture.board import Board
from mavfer.capture.streams import Stream

STREAMS = [Stream.COLOR, Stream.INFRARED, Stream.THERMAL]
CHARUCO, ARUCO = "charuco-7x5x40mm", "aruco-4x3x50mm"
PLACES = range(0, 24, 4)


def rms_px(found: np.ndarray, true: np.ndarray) -> float:
    seen = np.isfinite(found[:, 0])
    return float(np.sqrt(((found - true)[seen] ** 2).sum(axis=1).mean()))


def corners(picture: np.ndarray, text: str, stream: Stream) -> np.ndarray:
    found = find_corners(picture, Board.parse(text), stream)
    assert found is not None
    return found


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize(("text", "limit_px"), [(CHARUCO, 0.04), (ARUCO, 0.08)])
def test_every_point_lies_where_the_simulated_rig_has_it(
    film: Callable, text: str, limit_px: float, stream: Stream
) -> None:
    for i in PLACES:
        shot = film(text, stream, i)
        found = corners(shot.picture, text, stream)
        assert rms_px(found, shot.true_px) < limit_px
        assert np.isfinite(found[:, 0])[shot.inside(margin_px=12)].mean() > 0.9


def test_a_board_half_out_of_the_picture_is_found_in_part(film: Callable) -> None:
    shot = film(CHARUCO, Stream.COLOR, 0)
    x = int(np.median(shot.true_px[:, 0]))
    cut = np.ascontiguousarray(shot.picture[:, x:])
    found = corners(cut, CHARUCO, Stream.COLOR)
    seen = np.isfinite(found[:, 0])
    inside = shot.true_px[:, 0] > x + 12
    assert 0.3 < inside.mean() < 0.7
    assert not seen[shot.true_px[:, 0] < x].any()
    assert seen[inside].all()
    assert rms_px(found, shot.true_px - (x, 0)) < 0.06


def test_a_covered_part_of_a_board_is_not_made_up(film: Callable) -> None:
    shot = film(CHARUCO, Stream.COLOR, 0)
    low, high = np.percentile(shot.true_px, [25, 75], axis=0).astype(int)
    covered = shot.picture.copy()
    covered[low[1] : high[1], low[0] : high[0]] = (190, 150, 130)
    found = corners(covered, CHARUCO, Stream.COLOR)
    hidden = np.all((shot.true_px > low + 5) & (shot.true_px < high - 5), axis=1)
    assert hidden.any()
    assert not np.isfinite(found[hidden, 0]).any()
    assert rms_px(found, shot.true_px) < 0.1


@pytest.mark.parametrize("text", [CHARUCO, ARUCO])
def test_thermal_markers_are_read_whether_ink_is_warmer_or_colder(film: Callable, text: str) -> None:
    shot = film(text, Stream.THERMAL, 0)
    warm = corners(shot.picture, text, Stream.THERMAL)
    cold = corners(15000 - shot.picture, text, Stream.THERMAL)
    np.testing.assert_allclose(cold, warm, atol=0.01)


def test_bright_ink_in_color_is_no_board(film: Callable) -> None:
    shot = film(CHARUCO, Stream.COLOR, 0)
    assert find_corners(255 - shot.picture, Board.parse(CHARUCO), Stream.COLOR) is None


def test_a_turned_picture_has_the_same_points_in_the_same_order(film: Callable) -> None:
    shot = film(CHARUCO, Stream.INFRARED, 0)
    height, width = shot.picture.shape
    turned = corners(np.ascontiguousarray(shot.picture[::-1, ::-1]), CHARUCO, Stream.INFRARED)
    straight = corners(shot.picture, CHARUCO, Stream.INFRARED)
    np.testing.assert_allclose((width - 1, height - 1) - turned, straight, atol=0.15)


@pytest.mark.parametrize(
    ("sigma_px", "noise", "limit_px"), [(1.5, 2.0, 0.06), (0.0, 20.0, 0.15), (2.5, 4.0, 0.15)]
)
def test_blur_and_noise_cost_little(film: Callable, sigma_px: float, noise: float, limit_px: float) -> None:
    shot = film(CHARUCO, Stream.COLOR, 0)
    worse = cv2.GaussianBlur(shot.picture, (0, 0), sigma_px) if sigma_px else shot.picture
    worse = worse + np.random.default_rng(0).normal(0, noise, worse.shape)
    found = corners(np.clip(worse, 0, 255).astype(np.uint8), CHARUCO, Stream.COLOR)
    assert np.isfinite(found[:, 0]).mean() > 0.8
    assert rms_px(found, shot.true_px) < limit_px


@pytest.mark.parametrize("text", [CHARUCO, ARUCO])
def test_refining_from_nearby_finds_the_same_points_and_keeps_the_unseen_unseen(
    film: Callable, text: str
) -> None:
    shot = film(text, Stream.INFRARED, 0)
    board = Board.parse(text)
    start = shot.true_px + np.array([0.8, -0.6])
    start[3] = np.nan
    found = refine_corners(shot.picture, start, board)
    assert found is not None
    assert np.isnan(found[3]).all()
    assert rms_px(found, shot.true_px) < 0.1
    assert refine_corners(np.full_like(shot.picture, 900), start, board) is None


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("text", [CHARUCO, ARUCO])
def test_no_board_is_seen_in_pictures_of_faces(film_face: Callable, text: str, stream: Stream) -> None:
    for i in range(7):
        assert find_corners(film_face(stream, i), Board.parse(text), stream) is None


@pytest.mark.parametrize("text", [CHARUCO, ARUCO, "circles-4x10x20mm"])
@pytest.mark.parametrize("stream", STREAMS)
def test_a_mirrored_picture_is_known_as_one(film: Callable, text: str, stream: Stream) -> None:
    shot, board = film(text, stream, 0), Board.parse(text)
    mirrored = np.ascontiguousarray(shot.picture[:, ::-1])
    assert find_corners(mirrored, board, stream) is None
    assert mirrored_board(mirrored, board, stream)
    assert not mirrored_board(shot.picture, board, stream)


@pytest.mark.parametrize("text", ["9x6x25mm", "circles-4x11x20mm"])
def test_a_board_that_looks_alike_in_a_mirror_is_never_called_mirrored(film: Callable, text: str) -> None:
    shot = film(text, Stream.COLOR, 0)
    mirrored = np.ascontiguousarray(shot.picture[:, ::-1])
    assert not mirrored_board(mirrored, Board.parse(text), Stream.COLOR)


def test_other_markers_in_the_picture_are_named(film: Callable) -> None:
    shot = film(ARUCO, Stream.COLOR, 0)
    said = other_sizes(shot.picture, Board.parse("charuco-7x5x40mm-30mm-6X6_250"), Stream.COLOR)
    assert said is not None
    assert "of dictionary '4X4_1000', not '6X6_250'" in said
    said = other_sizes(shot.picture, Board.parse("9x6x25mm"), Stream.COLOR)
    assert said is not None
    assert said.startswith("the picture shows markers 0, 1, 2")
    assert (
        other_sizes(film(CHARUCO, Stream.COLOR, 0).picture, Board.parse("9x6x25mm"), Stream.COLOR) is not None
    )
