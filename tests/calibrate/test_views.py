"""Views of a board: which are kept, and when enough of the board was seen to place it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mavfer.calibrate.solver.rig_solver import solve_views
from mavfer.calibrate.solver.views import BoardView, enough_points, select_views
from mavfer.capture.board import Board, Chessboard
from mavfer.errors import CalibrationError

BOARD = Chessboard(9, 6, 25.0)
SIZE_PX = {"color": (1920, 1080), "depth": (512, 424), "thermal": (640, 512)}
MakeViews = Callable[..., list[BoardView]]


def test_the_views_that_differ_most_are_chosen(make_views: MakeViews) -> None:
    distinct = make_views(6, BOARD, seed=13)
    repeated = [replace(view, name=f"{view.name} {k}") for view in distinct for k in range(5)]
    chosen = select_views(repeated, n_views=6, width_px={name: size[0] for name, size in SIZE_PX.items()})
    assert sorted({view.name.rsplit(" ", 1)[0] for view in chosen}) == sorted(view.name for view in distinct)


@pytest.mark.parametrize("n_moments", [2, 10])
def test_moments_of_one_hold_are_one_view(make_views: MakeViews, n_moments: int) -> None:
    random = np.random.default_rng(0)
    places = make_views(7, BOARD, seed=13)
    moments = [
        replace(
            view,
            name=f"{view.name} {k}",
            corners_px={name: px + random.normal(0, 0.3, px.shape) for name, px in view.corners_px.items()},
        )
        for view in places
        for k in range(n_moments)
    ]
    chosen = select_views(moments, n_views=60, width_px={name: size[0] for name, size in SIZE_PX.items()})
    assert [view.name.rsplit(" ", 1)[0] for view in chosen] == [view.name for view in places]
    with pytest.raises(CalibrationError, match="at least 8 views"):
        solve_views(moments, BOARD, size_px=SIZE_PX)


def test_seeing_the_same_places_again_makes_nothing_more_certain(make_views: MakeViews) -> None:
    places = make_views(20, BOARD, seed=13)
    again = [replace(view, name=f"{view.name} again") for view in places]
    once, twice = (solve_views(views, BOARD, size_px=SIZE_PX) for views in (places, places + again))
    assert twice.face_error_px == pytest.approx(once.face_error_px, rel=1e-6)


def test_pictures_that_show_too_little_of_the_board_are_left_out(make_views: MakeViews) -> None:
    views = make_views(24, BOARD, seed=13)
    least = np.where(np.arange(54)[:, None] < 3, views[3].corners_px["color"], np.nan)
    spoilt = [replace(views[0], name="none", corners_px={}), *views]
    spoilt[4] = replace(views[3], corners_px={**views[3].corners_px, "color": least})
    spoilt.append(replace(views[5], name="nan", corners_px={"color": np.full((54, 2), np.nan)}))
    solution = solve_views(spoilt, BOARD, size_px=SIZE_PX)
    assert [view.name for view in solution.views] == [view.name for view in views]
    assert "color" not in solution.views[3].corners_px


def test_a_camera_that_sees_the_board_move_makes_two_places_of_one(make_views: MakeViews) -> None:
    view = make_views(1, BOARD, seed=14, cameras=("color", "depth"))[0]
    aside = {**view.corners_px, "depth": view.corners_px["depth"] + (3.0, 0.0)}
    both = [view, replace(view, name="later", corners_px=aside)]
    assert len(select_views(both, n_views=60, width_px={"color": 1920, "depth": 512})) == 2


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
