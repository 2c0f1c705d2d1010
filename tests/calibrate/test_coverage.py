"""What views cover is counted per camera, and where nothing is missing the gates let the views pass."""

from collections.abc import Callable

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.coverage import (
    GRID,
    TILT_DEG,
    CameraCoverage,
    cells_hit,
    coverage_of,
    distance_of,
    missing,
    nominal_camera,
    region_shares,
    tilt_and_distance,
    tilt_ways,
)
from mavfer.calibrate.solver.gates import GOOD_COVERAGE, calibration_warnings
from mavfer.calibrate.solver.rig_solver import solve_views
from mavfer.calibrate.solver.views import BoardView
from mavfer.capture.board import Board, Chessboard
from mavfer.capture.geometry import RigidTransform

BOARD = Chessboard(9, 6, 25.0)
SIZE_PX = {"color": (1920, 1080), "depth": (512, 424), "thermal": (640, 512)}
ALL = CameraCoverage(
    camera="depth",
    n_views=20,
    n_shared=20,
    cells=np.ones(GRID, bool),
    tilts={"left": 3, "right": 3, "up": 3, "down": 3},
    distances={"near": 4, "middle": 8, "far": 4},
)
MakeViews = Callable[..., list[BoardView]]


def pose(*, turn_deg: float = 0.0, lean_deg: float = 0.0, distance_mm: float = 900.0, board: Board = BOARD):
    """Return camera-from-board: its middle straight ahead, its right edge, or its top, taken back."""
    turn = RigidTransform.from_rotation_vector(np.radians([-lean_deg, -turn_deg, 0.0]), np.zeros(3))
    middle = np.array([0.0, 0.0, distance_mm])
    return RigidTransform(turn.rotation, middle - turn.apply(board.points_mm.mean(axis=0)))


def test_a_corner_hits_the_cell_that_it_lies_in() -> None:
    corners = np.array([[0.0, 0.0], [1919.0, 1079.0], [-0.5, 540.0], [np.nan, np.nan]])
    hit = cells_hit([corners], (1920, 1080))
    assert hit.shape == GRID
    assert set(map(tuple, np.argwhere(hit).tolist())) == {(0, 0), (5, 7), (3, 0)}


def test_the_nine_regions_are_the_whole_picture() -> None:
    for i in range(GRID[0]):
        for j in range(GRID[1]):
            cells = np.zeros(GRID, bool)
            cells[i, j] = True
            assert sum(share > 0 for share in region_shares(cells).values()) == 1
    assert set(region_shares(np.ones(GRID, bool)).values()) == {1.0}


@pytest.mark.parametrize(
    ("turn_deg", "lean_deg", "ways"),
    [(25, 0, {"right"}), (-25, 0, {"left"}), (0, 25, {"up"}), (0, -25, {"down"}), (5, -5, set())],
)
def test_a_tilt_is_named_by_the_edge_that_goes_back(turn_deg: float, lean_deg: float, ways: set[str]) -> None:
    camera = nominal_camera("color", SIZE_PX["color"])
    at = pose(turn_deg=turn_deg, lean_deg=lean_deg)
    corners_px = camera.project(at.apply(BOARD.points_mm))
    grid_mm = at.apply(BOARD.points_mm).reshape(6, 9, 3)
    right_edge_mm, top_edge_mm = grid_mm[0, -1, 2] - grid_mm[0, 0, 2], grid_mm[0, 0, 2] - grid_mm[-1, 0, 2]
    assert np.sign(np.round([right_edge_mm, top_edge_mm], 6)).tolist() == [
        np.sign(turn_deg),
        np.sign(lean_deg),
    ]
    found = tilt_and_distance(corners_px, BOARD, camera)
    assert found is not None
    assert found == pytest.approx((turn_deg, lean_deg, 900.0), abs=0.5)
    assert set(tilt_ways(*found[:2])) == ways
    assert TILT_DEG < 25


def test_it_does_not_matter_which_end_of_the_board_comes_first() -> None:
    camera = nominal_camera("thermal", SIZE_PX["thermal"])
    corners_px = camera.project(pose(turn_deg=20, lean_deg=-17).apply(BOARD.points_mm))
    there, back = (tilt_and_distance(px, BOARD, camera) for px in (corners_px, corners_px[::-1]))
    assert there is not None
    assert back == pytest.approx(there, abs=1e-3)


@pytest.mark.parametrize(("distance_mm", "word"), [(600, "near"), (900, "middle"), (1200, "far")])
def test_distances_are_near_middle_and_far(distance_mm: float, word: str) -> None:
    camera = nominal_camera("depth", SIZE_PX["depth"])
    corners_px = camera.project(pose(distance_mm=distance_mm).apply(BOARD.points_mm))
    found = tilt_and_distance(corners_px, BOARD, camera)
    assert found is not None
    assert distance_of(found[2]) == word


