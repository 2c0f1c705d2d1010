"""pykinect2.py over the fork's own PyKinectRuntime, over a stand-in for the SDK (pykinect_sdk.py)."""

import _ctypes
import ctypes
import gc
import importlib.util
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mavfer.capture.clock import VirtualClock
from mavfer.capture.kinect_v2 import pykinect2, pykinect2_runtime
from mavfer.capture.kinect_v2.camera import KinectCamera
from mavfer.capture.kinect_v2.factory import FILE_NAME, factory_from_json
from mavfer.capture.kinect_v2.light import NOTICE as LOW_LIGHT
from mavfer.capture.kinect_v2.pairing import Taken
from mavfer.capture.kinect_v2.pykinect2 import SEPARATE, PyKinect2, make_driver
from mavfer.capture.kinect_v2.pykinect2_runtime import MOST_WAITING, Inbox, Picture
from mavfer.capture.kinect_v2.settings import KinectSettings
from mavfer.errors import CameraError, CameraGone

WAIT_S = 20.0
PERIOD_TICKS = 333_333
EPOCH_TICKS = 71_000_000
BEGIN_NS = 10_000_000_000
COLOR, DEPTH, INFRARED = "Color", "Depth", "Infrared"


def stand_in() -> ModuleType:
    """Return the module of the SDK's stand-in."""
    name = "pykinect_sdk"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Install the stand-in under the fork's runtime; in the end no frame may be held."""
    module = stand_in()
    sdk = module.Sdk()
    package = pytest.importorskip("pykinect2024")
    monkeypatch.setattr(_ctypes, "COMError", module.ComError, raising=False)
    monkeypatch.setattr(ctypes, "windll", sdk.windll(), raising=False)
    monkeypatch.setitem(sys.modules, "comtypes", ModuleType("comtypes"))
    played = sdk.module()
    monkeypatch.setitem(sys.modules, played.__name__, played)
    monkeypatch.setattr(package, "PyKinect2024", played, raising=False)
    monkeypatch.delitem(sys.modules, "pykinect2024.PyKinectRuntime", raising=False)
    yield sdk
    sys.modules.pop("pykinect2024.PyKinectRuntime", None)
    assert not sdk.alive
    assert sdk.n_opened <= sdk.n_closed


class Filmed:
    """A camera over the driver, and the world before it; frame `n` is exposed n periods after the first."""

    def __init__(self, sdk: Any, pictures: tuple) -> None:
        self.sdk, self.pictures = sdk, pictures
        self.clock = VirtualClock(BEGIN_NS)
        self.camera = KinectCamera(PyKinect2(), clock=self.clock, gone_s=60.0, reopen_s=60.0, retry_s=0.01)

    def open(self) -> None:
        """Open the camera on frame 0, and throw that away."""
        opening = threading.Thread(target=self.camera.open)
        opening.start()
        self.wait_until_open(1)
        self.show(0)
        opening.join()
        self.camera.start(0)

    def lose_patience(self) -> None:
        """Let the camera miss its sensor soon from now on; before, a slow machine is no silent sensor."""
        feed = self.camera._feed
        assert feed is not None
        feed._gone_s, feed._reopen_s = 0.05, 0.1

    def wait_until_open(self, n_times: int) -> None:
        """Return once the sensor was opened so often, and its pictures are waited for."""
        with self.sdk.changed:
            assert self.sdk.changed.wait_for(
                lambda: self.sdk.n_opened >= n_times and self.sdk.waiting, WAIT_S
            )

    def show(self, n: int, *, only: tuple[str, ...] = (INFRARED, DEPTH, COLOR), **changes: Any) -> None:
        """Let the sensor see frame `n`, mirrored, color 2 ms before depth; `changes` are made to all."""
        color, depth, infrared = self.pictures[n % len(self.pictures)]
        bgra = np.dstack([color[..., ::-1], np.full(color.shape[:2], 255, np.uint8)])
        self.clock.wait_until_ns(BEGIN_NS + n * PERIOD_TICKS * 100)
        ticks = changes.pop("ticks", EPOCH_TICKS + n * PERIOD_TICKS)
        for kind, picture, early in ((INFRARED, infrared, 0), (DEPTH, depth, 0), (COLOR, bgra, 20_000)):
            if kind in only:
                self.sdk.show(kind, picture[:, ::-1], ticks - early, **changes)
                self.sdk.settle()

    def see(self, n: int) -> Any:
        """Return the capture of frame `n`, which the sensor makes now."""
        self.show(n)
        return self.camera.grab(WAIT_S)


