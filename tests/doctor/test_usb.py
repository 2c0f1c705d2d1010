"""Kinects, controllers and webcams, read from folders laid out as Linux lays them."""

import pytest

from mavfer.doctor.asked import Asked
from mavfer.doctor.usb import Bus, Kinect, check_usb_memory, checks, read_bus
from mavfer.doctor.webcams import VideoDevice, check_video_devices, read_video_devices

SENSOR, ADAPTER = "02c4", "02d9"
PARAMETER = "sys/module/usbcore/parameters/usbfs_memory_mb"


def looked_at(asked):
    """Return all findings about USB."""
    return [finding for check in checks(asked) for finding in check.look()]


def wanting(drawn, *kinds):
    """Return what is asked of a drawn machine by a rig with these cameras on it."""
    return Asked(use="record", machine=drawn.machine, kinds=kinds)


def kinect_of(findings):
    """Return the findings about Kinects alone."""
    return [one for one in findings if one.name == "Kinect v2 on USB"]


def test_a_kinect_at_usb_3_of_a_proven_controller_is_ok(drawn):
    intel = drawn.controller("14.0", "0x8086")
    drawn.plug(intel, "2-1", ADAPTER, bDeviceClass="09")
    drawn.plug(intel, "2-1.1", SENSOR)
    bus = read_bus(drawn.machine)
    assert bus == Bus(True, (Kinect("S2", 5000, True, False, "Intel", "2"),), False, 1, ("Intel",))
    (found,) = kinect_of(looked_at(wanting(drawn, "kinect_v2")))
    assert found.state == "ok"
    assert "5000 Mbit/s" in found.found


def test_a_kinect_at_usb_2_fails_and_is_told_where_to_go(drawn):
    intel = drawn.controller("14.0", "0x8086")
    drawn.plug(intel, "1-1", SENSOR, speed=480)
    for asked in (wanting(drawn, "kinect_v2"), Asked(machine=drawn.machine)):
        (found,) = kinect_of(looked_at(asked))
        assert found.state == "fail"
        assert "480 Mbit/s" in found.found
        assert "USB 3 port" in found.advice


def test_a_kinect_at_a_controller_of_another_maker_is_doubted(drawn):
    drawn.plug(drawn.controller("03.0", "0x1b21"), "4-2", SENSOR)
    (found,) = kinect_of(looked_at(wanting(drawn, "kinect_v2")))
    assert (found.state, "ASMedia" in found.found) == ("warn", True)


def test_an_adapter_without_a_sensor_behind_it_is_told(drawn):
    drawn.plug(drawn.controller("14.0", "0x8086"), "1-2", ADAPTER, speed=480, bDeviceClass="09")
    (found,) = kinect_of(looked_at(wanting(drawn, "kinect_v2")))
    assert (found.state, found.found) == ("fail", "its adapter alone")
    (found,) = kinect_of(looked_at(Asked(machine=drawn.machine)))
    assert found.state == "warn"


def test_a_kinect_that_this_user_may_not_open_comes_with_the_rule_that_admits_it(drawn):
    folder = drawn.plug(drawn.controller("14.0", "0x8086"), "2-1", SENSOR)
    (drawn.root / f"dev/bus/usb/002/{int((folder / 'devnum').read_text()):03d}").unlink()
    (found,) = kinect_of(looked_at(wanting(drawn, "kinect_v2")))
    assert found.state == "fail"
    rule, reload = found.mend.splitlines()
    assert "045e" in rule
    assert "udevadm" in reload


@pytest.mark.parametrize(
    ("kinds", "use", "state"),
    [
        (("kinect_v2",), "all", "fail"),
        (("simulated_kinect",), "record", "not needed"),
        (None, "record", "warn"),
        (None, "all", "not needed"),
    ],
)
def test_an_absent_kinect_matters_as_far_as_somebody_wants_one(drawn, kinds, use, state):
    drawn.plug(drawn.controller("14.0", "0x8086"), "1-1", "c52b", vendor="046d", speed=12)
    (found,) = kinect_of(looked_at(Asked(use=use, machine=drawn.machine, kinds=kinds)))
    assert (found.state, found.found) == (state, "none among 1 devices")


