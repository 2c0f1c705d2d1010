"""The Kinects on this machine's USB as Linux lists them, to tell why libfreenect2 finds or opens none.

libfreenect2 tells its reasons to the console only, and resets a sensor that it opens, under the feet of the
program that has it. Other systems have no such lists, and nothing is told.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DEVICES = Path("/sys/bus/usb/devices")
NODES = Path("/dev/bus/usb")
MICROSOFT = "045e"
SENSORS = ("02c4", "02d8")
"""The sensor itself (libfreenect2.hpp: ProductIdPreview, ProductId); it shows on USB 3 only."""
ADAPTER = "02d9"
"""The hub in the adapter between sensor and computer; it shows on USB 2, too."""
USB3_MBPS = 5000
UDEV = "install libfreenect2's rule platform/linux/udev/90-kinect2.rules and plug the sensor in again"


@dataclass(frozen=True, slots=True)
class UsbKinect:
    """A Kinect v2 on the bus.

    Attributes
    ----------
    serial : "" where the bus does not tell
    speed_mbps : of the port, 0 where the bus does not tell
    permitted : whether this user may open it
    in_use : whether a program has claimed it
    """

    serial: str
    speed_mbps: int
    permitted: bool
    in_use: bool


def find_usb_kinects(devices: Path = DEVICES, nodes: Path = NODES) -> tuple[UsbKinect, ...]:
    """Return the Kinect v2 sensors on the bus; none where the system keeps no such list."""
    return tuple(
        UsbKinect(
            serial=_word(folder / "serial"),
            speed_mbps=_number(folder / "speed"),
            permitted=os.access(_node(folder, nodes), os.R_OK | os.W_OK),
            in_use=any(driver.resolve().name == "usbfs" for driver in folder.glob("*:*/driver")),
        )
        for folder in _folders(devices, SENSORS)
    )


def absence(devices: Path = DEVICES, nodes: Path = NODES) -> tuple[str, str]:
    """Return what the bus has where libfreenect2 finds no sensor, in few words, and what to do about it."""
    sensors = find_usb_kinects(devices, nodes)
    if any(not sensor.permitted for sensor in sensors):
        return "one that this user may not open", UDEV
    if any(0 < sensor.speed_mbps < USB3_MBPS for sensor in sensors):
        return "one on a USB 2 port", "plug it into a USB 3 port"
    if sensors:
        return "one that does not answer", "take its power away for some seconds"
    if next(_folders(devices, (ADAPTER,)), None) is not None:
        return "its adapter alone", "plug it into a USB 3 port, and see that the adapter has power"
    return "none on the bus", "plug it into a USB 3 port, and see that its adapter has power"


def in_use(serial: str, devices: Path = DEVICES, nodes: Path = NODES) -> bool:
    """Return whether a program has claimed the sensor of that serial number."""
    return any(sensor.in_use and sensor.serial == serial for sensor in find_usb_kinects(devices, nodes))


def _folders(devices: Path, products: tuple[str, ...]) -> Iterator[Path]:
    for product in sorted(devices.glob("*/idProduct")):
        if _word(product) in products and _word(product.parent / "idVendor") == MICROSOFT:
            yield product.parent


def _node(folder: Path, nodes: Path) -> Path:
    return nodes / f"{_number(folder / 'busnum'):03d}" / f"{_number(folder / 'devnum'):03d}"


def _word(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # it was unplugged meanwhile, or the bus does not tell
        return ""


def _number(path: Path) -> int:
    word = _word(path)
    return int(word) if word.isdecimal() else 0
