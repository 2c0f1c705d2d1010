"""Disks: room and write speed where sessions and datasets will lie, and room for temporary files."""

import os
import tempfile
from pathlib import Path

from ..errors import MavferError
from .asked import Asked
from .finding import Check, Finding, Use
from .machine import load, quoted

SPEED_S = 0.6
SPEED_BYTES = 32 * 2**20
ENOUGH_BYTES_PER_S = 40e6
"""The simulated sensors make 9.5 MB/s at 10 ticks a second and three times of it at 30, which a disk's bad
moments must not delay."""
ROOM_BYTES: dict[Use, int] = {
    "record": 34 * 10**9,
    "build": 20 * 10**9,
    "train": 10 * 10**9,
    "rate": 5 * 10**9,
    "all": 10 * 10**9,
}
"""For "record", an hour of both sensors at 10 ticks a second."""
TEMPORARY_BYTES = 2 * 10**9


def check_room(free_bytes: int, total_bytes: int, *, folder: Path, use: Use, reserve_mb: int) -> Finding:
    """Judge the free space of a folder's disk against what a take leaves free, and what the use takes."""
    size_text = load(".capture.disk").size_text
    found = f"{size_text(free_bytes)} of {size_text(total_bytes)} free: {folder}"
    wanted_bytes = ROOM_BYTES[use]
    if free_bytes >= wanted_bytes:
        return Finding("disk", "ok", found)
    mend = "" if os.name == "nt" else f"du -xh --max-depth=1 {quoted(str(folder))} | sort -h"
    advice = "free some, or name a folder on another disk with --at"
    if free_bytes < reserve_mb * 2**20:
        wanted = f"{size_text(reserve_mb * 2**20)} at the very least"
        return Finding("disk", "fail", found, wanted, mend, advice)
    return Finding("disk", "warn", found, f"{size_text(wanted_bytes)} or more", mend, advice)


def check_speed(bytes_per_s: float, *, recording: bool) -> Finding:
    """Judge a write speed; `recording` says that cameras will write there."""
    found = f"{bytes_per_s / 1e6:.0f} MB/s, written through to the disk"
    if bytes_per_s >= ENOUGH_BYTES_PER_S or not recording:
        return Finding("write speed", "ok", found)
    return Finding(
        "write speed",
        "warn",
        found,
        f"{ENOUGH_BYTES_PER_S / 1e6:.0f} MB/s or more",
        advice="stop what else writes there, or name a folder on a faster disk (an SSD) with --at",
    )


def check_temporary(folder: str, free_bytes: int) -> Finding:
    """Judge the room for temporary files."""
    size_text = load(".capture.disk").size_text
    found = f"{size_text(free_bytes)} free: {folder}"
    if free_bytes >= TEMPORARY_BYTES:
        return Finding("temporary files", "ok", found)
    variable = "$env:TEMP = 'FOLDER'" if os.name == "nt" else "export TMPDIR=FOLDER"
    return Finding(
        "temporary files",
        "warn",
        found,
        f"{size_text(TEMPORARY_BYTES)} or more",
        mend=variable,
        advice="put in a folder on a disk with room",
    )


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at: the disk of a folder and its speed, and temporary files."""

    def room() -> Finding:
        try:
            found = load(".capture.disk").disk_of(asked.at)
        except MavferError as error:
            return Finding("disk", "fail", str(error), advice="name another with --at")
        return check_room(
            found.free_bytes,
            found.total_bytes,
            folder=asked.at.absolute(),
            use=asked.use,
            reserve_mb=asked.reserve_mb,
        )

    def speed() -> Finding:
        try:
            found = load(".capture.disk").write_speed_bytes_per_s(
                asked.at, n_bytes=SPEED_BYTES, at_most_s=SPEED_S
            )
        except MavferError as error:
            return Finding("write speed", "fail", str(error), advice="name another with --at")
        return check_speed(found, recording=asked.use in ("record", "all"))

    def temporary() -> Finding:
        folder = tempfile.gettempdir()
        return check_temporary(folder, load(".capture.disk").disk_of(Path(folder)).free_bytes)

    return [Check("disk", room), Check("write speed", speed), Check("temporary files", temporary)]