@pytest.fixture
def filmed(sdk: Any, plain: tuple, monkeypatch: pytest.MonkeyPatch) -> Iterator[Filmed]:
    """Return a camera that is open before pictures of noise; what arrives is stamped by its clock."""
    filmed = Filmed(sdk, (plain,))
    monkeypatch.setattr(pykinect2_runtime, "monotonic_ns", filmed.clock.now_ns)
    filmed.open()
    yield filmed
    filmed.camera.close()


def test_the_pixels_are_those_of_the_rendered_scene_though_they_come_mirrored(filmed, rendered):
    filmed.pictures = rendered
    for n in range(1, 5):
        frames = filmed.see(n).retrieve()
        for frame, seen in zip(frames, rendered[n % 4], strict=True):
            np.testing.assert_array_equal(frame.pixels, seen)
    assert filmed.camera.nodes()["mirrored_by_driver"] is True


def test_times_are_the_sensor_s_which_the_fork_s_own_getters_do_not_tell(filmed):
    captures = [filmed.see(n) for n in (1, 2, 3)]
    wanted = [(EPOCH_TICKS + n * PERIOD_TICKS) * 100 for n in (1, 2, 3)]
    assert [capture.device_time_ns for capture in captures] == wanted
    assert filmed.camera.notices() == (SEPARATE,)
    health = filmed.camera.health()
    assert (health["exposure_ms"], health["gain"]) == (16.1, 1.5)
    assert health["depth_after_color_ms"] == 2.0


def test_a_picture_that_does_not_tell_its_time_is_a_failed_one(filmed, sdk):
    first = filmed.see(1).frame_id
    sdk.tells_time = False
    filmed.show(2)
    sdk.tells_time = True
    assert filmed.see(3).frame_id == first + 2
    assert filmed.camera.health()["frames_failed"] == 3


def test_a_sensor_none_of_whose_pictures_can_be_had_is_gone_and_says_what_they_fail_at(sdk):
    driver = PyKinect2()
    driver.open()
    assert driver.silence() == "it sends no pictures"
    sdk.tells_time = False
    with sdk.changed:
        assert sdk.changed.wait_for(lambda: sdk.waiting, WAIT_S)
    sdk.show(DEPTH, np.zeros((424, 512), np.uint16), EPOCH_TICKS)
    sdk.settle()
    assert driver.read(0.0) is None
    assert driver.silence() == (
        "its pictures cannot be had: ComError: IDepthFrame.RelativeTime is not played"
    )
    sdk.connected = False
    assert driver.silence() == "the SDK sees no sensor"
    driver.close()


def test_lost_frames_leave_their_ids_free(filmed):
    numbers = [1, 2, 5, 6, 36, 37]
    first, *rest = [filmed.see(n).frame_id for n in numbers]
    assert [found - first + 1 for found in rest] == numbers[1:]


@pytest.mark.parametrize("lost", [DEPTH, INFRARED])
def test_a_moment_that_lacks_a_picture_is_counted_and_leaves_its_id_free(filmed, lost):
    first = filmed.see(1).frame_id
    filmed.show(2, only=tuple({COLOR, DEPTH, INFRARED} - {lost}))
    assert [filmed.see(n).frame_id for n in (3, 4)] == [first + 2, first + 3]
    assert filmed.camera.health()["frames_incomplete"] > 0


def test_a_picture_that_cannot_be_fetched_is_counted_and_those_after_it_come(filmed):
    first = filmed.see(1).frame_id
    filmed.show(2, fails=True)
    assert filmed.see(3).frame_id == first + 2
    assert filmed.camera.health()["frames_failed"] == 3


@pytest.mark.parametrize("wrong_ticks", [0, EPOCH_TICKS + PERIOD_TICKS, 10**15], ids=str)
def test_one_wrong_time_costs_one_frame_and_shows_as_a_gap(filmed, wrong_ticks):
    first = [filmed.see(n).frame_id for n in (1, 2, 3)]
    filmed.show(4, ticks=wrong_ticks)
    assert [filmed.see(n).frame_id for n in (5, 6)] == [first[0] + 4, first[0] + 5]


def test_in_low_light_every_color_picture_comes_once_with_the_depth_nearest_to_it(filmed):
    for n in range(1, 45):
        filmed.show(n, only=(INFRARED, DEPTH, COLOR) if n % 2 else (INFRARED, DEPTH))
        if n % 2:
            assert filmed.camera.grab(WAIT_S).device_time_ns == (EPOCH_TICKS + n * PERIOD_TICKS) * 100
    assert LOW_LIGHT in filmed.camera.notices()
    assert filmed.camera.health()["frames_incomplete"] == 0


