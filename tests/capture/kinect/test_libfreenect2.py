"""libfreenect2.py over the binding as it is published, compiled over a library that plays the sensor."""

import ctypes
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from ctypes import POINTER, c_float, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mavfer.capture.clock import VirtualClock
from mavfer.capture.kinect_v2 import libfreenect2
from mavfer.capture.kinect_v2.camera import KinectCamera
from mavfer.capture.kinect_v2.driver import Moment
from mavfer.capture.kinect_v2.factory import FILE_NAME, factory_from_json
from mavfer.capture.kinect_v2.freenect2_factory import COLOR_PARAMETERS, LENS
from mavfer.capture.kinect_v2.libfreenect2 import TICK_NS, Libfreenect2, Ticks, make_driver
from mavfer.capture.kinect_v2.light import NOTICE as LOW_LIGHT
from mavfer.capture.kinect_v2.settings import KinectSettings
from mavfer.errors import CameraError, CameraGone

WAIT_S = 20.0
WAIT_MS = 20_000
COLOR, INFRARED, DEPTH = 1, 2, 4
PERIOD_TICKS = 800 / 3
EPOCH_TICKS = 67_736_347
BEGIN_NS = 10_000_000_000
INFRARED_CAMERA = (365.4, 365.4, 254.9, 207.6, 0.0915, -0.2718, 0.0965, 0.001, -0.002)
COLOR_CAMERA = (1081.4, 1081.4, 959.5, 539.5, 863.0, 52.0, *(0.001 * n for n in range(20)))


