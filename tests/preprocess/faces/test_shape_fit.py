"""Laws of the fit of landmarks: it is dlib's own, before dlib rounds to whole pixels."""

from collections.abc import Callable
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.errors import FaceError
from mavfer.preprocess.faces.landmarks import model_path
from mavfer.preprocess.faces.shape_file import ShapeModel, read_shape_model
from mavfer.preprocess.faces.shape_fit import fit_shape

ROUNDED = 0.5 + 1e-3  # dlib's points are whole pixels

Fit = Callable[[NDArray[np.uint8], NDArray[np.float64]], NDArray[np.float64]]


@pytest.fixture(scope="module")
def model() -> ShapeModel:
    return read_shape_model(model_path())


@pytest.fixture(scope="module")
def by_dlib() -> Fit:
    predictor = dlib.shape_predictor(str(model_path()))

    def fit(gray: NDArray[np.uint8], box: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = predictor(gray, dlib.rectangle(*box.astype(int).tolist())).parts()
        return np.array([(point.x, point.y) for point in parts], np.float64)

    return fit


def test_fits_of_a_face_are_those_of_dlib(
    model: ShapeModel, by_dlib: Fit, color_frames: NDArray[np.uint8]
) -> None:
    detector = dlib.get_frontal_face_detector()
    n_fits = 0
    for color in color_frames[::3]:
        gray = np.asarray(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY))
        for found in detector(gray, 0):
            box = np.array([found.left(), found.top(), found.right(), found.bottom()], np.float64)
            for shift in range(-12, 13, 4):
                moved = box + np.array([shift, -shift, 2 * shift, shift])
                assert np.abs(fit_shape(model, gray, moved) - by_dlib(gray, moved)).max() <= ROUNDED
                n_fits += 1
    assert n_fits > 10


@pytest.mark.parametrize("seed", range(5))
def test_fits_of_noise_and_beyond_the_picture_are_those_of_dlib(
    model: ShapeModel, by_dlib: Fit, seed: int
) -> None:
    random = np.random.default_rng(seed)
    gray = random.integers(0, 256, (200, 300), np.uint8)
    left, top = random.integers(-100, 250, 2)
    box = np.array([left, top, left + random.integers(20, 200), top + random.integers(20, 200)], np.float64)
    assert np.abs(fit_shape(model, gray, box) - by_dlib(gray, box)).max() <= ROUNDED


def test_a_fit_moves_with_the_picture(model: ShapeModel, color_frames: NDArray[np.uint8]) -> None:
    gray = np.asarray(cv2.cvtColor(color_frames[0], cv2.COLOR_RGB2GRAY))
    box = np.array([800.0, 300.0, 1000.0, 500.0])
    moved = np.ascontiguousarray(gray[50:, 70:])
    np.testing.assert_allclose(
        fit_shape(model, moved, box - (70, 50, 70, 50)), fit_shape(model, gray, box) - (70, 50), atol=1e-3
    )


@pytest.mark.parametrize("n_bytes", [0, 1, 100, 5000, 1_000_000])
def test_a_model_that_breaks_off_is_one_line(tmp_path: Path, n_bytes: int) -> None:
    (tmp_path / "model.dat").write_bytes(model_path().read_bytes()[:n_bytes])
    with pytest.raises(FaceError, match="wanted dlib's model of 68 landmarks, could not read it"):
        read_shape_model(tmp_path / "model.dat")


def test_a_file_of_another_kind_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.dat").write_bytes(np.random.default_rng(0).bytes(10_000))
    with pytest.raises(FaceError, match="could not read it"):
        read_shape_model(tmp_path / "model.dat")
