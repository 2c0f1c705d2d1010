"""The comparison with the truth: the truth has no error, and a known error is found to be that large."""

from dataclasses import replace

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.capture.geometry import RigidTransform
from mavfer.capture.simulated.rig import simulated_rig
from mavfer.capture.simulated.truth import Truth
from mavfer.demo.truth import calibration_errors
from mavfer.errors import CalibrationError

RIG = simulated_rig()
TRUE = Calibration(
    rig="simulated",
    color=RIG.color,
    depth=RIG.depth,
    thermal=RIG.thermal,
    color_from_depth=RIG.color_from_depth,
    thermal_from_color=RIG.thermal_from_color,
    depth_shift_mm=RIG.depth_shift_mm,
)


def a_truth(*, landmarks: bool = True) -> Truth:
    rng = np.random.default_rng(7)
    xyz_mm = rng.uniform((-80, -100, 850), (80, 100, 950), (5, 68, 3))
    times = np.arange(5.0)
    return Truth("S01", times, times, times, xyz_mm if landmarks else np.full_like(xyz_mm, np.nan), RIG)


def test_the_true_geometry_has_no_error():
    errors = calibration_errors(TRUE, [a_truth()])
    assert errors.depth_to_color_px.max == pytest.approx(0, abs=1e-6)
    assert errors.depth_mm.max == pytest.approx(0, abs=1e-6)
    assert errors.color_to_thermal_px.max == pytest.approx(0, abs=1e-6)
    assert errors.color_from_depth_deg == pytest.approx(0, abs=1e-6)
    assert errors.thermal_from_color_mm == pytest.approx(0, abs=1e-9)
    assert errors.depth_shift_mm == 0


def test_a_rotation_that_is_off_by_one_degree_is_found_to_be_off_by_one_degree():
    turn = RigidTransform.from_rotation_vector(np.radians([0, 1, 0]), np.zeros(3))
    errors = calibration_errors(replace(TRUE, color_from_depth=turn @ RIG.color_from_depth), [a_truth()])
    assert errors.color_from_depth_deg == pytest.approx(1.0)
    assert errors.thermal_from_color_deg == pytest.approx(0, abs=1e-6)
    assert errors.depth_to_color_px.median > 10


def test_a_depth_shift_that_is_off_moves_the_face_by_as_much():
    errors = calibration_errors(replace(TRUE, depth_shift_mm=RIG.depth_shift_mm + 5), [a_truth()])
    assert errors.depth_shift_mm == pytest.approx(5)
    assert errors.depth_mm.median == pytest.approx(5, rel=0.05)


def test_a_thermal_camera_that_is_off_touches_the_thermal_picture_alone():
    moved = RigidTransform(
        RIG.thermal_from_color.rotation, RIG.thermal_from_color.translation_mm + np.array([10.0, 0.0, 0.0])
    )
    errors = calibration_errors(replace(TRUE, thermal_from_color=moved), [a_truth()])
    assert errors.thermal_from_color_mm == pytest.approx(10)
    assert errors.color_to_thermal_px.median == pytest.approx(10 / 900 * RIG.thermal.fx, rel=0.2)
    assert errors.depth_to_color_px.max == pytest.approx(0, abs=1e-6)


def test_a_calibration_without_a_thermal_camera_is_refused():
    with pytest.raises(CalibrationError, match="wanted a thermal camera"):
        calibration_errors(replace(TRUE, thermal=None, thermal_from_color=None), [a_truth()])


def test_a_truth_without_a_face_is_refused():
    with pytest.raises(CalibrationError, match="wanted the truth of a face session"):
        calibration_errors(TRUE, [a_truth(landmarks=False)])
