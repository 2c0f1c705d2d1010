"""What the checklist found, as the folder that can be sent: report.json and report.html."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .found import HardwareCheck

SCHEMA = 1
RECORD_NAME, REPORT_NAME = "report.json", "report.html"


def write_record(found: HardwareCheck, folder: Path) -> None:
    """Write report.json and report.html."""
    from .page import write_page  # what draws plots is loaded when there is something to draw

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