def test_two_kinects_on_one_controller_are_named_and_on_two_they_are_not(drawn):
    intel, renesas = drawn.controller("14.0", "0x8086"), drawn.controller("15.0", "0x1912")
    drawn.plug(intel, "2-1", SENSOR)
    drawn.plug(intel, "2-3", SENSOR)
    findings = looked_at(wanting(drawn, "kinect_v2", "kinect_v2"))
    assert [one.state for one in kinect_of(findings)] == ["ok", "ok"]
    assert any(one.name == "Kinects on one controller" and one.state == "warn" for one in findings)
    (drawn.root / "sys/bus/usb/devices/2-3").unlink()
    drawn.plug(renesas, "4-1", SENSOR)
    findings = looked_at(wanting(drawn, "kinect_v2", "kinect_v2"))
    assert not any(one.name == "Kinects on one controller" for one in findings)


def test_a_rig_of_two_kinects_misses_the_second(drawn):
    drawn.plug(drawn.controller("14.0", "0x8086"), "2-1", SENSOR)
    found = kinect_of(looked_at(wanting(drawn, "kinect_v2", "kinect_v2")))
    assert [(one.state, one.found) for one in found][1] == ("fail", "1 of 2")


@pytest.mark.parametrize(
    ("memory_mb", "n_kinects", "state"),
    [
        (16, 0, "not needed"),
        (16, 1, "warn"),
        (64, 1, "ok"),
        (64, 3, "ok"),
        (64, 4, "warn"),
        (0, 4, "ok"),
        (None, 1, "not needed"),
    ],
)
def test_memory_for_transfers_has_to_hold_those_of_all_kinects(memory_mb, n_kinects, state):
    found = check_usb_memory(memory_mb, n_kinects=n_kinects)
    assert found.state == state
    if state == "warn":
        told = int(found.mend.split()[1])
        assert check_usb_memory(told, n_kinects=n_kinects).state == "ok"


def test_memory_for_transfers_is_read_where_linux_has_it(drawn):
    drawn.plug(drawn.controller("14.0", "0x8086"), "2-1", SENSOR)
    drawn.write(PARAMETER, 16)
    found = next(one for one in looked_at(Asked(machine=drawn.machine)) if one.name == "USB transfer memory")
    assert (found.state, found.found) == ("warn", "usbfs_memory_mb = 16")


def test_a_controller_that_is_on_no_pci_bus_shows_by_its_root_hub(drawn):
    board = drawn.root / "sys/devices/platform/xhci-hcd.0"
    drawn.plug(board.parent, "1-0", "0002", vendor="1d6b", speed=480, bDeviceClass="09")
    assert read_bus(drawn.machine).controllers == ()
    drawn.write("sys/bus/usb/devices/usb2/speed", 5000)
    drawn.write("sys/bus/usb/devices/usb1/speed", 480)
    assert read_bus(drawn.machine).controllers == ("on the board",)


def test_a_machine_without_usb_says_so(drawn):
    (drawn.root / "sys/bus/usb/devices").rmdir()
    (found,) = kinect_of(looked_at(Asked(machine=drawn.machine)))
    assert (found.state, found.found) == ("not needed", "this system lists no USB devices")


def test_webcams_are_listed_once_each_with_their_names(drawn):
    for number, index, name in (
        (0, 0, "C920: video"),
        (1, 1, "C920: metadata"),
        (10, 0, "Brio"),
        (2, 0, "X"),
    ):
        drawn.write(f"sys/class/video4linux/video{number}/name", name)
        drawn.write(f"sys/class/video4linux/video{number}/index", index)
        drawn.write(f"dev/video{number}", "")
    (drawn.root / "dev/video2").unlink()
    found = read_video_devices(drawn.machine)
    assert found == (
        VideoDevice("/dev/video0", "C920: video", True),
        VideoDevice("/dev/video2", "X", False),
        VideoDevice("/dev/video10", "Brio", True),
    )
    states = [one.state for one in check_video_devices(found, absent="fail")]
    assert states == ["ok", "warn", "ok"]
    (absent,) = check_video_devices((), absent="warn")
    assert (absent.state, absent.advice) == ("warn", "plug it in")
