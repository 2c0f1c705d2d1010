"""What the offsets of many moments say together: whether a camera stands where it was calibrated.

Pure functions on numbers; the offsets are measured in edge_fit.py, the session is read in verify.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from .edge_fit import Offset
from .steps import find_steps, standard_error

Float = NDArray[np.float64]
Verdict = Literal["agrees", "knocked", "cannot tell"]
LIMIT_PX = 3.0
"""Of each camera: 0.16 degrees or 2.7 mm at 0.94 m in color, 0.22 degrees or 3.7 mm in thermal."""
SYSTEMATIC_PX = 0.5
"""How far the true rig is found off, at most, in either axis, in simulated sessions of people and a board."""
FACE_RADIUS_MM = 100.0
"""A roll is told by how far it moves a point so far from the middle of a face."""
LEAST_ROLL_PX = 1.0  # less is not put into words
MIN_MOMENTS, MIN_SHARE = 5, 0.3
SLANT = 0.38  # the sine of 22.5 degrees: less is not called a direction
STEP_SHARE = 0.5  # steps within a session are looked for from half the limit on


@dataclass(frozen=True, slots=True)
class Measured:
    """One moment of a session in one camera.

    Attributes
    ----------
    tick : int;  time_s : float, since the first tick
    frame : index of each stream's frame
    offset : Offset, None where the edges were not found
    reason : str, why not
    """

    tick: int
    time_s: float
    frame: Mapping[Stream, int]
    offset: Offset | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a session during which nothing moved.

    Attributes
    ----------
    first_s, last_s : float, times of its first and last moment
    n_moments : int
    offset_px, uncertainty_px : (2,) float64, the median of found minus expected (right, down) and its
        standard deviation, `SYSTEMATIC_PX` included
    turn_deg : (3,) float64, the rotation of the scene about the camera's axes that explains it
    roll_px : float, what the rotation about the viewing axis moves at the rim of a face
    f_px, z_mm : float, the camera's focal length and the distance of the rims
    """

    first_s: float
    last_s: float
    n_moments: int
    offset_px: Float
    uncertainty_px: Float
    turn_deg: Float
    roll_px: float
    f_px: float
    z_mm: float

    @property
    def length_px(self) -> float:
        """The length of the offset."""
        return float(np.linalg.norm(self.offset_px))

    @property
    def size_px(self) -> float:
        """How far edges at the rim of a face lie off at most: the offset, and what the roll adds."""
        return self.length_px + abs(self.roll_px)

    @property
    def deviation_px(self) -> float:
        """The standard deviation of that length."""
        return float(np.max(self.uncertainty_px))

    @property
    def length_mm(self) -> float:
        """What the offset is at the distance of the rims."""
        return self.length_px * self.z_mm / self.f_px

    def words(self) -> str:
        """Say the offset in pixels, degrees and millimetres, with its direction."""
        turn_deg = float(np.linalg.norm(self.turn_deg[:2]))
        way = f" {direction_of(self.offset_px)}" if self.length_px > self.deviation_px else ""
        offset = (
            f"{self.length_px:.1f} ± {2 * self.deviation_px:.1f} px{way} "
            f"({turn_deg:.2f} degrees, or {self.length_mm:.1f} mm at {self.z_mm / 1000:.2f} m)"
        )
        if abs(self.roll_px) < LEAST_ROLL_PX:
            return offset
        sense = "clockwise" if self.turn_deg[2] > 0 else "counterclockwise"
        return f"{offset} and turned {abs(self.turn_deg[2]):.1f} degrees {sense}"


