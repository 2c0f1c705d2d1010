"""Uneven light is taken out of a board's picture, and the corners stay where they are."""

from collections.abc import Callable

import numpy as np

from mavfer.calibrate.boards.detect import refine_corners
from mavfer.calibrate.boards.shading import evened, find_in_even_light
from mavfer.capture.board import Chessboard
from mavfer.capture.streams import Stream

BOARD = Chessboard(9, 6, 25.0)


def board_picture(light: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return a blurred picture of a board under a light, and its corners."""
    side, big = 14, 5
    plate = BOARD.plate
    fine = np.kron(1 - 0.85 * plate.ink, np.ones((side * big, side * big)))
    fine = np.pad(fine, 20 * big, constant_values=0.5)
    picture = fine.reshape(fine.shape[0] // big, big, -1, big).mean(axis=(1, 3))
    row, column = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
    noise = np.random.default_rng(0).normal(0, 20, picture.shape)
    at = (BOARD.points_mm[:, :2] - plate.origin_mm) / plate.field_mm * side + 20 - 0.5
    return (20000 * picture * light(column, row) + noise).astype(np.uint16), at


def test_uneven_light_is_taken_out_and_leaves_the_corners_where_they_are() -> None:
    def light(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 1 / (1 + ((x - 60) ** 2 + (y - 40) ** 2) / 250**2) ** 2

    picture, true = board_picture(light)
    plain = refine_corners(picture, true, BOARD)
    even = evened(picture, true, BOARD)
    assert plain is not None
    assert even is not None
    better = refine_corners(even, true, BOARD)
    assert better is not None
    assert np.sqrt(((better - true) ** 2).mean()) < 0.02
    assert np.sqrt(((plain - true) ** 2).mean()) > 3 * np.sqrt(((better - true) ** 2).mean())
    blank = BOARD.plate.ink[1:-1, 1:-1] < 0.5
    assert abs(np.median(even[48:-48:14, 48:-48:14]) - np.median(blank)) < 0.6


def test_the_lamp_of_the_kinect_shifts_the_corners_of_a_picture_less_once_its_light_is_even(
    film: Callable,
) -> None:
    shifts = []
    for i in range(1, 24, 3):
        shot = film("9x6x25mm", Stream.INFRARED, i)
        found = find_in_even_light(shot.picture, BOARD, Stream.INFRARED)
        if found is not None:
            shifts.append([np.linalg.norm((px - shot.true_px).mean(axis=0)) for px in found])
    plain_px, even_px = np.sqrt(np.mean(np.square(shifts), axis=0))
    assert len(shifts) > 3
    assert even_px < 0.6 * plain_px
    assert even_px < 0.01
