"""What stands behind a rig file right now: recorders found, cameras opened, disks and clocks measured."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import CameraError, RecordError
from .crew import Crew
from .gentl.build import CTI_NAME
from .hardware.machine import is_here
from .master import require_idle
from .producers import find_producers
from .recorder_settings import RecorderSettings
from .rig import Rig
from .status import CLOCK_RESIDUAL_MS, RecorderStatus
from .take_opening import open_cameras

GATHER_TIMEOUT_S = 10.0
MEASURE_TIMEOUT_S = 30.0
CLOCK_S = 2.5
LOOK_S = 0.1
HEADROOM = 2.0
"""A disk that is not this much faster than the streams is doubted: it has bad moments."""


@dataclass(frozen=True, slots=True)
class RecorderCheck:
    """What was found of one recorder.

    Attributes
    ----------
    problem : why it cannot record, or ""
    status : its last status
    nodes : the camera's settings as read back
    software : versions on its machine
    write_bytes_per_s : of its disk; 0 where it was not measured
    disk_left_s : how long its disk takes everything that goes there, the reserve apart
    producers : GenTL producers that a GenICam camera of it can be reached through, best first
    doubts : what would make a take risky, one line each
    """

    name: str
    host: str
    camera: str
    problem: str
    status: RecorderStatus | None = None
    nodes: dict[str, Any] | None = None
    software: dict[str, str] | None = None
    folder: str = ""
    write_bytes_per_s: float = 0.0
    disk_left_s: float | None = None
    producers: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def check_rig(rig: Rig, folder: Path, *, timeout_s: float = GATHER_TIMEOUT_S) -> tuple[RecorderCheck, ...]:
    """Return what was found of every recorder of a rig; takes a few seconds, and leaves nothing behind.

    Parameters
    ----------
    folder : where the sessions of recorders on this machine would lie

    Raises
    ------
    RecordError
        Another master listens, or a recorder is in the middle of a take.
    """
    folder = Path(folder).absolute()
    with Crew(rig) as crew:
        end_s = time.monotonic() + timeout_s
        missing: dict[str, str] = {}
        while crew.missing() and time.monotonic() < end_s:
            crew.listen(LOOK_S)
            if all(member.joined or member.gone for member in crew.members()):
                break
        for member in crew.members():
            if not member.joined:
                missing[member.name] = member.gone or crew.absence(member.name, timeout_s)
        if missing:
            return tuple(
                RecorderCheck(
                    member.name, member.settings.host, member.settings.camera, missing.get(member.name, "")
                )
                for member in crew.members()
            )
        require_idle(crew)
        try:
            answers, _ = open_cameras(crew, rig, folder / "check", subject="S01", seconds=60, previews=False)
        except RecordError as error:
            return tuple(
                RecorderCheck(member.name, member.settings.host, member.settings.camera, str(error))
                for member in crew.members()
            )
        speeds = crew.command_all("measure", {}, timeout_s=MEASURE_TIMEOUT_S)
        end_s = time.monotonic() + CLOCK_S
        while time.monotonic() < end_s:
            crew.listen(LOOK_S)
        found = []
        for status in crew.statuses():
            answer, speed = answers[status.name], float(speeds[status.name]["write_bytes_per_s"])
            free, reserve = int(answer["disk_free_bytes"]), rig.reserve_mb * 2**20
            sharing = [other for other in answers.values() if other["disk"] == answer["disk"]]
            rate = sum(float(other["bytes_per_s"]) for other in sharing)
            producers, no_producer = _producers(rig.recorders[status.name], answer["nodes"])
            full = f"the disk has {free / 2**20:.0f} MB, reserve_mb wants {rig.reserve_mb}: no take can begin"
            found.append(
                RecorderCheck(
                    status.name,
                    str(answer["host"]),
                    status.camera,
                    full if free < reserve else "",
                    status,
                    answer["nodes"],
                    answer["software"],
                    answer["folder"],
                    speed,
                    max(0.0, free - reserve) / rate if rate > 0 else None,
                    producers,
                    (*_doubts(status, answer, speed), *no_producer),
                )
            )
        return tuple(found)


def _producers(settings: RecorderSettings, nodes: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the producers that a camera can be reached through, and a doubt about them.

    Of this machine all are found; another machine's recorder tells in its nodes which one it took.
    """
    if settings.camera != "flir_a65":
        return (), ()
    if not is_here(settings):
        told = str(nodes.get("producer", ""))
        names, lines = [told], ((told,) if told else ())
    else:
        try:
            found = find_producers(settings.flir_a65.cti if settings.flir_a65 is not None else None)
        except CameraError as error:
            return (), (str(error),)
        names, lines = [one.path.name for one in found], tuple(f"{one.path} ({one.source})" for one in found)
    if set(names) == {CTI_NAME} and nodes.get("simulated") is not True:
        return lines, (
            f"it is reached through mavfer's own producer {CTI_NAME}, which no real A65 has tried: prefer a "
            "vendor's where there is one",
        )
    return lines, ()


def _doubts(status: RecorderStatus, answer: dict[str, Any], speed: float) -> tuple[str, ...]:
    doubts = []
    rate = float(answer["bytes_per_s"])
    if speed < HEADROOM * rate:
        doubts.append(
            f"the disk takes {speed / 1e6:.0f} MB/s, the streams make {rate / 1e6:.1f}: frames may be lost"
        )
    if answer["software"].get("mavfer") != __version__:
        doubts.append(f"mavfer {answer['software'].get('mavfer')} there, {__version__} here")
    if status.n_pings == 0:
        doubts.append("its clock could not be measured: are the three ports after the master's open?")
    elif status.clock_residual_ms > CLOCK_RESIDUAL_MS:
        doubts.append(f"its clock is known to {status.clock_residual_ms:.1f} ms only")
    return (*doubts, *status.complaints)
