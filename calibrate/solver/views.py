"""Views: the moments of a board session in which the board stood still, and its corners in every camera.

Finding them (`search.py`) is nearly all the time that a calibration takes; what is made of them is in
solve.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...capture.board import Board
from ...capture.streams import Stream

Float = NDArray[np.float64]
MIN_POINTS = 8  # a board's pose has 6 unknowns, which 3 points would give without any check
MIN_EXTENT = 0.15  # of the board, in the direction in which the seen points extend least
SAME_PLACE_WIDTHS = 0.003  # views no farther apart show the same errors again, and no more of the lens


@dataclass(frozen=True, slots=True)
class BoardView:
    """One moment in which the board stood still.

    Attributes
    ----------
    name : str, its time, as in "12.400 s"; with the session's name before it where there are several
    corners_px : (N, 2) float64 by camera name, of the cameras that saw enough of the board; NaN for a point
        that was not seen
    frame : index of the session's frame of every stream at that moment, where there is one
    session : int, which of the sessions that are solved together it is of
    """

    name: str
    corners_px: Mapping[str, Float]
    frame: Mapping[Stream, int]
    session: int = 0


def enough_points(corners_px: Float, board: Board) -> bool:
    """Return whether the seen corners (N, 2) are enough, and far enough apart, to place the board."""
    points = board.points_mm[np.isfinite(corners_px).all(axis=1), :2]
    if len(points) < min(MIN_POINTS, len(board.points_mm)):
        return False
    extent_mm = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[-1] / np.sqrt(len(points))
    whole_mm = np.linalg.svd(board.points_mm[:, :2] - board.points_mm[:, :2].mean(axis=0), compute_uv=False)
    return bool(extent_mm > MIN_EXTENT * whole_mm[-1] / np.sqrt(len(board.points_mm)))


def usable_views(views: Sequence[BoardView], board: Board) -> tuple[BoardView, ...]:
    """Return the views without the pictures that show too little of the board to place it."""
    usable = []
    for view in views:
        corners_px = {name: px for name, px in view.corners_px.items() if enough_points(px, board)}
        if corners_px:
            usable.append(replace(view, corners_px=corners_px))
    return tuple(usable)


def select_views(
    views: Sequence[BoardView], *, n_views: int, width_px: Mapping[str, int]
) -> tuple[BoardView, ...]:
    """Return at most `n_views` views that differ most from each other, in the order of time.

    Starts from the view that most cameras see, and adds the one farthest from all chosen ones (Gonzalez
    1985), where one that more cameras see counts as farther. Two views are as far apart as their corners in
    the camera in which these moved most. Of views of one place, such as several moments of one hold, one is
    taken: counted as many, they would seem to determine more than they do.
    """
    if not views:
        return ()
    n_cameras = np.array([len(view.corners_px) for view in views])
    chosen = [int(np.argmax(n_cameras))]
    distance = np.full(len(views), np.inf)
    while len(chosen) < n_views:
        newest = views[chosen[-1]]
        distance = np.minimum(distance, [_distance(newest, view, width_px) for view in views])
        distance[chosen] = 0
        elsewhere = distance > SAME_PLACE_WIDTHS
        if not elsewhere.any():
            break
        chosen.append(int(np.argmax(np.where(elsewhere, distance * n_cameras, -1.0))))
    return tuple(views[i] for i in sorted(chosen))


def _distance(a: BoardView, b: BoardView, width_px: Mapping[str, int]) -> float:
    """Return how far the corners of two views lie apart, in picture widths; 1 if no camera saw both."""
    apart = []
    for name in a.corners_px.keys() & b.corners_px.keys():
        path_px = np.linalg.norm(a.corners_px[name] - b.corners_px[name], axis=1)
        if np.isfinite(path_px).any():
            apart.append(float(np.nanmean(path_px)) / width_px[name])
    return max(apart, default=1.0)
