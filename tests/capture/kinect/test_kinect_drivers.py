import sys

import pytest

from mavfer.capture.cameras import make_camera
from mavfer.capture.clock import MonotonicClock
from mavfer.capture.kinect_v2.drivers import DRIVERS, choose_driver
from mavfer.capture.kinect_v2.settings import KinectSettings
from mavfer.capture.rig import parse_rig
from mavfer.errors import CameraError


@pytest.fixture
def without(monkeypatch):
    """Return a function that takes libraries away from this Python."""

    def take(*libraries):
        for library in libraries:
            monkeypatch.setitem(sys.modules, library, None)

    return take


def test_on_windows_kinect_next_comes_first():
    pytest.importorskip("kinect_next")
    assert choose_driver(KinectSettings(), platform="win32").name == "kinect_next"


def test_on_windows_without_any_library_all_are_named_with_what_to_install(without):
    without("kinect_next", "pykinect2024", "pykinect2", "pylibfreenect2")
    with pytest.raises(CameraError, match="found none on win32") as caught:
        choose_driver(KinectSettings(), platform="win32")
    told = str(caught.value)
    assert [told.index(f"{name} (") for name in DRIVERS] == sorted(
        told.index(f"{name} (") for name in DRIVERS
    )
    assert "Kinect for Windows SDK 2.0" in told
    assert "\n" not in told
    assert told.count("install") == 2  # the SDK and the package, once each
    assert told.endswith(": docs/hardware.md says how")


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_elsewhere_libfreenect2_alone_is_tried_and_it_is_said_how_to_get_it(without, platform):
    without("pylibfreenect2")
    with pytest.raises(CameraError, match=f"found none on {platform}: tried libfreenect2") as caught:
        choose_driver(KinectSettings(), platform=platform)
    assert "kinect_next" not in str(caught.value)
    told = str(caught.value)
    assert "tried libfreenect2 (no pylibfreenect2); build" in told
    assert told.endswith("; build libfreenect2 and pylibfreenect2: docs/hardware.md says how")


def test_on_a_platform_without_drivers_nothing_is_tried():
    with pytest.raises(CameraError, match="found none on aix: tried none; use Windows, Linux or macOS"):
        choose_driver(KinectSettings(), platform="aix")


def test_a_driver_that_is_asked_for_is_taken_whatever_the_platform(without):
    pytest.importorskip("kinect_next")
    assert choose_driver(KinectSettings(driver="kinect_next"), platform="linux").name == "kinect_next"
    without("kinect_next")
    with pytest.raises(
        CameraError, match=r"found no kinect-next; it wants Windows; on linux, take driver out"
    ):
        choose_driver(KinectSettings(driver="kinect_next"), platform="linux")
    with pytest.raises(CameraError, match=r"found no kinect-next; install .* SDK 2\.0 .*hardware\.md"):
        choose_driver(KinectSettings(driver="kinect_next"), platform="win32")


def test_a_rig_s_kinect_is_made_with_its_settings():
    pytest.importorskip("kinect_next")
    rig = parse_rig(
        '[recorders.kinect]\ncamera = "kinect_v2"\n[recorders.kinect.kinect_v2]\ndriver = "kinect_next"\n',
        where="test",
    )
    camera = make_camera(rig.recorders["kinect"], rig=rig, subject="S01", seconds=1, clock=MonotonicClock())
    assert camera.nodes()["driver"] == "kinect_next"
