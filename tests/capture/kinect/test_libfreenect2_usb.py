"""What the bus says of a Kinect, read from folders as Linux lists devices."""

from pathlib import Path

import pytest

from mavfer.capture.kinect_v2.freenect2_usb import UsbKinect, absence, find_usb_kinects, in_use

SENSOR, PREVIEW, ADAPTER = "02c4", "02d8", "02d9"


class Bus:
    """Folders like those of Linux's lists."""

    def __init__(self, folder: Path) -> None:
        self.devices, self.nodes = folder / "devices", folder / "nodes"
        self.places = (self.devices, self.nodes)
        self.devices.mkdir()

    def plug(
        self, name: str, product: str, *, speed: str = "5000", vendor: str = "045e", node: bool = True
    ) -> Path:
        """Add a device, of which every user may do everything if it has a node."""
        folder = self.devices / name
        folder.mkdir()
        number = len(list(self.devices.iterdir()))
        words = {
            "idVendor": vendor,
            "idProduct": product,
            "speed": speed,
            "busnum": "2",
            "devnum": str(number),
        }
        for key, word in {**words, "serial": f"S{number}"}.items():
            (folder / key).write_text(f"{word}\n")
        if node:
            path = self.nodes / "002" / f"{number:03d}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return folder

    def bind(self, folder: Path, interface: int, driver: str) -> None:
        """Let a driver have an interface of a device."""
        place = self.devices.parent / "drivers" / driver
        place.mkdir(parents=True, exist_ok=True)
        part = folder / f"{folder.name}:1.{interface}"
        part.mkdir()
        (part / "driver").symlink_to(place)


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    """Return a bus with things on it that are no Kinect."""
    bus = Bus(tmp_path)
    bus.plug("usb1", "0002", vendor="1d6b")
    bus.plug("1-1", SENSOR, vendor="1234")
    return bus


def test_sensors_are_found_among_other_devices_with_what_they_tell(bus):
    bus.plug("2-1", ADAPTER)
    bus.plug("2-1.1", SENSOR)
    bus.plug("2-2.1", PREVIEW, speed="480")
    assert find_usb_kinects(*bus.places) == (
        UsbKinect("S4", 5000, permitted=True, in_use=False),
        UsbKinect("S5", 480, permitted=True, in_use=False),
    )


def test_a_sensor_is_in_use_when_a_program_has_claimed_any_of_its_interfaces(bus):
    bus.bind(bus.plug("2-1.1", SENSOR), 1, "usbfs")
    bus.bind(bus.plug("2-2.1", SENSOR), 2, "snd-usb-audio")
    assert in_use("S3", *bus.places)
    assert not in_use("S4", *bus.places)
    assert not in_use("another", *bus.places)


def test_the_reason_why_none_is_found_is_told(bus):
    assert absence(*bus.places)[0] == "none on the bus"
    bus.plug("1-2", ADAPTER, speed="480")
    assert absence(*bus.places)[0] == "its adapter alone"
    bus.plug("2-1.1", SENSOR)
    assert absence(*bus.places)[0] == "one that does not answer"
    bus.plug("2-2.1", SENSOR, speed="480")
    assert absence(*bus.places)[0] == "one on a USB 2 port"
    bus.plug("2-3.1", SENSOR, node=False)
    what, remedy = absence(*bus.places)
    assert what == "one that this user may not open"
    assert "90-kinect2.rules" in remedy


def test_a_system_without_such_lists_has_no_sensor_on_them(tmp_path):
    nowhere = tmp_path / "devices", tmp_path / "nodes"
    assert find_usb_kinects(*nowhere) == ()
    assert not in_use("S1", *nowhere)
    assert absence(*nowhere)[0] == "none on the bus"


def test_a_device_that_tells_nothing_but_what_it_is_is_found(bus):
    folder = bus.plug("2-1.1", SENSOR)
    for key in ("serial", "speed", "busnum", "devnum"):
        (folder / key).unlink()
    assert find_usb_kinects(*bus.places) == (UsbKinect("", 0, permitted=False, in_use=False),)
