"""What the report computes: residuals, coverage, places in space, certainty, lenses, epipolar curves."""

from dataclasses import replace

import numpy as np
import pytest

from mavfer.calibrate.boards.circles import center_shift_px
from mavfer.calibrate.calibration import Calibration, ViewResidual
from mavfer.calibrate.coverage import tilt_of
from mavfer.calibrate.show import arrows as left_over
from mavfer.calibrate.show import epipolar
from mavfer.calibrate.show.axes import round_figure, thinned
from mavfer.calibrate.show.coverage_maps import boards_of, still_missing
from mavfer.calibrate.show.ellipses import certainty_of, ellipses_px, placements
from mavfer.calibrate.show.lens import lens_field
from mavfer.calibrate.show.overlays import depth_rims, foreground, region_around
from mavfer.calibrate.show.rig import (
    board_outlines_mm,
    field_of_view_deg,
    oblique,
    place_in_words,
    placed_cameras,
)
from mavfer.calibrate.show.tables import rotation_vector_deg, two_figures, verdict
from mavfer.capture.board import Board, CircleGrid
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.capture.streams import Stream
from mavfer.report import plot_svg

BOARD = Board.parse("9x6x25mm")
SIZE_PX = {"color": (1920, 1080), "depth": (512, 424), "thermal": (640, 512)}


@pytest.fixture(params=[0.0, 0.1], ids=["exact", "noisy"])
def noise_px(request: pytest.FixtureRequest) -> float:
    return request.param


@pytest.fixture
def shown(true_rig: Calibration, noise_px: float) -> Calibration:
    """Return the true rig with 24 boards in it, and corners off by `noise_px`, every ninth not seen."""
    random = np.random.default_rng(5)
    poses: dict[str, RigidTransform] = {}
    residuals: list[ViewResidual] = []
    calibration = replace(true_rig, board=str(BOARD), color_from_board=poses)
    while len(poses) < 24:
        z = random.uniform(550, 1300)
        turn = RigidTransform.from_rotation_vector(random.normal(0, [0.4, 0.4, 0.2]), np.zeros(3))
        middle = np.array([*(random.uniform(-1, 1, 2) * (0.4, 0.3) * z), z])
        name = f"{len(poses):.3f} s"
        pose = RigidTransform(turn.rotation, middle - turn.apply(BOARD.points_mm.mean(axis=0)))
        for camera, size in SIZE_PX.items():
            here = ViewResidual(name, camera, 0.0, 0)
            poses[name] = pose
            px = left_over.predicted_px(calibration, here, BOARD)
            assert px is not None
            if np.all(px > 2) and np.all(px < np.array(size) - 3):
                px = px + random.normal(0, 1, px.shape) * noise_px
                px[::9] = np.nan
                error_px = px - left_over.predicted_px(calibration, here, BOARD)
                rms_px = float(np.sqrt(np.nanmean((error_px**2).sum(-1))))
                residuals.append(ViewResidual(name, camera, rms_px, 48, corners_px=px))
    return replace(calibration, residuals=tuple(residuals))


def test_arrows_of_exact_corners_have_no_length(shown: Calibration, noise_px: float) -> None:
    for name in shown.cameras:
        residuals = left_over.residuals_of(shown, name)
        assert residuals is not None
        expected_px = noise_px * np.sqrt(2)
        assert residuals.typical_px == pytest.approx(expected_px, rel=0.1, abs=1e-9)


def test_residuals_of_the_file_are_the_stored_ones(shown: Calibration) -> None:
    for name in shown.cameras:
        residuals = left_over.residuals_of(shown, name)
        assert residuals is not None
        stored = {view.view: view.rms_px for view in shown.residuals if view.camera == name}
        assert dict(zip(residuals.views, residuals.rms_px, strict=True)) == pytest.approx(stored, abs=1e-9)


def test_circles_are_expected_where_the_middle_of_their_picture_is(true_rig: Calibration) -> None:
    board = Board.parse("circles-4x11x20mm")
    assert isinstance(board, CircleGrid)
    pose = RigidTransform.from_rotation_vector(np.array([0.5, 0.4, 0.0]), np.array([-80.0, -60.0, 500.0]))
    middles_px = true_rig.color.project(pose.apply(board.points_mm))
    shift_px = center_shift_px(board, true_rig.color, pose)
    seen = ViewResidual("0.000 s", "color", 0.0, 44, corners_px=middles_px + shift_px)
    calibration = replace(true_rig, board=str(board), color_from_board={"0.000 s": pose}, residuals=(seen,))
    residuals = left_over.residuals_of(calibration, "color")
    assert residuals is not None
    assert np.abs(shift_px).max() > 0.01
    assert residuals.typical_px < 1e-9


