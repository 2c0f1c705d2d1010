"""Chessboards found in pictures of every stream."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from mavfer.calibrate.boards.chessboard import is_grid
from mavfer.calibrate.boards.detect import find_corners, other_sizes, refine_corners
from mavfer.capture.board import Chessboard
from mavfer.capture.streams import Stream

BOARD = Chessboard(9, 6, 25.0)
STREAMS = [Stream.COLOR, Stream.INFRARED, Stream.THERMAL]
PLACES = range(0, 24, 3)


def picture(
    board: Chessboard, *, size: tuple[int, int], scale: float, angle_deg: float = 5.0, dark=40.0, light=200.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return a noisy picture (H, W) float32 of a board turned in the plane, and its corners in pixels."""
    big, per_square = 4, 8
    drawn = board.plate.picture(px_per_field=per_square).astype(np.float32) / 255
    middle, wanted = np.array(drawn.shape[::-1]) / 2 - 0.5, np.array(size[::-1]) * big / 2
    turn = cv2.getRotationMatrix2D(tuple(middle), angle_deg, scale * big)
    turn[:, 2] += wanted - middle
    fine = cv2.warpAffine(drawn, turn, (size[1] * big, size[0] * big), borderValue=(0.4,))
    coarse = cv2.resize(fine, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), 0.6)
    column, row = np.meshgrid(np.arange(board.columns), np.arange(board.rows))
    at = (np.stack([column, row], axis=-1).reshape(-1, 2) + 2.0) * per_square - 0.5
    corners_px = ((at @ turn[:, :2].T + turn[:, 2]) + 0.5) / big - 0.5
    noise = np.random.default_rng(0).normal(0, 1.5, size)
    return (dark + (light - dark) * coarse + noise).astype(np.float32), corners_px


def rms_px(found: np.ndarray | None, true: np.ndarray) -> float:
    assert found is not None
    return float(np.sqrt(((found - true) ** 2).sum(axis=1).mean()))