@dataclass(frozen=True, slots=True)
class CameraAgreement:
    """Whether one camera's edges lie where depth and the calibration put them.

    Attributes
    ----------
    camera : "color" or "thermal"
    verdict : Verdict
    reason : str, one sentence
    measured : one per moment, in the order of time
    segments : stretches between steps; none where it cannot be told
    limit_px : float
    """

    camera: str
    verdict: Verdict
    reason: str
    measured: tuple[Measured, ...]
    segments: tuple[Segment, ...]
    limit_px: float

    @property
    def n_found(self) -> int:
        """The moments in which edges were found."""
        return sum(one.offset is not None for one in self.measured)

    @property
    def worst(self) -> Segment | None:
        """The stretch with the largest offset."""
        return max(self.segments, key=lambda segment: segment.size_px, default=None)

    @property
    def steps_s(self) -> tuple[tuple[float, float], ...]:
        """Between which two times something moved."""
        return tuple((before.last_s, after.first_s) for before, after in pairwise(self.segments))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well the edges of color, depth and thermal pictures of one session agree.

    Attributes
    ----------
    session, rig : str, their names
    simulated : bool
    verdict : "knocked" if any camera is, else "cannot tell" if it cannot be told of any, else "agrees"
    reason : str, one or two sentences: what has moved, or why it cannot be told
    cameras : by name, "color" and "thermal" as far as the session has them
    remarks : what a reader must know besides
    """

    session: str
    rig: str
    simulated: bool
    verdict: Verdict
    reason: str
    cameras: Mapping[str, CameraAgreement]
    remarks: tuple[str, ...] = field(default=())

    def table(self) -> dict:
        """Return the facts as what JSON can hold."""
        return {
            "session": self.session,
            "rig": self.rig,
            "verdict": self.verdict,
            "reason": self.reason,
            "remarks": list(self.remarks),
            "cameras": {name: _camera_table(camera) for name, camera in self.cameras.items()},
        }


def agreement_of(
    camera: str, measured: Sequence[Measured], *, f_px: float, limit_px: float = LIMIT_PX
) -> CameraAgreement:
    """Return what the offsets of one camera say together.

    A camera is knocked where the median offset of a stretch is beyond `limit_px` and beyond three of its
    standard deviations, or where it steps by more than that within the session.
    """
    found = [one for one in measured if one.offset is not None]
    if len(found) < MIN_MOMENTS or len(found) < MIN_SHARE * len(measured):
        reasons = Counter(one.reason for one in measured if one.offset is None)
        why = reasons.most_common(1)[0][0] if reasons else "the session is too short"
        reason = f"its edges were found in {len(found)} of {len(measured)} moments; {why}"
        return CameraAgreement(camera, "cannot tell", reason, tuple(measured), (), limit_px)
    values = np.array([_values(one.offset, f_px) for one in found if one.offset is not None])
    bounds = [0, *find_steps(values, least_px=STEP_SHARE * limit_px), len(found)]
    segments = tuple(
        _segment(found[first:last], values[first:last], f_px) for first, last in pairwise(bounds)
    )
    verdict, reason = _judged(segments, limit_px)
    return CameraAgreement(camera, verdict, reason, tuple(measured), segments, limit_px)


def direction_of(offset_px: Float) -> str:
    """Return "right", "left and up" and the like; y points down."""
    x, y = (float(part) for part in offset_px / max(float(np.linalg.norm(offset_px)), 1e-9))
    across, along = "right" if x > 0 else "left", "down" if y > 0 else "up"
    words = [word for word, part in ((across, x), (along, y)) if abs(part) > SLANT]
    return " and ".join(words) or across


def _values(offset: Offset, f_px: float) -> list[float]:
    """Return x, y and roll in pixels."""
    return [*offset.px, float(np.radians(offset.turn_deg[2])) * FACE_RADIUS_MM * f_px / offset.z_mm]


def _segment(found: Sequence[Measured], values: Float, f_px: float) -> Segment:
    offsets = [one.offset for one in found if one.offset is not None]
    middle = np.median(values, axis=0)
    return Segment(
        first_s=found[0].time_s,
        last_s=found[-1].time_s,
        n_moments=len(found),
        offset_px=middle[:2],
        uncertainty_px=np.hypot(standard_error(values)[:2], SYSTEMATIC_PX),
        turn_deg=np.median([offset.turn_deg for offset in offsets], axis=0),
        roll_px=float(middle[2]),
        f_px=f_px,
        z_mm=float(np.median([offset.z_mm for offset in offsets])),
    )


def _judged(segments: Sequence[Segment], limit_px: float) -> tuple[Verdict, str]:
    """Return the verdict on a camera, and why."""
    beyond = [one for one in segments if one.size_px > max(limit_px, 3 * one.deviation_px)]
    steps = [
        (a, b)
        for a, b in pairwise(segments)
        if np.linalg.norm(b.offset_px - a.offset_px) > limit_px or abs(b.roll_px - a.roll_px) > limit_px
    ]
    worst = max(segments, key=lambda one: one.size_px)
    if steps:
        a, b = steps[0]
        when = f"between {a.last_s:.1f} s and {b.first_s:.1f} s"
        more = f", and {len(steps) - 1} more times" if len(steps) > 1 else ""
        return "knocked", f"its edges moved {when}{more}: before {a.words()}, then {b.words()}"
    if beyond:
        worst = max(beyond, key=lambda one: one.size_px)
        return "knocked", f"its edges lie {worst.words()} of where the calibration puts them"
    unsure = max(segments, key=lambda one: one.deviation_px)
    if 3 * unsure.deviation_px > limit_px:
        return "cannot tell", (
            f"its edges scatter too much: found {worst.size_px:.1f} px off, "
            f"known to ±{2 * unsure.deviation_px:.1f} px, the limit is {limit_px:g} px"
        )
    return (
        "agrees",
        f"its edges lie {worst.words()} of where the calibration puts them, within {limit_px:g} px",
    )


def _camera_table(camera: CameraAgreement) -> dict:
    return {
        "verdict": camera.verdict,
        "reason": camera.reason,
        "limit_px": camera.limit_px,
        "n_moments": len(camera.measured),
        "n_found": camera.n_found,
        "steps_s": [list(step) for step in camera.steps_s],
        "segments": [
            {
                "first_s": round(one.first_s, 3),
                "last_s": round(one.last_s, 3),
                "n_moments": one.n_moments,
                "offset_px": _rounded(one.offset_px),
                "uncertainty_px": _rounded(one.uncertainty_px),
                "turn_deg": _rounded(one.turn_deg),
                "size_px": round(one.size_px, 3),
                "length_mm": round(one.length_mm, 2),
                "distance_mm": round(one.z_mm, 1),
            }
            for one in camera.segments
        ],
        "moments": [
            {
                "time_s": round(one.time_s, 3),
                "offset_px": None if one.offset is None else _rounded(one.offset.px),
                "sd_px": None if one.offset is None else _rounded(one.offset.sd_px),
                "reason": one.reason,
            }
            for one in camera.measured
        ],
    }


def _rounded(values: Float) -> list[float]:
    return [round(float(value), 3) for value in values]
