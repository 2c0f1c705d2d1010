"""USB as Linux lists it: Kinects and their ports, controllers, and memory for transfers."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .asked import Asked
from .drivers import KINECT
from .finding import Check, Finding, State
from .machine import Machine, load
from .windows import windows_facts

DEVICES, NODES = "/sys/bus/usb/devices", "/dev/bus/usb"
USB3_MBPS = 5000
XHCI = "0x0c0330"
"""PCI class of a USB 3 controller."""
MAKERS = {
    "0x8086": "Intel",
    "0x1912": "Renesas",
    "0x1033": "NEC (Renesas)",
    "0x1022": "AMD",
    "0x1b21": "ASMedia",
    "0x1106": "VIA",
    "0x1b73": "Fresco Logic",
    "0x104c": "Texas Instruments",
    "0x1b36": "of a virtual machine",
    "0x15ad": "of a virtual machine",
}
PROVEN = ("Intel", "Renesas", "NEC (Renesas)")
"""Chips that libfreenect2's documentation names as working."""
TRANSFERS_MB = 16.6
"""What libfreenect2 keeps under way for a Kinect: 60 x 8 x 33,792 and 20 x 16,384 bytes (its own log)."""
PARAMETER = "/sys/module/usbcore/parameters/usbfs_memory_mb"
UDEV_FILE = "/etc/udev/rules.d/90-kinect2.rules"
UDEV_RULE = 'SUBSYSTEM=="usb", ATTR{idVendor}=="045e", ATTR{idProduct}=="02c4|02d8|02d9", MODE="0666"'
ADMIT_KINECT = (
    f"echo '{UDEV_RULE}' | sudo tee {UDEV_FILE}\nsudo udevadm control --reload && sudo udevadm trigger"
)
TAKE_USB3 = "plug it into a USB 3 port (blue, or marked SS), and see that its adapter has power"


@dataclass(frozen=True, slots=True)
class Kinect:
    """A Kinect v2 on the bus.

    Attributes
    ----------
    speed_mbps : of the port; 0 where the system does not tell
    permitted : whether this user may open it
    in_use : whether a program has it
    controller : maker of the USB controller, "" where it is not known
    bus : Kinects of one bus share its bandwidth
    """

    serial: str
    speed_mbps: int
    permitted: bool = True
    in_use: bool = False
    controller: str = ""
    bus: str = ""


@dataclass(frozen=True, slots=True)
class Bus:
    """What hangs at USB.

    Attributes
    ----------
    listed : whether the system lists its devices at all
    kinects : sensors
    adapter_alone : whether a Kinect's adapter is there without a sensor behind it
    n_devices : hubs and controllers apart
    controllers : makers of the USB 3 controllers
    """

    listed: bool = False
    kinects: tuple[Kinect, ...] = ()
    adapter_alone: bool = False
    n_devices: int = 0
    controllers: tuple[str, ...] = ()


def read_bus(machine: Machine) -> Bus:
    """Return what hangs at this machine's USB."""
    if machine.platform == "win32":
        told = windows_facts(machine)
        return Bus(True, tuple(Kinect("", 0) for _ in range(told.n_kinects)), False, 0, told.usb_controllers)
    usb = load(".capture.kinect_v2.freenect2_usb")
    devices, nodes = machine.path(DEVICES), machine.path(NODES)
    if not devices.is_dir():
        return Bus(controllers=_controllers(machine))
    sensors = usb.find_usb_kinects(devices, nodes)
    folders = [path.parent for path in sorted(devices.glob("*/idProduct"))]
    of_kinect = [folder for folder in folders if _is_kinect(folder, usb.SENSORS, usb.MICROSOFT)]
    return Bus(
        True,
        tuple(
            Kinect(
                one.serial,
                one.speed_mbps,
                one.permitted,
                one.in_use,
                _maker_above(folder),
                folder.name.partition("-")[0],
            )
            for one, folder in zip(sensors, of_kinect, strict=True)
        ),
        not sensors and any(_is_kinect(folder, (usb.ADAPTER,), usb.MICROSOFT) for folder in folders),
        sum(_word(folder / "bDeviceClass") != "09" for folder in folders),
        _controllers(machine),
    )


def _is_kinect(folder: Path, products: tuple[str, ...], vendor: str) -> bool:
    return _word(folder / "idVendor") == vendor and _word(folder / "idProduct") in products


def _maker_above(folder: Path) -> str:
    """Return who made the controller that a device hangs at: the first PCI device above it."""
    for above in folder.resolve().parents:
        if _word(above / "class").startswith("0x0c03"):
            return MAKERS.get(_word(above / "vendor"), "unknown")
    return ""


def _controllers(machine: Machine) -> tuple[str, ...]:
    found = []
    for folder in sorted(machine.path("/sys/bus/pci/devices").glob("*")):
        if _word(folder / "class") == XHCI:
            maker = _word(folder / "vendor")
            found.append(MAKERS.get(maker, f"of vendor {maker}"))
    if not found:  # small boards have theirs on no PCI bus: what shows is its root hub
        roots = machine.path(DEVICES).glob("usb*")
        found = ["on the board" for root in roots if int(f"0{_word(root / 'speed')}") >= USB3_MBPS]
    return tuple(found)


