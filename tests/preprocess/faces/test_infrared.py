"""Laws of the second chance: only in the dark, where color finds nothing; carried to color through depth."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.carry import carry
from mavfer.capture.simulated.renderer import KinectView
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.streams import Stream
from mavfer.preprocess.faces.face import Found
from mavfer.preprocess.faces.follower import FaceFollower
from mavfer.preprocess.faces.infrared import (
    InfraredFinder,
    carry_to_color,
    choice_in_color,
    choice_in_infrared,
    depth_in_infrared,
    find_in_infrared,
    tone_mapped,
    too_dark,
)
from mavfer.preprocess.faces.landmarks import eye_distance
from mavfer.preprocess.faces.survey import SubjectChoice
from mavfer.preprocess.rows.template import INNER

Frame = tuple[NDArray[np.uint8], NDArray[np.uint16], NDArray[np.uint16], NDArray[np.float64]]


def film(light: float, calibration: Calibration, *, subject: str = "S01") -> list[Frame]:
    """Return color, infrared, depth and the true landmarks in color of two moments."""
    scene = SceneSettings(clock="virtual", light=light, seed=0)
    view = KinectView(scene, subject=subject, seconds=12.0)
    frames = []
    for k, t_s in enumerate((1.0, 7.0)):
        depth_mm, infrared = view.depth_infrared(t_s, k)
        assert view.person is not None
        truth = calibration.color.project(view.person.landmark_places(view.take.at(t_s)))
        frames.append((view.color(t_s, k), infrared, depth_mm, truth))
    return frames


@pytest.fixture(scope="module")
def dark(calibration: Calibration) -> list[Frame]:
    return film(0.05, calibration)


def test_a_face_in_the_dark_is_found_in_infrared_where_color_shows_it(
    dark: list[Frame], calibration: Calibration
) -> None:
    finder = InfraredFinder(calibration)
    for k, (color, infrared, depth_mm, truth) in enumerate(dark):
        face = finder.find(color, infrared, depth_mm, t_s=k / 4)
        assert face is not None
        assert face.found is Found.INFRARED
        error = np.linalg.norm(face.landmarks_px - truth, axis=1)[INNER].mean() / eye_distance(truth)
        assert error < 0.09  # 0.05 in bright color; the truth's other convention is 0.04 of either
        left, top, right, bottom = face.box_px
        inside = (truth[INNER] > (left, top)) & (truth[INNER] < (right, bottom))
        assert inside.all(axis=1).mean() > 0.9


def test_in_good_light_infrared_is_not_asked(calibration: Calibration) -> None:
    color, infrared, depth_mm, _ = film(1.0, calibration)[0]
    assert not too_dark(color)
    assert InfraredFinder(calibration).find(color, infrared, depth_mm, t_s=0) is None


def test_darkness_is_told_from_light(dark: list[Frame]) -> None:
    assert too_dark(dark[0][0])
    assert too_dark(np.zeros((1080, 1920, 3), np.uint8))
    assert not too_dark(np.full((1080, 1920, 3), 200, np.uint8))


def test_without_depth_nothing_is_carried(dark: list[Frame], calibration: Calibration) -> None:
    color, infrared, depth_mm, _ = dark[0]
    nothing = np.zeros_like(depth_mm)
    assert InfraredFinder(calibration).find(color, infrared, nothing, t_s=0) is None


def test_an_empty_infrared_picture_has_no_face() -> None:
    assert find_in_infrared(np.zeros((424, 512), np.uint16)) is None
    assert tone_mapped(np.zeros((424, 512), np.uint16)).max() == 0


def test_points_carried_to_color_are_carried_back(calibration: Calibration) -> None:
    """A wall parallel to the depth camera: what is carried there returns to where it was."""
    points = np.random.default_rng(0).uniform((180, 140), (320, 280), (68, 2))
    readings = np.full((424, 512), 900, np.uint16)
    there = carry_to_color(points, readings, calibration)
    assert there is not None
    true_mm = calibration.depth_scale * 900 + calibration.depth_shift_mm
    xyz = calibration.color_from_depth.apply(calibration.depth.unproject(points, np.full(68, true_mm)))
    back = carry(there, xyz[:, 2], calibration, Stream.INFRARED)
    np.testing.assert_allclose(back, points, atol=0.02)


def test_a_landmark_over_a_hole_goes_by_the_rest_of_the_face(calibration: Calibration) -> None:
    points = np.random.default_rng(1).uniform((220, 180), (280, 240), (68, 2))
    readings = np.full((424, 512), 900, np.uint16)
    whole = carry_to_color(points, readings, calibration)
    x, y = np.rint(points[30]).astype(int)
    readings[y - 4 : y + 5, x - 4 : x + 5] = 0
    holed = carry_to_color(points, readings, calibration)
    assert whole is not None
    assert holed is not None
    np.testing.assert_allclose(holed, whole, atol=1e-3)


def test_where_fits_take_the_rim_of_glasses_for_eyes_the_last_shape_decides(calibration: Calibration) -> None:
    """A subject with glasses, 50 pixels wide, ten times a second: half of the fits of some frames run off."""
    scene = SceneSettings(clock="virtual", light=0.05, seed=5)
    view = KinectView(scene, subject="S04", seconds=4.2)
    alone, follower = FaceFollower(), FaceFollower(by_shape=True)
    for k in range(10, 15):
        depth_mm, infrared = view.depth_infrared(k / 10, k)
        find_in_infrared(infrared, t_s=k / 10, follower=alone)
        face = find_in_infrared(infrared, t_s=k / 10, follower=follower)
        assert face is not None
        there = carry_to_color(face.landmarks_px, depth_mm, calibration)
        assert there is not None
        assert view.person is not None
        truth = calibration.color.project(view.person.landmark_places(view.take.at(k / 10)))
        assert np.linalg.norm(there - truth, axis=1)[INNER].mean() / eye_distance(truth) < 0.09
    assert alone.n_doubted > 0
    assert follower.n_doubted == 0


KNOWN = SubjectChoice("the only face", 1, (960.0, 560.0), (150.0, 180.0), (850.0, 950.0))


def test_a_choice_carried_to_infrared_is_carried_back(calibration: Calibration) -> None:
    there = choice_in_infrared(KNOWN, calibration)
    back = choice_in_color(there, calibration)
    assert 30 < there.width_px[0] < 100
    np.testing.assert_allclose(back.center_px, KNOWN.center_px, atol=0.1)
    np.testing.assert_allclose(back.width_px, KNOWN.width_px, atol=0.1)
    np.testing.assert_allclose(back.depth_mm, KNOWN.depth_mm, atol=0.1)


def test_without_a_distance_nobody_is_known_in_infrared(calibration: Calibration) -> None:
    choice = SubjectChoice("the only face", 1, (960.0, 560.0), (150.0, 180.0))
    assert choice_in_infrared(choice, calibration).n_people == 0


def test_infrared_takes_no_face_at_another_distance_than_the_subject(
    dark: list[Frame], calibration: Calibration
) -> None:
    color, infrared, depth_mm, _ = dark[0]
    face = find_in_infrared(infrared)
    assert face is not None
    distance_mm = depth_in_infrared(depth_mm, calibration)(face.box_px)
    width = float(face.box_px[2] - face.box_px[0])
    x, y = ((face.box_px[:2] + face.box_px[2:]) / 2).tolist()
    for apart_mm, found in ((0.0, True), (800.0, False)):
        there = (distance_mm + apart_mm - 20, distance_mm + apart_mm + 20)
        choice = SubjectChoice("the only face", 1, (x, y), (width, width), there)
        finder = InfraredFinder(calibration, choice=choice)
        assert (finder.find(color, infrared, depth_mm, t_s=0) is not None) is found
