"""Boards as things: how they are named, where their points lie, and what is printed on them."""

import cv2
import numpy as np
import pytest

from mavfer.capture.board import (
    ArucoGrid,
    Board,
    CharucoBoard,
    Chessboard,
    CircleGrid,
    marker_ink,
    markers_of,
)
from mavfer.errors import ConfigError

BOARD = Chessboard(9, 6, 25.0)
EVERY = ["9x6x25mm", "charuco-7x5x40mm", "aruco-4x3x50mm", "circles-4x11x20mm"]


def test_a_board_is_named_by_its_inner_corners_and_the_side_of_a_square() -> None:
    assert Board.parse("9x6x25mm") == BOARD
    assert Board.parse("7x5x30.5mm") == Chessboard(7, 5, 30.5)
    assert Board.parse(str(BOARD)) == BOARD


@pytest.mark.parametrize("text", ["9x6", "9x6x25", "9x6x25cm", "ninexsixx25mm", "2x6x25mm", "9x6x0mm", ""])
def test_another_word_is_no_board(text: str) -> None:
    with pytest.raises(ConfigError, match="wanted"):
        Board.parse(text)


def test_only_odd_by_even_boards_differ_from_themselves_upside_down() -> None:
    assert not Chessboard(9, 6, 25).symmetric
    assert not Chessboard(6, 9, 25).symmetric
    assert Chessboard(7, 5, 30).symmetric
    assert Chessboard(8, 6, 30).symmetric


@pytest.mark.parametrize("board", [BOARD, Chessboard(7, 5, 30)])
def test_half_a_turn_carries_the_corners_onto_each_other(board: Board) -> None:
    rotation, offset = board.half_turn
    np.testing.assert_allclose(board.points_mm @ rotation.T + offset, board.points_mm[::-1])
    ink = board.plate.ink
    assert np.array_equal(ink, ink[::-1, ::-1]) == board.symmetric


@pytest.mark.parametrize("text", EVERY)
def test_every_board_is_named_by_what_it_prints(text: str) -> None:
    board = Board.parse(text)
    assert Board.parse(str(board)) == board
    assert str(board).startswith(text.split("mm")[0])


@pytest.mark.parametrize(
    "text",
    [
        "charuco-7x5x40mm-39.9mm",
        "charuco-60x60x20mm",
        "aruco-4x3x50mm-1mm",
        "aruco-4x3x50mm-12mm-NONE",
        "circles-4x2x20mm",
        "circles-4x11x20mm-30mm",
        "circles-4x11x20mm-14mm-4X4_250",
        "9x6x25mm-20mm",
    ],
)
def test_a_board_that_cannot_be_made_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match="wanted") as raised:
        Board.parse(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", EVERY)
def test_the_first_point_is_the_origin_and_all_lie_on_the_plate(text: str) -> None:
    board = Board.parse(text)
    points, outline = board.points_mm, board.plate.outline_mm
    assert np.allclose(points[0], 0)
    assert np.all(points[:, :2] > outline[0, :2])
    assert np.all(points[:, :2] < outline[2, :2])


def test_a_charuco_board_is_printed_as_opencv_prints_it() -> None:
    board = Board.parse("charuco-7x5x40mm")
    assert isinstance(board, CharucoBoard)
    drawn = cv2.aruco.CharucoBoard((7, 5), 40.0, 30.0, markers_of(board)).generateImage((7 * 96, 5 * 96))
    step = board.plate.picture(px_per_field=1)
    side = round(40.0 / board.plate.field_mm)
    inner = step[side // 2 : -(side // 2), side // 2 : -(side // 2)]
    ours = cv2.resize(inner, (7 * 96, 5 * 96), interpolation=cv2.INTER_NEAREST)
    assert np.mean(ours != drawn) < 0.001


def test_markers_of_a_grid_count_along_the_rows() -> None:
    board = Board.parse("aruco-3x2x50mm-25mm")
    assert isinstance(board, ArucoGrid)
    np.testing.assert_allclose(board.points_mm[4 * 3, :2], (0, 75))
    np.testing.assert_allclose(board.points_mm[4 * 1 + 2, :2], (125, 50))
    ink, field = board.plate.ink, board.plate.field_mm
    at = (np.array([[75.0, 0.0]]) - board.plate.origin_mm) / field
    x, y = np.rint(at[0]).astype(int)
    side = round(50 / field)
    seen = cv2.resize(ink[y : y + side, x : x + side], (6, 6), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(seen, marker_ink("4X4_250", 1), atol=1e-6)


def test_half_a_turn_changes_circles_of_an_even_number_of_rows_only_in_their_order() -> None:
    even, odd = CircleGrid(4, 10, 20.0, 20.0), CircleGrid(4, 11, 20.0, 20.0)
    rotation, offset = even.half_turn
    np.testing.assert_allclose(even.points_mm @ rotation.T + offset, even.points_mm[::-1], atol=1e-9)
    assert even.symmetric
    assert not odd.symmetric
    rotation, offset = odd.half_turn
    turned = odd.points_mm @ rotation.T + offset
    assert np.abs(np.sort(turned[:, 0]) - np.sort(odd.points_mm[:, 0])).max() > 1


def test_circles_of_an_odd_number_of_rows_look_the_same_in_a_mirror_after_half_a_turn() -> None:
    points = CircleGrid(4, 11, 20.0, 20.0).points_mm[:, :2]
    upside_down = points * (1, -1) + (0, points[:, 1].max())
    assert {tuple(p) for p in upside_down.tolist()} == {tuple(p) for p in points.tolist()}