def check_kinects(bus: Bus, *, absent: State, wanted: int = 1) -> list[Finding]:
    """Judge the Kinects on the bus; `absent` is the state of a machine that has fewer than `wanted`."""
    name = "Kinect v2 on USB"
    findings = [_judge_kinect(one, name) for one in bus.kinects]
    if not bus.listed:
        advice = TAKE_USB3 if absent != "not needed" else ""
        return [Finding(name, absent, "this system lists no USB devices", advice=advice)]
    if bus.adapter_alone:
        state: State = "warn" if absent == "not needed" else absent
        findings.append(Finding(name, state, "its adapter alone", "the sensor at USB 3", advice=TAKE_USB3))
    elif len(bus.kinects) < wanted:
        found = f"{len(bus.kinects)} of {wanted}" if bus.kinects else f"none among {bus.n_devices} devices"
        advice = TAKE_USB3 if absent != "not needed" else ""
        findings.append(Finding(name, absent, found, f"{wanted}" if advice else "", advice=advice))
    crowded = [bus_name for bus_name, n in Counter(one.bus for one in bus.kinects).items() if n > 1]
    if crowded and crowded != [""]:
        findings.append(
            Finding(
                "Kinects on one controller",
                "warn",
                f"several share bus {', '.join(crowded)}",
                "a USB 3 controller for each",
                advice="plug one into a port of another controller, or add a USB 3 card",
            )
        )
    return findings


def _judge_kinect(one: Kinect, name: str) -> Finding:
    which = one.serial or "serial not told"
    if not one.permitted:
        return Finding(
            name,
            "fail",
            f"{which}: this user may not open it",
            "read and write",
            ADMIT_KINECT,
            "then plug the sensor in again",
        )
    if 0 < one.speed_mbps < USB3_MBPS:
        return Finding(
            name,
            "fail",
            f"{which}: at {one.speed_mbps} Mbit/s, a USB 2 port or cable",
            f"{USB3_MBPS} Mbit/s",
            advice=TAKE_USB3,
        )
    speed = f" at {one.speed_mbps} Mbit/s" if one.speed_mbps else ""
    found = f"{which}{speed}{', in use by a program' if one.in_use else ''}"
    if one.controller and one.controller not in PROVEN:
        return Finding(
            name,
            "warn",
            f"{found}, on a controller of {one.controller}",
            "one of Intel or Renesas",
            advice="if pictures stall, plug it into a port of another controller, or add a USB 3 card",
        )
    return Finding(name, "ok", found + (f", {one.controller} controller" if one.controller else ""))


def check_controllers(bus: Bus, *, absent: State) -> Finding:
    """Judge the USB 3 controllers."""
    if not bus.controllers:
        advice = "add a USB 3 card with an Intel or Renesas chip" if absent != "not needed" else ""
        return Finding("USB 3 controllers", absent, "none found", "one for each Kinect", advice=advice)
    return Finding("USB 3 controllers", "ok", ", ".join(bus.controllers))


def check_usb_memory(memory_mb: int | None, *, n_kinects: int) -> Finding:
    """Judge the memory that Linux lets USB transfers of programs have, for so many Kinects."""
    name = "USB transfer memory"
    if memory_mb is None:
        return Finding(name, "not needed", "this system has no usbfs_memory_mb")
    found = f"usbfs_memory_mb = {memory_mb}" if memory_mb else "usbfs_memory_mb = 0, without a limit"
    needed_mb = TRANSFERS_MB * n_kinects
    if not n_kinects:
        return Finding(name, "not needed", f"{found}; a Kinect v2 wants 64")
    if memory_mb == 0 or memory_mb > needed_mb:
        return Finding(name, "ok", found)
    wanted_mb = 64 * n_kinects
    return Finding(
        name,
        "warn",
        found,
        f"{wanted_mb}, as a Kinect keeps {TRANSFERS_MB:.0f} MB under way",
        mend=f"echo {wanted_mb} | sudo tee {PARAMETER}",
        advice=f"for good: add usbcore.usbfs_memory_mb={wanted_mb} to the kernel's command line",
    )


def _word(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at: what hangs at USB."""
    machine, absent = asked.machine, asked.absent(KINECT)

    def usb() -> list[Finding]:
        bus = read_bus(machine)
        wanted = max(1, asked.count(KINECT))
        findings = check_kinects(bus, absent=absent, wanted=wanted)
        findings.append(check_controllers(bus, absent=absent))
        if machine.platform == "linux":
            n_kinects = max(len(bus.kinects), wanted if asked.wants(KINECT) else 0)
            findings.append(check_usb_memory(machine.number(PARAMETER), n_kinects=n_kinects))
        return findings

    return [Check("Kinect v2 on USB", usb)]
