"""Laws of landmarks: near the truth of the simulated rig, steady under noise, in doubt where no face is."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.preprocess.dataset.record import Align
from mavfer.preprocess.faces.face import Face
from mavfer.preprocess.faces.follower import FaceFollower
from mavfer.preprocess.faces.landmarks import MAX_DOUBT, eye_distance, fit_landmarks, model_path
from mavfer.preprocess.faces.policy import BOX_CENTER, BOX_WIDTH, box_called_for
from mavfer.preprocess.rows import align
from mavfer.preprocess.rows.template import EYE_DISTANCE_SHARE, INNER, TEMPLATE, eyes_and_nose

SIZE_PX = 96
SUBJECTS = ("S01", "S02", "S04", "S05", "S08")
YAWS_DEG = (0.0, -12.0, 12.0, -25.0, 25.0)


def transform(landmarks_px: NDArray) -> NDArray[np.float64]:
    points = np.asarray(landmarks_px, np.float64)
    return align.face_transform(points, size_px=SIZE_PX, align=Align.POINTS51)


@pytest.fixture(scope="module")
def turned(shoot: Callable) -> list[tuple[Face, NDArray[np.float64]]]:
    """What is found in pictures of five people turned by up to 25 degrees, and the truth of each."""
    pairs = []
    for subject in SUBJECTS:
        for yaw_deg in YAWS_DEG:
            shot = shoot(subject, yaw_deg=yaw_deg)
            face = FaceFollower().find(shot.picture, t_s=0)
            assert face is not None
            pairs.append((face, shot.landmarks_px))
    return pairs


def test_the_landmark_file_is_found_without_importing_its_package() -> None:
    assert model_path().name == "shape_predictor_68_face_landmarks.dat"


def test_the_face_is_aligned_within_4_percent_of_the_eye_distance_of_where_the_truth_aligns_it(
    turned: list[tuple[Face, NDArray[np.float64]]],
) -> None:
    eye_px = EYE_DISTANCE_SHARE * SIZE_PX
    apart = [
        align.apply(transform(face.landmarks_px), truth[INNER]) - align.apply(transform(truth), truth[INNER])
        for face, truth in turned
    ]
    per_frame = np.linalg.norm(apart, axis=2).mean(axis=1) / eye_px
    assert per_frame.mean() < 0.03
    assert per_frame.max() < 0.06


def test_landmarks_scatter_within_4_percent_of_the_eye_distance_about_the_truth(
    turned: list[tuple[Face, NDArray[np.float64]]],
) -> None:
    """The head's nose base and brows lie 0.07 and 0.04 eye distances from where dlib (300-W) has them.

    That is a difference of convention, constant per landmark: 0.042 on average. What is left is dlib's own.
    """
    errors = np.array([(face.landmarks_px - truth)[INNER] / eye_distance(truth) for face, truth in turned])
    assert np.linalg.norm(errors - errors.mean(axis=0), axis=2).mean() < 0.04
    assert np.linalg.norm(errors, axis=2).mean() < 0.06


@pytest.mark.parametrize(("subject", "light"), [("S01", 1.0), ("S04", 1.0), ("S05", 0.3)])
def test_aligned_eyes_and_nose_of_a_still_subject_jitter_by_at_most_a_fifth_of_a_pixel(
    shoot: Callable, subject: str, light: float
) -> None:
    follower = FaceFollower()
    places = []
    for k in range(10):
        face = follower.find(shoot(subject, yaw_deg=3.0, light=light, frame_id=k).picture, t_s=k / 10)
        assert face is not None
        places.append(align.apply(transform(face.landmarks_px), eyes_and_nose(face.landmarks_px)))
    apart = np.array(places) - np.mean(places, axis=0)
    assert np.sqrt((apart**2).sum(axis=2).mean()) <= 0.2


def test_a_box_that_is_a_little_off_moves_the_aligned_face_by_little(shoot: Callable) -> None:
    shot = shoot("S01", yaw_deg=5.0)
    face = FaceFollower().find(shot.picture, t_s=0)
    assert face is not None
    width = face.box_px[2] - face.box_px[0]
    places = []
    for x, y in ((-0.04, 0), (0.04, 0), (0, -0.04), (0, 0.04), (0, 0)):
        box = face.box_px + width * np.array([x, y, x, y])
        fitted = fit_landmarks(shot.picture, box).points_px
        places.append(align.apply(transform(fitted), eyes_and_nose(shot.landmarks_px)))
    assert np.sqrt(np.var(places, axis=0).sum(axis=1).mean()) < 0.25


def test_landmarks_of_a_clear_face_leave_little_doubt(
    turned: list[tuple[Face, NDArray[np.float64]]],
) -> None:
    doubts = [face.doubt for face, _ in turned]
    assert np.median(doubts) < 0.02
    assert max(doubts) < MAX_DOUBT


def test_where_no_face_is_the_fits_disagree() -> None:
    rng = np.random.default_rng(0)
    doubts = []
    for _ in range(20):
        coarse = rng.integers(0, 255, (24, 24, 3)).astype(np.uint8)
        picture = np.asarray(cv2.resize(coarse, (320, 320), interpolation=cv2.INTER_CUBIC))
        doubts.append(fit_landmarks(picture, np.array([80.0, 80.0, 240.0, 240.0])).doubt)
    assert np.mean(np.array(doubts) > 0.05) > 0.5


def test_a_box_outside_of_the_picture_has_no_landmarks_and_every_doubt() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    assert fit_landmarks(picture, np.array([500.0, 500.0, 600.0, 600.0])).doubt == float("inf")


def test_the_box_called_for_follows_the_face() -> None:
    inner = TEMPLATE * 60 + (400, 300)
    box = box_called_for(inner, places=TEMPLATE)
    np.testing.assert_allclose(box[2] - box[0], 60 * BOX_WIDTH)
    np.testing.assert_allclose((box[:2] + box[2:]) / 2, np.array(BOX_CENTER) * 60 + (400, 300))


def test_gray_and_color_pictures_give_the_same_landmarks(shoot: Callable) -> None:
    shot = shoot("S01", yaw_deg=0.0)
    box = np.array([280.0, 270.0, 440.0, 430.0])
    gray = cv2.cvtColor(shot.picture, cv2.COLOR_RGB2GRAY)
    np.testing.assert_allclose(
        fit_landmarks(shot.picture, box).points_px, fit_landmarks(gray, box).points_px, atol=0.5
    )
