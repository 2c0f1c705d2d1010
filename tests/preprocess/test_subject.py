"""Laws of choosing a session's subject where color is dark, and of what is said of faces let go."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.calibrate.calibration import Calibration
from mavfer.capture.master import record
from mavfer.capture.session import open_session
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import synchronize
from mavfer.preprocess.dataset.record import Reason
from mavfer.preprocess.faces.face import FaceDetector
from mavfer.preprocess.faces.hog import HogDetector
from mavfer.preprocess.rows.clip_grid import clip_grid
from mavfer.preprocess.rows.cut import RowCutter
from mavfer.preprocess.rows.moments import MomentReader, usable_at_ticks
from mavfer.preprocess.rows.subject import Subject, choose_subject

from .conftest import RIG


@pytest.fixture(scope="module")
def dark_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dark") / "take"
    scene = SceneSettings(clock="virtual", light=0.05, seed=5)
    record(path, rig=RIG.model_copy(update={"simulated": scene}), subject="S04", seconds=0.6)
    return path


class BlindInColor:
    """dlib's detector, which sees nothing in color: a room darker than the simulated one can be."""

    name, min_face_px = "half blind", 80

    def detect(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if picture.shape[1] > 1500:
            return np.zeros((0, 4)), np.zeros(0)
        return HogDetector().detect(picture)


def chosen(path: Path, calibration: Calibration | None, detector: FaceDetector) -> Subject:
    session = open_session(path)
    synchronized = synchronize(session)
    tick, time_s = clip_grid(synchronized.time_s, fps=4, path=path)
    usable = usable_at_ticks(session, synchronized, max_skew_ms=50)
    reader = MomentReader(session, synchronized, tick=tick, time_s=time_s, usable=usable)
    cutter = RowCutter([session.spec(stream) for stream in session.streams], calibration, size_px=96)
    return choose_subject(reader, cutter, detector, calibration=calibration)


def test_where_color_is_too_dark_the_subject_is_told_in_infrared(
    dark_session: Path, calibration: Calibration
) -> None:
    subject = chosen(dark_session, calibration, BlindInColor())
    assert subject.in_color.words.startswith(
        "color is too dark to tell; in infrared the only face, seen in 2"
    )
    assert subject.in_color.n_people == 1
    assert subject.in_infrared is not None
    assert subject.in_infrared.width_px[1] < 100 < subject.in_color.width_px[1]


def test_in_good_light_nobody_looks_in_infrared(simulated_session: Path, calibration: Calibration) -> None:
    subject = chosen(simulated_session, calibration, BlindInColor())
    assert subject.in_color.words.startswith("no face in 2 moments")
    assert subject.in_infrared is None


def test_in_good_light_infrared_knows_the_subject_from_color(
    simulated_session: Path, calibration: Calibration
) -> None:
    subject = chosen(simulated_session, calibration, HogDetector())
    assert subject.in_color.words.startswith("the only face")
    assert subject.in_infrared is not None
    assert subject.in_infrared.n_people == 1


class FaceInNoise:
    """A detector that takes the middle of every picture for a face."""

    name, min_face_px = "wrong", 80

    def detect(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        height, width = picture.shape[:2]
        return np.array([[width / 2 - 50, height / 2 - 50, width / 2 + 50, height / 2 + 50]]), np.ones(1)


def test_faces_let_go_are_counted_in_one_remark(simulated_session: Path) -> None:
    session = open_session(simulated_session)
    cutter = RowCutter([session.spec(Stream.COLOR)], None, size_px=96, detector=FaceInNoise())
    assert cutter.remark == ""
    noise = np.random.default_rng(0).integers(0, 255, (2, 540, 960, 3)).astype(np.uint8)
    first = cutter.row({Stream.COLOR: noise[0]}, time_s=0.0)
    assert first["reason_color"] == Reason.NO_FACE
    assert cutter.remark == "1 face let go: fits of its landmarks disagree"
    cutter.row({Stream.COLOR: noise[1]}, time_s=0.25)
    assert cutter.remark == "2 faces let go: fits of their landmarks disagree"