def test_a_board_of_which_too_little_is_seen_has_no_tilt() -> None:
    camera = nominal_camera("color", SIZE_PX["color"])
    corners_px = camera.project(pose().apply(BOARD.points_mm))
    corners_px[3:] = np.nan
    assert tilt_and_distance(corners_px, BOARD, camera) is None
    view = BoardView("0", {"color": corners_px}, {})
    coverage = coverage_of([view], BOARD, {"color": SIZE_PX["color"]})["color"]
    assert coverage.n_views == 1
    assert sum(coverage.distances.values()) == 0


def test_views_are_counted_with_those_that_color_shares(make_views: MakeViews) -> None:
    views = make_views(12, BOARD, seed=0)
    coverages = coverage_of(views, BOARD, SIZE_PX)
    for name, coverage in coverages.items():
        assert coverage.n_views == sum(name in view.corners_px for view in views)
        assert coverage.n_shared == sum({name, "color"} <= view.corners_px.keys() for view in views)
        assert sum(coverage.distances.values()) == coverage.n_views
        assert (
            coverage.share
            == cells_hit(
                (view.corners_px[name] for view in views if name in view.corners_px), SIZE_PX[name]
            ).mean()
        )


def test_nominal_cameras_tell_tilt_and_distance_nearly_as_calibrated_ones_do(
    make_views: MakeViews, true_rig: Calibration
) -> None:
    off_deg = []
    for view in make_views(40, BOARD, seed=1):
        for name, corners_px in view.corners_px.items():
            nominal = tilt_and_distance(corners_px, BOARD, nominal_camera(name, SIZE_PX[name]))
            true = tilt_and_distance(corners_px, BOARD, true_rig.cameras[name])
            assert nominal is not None
            assert true is not None
            off_deg.append(np.abs(np.subtract(nominal, true))[:2].max())
            assert nominal[2] == pytest.approx(true[2], rel=0.05)
    assert np.percentile(off_deg, 90) < 5
    assert np.median(off_deg) < 2


def changed(**changes: object) -> dict[str, CameraCoverage]:
    from dataclasses import replace

    return {"color": replace(ALL, camera="color"), "depth": replace(ALL, **changes)}


def test_nothing_is_missing_where_there_is_enough() -> None:
    assert missing(changed()) == ()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"n_views": 0}, "depth: show it the whole board, and hold it still for a second"),
        ({"n_views": 13}, "depth: 1 more place"),
        ({"n_shared": 6}, "color and depth: 4 more places that both see"),
        ({"tilts": {**ALL.tilts, "left": 1}}, "depth: turn the board so that its left edge goes back"),
        ({"tilts": {**ALL.tilts, "up": 0}}, "depth: lean the board back, top edge away"),
        ({"distances": {**ALL.distances, "near": 0}}, "depth: bring the board nearer than 0.7 m"),
        ({"distances": {**ALL.distances, "far": 1}}, "depth: take the board farther than 1 m"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(changes: dict[str, object], sentence: str) -> None:
    found = missing(changed(**changes))
    assert len(found) == 1
    assert found[0].startswith(sentence)


def test_a_bare_corner_of_the_picture_is_named() -> None:
    cells = np.ones(GRID, bool)
    cells[4:, :3] = False
    assert missing(changed(cells=cells)) == ("depth: hold the board at the lower left",)


def test_places_in_the_picture_come_before_more_of_the_same() -> None:
    found = missing(changed(cells=np.zeros(GRID, bool), n_views=1, n_shared=1))
    assert found[0].startswith("depth: hold the board")
    assert found[-1].endswith("more places that both see")


@pytest.mark.parametrize("seed", [20, 21, 22])
def test_where_nothing_is_missing_the_gates_let_the_views_pass(make_views: MakeViews, seed: int) -> None:
    views = make_views(90, BOARD, seed=seed, spread=0.75)
    n_views = next(n for n in range(8, 91) if not missing(coverage_of(views[:n], BOARD, SIZE_PX)))
    solution = solve_views(views[:n_views], BOARD, size_px=SIZE_PX)
    assert min(solution.coverage.values()) >= GOOD_COVERAGE
    calibration = Calibration(
        rig="test",
        color=solution.geometry.cameras["color"],
        depth=solution.geometry.cameras["depth"],
        thermal=solution.geometry.cameras["thermal"],
        color_from_depth=solution.geometry.from_color["depth"].inverse(),
        thermal_from_color=solution.geometry.from_color["thermal"],
        depth_shift_mm=0.0,
        residuals=solution.residuals,
        coverage=solution.coverage,
        uncertainty=solution.uncertainty,
    )
    assert not [line for line in calibration_warnings(calibration) if not line.startswith("left out")]
