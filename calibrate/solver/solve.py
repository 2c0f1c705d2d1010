"""From recorded board sessions of one rig to its Calibration: views, solution, depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ... import __version__
from ...capture.board import Board
from ...capture.session import Session
from ...capture.streams import Stream
from ...errors import CalibrationError
from ..calibration import Calibration, camera_name
from .depth_shift import fit_depth, read_board_depths
from .diagnosis import require_size
from .rig_solver import solve_views
from .search import Progress, find_views
from .views import BoardView


def calibrate_session(
    session: Session, board: Board, *, depth_scale: bool = False, on_progress: Progress | None = None
) -> Calibration:
    """Return the calibration of the rig that recorded `session`; see `calibrate_sessions`."""
    return calibrate_sessions([session], board, depth_scale=depth_scale, on_progress=on_progress)


def calibrate_sessions(
    sessions: Sequence[Session],
    board: Board,
    *,
    depth_scale: bool = False,
    on_progress: Progress | None = None,
) -> Calibration:
    """Return the calibration of the rig that recorded `sessions`, in all of which a board was shown to it.

    About 25 s per session on one core, whatever its length; nearly all of it goes into finding corners.

    Parameters
    ----------
    sessions : one or more, of the same rig
    depth_scale : bool, whether readings are also multiplied by a factor, which wants boards near and far
    on_progress : called with the moments searched and those to search, over all sessions

    Raises
    ------
    CalibrationError
        A session lacks a stream or is of another rig, the board is not seen often enough or far enough
        apart, or the cameras do not agree on one geometry; the error says why.
    """
    first = sessions[0]
    for session in sessions[1:]:
        if session.record.rig != first.record.rig:
            raise CalibrationError(
                f"wanted sessions of one rig, found {first.record.rig!r} and {session.record.rig!r}; "
                f"calibrate each rig by itself: {session.path}"
            )
    views: list[BoardView] = []
    for number, session in enumerate(sessions):
        views += find_views(
            session,
            board,
            on_progress=None if on_progress is None else _over_all(on_progress, number, len(sessions)),
            number=number,
            named=f"{session.path.name} " if len(sessions) > 1 else "",
        )
    try:
        return _calibration(sessions, board, views, depth_scale=depth_scale)
    except CalibrationError as error:
        at = ", ".join(str(session.path) for session in sessions)
        raise CalibrationError(f"{error}: {at}") from error


def _calibration(
    sessions: Sequence[Session], board: Board, views: Sequence[BoardView], *, depth_scale: bool
) -> Calibration:
    record = sessions[0].record
    solution = solve_views(views, board, size_px=_sizes(sessions))
    geometry, determined = solution.geometry, solution.determined
    points = read_board_depths(sessions, board, views=solution.views, geometry=geometry)
    require_size(points, board)
    depth = fit_depth(
        points,
        geometry,
        covariance=determined.covariance,
        board_steps=determined.board_steps,
        scaled=depth_scale,
    )
    uncertainty = {name: dict(table) for name, table in solution.uncertainty.items()}
    uncertainty["depth"]["depth_shift_mm"] = depth.shift_deviation_mm
    uncertainty["depth"]["depth_scale"] = depth.scale_deviation
    remarks = []
    if points.ink:
        remarks.append("the board has too little blank paper: depth was measured on ink too, which reads far")
    return Calibration(
        rig=record.rig,
        color=geometry.cameras["color"],
        depth=geometry.cameras["depth"],
        thermal=geometry.cameras.get("thermal"),
        color_from_depth=geometry.from_color["depth"].inverse(),
        thermal_from_color=geometry.from_color.get("thermal"),
        depth_shift_mm=depth.shift_mm,
        depth_scale=depth.scale,
        residuals=solution.residuals,
        coverage=solution.coverage,
        rms_px=solution.rms_px,
        uncertainty=uncertainty,
        color_from_board={
            view.name: pose for view, pose in zip(solution.views, geometry.color_from_board, strict=True)
        },
        board=str(board),
        sources=tuple(session.record.id for session in sessions),
        remarks=tuple(remarks),
        created_utc=record.started_utc,
        software=f"mavfer {__version__}",
    )


def _sizes(sessions: Sequence[Session]) -> dict[str, tuple[int, int]]:
    """Return width and height of every camera that all sessions have."""
    sizes: Mapping[str, tuple[int, int]] = {}
    for session in sessions:
        found = {
            camera_name(stream): (session.spec(stream).shape[1], session.spec(stream).shape[0])
            for stream in (Stream.COLOR, Stream.INFRARED, Stream.THERMAL)
            if stream in session.streams
        }
        if sizes and found != sizes:
            raise CalibrationError(f"wanted sessions with the same cameras, found {sizes} and {found}")
        sizes = found
    return dict(sizes)


def _over_all(on_progress: Progress, number: int, n_sessions: int) -> Progress:
    return lambda done, total: on_progress(number * total + done, n_sessions * total)
