"""Laws of head pose: a turned generic head is recovered, signs are as documented, nonsense is NaN."""

import numpy as np
import pytest

from mavfer.capture.geometry import Intrinsics
from mavfer.capture.simulated.head import rotation
from mavfer.preprocess.rows import pose

COLOR = Intrinsics(1920, 1080, 1060.0, 1058.0, 962.0, 538.0, (0.05, -0.04, 0.001, -0.0005, 0.01))


def seen(yaw_deg: float, pitch_deg: float, roll_deg: float, place_mm=(30.0, -20.0, 900.0)) -> np.ndarray:
    head = pose.HEAD_MM @ rotation(yaw_deg, pitch_deg, roll_deg).T
    return COLOR.project(head + np.array(place_mm))


@pytest.mark.parametrize("yaw_deg", [-40.0, 0.0, 25.0])
@pytest.mark.parametrize("pitch_deg", [-20.0, 0.0, 15.0])
@pytest.mark.parametrize("roll_deg", [-60.0, 0.0, 30.0])
def test_a_turned_head_is_recovered(yaw_deg: float, pitch_deg: float, roll_deg: float) -> None:
    found = pose.head_pose(seen(yaw_deg, pitch_deg, roll_deg), COLOR)
    np.testing.assert_allclose(found, [yaw_deg, pitch_deg, roll_deg], atol=0.1)


def test_angles_undo_a_rotation() -> None:
    for angles in np.random.default_rng(0).uniform(-80, 80, (50, 3)):
        np.testing.assert_allclose(pose.angles_deg(rotation(*angles)), angles, atol=1e-9)


def test_signs_are_those_that_are_documented() -> None:
    """The nose's tip moves left for yaw, down for pitch; the right eye moves down for roll."""
    straight = seen(0, 0, 0)
    assert seen(20, 0, 0)[30, 0] - seen(20, 0, 0)[27, 0] < straight[30, 0] - straight[27, 0] - 5
    down = seen(0, 20, 0)
    assert down[30, 1] - down[36:48, 1].mean() > straight[30, 1] - straight[36:48, 1].mean() + 5
    rolled = seen(0, 0, 20)
    assert rolled[42:48, 1].mean() > rolled[36:42, 1].mean() + 10


def test_pose_does_not_depend_on_the_place_in_the_picture_or_the_distance() -> None:
    for place_mm in ((-250.0, 100.0, 900.0), (200.0, -100.0, 700.0), (0.0, 0.0, 3000.0)):
        np.testing.assert_allclose(pose.head_pose(seen(15, -5, 10, place_mm), COLOR), [15, -5, 10], atol=0.1)


@pytest.mark.parametrize("f_share", [0.8, 1.25])
def test_a_guessed_camera_costs_little(f_share: float) -> None:
    guess = pose.guessed_camera((1080, 1920, 3))
    true = Intrinsics(1920, 1080, guess.fx * f_share, guess.fy * f_share, guess.cx, guess.cy)
    head = pose.HEAD_MM @ rotation(20, -10, 5).T + np.array([0.0, 0.0, 900.0])
    np.testing.assert_allclose(pose.head_pose(true.project(head), guess), [20, -10, 5], atol=3)


def test_points_that_are_no_face_have_no_pose() -> None:
    assert np.isnan(pose.head_pose(np.full((68, 2), np.nan), COLOR)).all()
    assert pose.head_pose(np.full((68, 2), 500.0), COLOR).shape == (3,)
