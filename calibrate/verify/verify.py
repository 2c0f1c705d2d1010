"""Whether a calibration still fits a recorded session: how well edges of color, depth and thermal agree.

Some moments spread over the session are looked at, whatever its length; where the offsets step from one level
to another, more moments between the two tell when. The infrared picture is not needed: rims of depth place
edges to 0.5 px of color already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ...capture.session import Session
from ...capture.streams import Stream
from ...capture.synchronize import Synchronized, synchronize
from ...capture.temperature import conversion
from ...errors import CalibrationError, SessionError
from ..calibration import Calibration, require_rig
from .agreement import LIMIT_PX, Agreement, CameraAgreement, Measured, Verdict, agreement_of
from .contours import Contours, find_contours
from .edge_fit import Offset, find_offset
from .edges import MIN_POINTS, expected_edges, shrink_factor

N_MOMENTS = 24
MOST_POINTS = 1500
EXTRA_MOMENTS = 10  # at most, to find when a step happened
DARK_LEVEL = 8.0  # of 255: below this mean a color picture is called dark
FLAT_K = 1.5
TOGETHER_SHARE, TOGETHER_DEG = 0.35, 0.12
"""So much two cameras' turns may differ when a third camera's knock explains both."""


def verify(
    session: Session,
    calibration: Calibration,
    *,
    n_moments: int = N_MOMENTS,
    limit_px: float = LIMIT_PX,
    on_progress: Callable[[int, int], None] | None = None,
) -> Agreement:
    """Return how well the edges of the session's pictures agree; about 0.15 s per moment on one core.

    Rims of near surfaces are found in depth, carried through the calibration into color and thermal, and
    compared with the edges there. A face before a room works, and so does a board in the air.

    Parameters
    ----------
    n_moments : moments that are looked at, at least 5, spread evenly
    limit_px : the offset, in each camera's own pixels, beyond which a rig is called knocked

    Raises
    ------
    CalibrationError
        The calibration belongs to another rig or other picture sizes, or the session has no depth, or
        neither color nor thermal.
    """
    require_rig(calibration, session.record.rig, session.path)
    cameras, remarks = _cameras(session, calibration)
    synchronized = synchronize(session)
    ticks = _ticks(synchronized, cameras, n_moments)
    measured: dict[str, list[Measured]] = {stream.value: [] for stream in cameras}
    for n_done, tick in enumerate(ticks):
        if on_progress is not None:
            on_progress(n_done, len(ticks))
        for name, one in _measure(session, synchronized, calibration, cameras, int(tick)).items():
            measured[name].append(one)
    found: dict[str, CameraAgreement] = {}
    for stream in cameras:
        f_px = calibration.camera_of(stream).fx
        found[stream.value] = _with_steps_timed(
            session, synchronized, calibration, stream, measured[stream.value], f_px=f_px, limit_px=limit_px
        )
    if on_progress is not None:
        on_progress(len(ticks), len(ticks))
    verdict, reason = overall(found, calibration)
    record = session.record
    return Agreement(record.id, record.rig, record.simulated, verdict, reason, found, remarks)


def contours_at(session: Session, calibration: Calibration, frame: Mapping[Stream, int]) -> Contours:
    """Return the rims in the depth picture of a moment; raises SessionError where it is damaged."""
    depth = session.frame(Stream.DEPTH, frame[Stream.DEPTH]).pixels
    return find_contours(np.asarray(depth, np.uint16), calibration).thinned(MOST_POINTS)


def measure_offset(
    picture: NDArray, contours: Contours, calibration: Calibration, stream: Stream
) -> Offset | str:
    """Return how far the edges of a picture lie from the rims of its moment, or why it is not known."""
    camera = calibration.camera_of(stream)
    camera_from_depth = calibration.from_color(stream) @ calibration.color_from_depth
    factor = shrink_factor(camera, calibration.depth)
    if len(contours) < MIN_POINTS:
        return "depth shows nothing near that stands free before something farther"
    expected = expected_edges(contours, camera, camera_from_depth)
    if expected.inside.sum() < MIN_POINTS:
        return f"too little of what stands before the rig is in the {stream.value} picture"
    offset = find_offset(picture, contours, camera, camera_from_depth, factor=factor)
    if offset is None:
        return (
            f"no edges of the {stream.value} picture fit the rims that depth shows: they do not stand out, "
            "or the camera has turned by more than 3 degrees"
        )
    return offset


def overall(cameras: Mapping[str, CameraAgreement], calibration: Calibration) -> tuple[Verdict, str]:
    """Return the verdict on the rig, and a sentence that says what has moved or why it cannot be told."""
    again = "record a board session and run `mavfer calibrate` on it"
    knocked = [name for name, one in cameras.items() if one.verdict == "knocked"]
    unknown = [name for name, one in cameras.items() if one.verdict == "cannot tell"]
    if knocked:
        return "knocked", f"{_moved(cameras, knocked, calibration)}; {again}"
    if unknown:
        return "cannot tell", "; ".join(f"{name}: {cameras[name].reason}" for name in unknown)
    return "agrees", f"{' and '.join(cameras)} edges lie where depth and the calibration put them"


def _moved(cameras: Mapping[str, CameraAgreement], knocked: list[str], calibration: Calibration) -> str:
    if len(knocked) == 1:
        (name,) = knocked
        others = [other for other, one in cameras.items() if other != name and one.verdict == "agrees"]
        if name == "color" and others:
            return "the color camera has moved against depth and thermal, which agree"
        if name == "thermal" and others:
            return "the thermal camera has moved against color and depth, which agree"
        return f"the {name} camera and the depth camera have moved against each other"
    color, thermal = (_way(cameras[name]) for name in ("color", "thermal"))
    if calibration.thermal_from_color is not None:
        thermal = calibration.thermal_from_color.rotation.T @ thermal
    apart_deg = float(np.linalg.norm((color - thermal)[:2]))
    if apart_deg < max(TOGETHER_SHARE * float(np.linalg.norm(color)), TOGETHER_DEG):
        return "the depth camera has moved against color and thermal, which agree with each other"
    return "more than one camera has moved, or the calibration is wrong in more than one place"


def _way(camera: CameraAgreement) -> NDArray[np.float64]:
    """Return the worst offset as an angle, degrees in x and y of the camera, with a 0 behind."""
    worst = camera.worst
    if worst is None:
        return np.zeros(3)
    return np.degrees(np.append(worst.offset_px / worst.f_px, 0.0))


def _cameras(session: Session, calibration: Calibration) -> tuple[tuple[Stream, ...], tuple[str, ...]]:
    """Return the streams whose edges are compared with depth, and what is to be said of the others."""
    usable, remarks = [], []
    for stream in (Stream.DEPTH, Stream.COLOR, Stream.THERMAL):
        if stream not in session.streams or not len(session.index(stream)):
            remarks.append(f"the session has no {stream.value} frames")
        elif stream is Stream.THERMAL and calibration.thermal is None:
            remarks.append("the calibration has no thermal camera")
        else:
            camera, shape = calibration.camera_of(stream), session.spec(stream).shape
            if shape[:2] != (camera.height, camera.width):
                raise CalibrationError(
                    f"wanted {stream.value} pictures of {camera.width} x {camera.height} as calibrated, "
                    f"found {shape[1]} x {shape[0]}; calibrate with the size that is recorded: {session.path}"
                )
            usable.append(stream)
    if Stream.DEPTH not in usable or len(usable) < 2:
        raise CalibrationError(
            f"wanted a session with depth, and color or thermal beside it, found "
            f"{', '.join(session.streams) or 'no stream'}; only the pictures of a whole rig can be "
            f"compared: {session.path}"
        )
    return tuple(usable[1:]), tuple(remarks)


def _ticks(synchronized: Synchronized, cameras: tuple[Stream, ...], n_moments: int) -> NDArray[np.int64]:
    """Return at most `n_moments` ticks spread over those that have a frame of every stream, or of some."""
    has = {stream: synchronized.index[stream] >= 0 for stream in (Stream.DEPTH, *cameras)}
    whole = np.flatnonzero(np.logical_and.reduce(list(has.values())))
    if not len(whole):
        some = np.logical_or.reduce([has[stream] for stream in cameras])
        whole = np.flatnonzero(has[Stream.DEPTH] & some)
    if not len(whole):
        return whole
    return np.unique(whole[np.rint(np.linspace(0, len(whole) - 1, max(n_moments, 5))).astype(int)])


def _measure(
    session: Session,
    synchronized: Synchronized,
    calibration: Calibration,
    cameras: tuple[Stream, ...],
    tick: int,
) -> dict[str, Measured]:
    """Return what one tick shows, by camera; cameras without a frame there are left out."""
    frame = {stream: int(index[tick]) for stream, index in synchronized.index.items() if index[tick] >= 0}
    time_s = float(synchronized.time_s[tick])
    measured = {}
    contours: Contours | str
    try:
        contours = contours_at(session, calibration, frame)
    except SessionError:
        contours = "depth frames are damaged"
    for stream in cameras:
        if stream not in frame:
            continue
        found: Offset | str
        if isinstance(contours, str):
            found = contours
        else:
            try:
                picture = session.frame(stream, frame[stream]).pixels
                found = measure_offset(picture, contours, calibration, stream)
                if isinstance(found, str):
                    found = _why_nothing(picture, session.spec(stream).unit) or found
            except SessionError:
                found = f"{stream.value} frames are damaged"
        offset, reason = (None, found) if isinstance(found, str) else (found, "")
        measured[stream.value] = Measured(tick, time_s, frame, offset, reason)
    return measured


def _why_nothing(picture: NDArray, unit: str) -> str:
    """Return what is wrong with a picture in which no edges were found, "" if nothing strikes."""
    if picture.dtype == np.uint8:
        level = float(picture[::8, ::8].mean())
        return f"the color picture is too dark (mean {level:.0f} of 255)" if level < DARK_LEVEL else ""
    low, high = np.percentile(picture[::4, ::4], (2, 99.5))
    law = conversion(unit)
    if law is None:
        return "the thermal picture is flat" if high - low < 2 else ""
    span_k = float(law.kelvin(float(high)) - law.kelvin(float(low)))
    return f"the thermal picture spans only {span_k:.1f} K" if span_k < FLAT_K else ""


def _with_steps_timed(
    session: Session,
    synchronized: Synchronized,
    calibration: Calibration,
    stream: Stream,
    measured: list[Measured],
    *,
    f_px: float,
    limit_px: float,
) -> CameraAgreement:
    """Return the agreement of one camera, with more moments measured where it steps."""
    name = stream.value
    found = agreement_of(name, measured, f_px=f_px, limit_px=limit_px)
    for _ in range(EXTRA_MOMENTS if found.steps_s else 0):
        known = {one.tick for one in measured}
        ticks = [tick for step_s in found.steps_s if (tick := _between(synchronized, stream, step_s, known))]
        if not ticks:
            break
        for tick in ticks:
            measured.extend(_measure(session, synchronized, calibration, (stream,), tick).values())
        measured.sort(key=lambda one: one.tick)
        found = agreement_of(name, measured, f_px=f_px, limit_px=limit_px)
    return found


def _between(
    synchronized: Synchronized, stream: Stream, step_s: tuple[float, float], known: set[int]
) -> int | None:
    """Return the tick in the middle between two times that has depth and `stream`; None for no new one."""
    first_s, last_s = step_s
    has = (synchronized.index[Stream.DEPTH] >= 0) & (synchronized.index[stream] >= 0)
    inside = np.flatnonzero(has & (synchronized.time_s > first_s) & (synchronized.time_s < last_s))
    new = [int(tick) for tick in inside if int(tick) not in known]
    middle_s = (first_s + last_s) / 2
    return min(new, key=lambda tick: abs(float(synchronized.time_s[tick]) - middle_s), default=None)
