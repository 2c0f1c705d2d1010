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

from ...capture.board import Board
from ...capture.geometry import Intrinsics, RigidTransform
from ...errors import CalibrationError
from .rig_geometry import REFERENCE, RigGeometry
from .views import BoardView

Float = NDArray[np.float64]
MIN_VIEWS = 8
MIN_SHARED_VIEWS = 6
MIN_TILTED_VIEWS = 4
MIN_FORESHORTENING = 0.04  # a board of 200 mm at 900 mm, tilted by 10 degrees
AGREEMENT_POINTS_MM = np.array([[0.0, 0.0, 1000.0], [200.0, 0.0, 1000.0], [0.0, 200.0, 1000.0]])
VOTE_LIMIT_MM = 100.0  # a view that disagrees by more counts no more against a pose
AGREE_MM = 50.0  # poses from one picture each, by cameras calibrated alone, scatter by up to that


@dataclass(frozen=True, slots=True)
class Vote:
    """What the views that a camera shares with color say about its pose.

    Attributes
    ----------
    from_color : RigidTransform, the pose that most of them agree on
    turned : the views that the camera read from the board's other end
    apart_mm : by view, how far its own pose puts points at 1 m from where that pose puts them
    second_agreement : the share [0, 1] of the views that disagree with it which agree on another one
    """

    from_color: RigidTransform
    turned: frozenset[int]
    apart_mm: Mapping[int, float]
    second_agreement: float = 0.0

    @property
    def agreement(self) -> float:
        """The share of views that agree on the pose."""
        return float(np.mean([value < AGREE_MM for value in self.apart_mm.values()]))


@dataclass(frozen=True, slots=True)
class Start:
    """A first guess.

    Attributes
    ----------
    geometry : RigGeometry
    views : the views, with the corners of every camera in one common order
    votes : by camera, but for color
    """

    geometry: RigGeometry
    views: tuple[BoardView, ...]
    votes: Mapping[str, Vote]


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
        cameras[name], poses[name] = calibrate_alone(name, views, board, size)
    votes = {name: vote(name, poses[name], poses[REFERENCE], board) for name in size_px if name != REFERENCE}
    half_turn = RigidTransform(*board.half_turn)
    boards = []
    for i, view in enumerate(views):
        name = REFERENCE if REFERENCE in view.corners_px else next(iter(view.corners_px))
        pose = poses[name][i]
        if name != REFERENCE:
            turned = pose @ half_turn if i in votes[name].turned else pose
            pose = votes[name].from_color.inverse() @ turned
        boards.append(pose)
    from_color = {name: found.from_color for name, found in votes.items()}
    ordered = tuple(_reordered(view, i, votes) for i, view in enumerate(views))
    return Start(RigGeometry(cameras, from_color, tuple(boards)), ordered, votes)


