"""Rows against the truth of the simulated rig: crops of all streams show the same places of the same face.

Heads are turned by up to 25 degrees, farther than the subjects of simulated sessions turn.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.calibrate.calibration import Calibration
from mavfer.capture.simulated.motion import Moment, Take
from mavfer.capture.simulated.person import load_person
from mavfer.capture.simulated.renderer import KinectView, ThermalView
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.streams import A65_THERMAL, COLOR_1080P, KINECT_DEPTH, KINECT_INFRARED, Stream
from mavfer.preprocess.dataset.record import Align, Reason
from mavfer.preprocess.rows import align
from mavfer.preprocess.rows.cut import Row, RowCutter
from mavfer.preprocess.rows.template import INNER

SPECS = (COLOR_1080P, KINECT_DEPTH, KINECT_INFRARED, A65_THERMAL)
YAWS_DEG = (-25.0, -12.0, 0.0, 12.0, 25.0)
SIZE_PX = 96


class Turned:
    """A take whose subject holds the head turned by a yaw for each second."""

    def __init__(self, take: Take) -> None:
        self._take = take

    def at(self, t_s: float) -> Moment:
        moment = self._take.at(t_s)
        yaw_deg = YAWS_DEG[int(t_s) % len(YAWS_DEG)]
        return replace(moment, pose=replace(moment.pose, yaw_deg=yaw_deg))


@cache
def filmed(subject: str) -> list[tuple[dict[Stream, NDArray], NDArray[np.float64]]]:
    """Return for each yaw the pictures of all streams and the true landmarks (68, 3), mm, in color."""
    scene = SceneSettings(clock="virtual")
    kinect = KinectView(scene, subject=subject, seconds=10)
    thermal = ThermalView(scene, subject=subject, seconds=10)
    kinect.take = thermal.take = Turned(kinect.take)  # type: ignore[assignment]
    person = load_person(subject)
    moments = []
    for k in range(len(YAWS_DEG)):
        t_s = float(k)
        depth, infrared = kinect.depth_infrared(t_s, k)
        pictures = {
            Stream.COLOR: kinect.color(t_s, k),
            Stream.DEPTH: depth,
            Stream.INFRARED: infrared,
            Stream.THERMAL: thermal.thermal(t_s, k),
        }
        moments.append((pictures, person.landmark_places(kinect.take.at(t_s))))
    return moments


@pytest.fixture(params=["S01", "S03", "S06"])
def rows(request, calibration: Calibration) -> list[tuple[Row, NDArray[np.float64]]]:
    """The row of each yaw, each found anew, and the true landmarks."""
    made = []
    for pictures, truth in filmed(request.param):
        cutter = RowCutter(SPECS, calibration, size_px=SIZE_PX, mode=Align.POINTS51)
        made.append((cutter.row(pictures, time_s=0.0), truth))
    return made


def in_crops(row: Row, truth: NDArray, stream: Stream, calibration: Calibration) -> NDArray[np.float64]:
    """Return where the true inner landmarks lie in a stream's crop, by that stream's own transform."""
    px = calibration.camera_of(stream).project(calibration.from_color(stream).apply(truth))
    name = "transforms" if stream is Stream.COLOR else f"transforms_{stream}"
    return align.apply(row[name], px)[INNER]


def test_every_stream_of_a_turned_head_is_good(rows) -> None:
    for row, _ in rows:
        assert {int(row[f"reason_{stream}"]) for stream in Stream} == {Reason.OK}


@pytest.mark.parametrize(("stream", "most_px"), [(Stream.THERMAL, 1.5), (Stream.INFRARED, 1.5)])
def test_crops_of_other_cameras_lie_within_one_and_a_half_pixels_of_color(
    rows, calibration: Calibration, stream: Stream, most_px: float
) -> None:
    apart = [
        np.linalg.norm(
            in_crops(row, truth, stream, calibration) - in_crops(row, truth, Stream.COLOR, calibration),
            axis=1,
        ).mean()
        for row, truth in rows
    ]
    assert max(apart) < most_px
    assert np.median(apart) < most_px / 2


def test_depth_lies_within_three_millimetres_of_the_surface(rows, calibration: Calibration) -> None:
    misses_mm = []
    for row, truth in rows:
        px = np.rint(in_crops(row, truth, Stream.COLOR, calibration)).astype(int)
        inside = np.all((px >= 0) & (px < SIZE_PX), axis=1)
        read_mm = row["depth"][px[inside, 1], px[inside, 0]].astype(float)
        misses_mm.append((read_mm - truth[INNER, 2][inside])[read_mm > 0])
        assert np.mean(read_mm > 0) > 0.75  # flying pixels at grazing surfaces are dropped
    assert np.median(np.abs(np.concatenate(misses_mm))) < 3


def test_the_distance_of_the_face_is_that_of_its_landmarks(rows) -> None:
    for row, truth in rows:
        assert float(row["distance_mm"]) == pytest.approx(np.median(truth[:, 2]), abs=12)


def test_yaw_pitch_and_roll_are_the_heads(rows) -> None:
    """Yaw is the known turn; the take's own pitch and roll stay below 11 degrees."""
    for (row, _), yaw_deg in zip(rows, YAWS_DEG, strict=True):
        assert row["pose_deg"][0] == pytest.approx(yaw_deg, abs=7)
        assert np.all(np.abs(row["pose_deg"][1:]) < 18)
