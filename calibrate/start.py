"""A first guess of the rig from board views, good enough for refine.py to start from.

Every camera is calibrated alone (OpenCV), then the cameras' poses are voted on by the views that two of them
share. The vote also settles which end of the board each camera took for the first one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..capture.board import Board
from ..capture.geometry import Intrinsics, RigidTransform
from ..errors import CalibrationError
from .refine import REFERENCE, RigGeometry
from .views import BoardView

Float = NDArray[np.float64]
MIN_VIEWS = 8
MIN_SHARED_VIEWS = 6
MIN_TILTED_VIEWS = 4
MIN_FORESHORTENING = 0.04  # a board of 200 mm at 900 mm, tilted by 10 degrees
AGREEMENT_POINTS_MM = np.array([[0.0, 0.0, 1000.0], [200.0, 0.0, 1000.0], [0.0, 200.0, 1000.0]])
VOTE_LIMIT_MM = 100.0  # a view that disagrees by more counts no more against a pose


@dataclass(frozen=True, slots=True)
class Start:
    """A first guess.

    Attributes
    ----------
    geometry : RigGeometry
    views : the views, with the corners of every camera in one common order
    """

    geometry: RigGeometry
    views: tuple[BoardView, ...]


def first_guess(views: Sequence[BoardView], board: Board, size_px: Mapping[str, tuple[int, int]]) -> Start:
    """Return a first guess of the cameras, their poses and the board's poses.

    Parameters
    ----------
    size_px : width and height of every camera of the rig

    Raises
    ------
    CalibrationError
        A camera saw too few boards, or shares too few with the color camera.
    """
    cameras: dict[str, Intrinsics] = {}
    poses: dict[str, dict[int, RigidTransform]] = {}
    for name, size in size_px.items():
        cameras[name], poses[name] = _calibrate_alone(name, views, board, size)
    from_color: dict[str, RigidTransform] = {}
    turned: dict[str, set[int]] = {}
    for name in size_px:
        if name != REFERENCE:
            from_color[name], turned[name] = _vote(name, poses[name], poses[REFERENCE], board)
    ordered = tuple(_reordered(view, i, turned) for i, view in enumerate(views))
    half_turn = RigidTransform(*board.half_turn)
    boards = []
    for i, view in enumerate(views):
        name = REFERENCE if REFERENCE in view.corners_px else next(iter(view.corners_px))
        pose = poses[name][i]
        if name != REFERENCE:
            pose = from_color[name].inverse() @ (pose @ half_turn if i in turned[name] else pose)
        boards.append(pose)
    return Start(RigGeometry(cameras, from_color, tuple(boards)), ordered)


def _calibrate_alone(
    name: str, views: Sequence[BoardView], board: Board, size_px: tuple[int, int]
) -> tuple[Intrinsics, dict[int, RigidTransform]]:
    """Return one camera's intrinsics and the board's pose in each of its views."""
    seen = [i for i, view in enumerate(views) if name in view.corners_px]
    if len(seen) < MIN_VIEWS:
        raise CalibrationError(
            f"wanted at least {MIN_VIEWS} views in which the board stands still before the {name} camera, "
            f"found {len(seen)}; record the board at more places, held still for a second at each"
        )
    foreshortening = [_foreshortening(views[i].corners_px[name], board) for i in seen]
    n_tilted = sum(value > MIN_FORESHORTENING for value in foreshortening)
    if n_tilted < MIN_TILTED_VIEWS:
        raise CalibrationError(
            f"wanted at least {MIN_TILTED_VIEWS} views of a tilted board before the {name} camera, found "
            f"{n_tilted} of {len(seen)}: the focal length stays open; tilt it by 20 to 40 degrees each way"
        )
    points = board.points_mm.astype(np.float32)
    corners = [views[i].corners_px[name].astype(np.float32).reshape(-1, 1, 2) for i in seen]
    try:
        _, matrix, distortion, rotations, translations = cv2.calibrateCamera(
            [points] * len(seen), corners, size_px, np.empty(0), np.empty(0)
        )
    except cv2.error as error:
        raise CalibrationError(
            f"the {len(seen)} views do not determine the {name} camera ({error.err}); tilt the board more"
        ) from error
    k1, k2, p1, p2, k3 = (float(value) for value in np.ravel(distortion)[:5])
    fx, fy, cx, cy = (float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    intrinsics = Intrinsics(*size_px, fx, fy, cx, cy, (k1, k2, p1, p2, k3))
    poses = [RigidTransform.from_rotation_vector(r, t) for r, t in zip(rotations, translations, strict=True)]
    return intrinsics, dict(zip(seen, poses, strict=True))


def _foreshortening(corners_px: Float, board: Board) -> float:
    """Return by which share the board's far end is farther than its near end, from the homography alone."""
    homography, _ = cv2.findHomography(board.points_mm[:, :2], corners_px)
    if homography is None:
        return 0.0
    corner = board.points_mm[-1, :2]
    outer = np.array([[x, y, 1.0] for x in (0, corner[0]) for y in (0, corner[1])]) @ homography[2]
    return float(outer.max() / outer.min() - 1) if outer.min() > 0 else 0.0


def _vote(
    name: str,
    camera_poses: Mapping[int, RigidTransform],
    color_poses: Mapping[int, RigidTransform],
    board: Board,
) -> tuple[RigidTransform, set[int]]:
    """Return the camera's pose that most shared views agree on, and the views it read from the other end.

    A board of odd by even corners has a first end by color, which a camera that sees black as bright takes
    for the other one, in all views alike. Any other board is decided view by view.
    """
    shared = sorted(camera_poses.keys() & color_poses.keys())
    if len(shared) < MIN_SHARED_VIEWS:
        raise CalibrationError(
            f"wanted at least {MIN_SHARED_VIEWS} views that the color and the {name} camera share, found "
            f"{len(shared)}; hold the board where both see it whole"
        )
    half_turn = RigidTransform(*board.half_turn)
    candidates = [
        [turned @ color_poses[i].inverse() for turned in (camera_poses[i], camera_poses[i] @ half_turn)]
        for i in shared
    ]
    at = np.array([[pose.apply(AGREEMENT_POINTS_MM) for pose in pair] for pair in candidates])  # (V, 2, 3, 3)
    apart = np.linalg.norm(at[:, :, None, None] - at[None, None], axis=-1).mean(-1)  # (V, 2, V, 2)
    apart = np.minimum(apart, VOTE_LIMIT_MM)
    against = apart.min(axis=3) if board.symmetric else np.stack([apart[:, k, :, k] for k in (0, 1)], axis=1)
    best, end = np.unravel_index(int(np.argmin(against.sum(axis=2))), (len(shared), 2))
    reference = candidates[best][end]
    if not board.symmetric:
        return reference, set(camera_poses) if end else set()
    # A view that color did not see is compared by nothing: it keeps the upright reading.
    closer = np.argmin(apart[best, end], axis=1)
    return reference, {i for i, flip in zip(shared, closer, strict=True) if flip}


def _reordered(view: BoardView, i: int, turned: Mapping[str, set[int]]) -> BoardView:
    corners = {
        name: corners_px[::-1] if i in turned.get(name, ()) else corners_px
        for name, corners_px in view.corners_px.items()
    }
    return BoardView(view.name, corners, view.frame)
