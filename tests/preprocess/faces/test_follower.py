"""Laws of following a face: found, kept, not swapped, let go; and a real video, where there is one."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import mavfer
from mavfer.preprocess.faces.face import Found
from mavfer.preprocess.faces.follower import FaceFollower
from mavfer.preprocess.faces.hog import HogDetector, detector_named
from mavfer.preprocess.faces.landmarks import eye_distance, fit_landmarks
from mavfer.preprocess.rows.template import INNER

REAL = Path(mavfer.__file__).parents[1] / "shared" / "data" / "real_face" / "WolfgangLanger_Pexels.mp4"


def with_faces(picture: NDArray, *places: tuple[int, int, float]) -> NDArray[np.uint8]:
    """Return a gray picture of 1280x720 with the face of `picture` at (left, top) in sizes against itself."""
    face = FaceFollower().find(picture, t_s=0)
    assert face is not None
    left, top, right, bottom = np.rint(face.box_px).astype(int)
    half = (right - left) // 2
    cut = picture[max(0, top - half) : bottom + half // 2, max(0, left - half) : right + half]
    canvas = np.full((720, 1280, 3), 120, np.uint8)
    for x, y, size in places:
        part = np.asarray(cv2.resize(cut, None, fx=size, fy=size, interpolation=cv2.INTER_AREA))
        canvas[y : y + len(part), x : x + part.shape[1]] = part
    return canvas


def test_a_picture_without_a_face_has_none() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (360, 640, 3)).astype(np.uint8)
    assert FaceFollower().find(noise, t_s=0) is None


def test_a_face_is_followed_by_one_box_policy(color_frames: NDArray) -> None:
    follower = FaceFollower()
    faces = [follower.find(frame, t_s=0.4 * i) for i, frame in enumerate(color_frames)]
    assert all(face is not None and face.found is Found.REGION for face in faces)


def test_following_finds_what_a_fresh_search_finds(color_frames: NDArray) -> None:
    follower = FaceFollower()
    for i, frame in enumerate(color_frames):
        followed, fresh = follower.find(frame, t_s=0.4 * i), FaceFollower().find(frame, t_s=0)
        assert followed is not None
        assert fresh is not None
        apart = np.linalg.norm(followed.landmarks_px - fresh.landmarks_px, axis=1)[INNER].mean()
        assert apart < 0.05 * eye_distance(fresh.landmarks_px)


def test_a_face_that_moves_moves_its_landmarks(color_frames: NDArray) -> None:
    here = with_faces(color_frames[0], (200, 150, 1.0))
    there = np.roll(here, (40, 60), axis=(0, 1))
    follower = FaceFollower()
    first, second = follower.find(here, t_s=0), follower.find(there, t_s=0.1)
    assert first is not None
    assert second is not None
    shift = (second.landmarks_px - first.landmarks_px)[INNER].mean(axis=0)
    np.testing.assert_allclose(shift, (60, 40), atol=0.05 * eye_distance(first.landmarks_px))


def test_landmarks_scale_with_the_picture(color_frames: NDArray) -> None:
    picture = with_faces(color_frames[0], (200, 100, 1.0))
    face = FaceFollower().find(picture, t_s=0)
    assert face is not None
    double = np.asarray(cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    found = fit_landmarks(double, (face.box_px + 0.5) * 2 - 0.5).points_px
    apart = np.linalg.norm((found + 0.5) / 2 - 0.5 - face.landmarks_px, axis=1)[INNER].mean()
    assert apart < 0.05 * eye_distance(face.landmarks_px)


def test_of_two_faces_the_larger_is_the_subject(color_frames: NDArray) -> None:
    face = FaceFollower().find(with_faces(color_frames[0], (50, 100, 0.8), (700, 100, 1.3)), t_s=0)
    assert face is not None
    assert face.box_px[0] > 640


def test_a_passer_by_does_not_take_over(color_frames: NDArray) -> None:
    alone = with_faces(color_frames[0], (50, 100, 1.0))
    both = with_faces(color_frames[0], (50, 100, 1.0), (700, 100, 1.2))
    follower = FaceFollower()
    for i in range(120):  # long enough for two searches of the whole picture
        face = follower.find(alone if i < 2 else both, t_s=0.1 * i)
        assert face is not None
        assert face.box_px[0] < 640


def test_a_face_that_leaves_is_gone_and_that_returns_is_found(color_frames: NDArray) -> None:
    here, nobody = with_faces(color_frames[0], (200, 100, 1.0)), np.full((720, 1280, 3), 120, np.uint8)
    follower = FaceFollower()
    assert follower.find(here, t_s=0) is not None
    assert follower.find(nobody, t_s=0.25) is None
    assert follower.find(np.roll(here, 500, axis=1), t_s=0.5) is not None


def test_a_face_of_forty_pixels_is_found_in_a_small_video(color_frames: NDArray) -> None:
    picture = with_faces(color_frames[0], (300, 200, 1.0))
    face = FaceFollower().find(picture, t_s=0)
    assert face is not None
    scale = 45 / (face.box_px[2] - face.box_px[0])
    small = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    assert FaceFollower().find(small, t_s=0) is not None


@pytest.mark.skipif(not REAL.is_file(), reason="no real face video at ../shared/data/real_face")
def test_nearly_every_frame_of_a_real_video_shows_the_face() -> None:
    import av

    follower = FaceFollower()
    with av.open(str(REAL)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    found = [follower.find(picture, t_s=i / 24) is not None for i, picture in enumerate(pictures)]
    assert np.mean(found) >= 0.98


class CountingDetector:
    """dlib's detector, and how many pixels it was given."""

    name = "counting"
    min_face_px = 80

    def __init__(self) -> None:
        self.n_px: list[int] = []

    def detect(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        self.n_px.append(picture.shape[0] * picture.shape[1])
        return HogDetector().detect(picture)


def test_a_detector_of_ones_own_is_used(color_frames: NDArray) -> None:
    detector = CountingDetector()
    face = FaceFollower(detector).find(color_frames[0], t_s=0)
    assert face is not None
    assert face.score > 0
    assert len(detector.n_px) > 0


def test_a_followed_face_is_looked_for_in_a_twentieth_of_the_picture(color_frames: NDArray) -> None:
    detector = CountingDetector()
    follower = FaceFollower(detector)
    assert follower.find(color_frames[0], t_s=0) is not None
    n_before = len(detector.n_px)
    assert follower.find(color_frames[0], t_s=0.1) is not None
    assert detector.n_px[n_before:] == [174 * 174]


def test_a_face_that_jumps_out_of_its_region_is_found_again_at_once(color_frames: NDArray) -> None:
    here = with_faces(color_frames[0], (200, 150, 1.0))
    follower = FaceFollower()
    first = follower.find(here, t_s=0)
    second = follower.find(np.roll(here, 120, axis=1), t_s=0.25)
    assert first is not None
    assert second is not None
    assert second.found is Found.REGION
    np.testing.assert_allclose(second.box_px[0] - first.box_px[0], 120, atol=30)


def test_frames_out_of_order_start_afresh(color_frames: NDArray) -> None:
    follower = FaceFollower()
    assert follower.find(color_frames[0], t_s=5) is not None
    assert follower.find(color_frames[0], t_s=1) is not None


def test_without_a_file_the_detector_is_dlibs_and_its_name_has_the_version() -> None:
    import dlib

    assert detector_named(None).name == f"dlib {dlib.__version__} HOG"


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 700, 3), (700, 3, 3), (64, 64, 3)])
def test_pictures_too_small_for_a_face_have_none(shape: tuple[int, int, int]) -> None:
    assert FaceFollower().find(np.zeros(shape, np.uint8), t_s=0) is None
