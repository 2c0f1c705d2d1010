"""Machines drawn into folders as Linux shows them, and the command as a person runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mavfer.doctor.machine import Machine

WAIT_S = 100
COMMAND = (
    "import sys, typer; from mavfer.doctor.commands import doctor; from mavfer.errors import MavferError\n"
    "app = typer.Typer(add_completion=False); app.command()(doctor)\n"
    "try: app(prog_name='mavfer doctor')\n"
    "except MavferError as error: sys.exit(f'error: {error}')"
)
"""The command's function by itself, in a process of its own."""


class Drawn:
    """A machine that is drawn file by file."""

    def __init__(self, root: Path) -> None:
        self.machine = Machine(root=root, platform="linux", wait_s=WAIT_S)
        self.root = root
        (root / "sys/bus/usb/devices").mkdir(parents=True)
        (root / "dev").mkdir()
        self.write("etc/os-release", 'NAME="Debian GNU/Linux"\nID=debian\n')

    def write(self, name: str, text: object) -> Path:
        """Write a file as the kernel shows it: a line."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
        return path

    def link(self, name: str, target: Path) -> None:
        """Make a link, relative as the kernel's are."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(os.path.relpath(target, path.parent))

    def controller(self, slot: str, vendor: str) -> Path:
        """Put in a USB 3 controller."""
        place = f"sys/devices/pci0000:00/0000:00:{slot}"
        self.write(f"{place}/class", "0x0c0330")
        self.write(f"{place}/vendor", vendor)
        self.link(f"sys/bus/pci/devices/0000:00:{slot}", self.root / place)
        return self.root / place

    def plug(
        self,
        controller: Path,
        name: str,
        product: str,
        *,
        vendor: str = "045e",
        speed: int = 5000,
        **words: str,
    ) -> Path:
        """Plug a device into a port ("2-1.1": bus 2, port 1 of a hub at port 1); links as the kernel's."""
        bus, _, ports = name.partition("-")
        steps = ports.split(".")
        above = [f"{bus}-{'.'.join(steps[:n])}" for n in range(1, len(steps))]
        folder = controller.joinpath(f"usb{bus}", *above, name)
        number = 1 + len(list((self.root / "sys/bus/usb/devices").iterdir()))
        told = {
            "idVendor": vendor,
            "idProduct": product,
            "speed": str(speed),
            "busnum": bus,
            "devnum": str(number),
            "bDeviceClass": "00",
            "serial": f"S{number}",
        } | words
        for key, word in told.items():
            self.write(str((folder / key).relative_to(self.root)), word)
        self.link(f"sys/bus/usb/devices/{name}", folder)
        self.write(f"dev/bus/usb/{int(bus):03d}/{number:03d}", "")
        return folder

    def card(
        self,
        name: str,
        *,
        mtu: int = 1500,
        speed: int | None = 1000,
        state: str = "up",
        physical: bool = True,
    ) -> None:
        """Put in a network card; a virtual one has no device behind it."""
        place = self.root / "sys/devices/pci0000:00/0000:00:19.0/net" / name
        for key, word in {"mtu": mtu, "type": 1, "operstate": state}.items():
            self.write(str((place / key).relative_to(self.root)), word)
        if speed is not None:
            self.write(str((place / "speed").relative_to(self.root)), speed)
        if physical:
            (place / "device").symlink_to("../..")
        self.link(f"sys/class/net/{name}", place)


@pytest.fixture
def drawn(tmp_path: Path) -> Drawn:
    """Return a machine without anything."""
    return Drawn(tmp_path / "machine")


Doctor = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    """Return what runs the command with some words, and more environment."""

    def run(*words: object, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        (tmp_path / "work").mkdir(exist_ok=True)
        clean = {key: word for key, word in os.environ.items() if not key.startswith("MAVFER_")}
        return subprocess.run(
            [sys.executable, "-P", "-c", COMMAND, "--wait", str(WAIT_S), *map(str, words)],
            cwd=tmp_path / "work",
            capture_output=True,
            text=True,
            check=False,
            timeout=250,
            env=clean | dict(env or {}),
        )

    return run


def findings(answer: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """Return the findings of an answer in JSON by their names, whatever the section."""
    assert "Traceback" not in answer.stderr
    told = json.loads(answer.stdout)
    return {finding["name"]: finding for section in told["sections"] for finding in section["findings"]}


def refuse(why: str) -> None:
    """Do without what a test needs; where everything must be tested that is a failure."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)