class Sensor:
    """The sensor that the stand-in plays; frame `n` is exposed n periods after frame 0."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        library.stand_in_push.argtypes = [
            ctypes.c_int,
            c_void_p,
            *[ctypes.c_int] * 2,
            *[ctypes.c_uint32] * 2,
        ] + [c_float] * 3
        library.stand_in_set_camera.argtypes = [POINTER(c_float), POINTER(c_float)]
        self.tell(INFRARED_CAMERA, COLOR_CAMERA)
        self.plug("012345")
        library.stand_in_refuse(0)
        grey = np.linspace(0, 4500, 424 * 512, dtype=np.float32).reshape(424, 512)
        self.color, self.depth, self.infrared = np.full((1080, 1920, 4), 90, np.uint8), grey, grey[::-1]

    def tell(self, infrared: tuple[float, ...], color: tuple[float, ...]) -> None:
        """Have these factory parameters."""
        self.library.stand_in_set_camera((c_float * 9)(*infrared), (c_float * 26)(*color))

    def plug(self, *serials: str) -> None:
        """Let these sensors be on the bus, and no other."""
        self.library.stand_in_plug("\n".join(serials).encode())

    def push(self, kind: int, n: float, *, ticks: int | None = None, sequence: int | None = None) -> bool:
        """Deliver frame `n` of one stream; return whether a listener took it."""
        pixels = {COLOR: self.color, DEPTH: self.depth, INFRARED: self.infrared}[kind]
        pixels = np.ascontiguousarray(pixels, np.uint8 if kind == COLOR else np.float32)
        height, width = pixels.shape[:2]
        ticks = round(EPOCH_TICKS + n * PERIOD_TICKS) if ticks is None else ticks
        sequence = round(n) % 2**32 if sequence is None else sequence
        lens = (16.25, 1.5, 2.25) if kind == COLOR else (0.0, 0.0, 0.0)
        return bool(
            self.library.stand_in_push(
                kind, pixels.ctypes.data, width, height, ticks % 2**32, sequence, *lens
            )
        )

    def push_depth(self, n: float, **changes: Any) -> None:
        """Deliver infrared and depth of frame `n`."""
        assert self.push(INFRARED, n, **changes)
        assert self.push(DEPTH, n, **changes)

    def push_all(self, n: float, **changes: Any) -> None:
        """Deliver all of frame `n`; color is exposed 3 ms before depth."""
        if "ticks" in changes:
            assert self.push(COLOR, n, **changes)
        else:
            assert self.push(COLOR, n - 0.09)
        self.push_depth(n, **changes)

    def wait_until_streaming(self) -> None:
        """Return once the driver has started the sensor."""
        assert self.library.stand_in_wait_streaming(WAIT_MS)

    def wait_until_taken(self) -> None:
        """Return once nothing that was delivered waits."""
        assert self.library.stand_in_wait_taken(WAIT_MS)


@pytest.fixture(scope="module")
def binding(request: pytest.FixtureRequest) -> Iterator[ctypes.CDLL]:
    """Return the stand-in's library, with the binding importable."""
    path = Path(__file__).parent / "freenect2" / "build.py"
    spec = importlib.util.spec_from_file_location("build_pylibfreenect2", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert request.config.cache is not None
    try:
        built = module.build(request.config.cache.mkdir("pylibfreenect2"))
    except (OSError, subprocess.SubprocessError) as error:
        why = f"pylibfreenect2 cannot be built here: {error} {getattr(error, 'stderr', '')}"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    paths = [str(path) for path in built.paths]
    sys.path += paths  # until the last test here: other tests, and their children, want other modules
    yield ctypes.CDLL(str(built.library))
    sys.path[:] = [path for path in sys.path if path not in paths]


@pytest.fixture
def sensor(binding: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> Sensor:
    """Return a sensor on the bus; there is no screen."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return Sensor(binding)


@pytest.fixture
def driver(sensor: Sensor) -> Iterator[Libfreenect2]:
    """Return the driver, open."""
    driver = make_driver(KinectSettings())
    driver.open()
    sensor.wait_until_streaming()
    yield driver
    driver.close()


class Filmed:
    """A camera over the driver, opened while the sensor runs."""

    def __init__(self, sensor: Sensor) -> None:
        self.sensor, self.clock = sensor, VirtualClock(BEGIN_NS)
        driver = make_driver(KinectSettings())
        self.camera = KinectCamera(driver, clock=self.clock, gone_s=60.0, reopen_s=60.0, retry_s=0.01)

    def open(self) -> None:
        """Open the camera on frame 0, and throw that away."""
        opening = threading.Thread(target=self.camera.open)
        opening.start()
        self.sensor.wait_until_streaming()
        self.sensor.push_all(0)
        opening.join()
        self.camera.start(0)

    def lose_patience(self) -> None:
        """Let the camera miss its sensor soon from now on; before, a slow machine is no silent sensor."""
        feed = self.camera._feed
        assert feed is not None
        feed._gone_s, feed._reopen_s = 0.05, 0.1

    def show(self, n: float, **changes: Any) -> None:
        """Let frame `n` be exposed and arrive."""
        self.clock.wait_until_ns(BEGIN_NS + round(n * 1e9 / 30))
        self.sensor.push_all(n, **changes)
        self.sensor.wait_until_taken()

    def ids(self, *numbers: int) -> list[int]:
        """Return the frame ids of frames that are shown now, one after the other."""
        found = []
        for n in numbers:
            self.show(n)
            found.append(self.camera.grab(WAIT_S).frame_id)
        return found


@pytest.fixture
def filmed(sensor: Sensor) -> Iterator[Filmed]:
    """Return a camera that is open."""
    filmed = Filmed(sensor)
    filmed.open()
    yield filmed
    filmed.camera.close()


def moments(driver: Libfreenect2) -> list[Moment]:
    """Return what the driver has by now."""
    return list(iter(lambda: driver.read(0.0), None))


def test_the_pixels_are_those_of_the_rendered_scene_though_they_come_mirrored_and_as_floats(filmed, rendered):
    rng = np.random.default_rng(11)
    for n, (color, depth, infrared) in enumerate(rendered, start=1):
        sensor = filmed.sensor
        unused = rng.integers(0, 256, (1080, 1920, 1), np.uint8)
        sensor.color = np.concatenate([color[:, ::-1, ::-1], unused], axis=2)
        sensor.depth = depth[:, ::-1] + rng.uniform(-0.49, 0.49, depth.shape).astype(np.float32)
        sensor.infrared = infrared[:, ::-1] + rng.uniform(-0.49, 0.49, depth.shape).astype(np.float32)
        filmed.show(n)
        frames = filmed.camera.grab(WAIT_S).retrieve()
        for frame, seen in zip(frames, (color, depth, infrared), strict=True):
            np.testing.assert_array_equal(frame.pixels, seen)


def test_what_is_no_reading_is_zero(filmed):
    nothing = (np.nan, np.inf, -np.inf, -1.0, 0.0, 0.4, 1e9)
    filmed.sensor.depth = np.zeros((424, 512), np.float32)
    filmed.sensor.depth[0, : len(nothing)] = nothing
    filmed.sensor.depth[1, 0] = 1234.5001
    filmed.show(1)
    depth = filmed.camera.grab(WAIT_S).retrieve()[1].pixels
    assert depth[1, -1] == 1235
    assert np.count_nonzero(depth) == 1


def test_times_are_the_sensor_s_and_go_on_where_its_counter_wraps(driver, sensor):
    times = []
    for n, ticks in enumerate((2**32 - 267, 2**32 - 1, 266, 533)):
        sensor.push_all(n, ticks=ticks)
        found = driver.read(WAIT_S)
        assert found.device_time_ns == found.color_time_ns
        times.append(found.device_time_ns)
    assert times[0] == (2**32 - 267) * TICK_NS
    assert np.diff(times).tolist() == [266 * TICK_NS, 267 * TICK_NS, 267 * TICK_NS]


@pytest.mark.parametrize("wrong", [0, 1, 2**31, 2**32 - 1], ids=str)
def test_a_wrong_count_does_not_move_those_after_it(wrong):
    ticks = Ticks()
    before = ticks.ns(EPOCH_TICKS)
    ticks.ns(wrong)
    assert ticks.ns(EPOCH_TICKS + 267) - before == 267 * TICK_NS


def test_exposure_gain_and_gamma_are_told(driver, sensor):
    sensor.push_all(1)
    moment = driver.read(WAIT_S)
    assert (moment.exposure_ms, moment.gain, driver.health()["gamma"]) == (16.25, 1.5, 2.25)
    assert driver.health()["depth_after_color_ms"] == pytest.approx(3.0, abs=0.2)


def test_lost_frames_leave_their_ids_free(filmed):
    numbers = [1, 2, 5, 6, 9, 15]
    first, *rest = filmed.ids(*numbers)
    assert [found - first + 1 for found in rest] == numbers[1:]


def test_a_color_picture_whose_depth_is_lost_is_counted_and_leaves_its_id_free(filmed):
    first = filmed.ids(1, 2)[0]
    filmed.sensor.push(COLOR, 3 - 0.09)
    filmed.sensor.wait_until_taken()
    assert filmed.ids(4, 5) == [first + 3, first + 4]
    assert filmed.camera.health()["frames_incomplete"] == 1


@pytest.mark.parametrize("wrong", [0, EPOCH_TICKS + 267, 2**31 + EPOCH_TICKS], ids=str)
def test_one_wrong_time_costs_one_frame_and_shows_as_a_gap(filmed, wrong):
    first = filmed.ids(1, 2, 3)[0]
    filmed.show(4, ticks=wrong)
    assert filmed.ids(5, 6) == [first + 4, first + 5]


def test_depth_and_infrared_of_two_exposures_are_not_given_as_one(driver, sensor):
    sensor.push(COLOR, 2)
    sensor.push_depth(1)
    sensor.push(INFRARED, 2)  # replaces the one that waits; its depth has not come
    assert driver.read(0.0) is None
    assert driver.health()["frames_incomplete"] == 1


def test_in_low_light_every_color_picture_comes_once_with_the_depth_nearest_to_it(filmed):
    ids = []
    for n in range(1, 45):
        filmed.clock.wait_until_ns(BEGIN_NS + round(n * 1e9 / 30))
        if n % 2:
            filmed.sensor.push(COLOR, n)
        filmed.sensor.push_depth(n)
        filmed.sensor.wait_until_taken()
        if n % 2:
            capture = filmed.camera.grab(WAIT_S)
            assert capture.device_time_ns == round(EPOCH_TICKS + n * PERIOD_TICKS) * TICK_NS
            assert capture.flags == ()
            ids.append(capture.frame_id)
    assert LOW_LIGHT in filmed.camera.notices()
    assert filmed.camera.health()["frames_per_s"] == pytest.approx(15, abs=0.1)
    assert np.diff(ids[-5:]).tolist() == [1, 1, 1, 1]
    assert filmed.camera.health()["frames_incomplete"] == 0


def test_a_read_returns_when_nothing_comes_though_a_wait_would_not(driver, sensor):
    assert driver.read(0.05) is None
    sensor.push(COLOR, 1)
    assert driver.read(0.05) is None


def test_a_sensor_that_is_unplugged_is_missed_and_comes_back_with_a_gap(filmed, sensor):
    first = filmed.ids(1, 2)[0]
    filmed.lose_patience()
    sensor.plug()
    with pytest.raises(CameraGone, match=r"the Kinect is gone \(found .*\)") as caught:
        filmed.camera.grab(WAIT_S)
    assert "\n" not in str(caught.value)
    sensor.plug("777", "012345")
    filmed.clock.wait_until_ns(BEGIN_NS + round(62 * 1e9 / 30))
    capture = None
    while capture is None:  # it may be opened once more before the first picture
        sensor.wait_until_streaming()
        if sensor.push(COLOR, 3) and sensor.push(INFRARED, 3) and sensor.push(DEPTH, 3):
            sensor.wait_until_taken()
        try:
            capture = filmed.camera.grab(0.05)
        except CameraError:
            continue
    assert capture.frame_id == first + 61
    assert filmed.camera.nodes()["serial"] == "012345"


def test_no_sensor_is_one_line_and_so_is_the_wrong_one(sensor):
    sensor.plug()
    with pytest.raises(CameraError, match=r"^wanted a Kinect v2, found .+; ") as caught:
        make_driver(KinectSettings()).open()
    assert "\n" not in str(caught.value)
    sensor.plug("1", "2")
    with pytest.raises(CameraError, match="wanted the Kinect with serial '3', found 1, 2; plug it in"):
        make_driver(KinectSettings(serial="3")).open()


def test_of_several_sensors_the_one_that_is_named_opens(sensor):
    sensor.plug("1", "2", "3")
    driver = make_driver(KinectSettings(serial="2"))
    driver.open()
    assert driver.facts().serial == "2"
    driver.close()


def test_a_sensor_that_libfreenect2_does_not_open_is_one_line_and_not_the_end_of_the_process(sensor):
    sensor.library.stand_in_refuse(1)
    driver = make_driver(KinectSettings())
    with pytest.raises(CameraError, match="libfreenect2 does not open the Kinect '012345'") as caught:
        driver.open()
    assert "\n" not in str(caught.value)
    driver.close()
    sensor.library.stand_in_refuse(0)
    driver.open()
    driver.close()


def test_a_sensor_that_another_program_has_is_left_alone(sensor, monkeypatch):
    monkeypatch.setattr(libfreenect2, "in_use", lambda serial: serial == "012345")
    driver = make_driver(KinectSettings())
    with pytest.raises(CameraError, match="the Kinect '012345' is in use by another program; close that"):
        driver.open()
    driver.close()
    assert not sensor.library.stand_in_wait_streaming(0)


def test_the_factory_calibration_is_kept_as_the_sensor_tells_it(filmed):
    text = filmed.camera.documents()[FILE_NAME]
    factory = factory_from_json(text, where="here")
    assert (factory.driver, factory.serial, factory.mirrored) == ("libfreenect2", "012345", True)
    told = [getattr(factory.depth, name) for name in LENS]
    np.testing.assert_array_equal(np.float32(told), np.float32(INFRARED_CAMERA))
    in_order = [*COLOR_PARAMETERS[:6], *COLOR_PARAMETERS[6:]]
    told = [factory.color_parameters[name] for name in in_order]
    np.testing.assert_array_equal(np.float32(told), np.float32(COLOR_CAMERA))
    assert factory.color is not None
    assert factory.color.fx == factory.color_parameters["fx"]


@pytest.mark.parametrize(
    ("infrared", "color"),
    [
        ((0.0,) * 9, (0.0,) * 26),
        ((*INFRARED_CAMERA[:8], float("nan")), COLOR_CAMERA),
        (INFRARED_CAMERA, (*COLOR_CAMERA[:25], float("inf"))),
    ],
    ids=["none", "a lens of nonsense", "a polynomial of nonsense"],
)
def test_a_sensor_that_tells_no_calibration_is_filmed_all_the_same(driver, sensor, infrared, color):
    sensor.tell(infrared, color)
    assert driver.facts().factory is None
    sensor.push_all(1)
    assert driver.read(WAIT_S) is not None


def test_nodes_say_who_computes_depth_and_what_is_done_to_it(filmed):
    nodes = filmed.camera.nodes()
    assert (nodes["pipeline"], nodes["firmware"], nodes["driver_version"]) == (
        "opencl",
        "4.0.3911.0",
        "0.1.4",
    )
    assert "bilateral" in nodes["depth_filters"]
    assert nodes["mirrored_by_driver"] is True


def test_a_pipeline_that_gives_no_depth_is_passed_over_when_the_sensor_is_opened_again(sensor):
    driver = make_driver(KinectSettings())
    found = []
    for _ in range(3):
        driver.open()
        found.append(driver.facts().nodes["pipeline"])
        sensor.push(COLOR, 1)
        assert driver.read(0.0) is None
        assert f"the {found[-1]} pipeline" in driver.silence()
        driver.close()
    assert found == ["opencl", "cpu", "opencl"]
    driver.open()
    assert "no depth with opencl; cpu computes it now" in driver.facts().notices[-1]
    driver.close()


def test_a_pipeline_that_is_named_is_kept_and_one_that_was_not_built_is_refused(sensor):
    driver = make_driver(KinectSettings(pipeline="opengl"))
    for _ in range(2):
        driver.open()
        assert driver.facts().nodes["pipeline"] == "opengl"
        sensor.push(COLOR, 1)
        assert driver.read(0.0) is None
        driver.close()
    with pytest.raises(CameraError, match="pipeline 'cuda', found it built with opencl, opengl, cpu only"):
        make_driver(KinectSettings(pipeline="cuda")).open()


def test_libfreenect2_says_warnings_only(driver, sensor):
    assert driver.name == "libfreenect2"
    assert sensor.library.stand_in_log_level() == 2


def test_close_is_harmless_at_any_time(sensor):
    driver = make_driver(KinectSettings())
    driver.close()
    driver.open()
    driver.close()
    driver.close()
    assert not sensor.library.stand_in_wait_streaming(0)


def test_a_binding_that_is_absent_or_cannot_load_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "pylibfreenect2", None)
    with pytest.raises(CameraError, match=r"^no pylibfreenect2$"):
        make_driver(KinectSettings())


def test_a_binding_without_pkg_resources_says_what_to_install(binding, monkeypatch):
    monkeypatch.delitem(sys.modules, "pylibfreenect2", raising=False)
    monkeypatch.setitem(sys.modules, "pkg_resources", None)
    with pytest.raises(CameraError, match="wants pkg_resources, found none; pip install"):
        make_driver(KinectSettings())
    assert binding is not None