def calibrate_alone(
    name: str, views: Sequence[BoardView], board: Board, size_px: tuple[int, int]
) -> tuple[Intrinsics, dict[int, RigidTransform]]:
    """Return one camera's intrinsics, and the board's pose in each of its views.

    Raises
    ------
    CalibrationError
        It saw too few boards, or too few that were tilted.
    """
    seen = {i: view.corners_px[name] for i, view in enumerate(views) if name in view.corners_px}
    if len(seen) < MIN_VIEWS:
        raise CalibrationError(
            f"wanted at least {MIN_VIEWS} views in which the board stands still before the {name} camera, "
            f"found {len(seen)}; record the board at more places, held still for a second at each"
        )
    n_tilted = sum(_foreshortening(corners, board) > MIN_FORESHORTENING for corners in seen.values())
    if n_tilted < MIN_TILTED_VIEWS:
        raise CalibrationError(
            f"wanted at least {MIN_TILTED_VIEWS} views of a tilted board before the {name} camera, found "
            f"{n_tilted} of {len(seen)}: the focal length stays open; tilt it by 20 to 40 degrees each way"
        )
    points, corners_px = [], []
    for corners in seen.values():
        known = np.isfinite(corners).all(axis=1)
        points.append(board.points_mm[known].astype(np.float32))
        corners_px.append(corners[known].astype(np.float32).reshape(-1, 1, 2))
    n_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # several add up in any order: the same views would not give the same bytes
    try:
        _, matrix, distortion, rotations, translations = cv2.calibrateCamera(
            points, corners_px, size_px, np.empty(0), np.empty(0)
        )
    except cv2.error as error:
        raise CalibrationError(
            f"the {len(seen)} views do not determine the {name} camera ({error.err}); tilt the board more"
        ) from error
    finally:
        cv2.setNumThreads(n_threads)
    k1, k2, p1, p2, k3 = (float(value) for value in np.ravel(distortion)[:5])
    fx, fy, cx, cy = (float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    intrinsics = Intrinsics(*size_px, fx, fy, cx, cy, (k1, k2, p1, p2, k3))
    poses = [RigidTransform.from_rotation_vector(r, t) for r, t in zip(rotations, translations, strict=True)]
    return intrinsics, dict(zip(seen, poses, strict=True))


def vote(
    name: str,
    camera_poses: Mapping[int, RigidTransform],
    color_poses: Mapping[int, RigidTransform],
    board: Board,
) -> Vote:
    """Return the camera's pose that most shared views agree on, and the views it read from the other end.

    A board whose points are marked has no other end. One of odd by even corners has a first end by color,
    which a camera that sees black as bright takes for the other one, in all views alike. Any other board is
    decided view by view.
    """
    shared = sorted(camera_poses.keys() & color_poses.keys())
    if len(shared) < MIN_SHARED_VIEWS:
        raise CalibrationError(
            f"wanted at least {MIN_SHARED_VIEWS} views that the color and the {name} camera share, found "
            f"{len(shared)}; hold the board where both see it"
        )
    ends = [RigidTransform.identity()]
    if board.ends != "marked":
        ends.append(RigidTransform(*board.half_turn))
    candidates = [[camera_poses[i] @ end @ color_poses[i].inverse() for end in ends] for i in shared]
    at = np.array([[pose.apply(AGREEMENT_POINTS_MM) for pose in pair] for pair in candidates])  # (V, E, 3, 3)
    apart = np.linalg.norm(at[:, :, None, None] - at[None, None], axis=-1).mean(-1)  # (V, E, V, E)
    limited = np.minimum(apart, VOTE_LIMIT_MM)
    if board.symmetric:
        against = limited.min(axis=3)
    else:
        against = np.stack([limited[:, k, :, k] for k in range(len(ends))], axis=1)
    best, end = np.unravel_index(int(np.argmin(against.sum(axis=2))), against.shape[:2])
    closest = np.argmin(apart[best, end], axis=1) if board.symmetric else np.full(len(shared), end)
    # A view that color did not see is compared by nothing: of a symmetric board it keeps the upright reading.
    flipped = {i for i, k in zip(shared, closest, strict=True) if k} if board.symmetric else set(camera_poses)
    apart_mm = {i: float(apart[best, end, n, closest[n]]) for n, i in enumerate(shared)}
    read_as = apart[np.arange(len(shared)), closest][:, np.arange(len(shared)), closest]  # (V, V)
    rest = np.flatnonzero(read_as[best] >= AGREE_MM)
    second = float((read_as[np.ix_(rest, rest)] < AGREE_MM).mean(axis=1).max()) if len(rest) else 0.0
    turned = frozenset(flipped if board.symmetric or end else ())
    return Vote(candidates[best][end], turned, apart_mm, second)


def _foreshortening(corners_px: Float, board: Board) -> float:
    """Return by which share the board's far end is farther than its near end, from the homography alone."""
    known = np.isfinite(corners_px).all(axis=1)
    points = board.points_mm[known, :2]
    homography, _ = cv2.findHomography(points, corners_px[known])
    if homography is None:
        return 0.0
    low, high = points.min(axis=0), points.max(axis=0)
    outer = np.array([[x, y, 1.0] for x in (low[0], high[0]) for y in (low[1], high[1])]) @ homography[2]
    return float(outer.max() / outer.min() - 1) if outer.min() > 0 else 0.0


def _reordered(view: BoardView, i: int, votes: Mapping[str, Vote]) -> BoardView:
    corners = {
        name: corners_px[::-1] if name in votes and i in votes[name].turned else corners_px
        for name, corners_px in view.corners_px.items()
    }
    return BoardView(view.name, corners, view.frame, view.session)