def test_a_sensor_that_is_unplugged_is_missed_and_comes_back_with_a_gap(filmed, sdk):
    first = filmed.see(1).frame_id
    sdk.connected = False
    filmed.lose_patience()
    with pytest.raises(CameraGone, match=r"the Kinect is gone \(the SDK sees no sensor\)") as caught:
        filmed.camera.grab(WAIT_S)
    assert "\n" not in str(caught.value)
    filmed.wait_until_open(2)
    sdk.connected = True
    capture = None
    while capture is None:  # it may be opened once more while pictures arrive
        filmed.wait_until_open(2)
        filmed.show(61)
        try:
            capture = filmed.camera.grab(0.05)
        except CameraError:
            continue
    assert capture.frame_id == first + 60


def test_a_thread_of_the_fork_that_ends_is_an_error_and_not_silence(sdk):
    driver = PyKinect2()
    driver.open()
    sdk.end_thread()
    with pytest.raises(CameraError, match="pykinect2's thread has ended"):
        driver.read(WAIT_S)
    driver.close()


@pytest.mark.parametrize("part", ["opens", "has_events"])
def test_an_sdk_that_does_not_open_is_one_line_and_can_be_tried_again(sdk, part):
    setattr(sdk, part, False)
    driver = PyKinect2()
    with pytest.raises(CameraError, match="pykinect2 cannot open the sensor") as caught:
        driver.open()
    assert "\n" not in str(caught.value)
    driver.close()
    del caught
    gc.collect()  # the fork's object ends here; what its destructor raises would be seen
    setattr(sdk, part, True)
    driver.open()
    driver.close()
    assert sdk.n_opened == 1


def test_the_factory_calibration_is_kept_with_samples_of_the_mapper(filmed, sdk):
    factory = factory_from_json(filmed.camera.documents()[FILE_NAME], where="here")
    depth = factory.depth
    assert (depth.fx, depth.fy, depth.cx, depth.cy, depth.k1, depth.k2, depth.k3) == sdk.intrinsics
    assert (factory.driver, factory.serial, factory.mirrored) == ("pykinect2", None, True)
    assert factory.color is None
    assert len(factory.depth_to_color) > 100
    for sample in factory.depth_to_color:
        assert sample.color_x == pytest.approx(3.5 * sample.depth_x + 50 - sample.depth_mm / 1000)
        assert sample.color_y == pytest.approx(2.5 * sample.depth_y)


def test_pictures_that_wait_while_the_driver_is_not_asked_are_paired_all_the_same(filmed):
    filmed.camera.close()
    driver = PyKinect2()
    driver.open()
    filmed.wait_until_open(2)
    for n in range(1, 21):
        filmed.show(n)
    found = [driver.read(0.0) for _ in range(20)]
    assert [moment and moment.device_time_ns for moment in found] == [
        (EPOCH_TICKS + n * PERIOD_TICKS) * 100 for n in range(1, 21)
    ]
    assert driver.health()["frames_incomplete"] == 0
    driver.close()


def test_what_failed_before_a_whole_moment_came_is_not_why_none_comes_after_it(filmed):
    filmed.show(1, fails=True)
    filmed.see(2)
    driver = filmed.camera._driver
    assert driver.health()["frames_failed"] == 3
    assert driver.silence() == "it sends no pictures"


def test_pictures_that_nobody_takes_do_not_pile_up():
    inbox = Inbox()
    picture = Picture("depth", np.zeros(1), Taken(0, 0))
    for _ in range(MOST_WAITING + 5):
        inbox.receive(lambda: picture)
    assert inbox.n_failed == 5
    assert len(list(iter(lambda: inbox.wait(0.0), None))) == MOST_WAITING


def test_the_calibration_is_asked_for_until_the_sensor_runs(sdk):
    told, sdk.intrinsics = sdk.intrinsics, (0.0,) * 7
    driver = PyKinect2()
    driver.open()
    assert driver.facts().factory is None
    sdk.intrinsics = told
    assert driver.facts().factory is not None
    driver.close()


def test_a_serial_number_is_refused_because_it_cannot_be_told():
    pytest.importorskip("pykinect2024")
    with pytest.raises(CameraError, match="pykinect2 tells no serial number"):
        make_driver(KinectSettings(serial="1"))


def test_an_absent_library_is_named(monkeypatch):
    monkeypatch.setattr(pykinect2, "find_spec", lambda _: None)
    with pytest.raises(CameraError, match=r"^no pykinect2024 and no comtypes$"):
        make_driver(KinectSettings())


@pytest.mark.skipif(sys.platform == "win32", reason="there it loads")
def test_without_windows_the_fork_s_own_module_does_not_load_and_it_is_one_line():
    pytest.importorskip("pykinect2024")
    driver = make_driver(KinectSettings())
    with pytest.raises(CameraError, match=r"pykinect2024 does not load: it wants Windows; on .*hardware\.md"):
        driver.open()
    driver.close()
