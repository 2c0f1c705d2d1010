import hashlib
import multiprocessing

import numpy as np
import pytest

from mavfer.capture.simulated.head import LENS
from mavfer.capture.simulated.motion import Warmth
from mavfer.capture.simulated.person import load_person
from mavfer.capture.simulated.renderer import KinectView, ThermalView
from mavfer.capture.simulated.scene import SceneSettings

TIMES = (1.0, 6.5, 11.0, 16.5)
INNER = slice(17, 68)  # brows, nose, eyes, mouth: seen from ahead whatever the turn


def landmarks(view: KinectView, t_s: float) -> np.ndarray:
    assert view.person is not None
    return view.person.landmark_places(view.take.at(t_s))


def celsius(counts: np.ndarray) -> np.ndarray:
    return counts * 0.04 - 273.15


def test_pictures_have_the_shapes_and_types_of_the_sensors(kinect, thermal):
    color = kinect("S01").color(1.0, 5)
    depth, infrared = kinect("S01").depth_infrared(1.0, 5)
    warm = thermal("S01").thermal(1.0, 5)
    assert (color.shape, color.dtype) == ((1080, 1920, 3), np.uint8)
    assert {(p.shape, p.dtype) for p in (depth, infrared)} == {((424, 512), np.dtype(np.uint16))}
    assert (warm.shape, warm.dtype) == ((512, 640), np.uint16)


def test_depth_under_the_landmarks_is_the_truth_less_the_depth_shift(kinect):
    view = kinect("S01")
    rig, misses = view.rig, []
    for k, t in enumerate(TIMES):
        depth, _ = view.depth_infrared(t, k)
        xyz = rig.color_from_depth.inverse().apply(landmarks(view, t)[INNER])
        columns, rows = np.rint(rig.depth.project(xyz)).astype(int).T
        measured = depth[rows, columns].astype(float)
        misses.append((measured - (xyz[:, 2] - rig.depth_shift_mm))[measured > 0])
    misses = np.concatenate(misses)
    assert misses.size > 0.9 * len(TIMES) * 51
    assert abs(np.median(misses)) < 2.0  # a pixel spans 2.5 mm of a slanted cheek
    assert np.median(np.abs(misses - np.median(misses))) < 4.0


def test_landmarks_project_onto_the_face_in_every_camera(kinect, thermal):
    view, warm_view = kinect("S03"), thermal("S03")
    rig = view.rig
    for k, t in enumerate(TIMES):
        xyz = landmarks(view, t)[INNER]
        columns, rows = np.rint(rig.thermal.project(rig.thermal_from_color.apply(xyz))).astype(int).T
        assert np.median(celsius(warm_view.thermal(t, k))[rows, columns]) > 31.0
        columns, rows = np.rint(rig.color.project(xyz)).astype(int).T
        red, green, blue = view.color(t, k)[rows, columns].astype(int).T
        assert np.mean((red > green) & (green > blue - 10)) > 0.8  # skin, lips and brows; the wall is gray


def test_the_same_seed_gives_the_same_pixels_and_another_frame_other_noise(kinect):
    view, again = kinect("S01"), KinectView(SceneSettings(), subject="S01", seconds=20.0)
    np.testing.assert_array_equal(view.color(3.0, 7), again.color(3.0, 7))
    for one, other in zip(view.depth_infrared(3.0, 7), again.depth_infrared(3.0, 7), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.mean(view.color(3.0, 7) != view.color(3.0, 8)) > 0.3


def _digest(queue) -> None:
    view = ThermalView(SceneSettings(), subject="S01", seconds=20.0)
    queue.put(hashlib.sha256(view.thermal(3.0, 7).tobytes()).hexdigest())


def test_two_processes_agree_to_the_last_bit(thermal):
    spawn = multiprocessing.get_context("spawn")
    queue = spawn.Queue()
    process = spawn.Process(target=_digest, args=(queue,))
    process.start()
    process.join(200)
    assert process.exitcode == 0
    theirs = queue.get(timeout=10)
    assert theirs == hashlib.sha256(thermal("S01").thermal(3.0, 7).tobytes()).hexdigest()


def test_less_light_makes_color_darker_and_noisier_and_leaves_depth_alone(kinect):
    bright, dim = kinect("S01"), kinect("S01", light=0.3)
    wall = np.s_[100:160, 900:1000]
    one, other = bright.color(2.0, 1)[wall].astype(float), dim.color(2.0, 1)[wall].astype(float)
    assert other.mean() < 0.75 * one.mean()
    assert np.diff(other, axis=1).std() > 2 * np.diff(one, axis=1).std()
    for mine, theirs in zip(bright.depth_infrared(2.0, 1), dim.depth_infrared(2.0, 1), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("places", "felt", "least"),
    [((30, 33), "valence", 1.0), ((51, 57), "arousal", -0.8)],
    ids=["the nose warms with valence", "the mouth cools with arousal"],
)
def test_skin_temperature_follows_what_is_felt(thermal, monkeypatch, places, felt, least):
    view = thermal("S05")
    take, rig = view.take, view.rig
    moment = take.at(2.0)
    xyz = load_person("S05").landmark_places(moment)[list(places)]
    columns, rows = np.rint(rig.thermal.project(rig.thermal_from_color.apply(xyz))).astype(int).T
    means = []
    for value in (-1.0, 1.0):
        warmth = Warmth(**({"valence": 0.0, "arousal": 0.0, "breath": 0.0} | {felt: value}))
        still = type(moment)(moment.weights, moment.pose, warmth)
        monkeypatch.setattr(take, "at", lambda _t, still=still: still)
        means.append(celsius(view.thermal(2.0, 3))[rows, columns].mean())
    rise = means[1] - means[0]
    assert (rise > least) if least > 0 else (rise < least)


def test_glasses_are_clear_in_color_and_opaque_to_the_thermal_camera(thermal):
    person = load_person("S04")
    assert LENS not in person.part[person.triangles]
    assert LENS in person.part[person.with_lenses]
    bare, glassed = ([], [])
    for name, means in (("S01", bare), ("S04", glassed)):
        view = thermal(name)
        xyz = load_person(name).landmark_places(view.take.at(2.0))[36:48]
        columns, rows = (
            np.rint(view.rig.thermal.project(view.rig.thermal_from_color.apply(xyz))).astype(int).T
        )
        means.append(celsius(view.thermal(2.0, 3))[rows, columns].mean())
    assert glassed[0] < bare[0] - 4


@pytest.mark.parametrize(("subject", "light"), [("S02", 1.0), ("S04", 1.0), ("S06", 0.3)])
def test_dlib_finds_exactly_one_face_at_half_resolution(kinect, subject, light):
    cv2, dlib = pytest.importorskip("cv2"), pytest.importorskip("dlib")
    detector, view = dlib.get_frontal_face_detector(), kinect(subject, light=light)
    for k, t in enumerate(np.linspace(0, 20, 9)):
        gray = cv2.cvtColor(view.color(float(t), k), cv2.COLOR_RGB2GRAY)
        found = detector(cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), 0)
        assert len(found) == 1
        middle = view.rig.color.project(landmarks(view, float(t))).mean(0) / 2
        assert found[0].contains(dlib.point(*map(int, middle)))
