"""Holes: closed within one surface, left open between two, and every filled pixel told."""

import numpy as np

from mavfer.calibrate.holes import fill_holes


def plane() -> np.ndarray:
    """Return a slanted surface, 100 x 140."""
    columns = np.broadcast_to(np.arange(140), (100, 140))
    return (900 + columns // 2).astype(np.uint16)


def test_a_small_hole_in_a_plane_gets_the_plane_and_is_told() -> None:
    depth_mm = plane()
    depth_mm[40:50, 60:72] = 0
    filled, mask = fill_holes(depth_mm)
    np.testing.assert_array_equal(mask, depth_mm == 0)
    assert np.abs(filled.astype(int) - plane()).max() <= 1


def test_what_was_measured_stays() -> None:
    random = np.random.default_rng(0)
    depth_mm = np.where(random.random((100, 140)) < 0.3, 0, plane()).astype(np.uint16)
    before = depth_mm.copy()
    filled, mask = fill_holes(depth_mm)
    np.testing.assert_array_equal(depth_mm, before)
    np.testing.assert_array_equal(filled[~mask], depth_mm[~mask])
    assert np.all(depth_mm[mask] == 0)
    assert np.all(filled[mask] > 0)
    assert mask.sum() > 0.9 * (depth_mm == 0).sum()


def test_a_shadow_between_two_surfaces_stays_empty() -> None:
    depth_mm = np.full((100, 140), 1600, np.uint16)
    depth_mm[:, :70] = 800
    depth_mm[:, 70:80] = 0
    filled, mask = fill_holes(depth_mm)
    assert not mask.any()
    np.testing.assert_array_equal(filled, depth_mm)


def test_a_wide_hole_and_the_outside_stay_empty() -> None:
    depth_mm = plane()
    depth_mm[20:50, 30:60] = 0
    depth_mm[:5] = 0
    depth_mm[:, -3:] = 0
    assert not fill_holes(depth_mm)[1].any()
    assert fill_holes(depth_mm, max_gap_px=30)[1].sum() == 30 * 30


def test_a_slit_between_two_fingers_that_is_open_at_its_end_stays_empty() -> None:
    depth_mm = np.zeros((100, 140), np.uint16)
    depth_mm[20:80, 40:60] = 800
    depth_mm[20:80, 66:86] = 800
    assert not fill_holes(depth_mm)[1].any()


def test_an_empty_picture_and_a_full_one_are_returned() -> None:
    for depth_mm in (np.zeros((7, 9), np.uint16), plane()):
        filled, mask = fill_holes(depth_mm)
        np.testing.assert_array_equal(filled, depth_mm)
        assert not mask.any()