def test_a_picture_that_was_left_out_moves_neither_rms_nor_scale(shown: Calibration) -> None:
    first = shown.residuals[0]
    assert first.corners_px is not None
    moved = replace(first, used=False, corners_px=first.corners_px + 40)
    before = left_over.residuals_of(shown, first.camera)
    after = left_over.residuals_of(replace(shown, residuals=(moved, *shown.residuals[1:])), first.camera)
    assert before is not None
    assert after is not None
    assert after.typical_px <= 1.1 * before.typical_px + 1e-12
    assert not left_over.far_off(after)[~after.corner_used].any()
    assert after.rms_px[0] == pytest.approx(40 * np.sqrt(2), rel=0.05)


def test_a_camera_whose_pictures_were_all_left_out_is_drawn_too(shown: Calibration) -> None:
    unused = tuple(replace(view, used=False) for view in shown.residuals)
    residuals = left_over.residuals_of(replace(shown, residuals=unused), "color")
    assert residuals is not None
    svg = plot_svg(
        lambda figure: left_over.draw_arrows(figure, residuals), alt="a plot", size_in=(9.0, 3.6), salt="a"
    )
    assert "<svg" in svg


def test_a_camera_without_corners_or_poses_has_no_residuals(shown: Calibration) -> None:
    assert left_over.residuals_of(replace(shown, board=""), "color") is None
    assert left_over.residuals_of(replace(shown, color_from_board={}), "color") is None
    bare = tuple(replace(view, corners_px=None) for view in shown.residuals)
    assert left_over.residuals_of(replace(shown, residuals=bare), "color") is None


@pytest.mark.parametrize("value", [0.00123, 0.7, 1.0, 1.9, 5.0, 99.0, 12345.0])
def test_a_round_figure_is_one_two_or_five_and_at_most_the_value(value: float) -> None:
    found = round_figure(value)
    assert value / 2.5 < found <= value * (1 + 1e-9)
    assert f"{found:e}"[0] in "125"


def test_thinned_rows_keep_both_ends_and_few_rows_stay_as_they_are() -> None:
    rows = np.arange(1000)
    assert thinned(rows, 50)[[0, -1]].tolist() == [0, 999]
    assert len(thinned(rows, 50)) == 50
    np.testing.assert_array_equal(thinned(rows, 1000), rows)


def test_an_outward_error_shows_in_the_rings_and_a_common_one_does_not(shown: Calibration) -> None:
    residuals = left_over.residuals_of(shown, "color")
    assert residuals is not None
    middle = (np.array(residuals.size_px) - 1) / 2
    outward = residuals.found_px - middle
    stretched = replace(residuals, error_px=0.01 * outward)
    radius_px, rms_px, along_px = left_over.rms_by_radius(stretched)
    np.testing.assert_allclose(along_px, 0.01 * radius_px, rtol=1e-9)
    assert np.all(rms_px >= along_px - 1e-12)
    turned = replace(residuals, error_px=0.01 * outward[:, ::-1] * (1, -1))
    np.testing.assert_allclose(left_over.rms_by_radius(turned)[2], 0, atol=1e-12)


def test_coverage_counts_corners_tilts_and_distances_of_used_pictures(shown: Calibration) -> None:
    boards = boards_of(shown, "color")
    assert boards is not None
    n_seen = sum(np.isfinite(v.corners_px).all(-1).sum() for v in shown.residuals if v.camera == "color")  # type: ignore[arg-type]
    assert len(boards.corners_px) == n_seen
    assert boards.cells.any()
    assert np.all((boards.distance_mm > 500) & (boards.distance_mm < 1400))
    unused = tuple(replace(view, used=False) for view in shown.residuals)
    assert boards_of(replace(shown, residuals=unused), "color") is None
    assert any("color" in line for line in still_missing(shown))


