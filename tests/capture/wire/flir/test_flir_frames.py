"""Frames of a simulated A65 on the wire, through producer, harvesters and the camera's own process."""

import os
import shutil
import xml.etree.ElementTree
from functools import cache

import numpy as np
import pytest

from mavfer.capture.now import monotonic_ns
from mavfer.capture.simulated.renderer import ThermalView
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.temperature import conversion
from mavfer.errors import CameraError

SECONDS = 60.0
FAKE = "arv-fake-gv-camera-0.8"


@cache
def view():
    return ThermalView(SceneSettings(target="face", seed=0, light=1.0), subject="S01", seconds=SECONDS)


def rendered(capture, told):
    """Return the counts of 0.04 K that a simulated A65 shows at a frame's time; see a65_pictures.py."""
    exposed_ns = told["clock_start_ns"] + capture.device_time_ns
    return view().thermal((exposed_ns - told["scene_start_ns"]) / 1e9, capture.frame_id)


def kelvin(camera, capture):
    (frame,) = capture.retrieve()
    law = conversion(camera.specs[0].unit)
    assert law is not None
    return law.kelvin(frame.pixels)


def test_300_frames_come_without_a_gap_and_are_as_warm_as_what_was_filmed(lab):
    device = lab.wire.simulated_a65("--nuc-every", 0)
    camera = lab.open()
    captures = lab.frames(camera, 300)
    told = lab.counters(device)
    assert lab.missing(captures) == []
    assert camera.fps == pytest.approx(30, abs=0.5)
    assert camera.specs[0].unit == "0.04 K"
    assert camera.specs[0].shape == (512, 640)
    assert told["skipped"] == 0
    assert {capture.flags for capture in captures} == {()}
    for capture in captures[::29]:
        assert np.abs(kelvin(camera, capture) - rendered(capture, told) * 0.04).max() <= 0.04


def test_times_are_those_of_the_cameras_clock_and_transport_is_what_they_are_late_by(lab):
    device = lab.wire.simulated_a65("--nuc-every", 0)
    camera = lab.open()
    captures = lab.frames(camera, 90)
    told = lab.counters(device)
    device_ns = np.array([capture.device_time_ns for capture in captures])
    assert np.abs(np.diff(device_ns) - 1e9 / 30).max() < 100_000
    exposed_ns = told["clock_start_ns"] + device_ns
    late_ns = np.array([capture.host_time_ns for capture in captures]) - exposed_ns
    assert late_ns.min() > 0
    assert camera.nodes()["time_stamps"] == "ns"
    readings = camera.clock_readings()
    assert readings
    assert camera.clock_readings() == ()
    for reading in readings:
        assert reading.before_ns <= told["clock_start_ns"] + reading.device_ns <= reading.after_ns
    slack_ns = max(reading.after_ns - reading.before_ns for reading in readings)
    for capture in captures:
        assert capture.transport_ns > 0
    assert captures[-1].transport_ns >= late_ns.min() - slack_ns


def test_what_is_needed_to_convert_later_is_kept(lab):
    lab.wire.simulated_a65()
    camera = lab.open(nodes={"SyncMode": "Disabled"})
    nodes = camera.nodes()
    for name in (
        "R",
        "B",
        "F",
        "O",
        "SensorGainMode",
        "TemperatureLinearMode",
        "PixelFormat",
        "CMOSBitDepth",
    ):
        assert name in nodes, name
    assert nodes["TemperatureLinearMode"] == "On"
    assert nodes["TemperatureLinearResolution"] == "High"
    assert nodes["simulated"] is True
    assert nodes["serial"] == "65000001"
    assert all(isinstance(value, str | int | float | bool) for value in nodes.values())
    described = xml.etree.ElementTree.fromstring(camera.documents()["genicam.xml"])
    assert described.tag.endswith("RegisterDescription")
    assert {"sensor_temperature_c", "housing_temperature_c", "incomplete_frames"} <= set(camera.health())
    assert [line for line in camera.notices() if "warms up" in line]


@pytest.mark.parametrize(("linear", "unit", "apart_k"), [("low", "0.4 K", 0.4), ("off", "planck ", 0.6)])
def test_the_unit_is_what_the_camera_says_of_its_counts(lab, linear, unit, apart_k):
    device = lab.wire.simulated_a65("--nuc-every", 0, "--zip")
    camera = lab.open(linear=linear)
    assert camera.specs[0].unit.startswith(unit)
    assert "genicam.xml" in camera.documents()
    (capture,) = lab.frames(camera, 1)
    apart = np.abs(kelvin(camera, capture) - rendered(capture, lab.counters(device)) * 0.04)
    assert apart.max() <= apart_k, (capture, lab.counters(device))


def test_lost_packets_that_are_sent_again_leave_no_gap(lab):
    device = lab.wire.simulated_a65("--drop", 0.002, "--nuc-every", 0)
    captures = lab.frames(lab.open(), 150)
    told = lab.counters(device)
    assert told["dropped"] > 50
    assert told["resent"] >= told["dropped"] - 10  # of the last frames some are on the way
    assert lab.missing(captures) == []


@pytest.mark.parametrize("who", ["recorder", "camera"])
def test_lost_packets_that_are_not_sent_again_are_gaps_of_exactly_the_frames_they_damaged(lab, who):
    options = ["--no-resend"] if who == "camera" else []
    device = lab.wire.simulated_a65("--drop", 0.001, "--nuc-every", 0, *options)
    camera = lab.open(resend=who == "camera")
    captures = lab.frames(camera, 120)
    ids = [capture.frame_id for capture in captures]
    damaged = [number for number in lab.counters(device)["damaged"] if ids[0] < number < ids[-1]]
    assert len(damaged) > 10
    assert lab.missing(captures) == damaged
    assert [line for line in camera.notices() if "packets" in line]


