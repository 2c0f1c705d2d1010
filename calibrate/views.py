"""Views: the moments of a board session in which the board stood still, and its corners in every camera.

Finding them is nearly all the time that a calibration takes; what is made of them is in solve.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..capture.board import Board
from ..capture.session import Session
from ..capture.streams import Stream
from ..capture.synchronize import synchronize
from ..errors import CalibrationError
from .calibration import camera_name
from .detect import find_corners, refine_corners

Float = NDArray[np.float64]
STREAMS = (Stream.INFRARED, Stream.THERMAL, Stream.COLOR)  # the cheapest first
MAX_TICKS = 150  # moments that are searched; a longer session is searched in larger steps
STILL_WIDTHS_PER_S = 0.004  # exposures of two cameras lie up to 17 ms apart: 0.13 color pixels at most
NEIGHBOUR_S = 0.25


@dataclass(frozen=True, slots=True)
class BoardView:
    """One moment in which the board stood still.

    Attributes
    ----------
    name : str, its time, as in "12.400 s"
    corners_px : (N, 2) float64 by camera name, of the cameras that saw the board whole
    frame : index of the session's frame of every stream at that moment, where there is one
    """

    name: str
    corners_px: Mapping[str, Float]
    frame: Mapping[Stream, int]


def find_views(
    session: Session, board: Board, *, on_progress: Callable[[int, int], None] | None = None
) -> tuple[BoardView, ...]:
    """Return the moments of a board session in which the board stood still, in the order of time.

    About 150 ms per moment on one core, of which at most 150 are searched.

    Raises
    ------
    CalibrationError
        The session has no color or no infrared stream, or the board never stood still in any camera.
    """
    for stream in (Stream.COLOR, Stream.INFRARED):
        if stream not in session.streams:
            raise CalibrationError(
                f"wanted a board session with color and infrared, found only {', '.join(session.streams)}; "
                f"record the board with the whole rig: {session.path}"
            )
    synchronized = synchronize(session)
    n_ticks = len(synchronized.time_s)
    ticks = range(0, n_ticks, max(1, -(-n_ticks // MAX_TICKS)))
    views, n_moving = [], 0
    for n_done, tick in enumerate(ticks):
        if on_progress is not None:
            on_progress(n_done, len(ticks))
        frame = {stream: int(index[tick]) for stream, index in synchronized.index.items() if index[tick] >= 0}
        corners_px, still = _corners_at(session, frame, board)
        n_moving += not still
        if still and corners_px:
            views.append(BoardView(f"{synchronized.time_s[tick]:.3f} s", corners_px, frame))
    if on_progress is not None:
        on_progress(len(ticks), len(ticks))
    if not views:
        raise CalibrationError(
            f"wanted the board {board} standing still; of {len(ticks)} "
            f"moments {n_moving} show it moving and the others do not show it; check --board, and hold the "
            f"board still for a second at each place: {session.path}"
        )
    return tuple(views)


def select_views(
    views: Sequence[BoardView], *, n_views: int, width_px: Mapping[str, int]
) -> tuple[BoardView, ...]:
    """Return at most `n_views` views that differ most from each other, in the order of time.

    Starts from the view that most cameras see, and adds the one farthest from all chosen ones (Gonzalez
    1985), where one that more cameras see counts as farther. Two views are as far apart as their corners in
    the camera in which these moved most.
    """
    if len(views) <= n_views:
        return tuple(views)
    n_cameras = np.array([len(view.corners_px) for view in views])
    chosen = [int(np.argmax(n_cameras))]
    distance = np.full(len(views), np.inf)
    while len(chosen) < n_views:
        newest = views[chosen[-1]]
        distance = np.minimum(distance, [_distance(newest, view, width_px) for view in views])
        distance[chosen] = -1
        chosen.append(int(np.argmax(distance * n_cameras)))
    return tuple(views[i] for i in sorted(chosen))


def _distance(a: BoardView, b: BoardView, width_px: Mapping[str, int]) -> float:
    """Return how far the corners of two views lie apart, in picture widths; 1 if no camera saw both."""
    shared = [name for name in a.corners_px if name in b.corners_px]
    return max(
        (
            float(np.linalg.norm(a.corners_px[name] - b.corners_px[name], axis=1).mean()) / width_px[name]
            for name in shared
        ),
        default=1.0,
    )


def _corners_at(session: Session, frame: Mapping[Stream, int], board: Board) -> tuple[dict[str, Float], bool]:
    """Return the corners by camera, and whether the board stood still in all that saw it."""
    corners_px: dict[str, Float] = {}
    for stream in STREAMS:
        if stream not in frame:
            continue
        found = find_corners(session.frame(stream, frame[stream]).pixels, board, stream)
        if found is None:
            continue
        # Color is the dearest to decode; where another camera saw the board still, it is.
        if not (stream is Stream.COLOR and corners_px) and not _still(
            session, stream, frame[stream], found, board
        ):
            return {}, False
        corners_px[camera_name(stream)] = found
    return corners_px, True


def _still(session: Session, stream: Stream, i: int, corners_px: Float, board: Board) -> bool:
    """Return whether the corners of frame `i` lie nearly where they lie in the frames before and after."""
    times_s = session.index(stream).device_time_ns / 1e9
    limit_px_s = STILL_WIDTHS_PER_S * session.spec(stream).shape[1]
    for other in (i - 1, i + 1):
        if not 0 <= other < len(times_s) or abs(times_s[other] - times_s[i]) > NEIGHBOUR_S:
            continue
        moved = refine_corners(session.frame(stream, other).pixels, corners_px, board)
        if moved is None:
            return False
        path_px = float(np.median(np.linalg.norm(moved - corners_px, axis=1)))
        if path_px > limit_px_s * abs(times_s[other] - times_s[i]):
            return False
    return True