@pytest.mark.parametrize(("turn_deg", "expected"), [((0, -30, 0), (30, 0)), ((25, 0, 0), (0, 25))])
def test_tilt_has_the_size_of_the_turn_and_half_a_turn_in_the_plane_changes_nothing(
    turn_deg: tuple[float, ...], expected: tuple[float, float]
) -> None:
    pose = RigidTransform.from_rotation_vector(np.radians(turn_deg), np.array([0, 0, 900.0]))
    found = tilt_of(pose.rotation)
    assert np.abs(found) == pytest.approx(expected, abs=1e-9)
    half = RigidTransform.from_rotation_vector(np.array([0, 0, np.pi]), np.zeros(3))
    assert tilt_of((pose @ half).rotation) == pytest.approx(found, abs=1e-9)
    right_edge, left_edge = (pose.apply(np.array([x, 0, 0]))[2] for x in (100.0, -100.0))
    assert np.sign(found[0]) == np.sign(round(right_edge - left_edge, 6))
    top_edge, bottom_edge = (pose.apply(np.array([0, y, 0]))[2] for y in (-100.0, 100.0))
    assert np.sign(found[1]) == np.sign(round(top_edge - bottom_edge, 6))


def test_cameras_stand_where_the_transforms_say(true_rig: Calibration) -> None:
    color, depth, thermal = placed_cameras(true_rig)
    np.testing.assert_allclose(color.center_mm, 0)
    np.testing.assert_allclose(depth.center_mm, true_rig.color_from_depth.translation_mm)
    assert true_rig.thermal_from_color is not None
    np.testing.assert_allclose(true_rig.thermal_from_color.apply(thermal.center_mm), 0, atol=1e-9)
    seen = true_rig.color.project(color.corners_mm)
    np.testing.assert_allclose(seen, [[0, 0], [1919, 0], [1919, 1079], [0, 1079]], atol=1e-6)
    assert place_in_words(np.array([-52.0, 0.01, 3.0])) == "52.0 mm to the left, 3.0 mm before"
    assert field_of_view_deg(Intrinsics(101, 101, 50, 50, 50, 50)) == pytest.approx((90, 90))


def test_boards_in_space_have_the_plates_size_and_a_drawing_keeps_right_and_up(shown: Calibration) -> None:
    outlines_mm = board_outlines_mm(shown)
    width = np.ptp(BOARD.plate.outline_mm[:, 0])
    np.testing.assert_allclose(np.linalg.norm(outlines_mm[:, 1] - outlines_mm[:, 0], axis=-1), width)
    right, up = oblique(np.array([100.0, 0, 0])), oblique(np.array([0, -100.0, 0]))
    assert right[0] > 0
    assert abs(up[0]) < 1e-9
    assert up[1] > 0