def test_color_corners_are_found_to_a_fiftieth_of_a_pixel() -> None:
    gray, true = picture(BOARD, size=(1080, 1920), scale=6.0)
    color = np.repeat(np.clip(gray, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    assert rms_px(find_corners(color, BOARD, Stream.COLOR), true) < 0.02


@pytest.mark.parametrize("angle_deg", [-170.0, -5.0, 95.0, 175.0])
def test_the_first_corner_is_the_same_however_the_board_is_turned(angle_deg: float) -> None:
    gray, true = picture(BOARD, size=(424, 512), scale=1.8, angle_deg=angle_deg)
    found = find_corners((gray * 20 + 900).astype(np.uint16), BOARD, Stream.INFRARED)
    assert rms_px(found, true) < 0.04


def test_a_board_whose_black_is_hot_is_read_from_its_other_end() -> None:
    gray, true = picture(BOARD, size=(512, 640), scale=2.4, dark=180, light=60)
    found = find_corners((gray * 3 + 7400).astype(np.uint16), BOARD, Stream.THERMAL)
    assert found is not None
    assert rms_px(found[::-1], true) < 0.04


def test_a_symmetric_board_is_read_upright() -> None:
    board = Chessboard(7, 5, 30)
    gray, true = picture(board, size=(424, 512), scale=2.0, angle_deg=20)
    assert rms_px(find_corners(np.clip(gray, 0, 255).astype(np.uint8), board, Stream.INFRARED), true) < 0.04


def test_resizing_for_detection_leaves_corners_where_they_are() -> None:
    gray, true = picture(BOARD, size=(240, 320), scale=1.2)
    found = find_corners(np.clip(gray, 0, 255).astype(np.uint8), BOARD, Stream.INFRARED)
    assert found is not None
    assert abs(float((found - true).mean())) < 0.01


def test_no_board_gives_none() -> None:
    noise = np.random.default_rng(1).integers(0, 4000, (424, 512)).astype(np.uint16)
    assert find_corners(noise, BOARD, Stream.INFRARED) is None
    assert find_corners(np.zeros((424, 512), np.uint16), BOARD, Stream.INFRARED) is None


def test_a_board_of_another_size_gives_none() -> None:
    gray, _ = picture(Chessboard(7, 4, 25), size=(424, 512), scale=2.0)
    assert find_corners(np.clip(gray, 0, 255).astype(np.uint8), BOARD, Stream.INFRARED) is None


@pytest.mark.parametrize("part", [Chessboard(7, 4, 25), Chessboard(8, 5, 25), Chessboard(4, 3, 25)])
def test_a_part_of_a_larger_board_is_not_taken_for_the_board(part: Chessboard) -> None:
    gray, _ = picture(BOARD, size=(424, 512), scale=2.4)
    assert find_corners(np.clip(gray, 0, 255).astype(np.uint8), part, Stream.INFRARED) is None


def test_refining_from_nearby_finds_the_same_corners() -> None:
    gray, true = picture(BOARD, size=(424, 512), scale=2.4)
    start = true + np.random.default_rng(2).uniform(-1, 1, true.shape)
    assert rms_px(refine_corners(gray, start, BOARD), true) < 0.04


def test_refining_gives_none_where_the_board_has_moved_away() -> None:
    gray, true = picture(BOARD, size=(424, 512), scale=2.4)
    assert refine_corners(gray, true + 9.6, BOARD) is None
    noise = np.random.default_rng(3).normal(100, 5, gray.shape)
    assert refine_corners(noise, true, BOARD) is None


@pytest.mark.parametrize(("stream", "limit_px"), [*zip(STREAMS, (0.02, 0.06, 0.04), strict=True)])
def test_corners_lie_where_the_simulated_rig_has_them(
    film: Callable, stream: Stream, limit_px: float
) -> None:
    errors, n_whole = [], 0
    for i in range(0, 24, 2):
        shot = film("9x6x25mm", stream, i)
        n_whole += bool(shot.inside(margin_px=30).all())
        found = find_corners(shot.picture, BOARD, stream)
        if found is not None:
            errors.append((found[::-1] if stream is Stream.THERMAL else found) - shot.true_px)
    assert len(errors) >= n_whole > 2
    assert np.sqrt((np.concatenate(errors) ** 2).sum(axis=1).mean()) < limit_px


def test_the_same_picture_gives_the_same_corners_whatever_was_drawn_at_random_before(film: Callable) -> None:
    shot = film("9x6x25mm", Stream.COLOR, 1)
    answers = []
    for seed in range(4):
        cv2.setRNGSeed(seed)
        answers.append(
            [find_corners(shot.picture, board, Stream.COLOR) for board in (BOARD, Chessboard(4, 3, 25))]
        )
    for whole, part in answers:
        np.testing.assert_array_equal(whole, answers[0][0])
        assert part is None


@pytest.mark.parametrize("stream", STREAMS)
def test_a_small_board_is_not_seen_in_a_larger_one_at_any_place(film: Callable, stream: Stream) -> None:
    for i in PLACES:
        assert find_corners(film("9x6x25mm", stream, i).picture, Chessboard(4, 3, 25), stream) is None


def test_corners_that_skip_squares_are_no_board() -> None:
    _, true = picture(BOARD, size=(424, 512), scale=2.4)
    grid = true.reshape(6, 9, 2)
    skipping = grid[:3, [0, 1, 3, 4]].reshape(-1, 2)
    assert not is_grid(skipping, Chessboard(4, 3, 25))
    assert is_grid(true, BOARD)


@pytest.mark.parametrize("stream", STREAMS)
def test_no_board_is_seen_in_pictures_of_faces(film_face: Callable, stream: Stream) -> None:
    for i in range(7):
        assert find_corners(film_face(stream, i), BOARD, stream) is None


def test_the_size_of_another_chessboard_is_told(film: Callable) -> None:
    for stream in STREAMS:
        seen = other_sizes(film("9x6x25mm", stream, 3).picture, Chessboard(8, 5, 25), stream)
        assert seen == "the picture shows a chessboard of 9x6 inner corners"


def test_a_picture_without_any_board_shows_no_other_size(film_face: Callable) -> None:
    assert other_sizes(film_face(Stream.INFRARED, 1), BOARD, Stream.INFRARED) is None