def test_frames_that_were_lost_before_a_take_are_not_told_of_in_it(lab):
    device = lab.wire.simulated_a65("--drop", 0.001, "--nuc-every", 0, "--no-resend")
    camera = lab.open()
    lab.frames_until(camera, lambda _: [line for line in camera.notices() if "packets" in line])
    device.tell("drop 0")
    lab.frames(camera, 30)
    camera.start(monotonic_ns() + 10**9)
    lab.frames_until(camera, lambda capture: "nuc" in capture.flags)
    lab.frames(camera, 10)
    assert not [line for line in camera.notices() if "packets" in line]


def test_frames_of_a_correction_that_the_camera_makes_by_itself_are_flagged(lab):
    device = lab.wire.simulated_a65("--nuc-every", 0)
    camera = lab.open(nuc="automatic")
    lab.frames(camera, 5)
    device.tell("nuc")
    captures = lab.frames_until(camera, lambda capture: "nuc" in capture.flags)
    captures += lab.frames_until(camera, lambda capture: not capture.flags)
    frozen = lab.counters(device)["frozen"]
    flagged = [capture.frame_id for capture in captures if "repeated" in capture.flags]
    assert flagged == frozen
    assert [capture.frame_id for capture in captures if "nuc" in capture.flags] == frozen[1:]


def test_a_take_begins_with_a_correction_and_has_none_after_it(lab):
    device = lab.wire.simulated_a65("--nuc-every", 1)
    camera = lab.open()
    lab.frames_until(camera, lambda capture: "nuc" in capture.flags)  # at rest it corrects every second
    lab.frames_until(camera, lambda capture: not capture.flags)
    camera.start(monotonic_ns() + 10**9)
    captures = lab.frames(camera, 120)
    nuc = [number for number, capture in enumerate(captures) if "nuc" in capture.flags]
    assert nuc
    assert nuc[-1] < 45, "it ends about half a second after the start"
    assert nuc == list(range(nuc[0], nuc[-1] + 1))
    assert camera.nodes()["NUCMode"] == "Manual"
    before = lab.counters(device)["corrections"]
    camera.start(0)
    lab.frames_until(camera, lambda capture: "nuc" in capture.flags)
    assert lab.counters(device)["corrections"] > before
    assert camera.nodes()["NUCMode"] == "Automatic"


def test_a_camera_of_9_frames_a_second_is_one(lab):
    lab.wire.simulated_a65("--fps", 9)
    camera = lab.open()
    assert camera.fps == pytest.approx(9, abs=0.2)
    assert lab.missing(lab.frames(camera, 10)) == []


def test_two_cameras_are_told_apart_by_their_serials(lab):
    for number in (1, 2):
        lab.wire.simulated_a65("--address", f"127.0.0.{number}", "--serial", f"6500000{number}")
    cameras = [lab.open(serial=f"6500000{number}") for number in (1, 2)]
    assert [camera.nodes()["serial"] for camera in cameras] == ["65000001", "65000002"]
    for camera in cameras:
        assert lab.missing(lab.frames(camera, 20)) == []


def test_packets_have_the_size_that_is_asked_for(lab):
    lab.wire.simulated_a65()
    camera = lab.open(packet_size_bytes=8000)
    assert camera.nodes()["GevSCPSPacketSize"] == 8000
    assert lab.missing(lab.frames(camera, 30)) == []


def test_pixels_whose_high_byte_comes_first_are_told_of_and_can_be_turned(lab):
    device = lab.wire.simulated_a65("--swap-bytes", "--nuc-every", 0)
    sixteen = {"nodes": {"PixelFormat": "Mono16"}}
    with pytest.raises(CameraError, match=r"set swap_bytes = true in the rig file, .*: 65000001") as told:
        lab.open(**sixteen)
    assert "\n" not in str(told.value)
    camera = lab.open(**sixteen, swap_bytes=True)
    (capture,) = lab.frames(camera, 1)
    apart = np.abs(kelvin(camera, capture) - rendered(capture, lab.counters(device)) * 0.04)
    assert apart.max() <= 0.04


def test_a_camera_of_another_make_is_recorded_as_counts_and_told_of(lab):
    if shutil.which(FAKE) is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{FAKE} is not installed")
    fake = lab.wire.start(FAKE, "-i", "127.0.0.1", "-s", "X1")
    refusal = "finds no camera"
    while "finds no camera" in refusal:  # it does not say when it is ready
        assert fake.poll() is None
        with pytest.raises(CameraError) as told:  # it sends its Mono16 with the high byte first
            lab.open()
        refusal = str(told.value)
    assert "set swap_bytes = true" in refusal
    camera = lab.open(swap_bytes=True)
    assert camera.specs[0].unit == "counts"
    assert camera.specs[0].shape == (512, 512)
    notice = camera.notices()[0]
    assert "no TemperatureLinearMode" in notice
    assert "NUCAction" in notice
    captures = lab.frames(camera, 30)
    lab.missing(captures)  # ids go up; it sends no packet again, so some may be absent
    (frame,) = captures[0].retrieve()
    assert frame.pixels.shape == (512, 512)
    (later,) = captures[1].retrieve()
    steps = np.diff(frame.pixels.astype(int), axis=1)
    assert np.median(np.abs(steps)) <= 1, "its picture is a ramp of one count a pixel"
    assert (later.pixels != frame.pixels).any()
