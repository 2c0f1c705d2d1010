"""From a recorded board session to a Calibration: views, first guess, refinement, gates, depth shift."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..capture.board import Board
from ..capture.session import Session
from ..capture.streams import Stream
from ..errors import CalibrationError
from .calibration import Calibration, ViewResidual, camera_name
from .depth_shift import depth_shift_mm
from .gates import coverage, face_errors_px, require_agreement, require_determined
from .refine import Refinement, RigGeometry, Sightings, refine
from .start import first_guess
from .views import BoardView, find_views, select_views

Float = NDArray[np.float64]
N_VIEWS = 60
FIRST_NOISE_PX = 0.2
MIN_NOISE_PX = 0.005
OUTLIER_RATIO = 4.0  # a view with this many times the camera's median residual is left out
OUTLIER_FLOOR_PX = 0.1
MAX_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Solution:
    """A solved rig, before it is made a Calibration.

    Attributes
    ----------
    geometry : RigGeometry
    views : the views it was solved from, corners in one order in all cameras
    residuals : one per view and camera, those of dropped pictures included
    coverage, rms_px : by camera, of the used pictures
    face_error_px : by camera, the standard deviation with which a point of a face at 1 m, placed by the
        depth camera in color ("depth") or by color in the thermal picture ("thermal"), is predicted
    """

    geometry: RigGeometry
    views: tuple[BoardView, ...]
    residuals: tuple[ViewResidual, ...]
    coverage: Mapping[str, float]
    rms_px: Mapping[str, float]
    face_error_px: Mapping[str, float]


def calibrate_session(
    session: Session, board: Board, *, on_progress: Callable[[int, int], None] | None = None
) -> Calibration:
    """Return the calibration of the rig that recorded `session`, in which a board was shown to it.

    About 25 s on one core for a session of any length; nearly all of it goes into finding corners.

    Raises
    ------
    CalibrationError
        The session lacks a stream, the board is not seen often enough or far enough apart, or the cameras
        do not agree on one geometry.
    """
    try:
        views = find_views(session, board, on_progress=on_progress)
        size_px = {
            camera_name(stream): (session.spec(stream).shape[1], session.spec(stream).shape[0])
            for stream in (Stream.COLOR, Stream.INFRARED, Stream.THERMAL)
            if stream in session.streams
        }
        solution = solve_views(views, board, size_px=size_px)
        shift_mm = depth_shift_mm(session, board, views=solution.views, geometry=solution.geometry)
    except CalibrationError as error:
        at = str(session.path)
        raise error if str(error).endswith(at) else CalibrationError(f"{error}: {at}") from error
    geometry = solution.geometry
    return Calibration(
        rig=session.record.rig,
        color=geometry.cameras["color"],
        depth=geometry.cameras["depth"],
        thermal=geometry.cameras.get("thermal"),
        color_from_depth=geometry.from_color["depth"].inverse(),
        thermal_from_color=geometry.from_color.get("thermal"),
        depth_shift_mm=shift_mm,
        residuals=solution.residuals,
        coverage=solution.coverage,
        rms_px=solution.rms_px,
        created_utc=session.record.started_utc,
        software=f"mavfer {__version__}",
    )


def solve_views(
    views: Sequence[BoardView], board: Board, *, size_px: Mapping[str, tuple[int, int]]
) -> Solution:
    """Return the geometry that explains the corners of all views.

    Parameters
    ----------
    views : board views; those that differ most are used
    size_px : width and height of every camera of the rig

    Raises
    ------
    CalibrationError
        The views do not determine the geometry, or contradict each other.
    """
    chosen = select_views(views, n_views=N_VIEWS, width_px={name: size[0] for name, size in size_px.items()})
    start = first_guess(chosen, board, size_px)
    kept = {(i, name) for i, view in enumerate(start.views) for name in view.corners_px}
    residuals: dict[tuple[int, str], ViewResidual] = {}
    geometry, noise_px = start.geometry, dict.fromkeys(size_px, FIRST_NOISE_PX)
    for _ in range(MAX_ROUNDS):
        refinement, noise_px = _refined(geometry, start.views, kept, noise_px, board)
        geometry = refinement.geometry
        outliers = _measure(geometry, start.views, kept, board, residuals)
        require_agreement({name: _typical_px(residuals, kept, name) for name in size_px})
        if not outliers:
            break
        kept -= outliers
    else:
        refinement, _ = _refined(geometry, start.views, kept, noise_px, board)
        geometry = refinement.geometry
    solution = Solution(
        geometry=geometry,
        views=start.views,
        residuals=tuple(residuals[key] for key in sorted(residuals)),
        coverage={
            name: coverage((start.views[i].corners_px[name] for i, camera in kept if camera == name), size)
            for name, size in size_px.items()
        },
        rms_px={
            name: _rms([view.rms_px for view in residuals.values() if view.camera == name and view.used])
            for name in size_px
        },
        face_error_px=face_errors_px(refinement),
    )
    require_determined(covered=solution.coverage, face_error_px=solution.face_error_px)
    return solution


def _refined(
    geometry: RigGeometry,
    views: Sequence[BoardView],
    kept: set[tuple[int, str]],
    noise_px: dict[str, float],
    board: Board,
) -> tuple[Refinement, dict[str, float]]:
    """Return the refined geometry and each camera's corner noise, which weighs its corners."""
    for _ in range(2):
        sightings = {name: _sightings(views, kept, name, noise_px[name]) for name in geometry.cameras}
        geometry = refine(geometry, sightings, board.points_mm).geometry
        for name, seen in sightings.items():
            distance = np.linalg.norm(geometry.residuals_px(name, seen, board.points_mm), axis=-1)
            # The median of a Rayleigh distribution is 1.1774 standard deviations.
            noise_px = {**noise_px, name: max(float(np.median(distance)) / 1.1774, MIN_NOISE_PX)}
    sightings = {name: _sightings(views, kept, name, noise_px[name]) for name in geometry.cameras}
    return refine(geometry, sightings, board.points_mm), noise_px


def _sightings(
    views: Sequence[BoardView], kept: set[tuple[int, str]], name: str, noise_px: float
) -> Sightings:
    seen = [i for i in range(len(views)) if (i, name) in kept]
    corners_px = np.stack([views[i].corners_px[name] for i in seen])
    return Sightings(np.array(seen, np.int64), corners_px, noise_px)


def _measure(
    geometry: RigGeometry,
    views: Sequence[BoardView],
    kept: set[tuple[int, str]],
    board: Board,
    residuals: dict[tuple[int, str], ViewResidual],
) -> set[tuple[int, str]]:
    """Note the residual of every kept picture in `residuals`, and return the outliers among them."""
    outliers: set[tuple[int, str]] = set()
    for name in geometry.cameras:
        seen = _sightings(views, kept, name, 1.0)
        error_px = geometry.residuals_px(name, seen, board.points_mm)
        rms_px = np.sqrt((error_px**2).sum(-1).mean(-1))
        limit_px = max(OUTLIER_RATIO * float(np.median(rms_px)), OUTLIER_FLOOR_PX)
        for i, value in zip(seen.view.tolist(), rms_px.tolist(), strict=True):
            used = value <= limit_px
            residuals[i, name] = ViewResidual(views[i].name, name, value, error_px.shape[1], used)
            if not used:
                outliers.add((i, name))
    return outliers


def _typical_px(
    residuals: Mapping[tuple[int, str], ViewResidual], kept: set[tuple[int, str]], name: str
) -> float:
    """Return the median residual of one camera's kept pictures."""
    return float(np.median([residuals[key].rms_px for key in kept if key[1] == name]))


def _rms(values: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
