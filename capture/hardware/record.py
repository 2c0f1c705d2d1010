"""What the checklist found, as values, and as the folder that can be sent: report.json and report.html."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .bench import Shown
from .stamps import Stamps
from .steps import Finding
from .watch import Event

SCHEMA = 1
RECORD_NAME, REPORT_NAME = "report.json", "report.html"


@dataclass(frozen=True, slots=True)
class CameraCheck:
    """What was found of one camera.

    Attributes
    ----------
    name : of its recorder
    camera : its kind, such as "flir_a65"
    simulated : whether no real sensor stands behind it
    findings : in the order of the steps
    streamed_s : how long it was watched while nobody touched it
    fps : announced; nan where it did not open
    stamps : of the frames of that time
    nodes : the camera's settings
    events, health : while it was open; seconds since the first step
    shown : pictures for the report
    """

    name: str
    camera: str
    simulated: bool
    findings: tuple[Finding, ...]
    streamed_s: float
    fps: float
    stamps: Stamps
    nodes: dict[str, Any]
    events: tuple[Event, ...]
    health: tuple[tuple[float, dict[str, float]], ...]
    shown: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class HardwareCheck:
    """What was found of the cameras of this machine.

    Attributes
    ----------
    began_utc : ISO 8601, in whole minutes
    interrupted : whether Ctrl-C ended it before its last step
    machine : see `machine_facts`
    """

    began_utc: str
    interrupted: bool
    machine: dict[str, Any]
    cameras: tuple[CameraCheck, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them."""
        return tuple(one for camera in self.cameras for one in camera.findings)


def write_record(found: HardwareCheck, folder: Path) -> None:
    """Write report.json and report.html."""
    from .page import write_page

    (folder / RECORD_NAME).write_text(
        json.dumps(_table(found, folder), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        encoding="utf-8",
    )
    write_page(found, folder / REPORT_NAME, files=_files(folder))


def _files(folder: Path) -> list[tuple[str, int]]:
    """Return the files in a folder, by name, with their bytes."""
    return sorted(
        (path.relative_to(folder).as_posix(), path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file()
    )


def _table(found: HardwareCheck, folder: Path) -> dict[str, Any]:
    """Return what was found as JSON holds it; numbers that are not finite are null."""
    cameras = [
        {
            "recorder": one.name,
            "camera": one.camera,
            "simulated": one.simulated,
            "announced_fps": one.fps,
            "streamed_s": one.streamed_s,
            "steps": [asdict(step) for step in one.findings],
            "events": [asdict(event) for event in one.events],
            "health": [{"at_s": at_s, **told} for at_s, told in one.health],
        }
        for one in found.cameras
    ]
    return _finite(
        {
            "schema": SCHEMA,
            "began_utc": found.began_utc,
            "interrupted": found.interrupted,
            "machine": found.machine,
            "cameras": cameras,
            "files": [name for name, _ in _files(folder)],
        }
    )


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
