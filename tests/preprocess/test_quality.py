"""Laws of sharpness and brightness: blur lowers one, light moves the other, and neither the crop's size."""

import cv2
import numpy as np
import pytest

from mavfer.capture.session import open_session
from mavfer.capture.streams import Stream
from mavfer.preprocess.dataset.record import Align
from mavfer.preprocess.faces.follower import FaceFollower
from mavfer.preprocess.rows import align
from mavfer.preprocess.rows.quality import brightness, face_gray, sharpness


@pytest.fixture(scope="module")
def face(simulated_session):
    """A color picture and the landmarks of the face in it."""
    color = open_session(simulated_session).frame(Stream.COLOR, 0).pixels
    found = FaceFollower().find(color, t_s=0)
    assert found is not None
    return color, found.landmarks_px


def crop_of(face, size_px: int = 96, margin: float = 0.0) -> np.ndarray:
    color, landmarks = face
    transform = align.face_transform(landmarks, size_px=size_px, align=Align.POINTS51, margin=margin)
    return align.cut(color, transform, size_px)


def test_sharpness_falls_with_every_blur(face) -> None:
    crop = crop_of(face)
    found = [sharpness(face_gray(crop))]
    for sigma in (0.5, 1.0, 2.0, 4.0):
        found.append(sharpness(face_gray(cv2.GaussianBlur(crop, (0, 0), sigma))))
    assert np.all(np.diff(found) < 0)
    assert 0 < found[-1] < 0.6 * found[0] < 1


def test_motion_blur_along_one_axis_lowers_sharpness(face) -> None:
    crop = crop_of(face)
    moved = cv2.blur(crop, (9, 1))
    assert sharpness(face_gray(moved)) < 0.9 * sharpness(face_gray(crop))


@pytest.mark.parametrize("gain", [0.3, 0.6])
def test_light_and_contrast_leave_sharpness_alone_and_move_brightness(face, gain: float) -> None:
    crop = crop_of(face)
    darker = np.rint(crop * gain).astype(np.uint8)
    lighter = np.rint(crop * gain + 60).astype(np.uint8)
    plain = sharpness(face_gray(crop))
    assert sharpness(face_gray(darker)) == pytest.approx(plain, rel=0.1)
    assert sharpness(face_gray(lighter)) == pytest.approx(plain, rel=0.1)
    assert brightness(face_gray(darker)) == pytest.approx(gain * brightness(face_gray(crop)), abs=1.5)


@pytest.mark.parametrize("size_px", [112, 192])
@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_the_crops_size_and_margin_hardly_matter(face, size_px: int, margin: float) -> None:
    plain, other = (
        face_gray(crop_of(face)),
        face_gray(crop_of(face, round(size_px * (1 + 2 * margin)), margin)),
    )
    assert other.shape == plain.shape
    assert sharpness(other) == pytest.approx(sharpness(plain), rel=0.12)
    assert brightness(other) == pytest.approx(brightness(plain), abs=3)


def test_a_small_face_enlarged_is_less_sharp(face) -> None:
    color, landmarks = face
    small = cv2.resize(color, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    assert sharpness(face_gray(crop_of((small, landmarks * 0.2)))) < 0.9 * sharpness(face_gray(crop_of(face)))


@pytest.mark.parametrize("size_px", [32, 33, 96, 512])
def test_a_flat_picture_has_no_sharpness(size_px: int) -> None:
    gray = face_gray(np.full((size_px, size_px, 3), 90, np.uint8))
    assert np.isnan(sharpness(gray))
    assert brightness(gray) == 90