def test_ellipses_shrink_with_more_boards_but_never_to_nothing(shown: Calibration, noise_px: float) -> None:
    certainty = certainty_of(shown)
    half = certainty_of(replace(shown, residuals=shown.residuals[: len(shown.residuals) // 2]))
    assert certainty is not None
    assert half is not None
    found, found_half = placements(certainty), placements(half)
    assert set(found) == {"depth", "thermal"}
    if noise_px == 0:  # corners without noise are not trusted without end
        assert min(placement.sd_px.min() for placement in found.values()) > 1e-3
    for name, placement in found.items():
        assert np.median(placement.sd_px) < np.median(found_half[name].sd_px)
        reach_px = np.linalg.norm(ellipses_px(placement), axis=-1)
        largest = np.sqrt(np.linalg.eigvalsh(placement.covariance_px2)[:, -1])
        np.testing.assert_allclose(reach_px.max(axis=-1), 2.4477 * largest, rtol=0.02)
    assert certainty_of(replace(shown, color_from_board={})) is None


def test_a_lens_without_distortion_moves_nothing_and_a_barrel_pulls_inward() -> None:
    straight = Intrinsics(640, 480, 500, 500, 320, 240)
    assert lens_field(straight).largest_px == pytest.approx(0, abs=1e-9)
    barrel = replace(straight, distortion=(-0.2, 0, 0, 0, 0))
    field = lens_field(barrel)
    assert np.all((field.moved_px * (field.at_px - (320, 240))).sum(-1) < 0)
    undistorted = field.at_px - field.moved_px
    again = barrel.distort((undistorted - (320, 240)) / 500) * 500 + (320, 240)
    np.testing.assert_allclose(again, field.at_px, atol=1e-6)


@pytest.mark.parametrize("stream", [Stream.INFRARED, Stream.THERMAL])
def test_exact_points_lie_on_their_epipolar_curves_and_shifted_ones_do_not(
    true_rig: Calibration, stream: Stream
) -> None:
    xyz_mm = np.array([[x, y, z] for x in (-150, 0, 150) for y in (-100, 100) for z in (600.0, 1000.0)])
    color_px = true_rig.color.project(xyz_mm)
    there_px = true_rig.camera_of(stream).project(true_rig.from_color(stream).apply(xyz_mm))
    points = epipolar.epipolar_points(true_rig, color_px, there_px, stream)
    assert max(point.distance_px for point in points) < 2e-3
    way = points[0].curve_px[1] - points[0].curve_px[0]
    across = np.array([-way[1], way[0]]) / np.linalg.norm(way)
    shifted = epipolar.epipolar_points(true_rig, color_px, there_px + 3 * across, stream)
    assert [point.distance_px for point in shifted] == pytest.approx([3] * len(shifted), rel=0.02)


def test_a_point_that_was_not_found_has_no_distance(true_rig: Calibration) -> None:
    nowhere = np.full((1, 2), np.nan)
    (point,) = epipolar.epipolar_points(true_rig, np.array([[900.0, 500.0]]), nowhere, Stream.THERMAL)
    assert np.isnan(point.distance_px)
    assert epipolar.view_label(Stream.THERMAL, (point,)) == "thermal"


def test_shown_corners_are_seen_by_all_and_far_apart() -> None:
    grid = np.stack(np.meshgrid(np.arange(9.0), np.arange(6.0)), axis=-1).reshape(-1, 2)
    hidden = grid.copy()
    hidden[grid[:, 0] > 6] = np.nan
    chosen = epipolar.spread_corners([grid, hidden], n_points=5)
    assert len(set(chosen.tolist())) == 5
    assert np.isfinite(hidden[chosen]).all()
    assert np.ptp(grid[chosen], axis=0) == pytest.approx((6, 5))
    assert len(epipolar.spread_corners([grid, np.full_like(grid, np.nan)])) == 0


def test_rims_are_drawn_on_the_near_surface_and_never_beside_its_shadow() -> None:
    depth_mm = np.full((120, 160), 1800, np.uint16)
    depth_mm[:, 40:80] = 900
    depth_mm[:, 80:95] = 0  # the strip of wall that the near surface hides from the depth camera
    rims = depth_rims(depth_mm)
    assert set(np.flatnonzero(rims.any(axis=0)).tolist()) == {40, 79}
    assert not depth_rims(np.full((50, 50), 1000, np.uint16)).any()
    assert not depth_rims(np.zeros((50, 50), np.uint16)).any()
    assert set(np.flatnonzero(foreground(depth_mm).any(axis=0)).tolist()) == set(range(40, 80))
    assert not foreground(np.zeros((5, 5), np.uint16)).any()


@pytest.mark.parametrize("at", [(0.0, 0.0), (1900.0, 1070.0), (700.0, 500.0)])
def test_a_region_lies_in_the_picture_and_holds_its_points(at: tuple[float, float]) -> None:
    px = np.array(at) + np.array([[0.0, 0.0], [19.0, 9.0]])
    x0, y0, x1, y1 = region_around(px, (1920, 1080))
    assert 0 <= x0 <= at[0] < x1 <= 1920
    assert 0 <= y0 <= at[1] < y1 <= 1080
    assert (x1 - x0) / (y1 - y0) == pytest.approx(1.25, abs=0.01)


@pytest.mark.parametrize("vector_deg", [(0, 0, 0), (1e-7, 0, 0), (3.5, -5, 0.8), (0, 170, 0), (0, 0, 180)])
def test_a_rotation_vector_is_what_made_the_rotation(vector_deg: tuple[float, ...]) -> None:
    pose = RigidTransform.from_rotation_vector(np.radians(vector_deg), np.zeros(3))
    again = RigidTransform.from_rotation_vector(np.radians(rotation_vector_deg(pose)), np.zeros(3))
    np.testing.assert_allclose(again.rotation, pose.rotation, atol=1e-9)


def test_the_verdict_names_every_doubt_and_is_never_good_without_boards(shown: Calibration) -> None:
    certain = replace(shown, uncertainty={"face_at_1m": {"depth_px": 0.05, "thermal_px": 0.1}})
    assert verdict(certain, ())[0].startswith("Nothing here is in doubt")
    assert verdict(certain, ("too little tilt",))[:2] == [
        "Usable with care; what is in doubt:",
        "too little tilt",
    ]
    assert "is not stated" in verdict(shown, ())[0]
    imported = replace(shown, residuals=(), method="imported from iai_kinect2", remarks=("a remark",))
    lines = verdict(imported, ("a remark",))
    assert "imported from iai_kinect2" in lines[0]
    assert lines[1:] == ["Remark: a remark"]


def test_small_lengths_keep_two_figures_and_no_exponent() -> None:
    assert [two_figures(v) for v in (12.34, 0.123, 0.0123, 0.00451, 1e-5)] == [
        "12", "0.12", "0.012", "0.005", "below 0.001",
    ]  # fmt: skip
