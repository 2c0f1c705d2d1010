"""Views of a board: which are kept, and when enough of the board was seen to place it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mavfer.calibrate.boards.detect import refine_corners
from mavfer.calibrate.boards.shading import evened
from mavfer.calibrate.solver.views import BoardView, enough_points, select_views
from mavfer.capture.board import Board, Chessboard

BOARD = Chessboard(9, 6, 25.0)
SIZE_PX = {"color": (1920, 1080), "depth": (512, 424), "thermal": (640, 512)}
MakeViews = Callable[..., list[BoardView]]


def test_the_views_that_differ_most_are_chosen(make_views: MakeViews) -> None:
    distinct = make_views(6, BOARD, seed=13)
    repeated = [replace(view, name=f"{view.name} {k}") for view in distinct for k in range(5)]
    chosen = select_views(repeated, n_views=6, width_px={name: size[0] for name, size in SIZE_PX.items()})
    assert sorted({view.name.rsplit(" ", 1)[0] for view in chosen}) == sorted(view.name for view in distinct)


def test_views_of_parts_that_share_no_point_are_far_apart(make_views: MakeViews) -> None:
    view = make_views(1, BOARD, seed=14, cameras=("color", "depth"))[0]
    halves = []
    for seen in (slice(0, 27), slice(27, 54)):
        part = np.full((54, 2), np.nan)
        part[seen] = view.corners_px["color"][seen]
        halves.append(replace(view, corners_px={"color": part}))
    again = [replace(half, name=str(k)) for k in range(3) for half in halves]
    chosen = select_views(again, n_views=2, width_px={"color": 1920})
    assert np.isnan(chosen[0].corners_px["color"][0, 0]) != np.isnan(chosen[1].corners_px["color"][0, 0])


@pytest.mark.parametrize(
    ("seen", "enough"),
    [(range(54), True), (range(9), False), (range(0, 54, 9), False), (range(18), True), ((), False)],
)
def test_a_row_or_a_column_of_points_does_not_place_a_board(seen: range, enough: bool) -> None:
    corners = np.full((54, 2), np.nan)
    corners[list(seen)] = 1.0
    assert enough_points(corners, BOARD) == enough


def test_a_board_of_few_points_must_be_seen_whole() -> None:
    board = Board.parse("aruco-1x1x50mm")
    assert enough_points(np.ones((4, 2)), board)
    assert not enough_points(np.array([[1, 1], [1, 1], [1, 1], [np.nan, 1]]), board)


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
