"""The moments of a recorded board session in which the board stood still, found and read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...capture.board import ArucoGrid, Board, CharucoBoard
from ...capture.session import Session
from ...capture.streams import Stream
from ...capture.synchronize import synchronize
from ...errors import CalibrationError, SessionError
from ..boards.detect import other_sizes, refine_corners
from ..boards.markers import mirrored_board
from ..boards.shading import find_in_even_light
from ..calibration import camera_name
from .ticks import ticks_at_rest
from .views import BoardView, enough_points

Float = NDArray[np.float64]
Progress: TypeAlias = Callable[[int, int], None]
STREAMS = (Stream.INFRARED, Stream.THERMAL, Stream.COLOR)  # the cheapest first
MAX_TICKS = 150  # moments that are searched, of those at rest
LOOK_SHARE = 0.2  # of the time goes into finding which moments those are
STILL_WIDTHS_PER_S = 0.004  # exposures of two cameras lie up to 17 ms apart: 0.13 color pixels at most
NEIGHBOUR_S = 0.25
N_LOOKED_AT = 5  # pictures in which something else is looked for where the board is not


def find_views(
    session: Session,
    board: Board,
    *,
    on_progress: Progress | None = None,
    number: int = 0,
    named: str = "",
) -> tuple[BoardView, ...]:
    """Return the moments of a board session in which the board stood still, in the order of time.

    About 7 ms for each of the session's ticks on one core, and 150 ms for each of those at rest that show
    something new (ticks.py), of which at most 150 are searched.

    Parameters
    ----------
    number : int, which session of several it is
    named : str, written before the time in the views' names

    Raises
    ------
    CalibrationError
        The session has no color or no infrared stream, the board never stood still in any camera, or it is
        seen only in the mirror image of a camera's pictures.
    """
    for stream in (Stream.COLOR, Stream.INFRARED):
        if stream not in session.streams:
            raise CalibrationError(
                f"wanted a board session with color and infrared, found only {', '.join(session.streams)}; "
                f"record the board with the whole rig: {session.path}"
            )
    synchronized = synchronize(session)
    n_ticks = len(synchronized.time_s)

    def tell(share: float) -> None:
        if on_progress is not None:
            on_progress(round(share * n_ticks), n_ticks)

    ticks = ticks_at_rest(
        session,
        synchronized.index,
        synchronized.time_s,
        n_wanted=MAX_TICKS,
        on_progress=lambda done: tell(LOOK_SHARE * done / n_ticks),
    )
    views: list[BoardView] = []
    n_moving, frames = 0, {}
    for n_done, tick in enumerate(ticks):
        tell(LOOK_SHARE + (1 - LOOK_SHARE) * n_done / len(ticks))
        frame = {stream: int(index[tick]) for stream, index in synchronized.index.items() if index[tick] >= 0}
        name = f"{named}{synchronized.time_s[tick]:.3f} s"
        frames[name] = frame
        corners_px, still = _corners_at(session, frame, board)
        n_moving += not still
        if still and corners_px:
            views.append(BoardView(name, corners_px, frame, number))
    tell(1.0)
    _require_unmirrored(session, board, frames=frames, views=views)
    if not views:
        instead = "" if n_moving else _seen_instead(session, board, frames)
        raise CalibrationError(
            f"wanted the board {board} standing still; of {len(ticks)} moments {n_moving} show it moving and "
            f"the others do not show it{instead}; check --board, and hold the board still for a second at "
            f"each place: {session.path}"
        )
    return tuple(views)


def _corners_at(session: Session, frame: Mapping[Stream, int], board: Board) -> tuple[dict[str, Float], bool]:
    """Return the corners by camera, and whether the board stood still in all that saw it."""
    corners_px: dict[str, Float] = {}
    for stream in STREAMS:
        if stream not in frame:
            continue
        corners = find_in_even_light(session.frame(stream, frame[stream]).pixels, board, stream)
        if corners is None or not enough_points(corners[0], board):
            continue
        found, even = corners
        # Color is the dearest to decode; where another camera saw the board still, it is.
        if not (stream is Stream.COLOR and corners_px) and not _still(
            session, stream, frame[stream], found, board
        ):
            return {}, False
        corners_px[camera_name(stream)] = even
    return corners_px, True


def _still(session: Session, stream: Stream, i: int, corners_px: Float, board: Board) -> bool:
    """Return whether the corners of frame `i` lie nearly where they lie in the frames before and after."""
    times_s = session.index(stream).device_time_ns / 1e9
    limit_px_s = STILL_WIDTHS_PER_S * session.spec(stream).shape[1]
    for other in (i - 1, i + 1):
        if not 0 <= other < len(times_s) or abs(times_s[other] - times_s[i]) > NEIGHBOUR_S:
            continue
        try:
            pixels = session.frame(stream, other).pixels
        except SessionError:  # a damaged neighbour tells nothing
            continue
        moved = refine_corners(pixels, corners_px, board)
        if moved is None or not np.isfinite(moved).any():
            return False
        path_px = float(np.nanmedian(np.linalg.norm(moved - corners_px, axis=1)))
        if path_px > limit_px_s * abs(times_s[other] - times_s[i]):
            return False
    return True


def _require_unmirrored(
    session: Session, board: Board, *, frames: Mapping[str, Mapping[Stream, int]], views: list[BoardView]
) -> None:
    """Raise CalibrationError where a camera sees the markers of the board only in the mirror.

    A board without markers is found in a mirrored picture too; the other cameras then contradict it
    (diagnosis.py).
    """
    if not isinstance(board, CharucoBoard | ArucoGrid):
        return
    for stream in STREAMS:
        if stream not in session.streams or any(camera_name(stream) in view.corners_px for view in views):
            continue
        wanted = [view.name for view in views if stream in view.frame] or list(frames)
        for name in wanted[:: max(1, len(wanted) // N_LOOKED_AT)]:
            frame = frames[name].get(stream)
            if frame is not None and mirrored_board(session.frame(stream, frame).pixels, board, stream):
                raise CalibrationError(
                    f"the {stream.value} pictures are mirrored: the board is seen at {name} only after the "
                    "picture is flipped; let the driver deliver pictures that are not mirrored (libfreenect2 "
                    f"mirrors all of a Kinect's): {session.path}"
                )


def _seen_instead(session: Session, board: Board, frames: Mapping[str, Mapping[Stream, int]]) -> str:
    """Return what the color pictures show instead of the board, with the view's name; empty if nothing."""
    names = [name for name, frame in frames.items() if Stream.COLOR in frame]
    for name in names[len(names) // 4 :: max(1, len(names) // 2)]:
        picture = session.frame(Stream.COLOR, frames[name][Stream.COLOR]).pixels
        seen = other_sizes(picture, board, Stream.COLOR)
        if seen is not None:
            return f" ({seen} at {name})"
    return ""
