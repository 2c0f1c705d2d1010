"""Webcams as Linux lists them: /dev/video*, and whether this user may open them."""

import os
from dataclasses import dataclass
from pathlib import Path

from .asked import Asked
from .finding import Check, Finding, State
from .machine import Machine

DEVICES = "/sys/class/video4linux"


@dataclass(frozen=True, slots=True)
class VideoDevice:
    """A /dev/video* that gives pictures."""

    path: str
    name: str
    permitted: bool


def read_video_devices(machine: Machine) -> tuple[VideoDevice, ...]:
    """Return the video devices that give pictures, the first node of each."""
    found = []
    for folder in sorted(machine.path(DEVICES).glob("video*"), key=_video_number):
        if machine.text(f"{DEVICES}/{folder.name}/index") not in ("", "0"):  # the same camera's metadata
            continue
        node = machine.path(f"/dev/{folder.name}")
        permitted = os.access(node, os.R_OK | os.W_OK)
        found.append(
            VideoDevice(f"/dev/{folder.name}", machine.text(f"{DEVICES}/{folder.name}/name"), permitted)
        )
    return tuple(found)


def _video_number(folder: Path) -> int:
    return int("0" + "".join(filter(str.isdigit, folder.name)))


def check_video_devices(found: tuple[VideoDevice, ...], *, absent: State) -> list[Finding]:
    """Judge the webcams; `absent` is the state of a machine without any."""
    if not found:
        wanted = "" if absent == "not needed" else "the rig file's webcam"
        return [Finding("webcams", absent, "none", wanted, advice=wanted and "plug it in")]
    findings = []
    for one in found:
        if one.permitted:
            findings.append(Finding("webcam", "ok", f"{one.path} {one.name}"))
        else:
            findings.append(
                Finding(
                    "webcam",
                    "warn",
                    f"{one.path} {one.name}: this user may not open it",
                    "read and write",
                    "sudo usermod -aG video $USER",
                    "then log in again",
                )
            )
    return findings


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at: webcams, on Linux."""
    machine = asked.machine

    def webcams() -> list[Finding]:
        needed = asked.kinds is not None and "webcam" in asked.kinds
        return check_video_devices(read_video_devices(machine), absent="warn" if needed else "not needed")

    return [Check("webcams", webcams)] if machine.platform == "linux" else []
