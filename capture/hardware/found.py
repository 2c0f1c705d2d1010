"""What the checklist found, as values."""

from dataclasses import dataclass
from typing import Any

from .bench import Shown
from .stamps import Stamps
from .steps import Finding
from .watch import Event


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
