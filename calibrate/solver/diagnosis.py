"""Why board views disagree: mirrored pictures, a camera that moved, two rigs, a board of another size.

Each is told from the views themselves and refused by name; nothing is solved here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.board import Board
from ...capture.geometry import Intrinsics, RigidTransform
from ...errors import CalibrationError
from .depth_shift import DepthPoints, read_over_true
from .rig_geometry import REFERENCE, RigGeometry
from .start import AGREE_MM, Start, Vote, first_guess
from .views import BoardView

Float = NDArray[np.float64]
_Sizes = Mapping[str, tuple[int, int]]
MIN_AGREEMENT = 0.67  # share of the shared views that must agree on a camera's pose
MIRROR_AGREEMENT = 0.8  # share that must agree once pictures are flipped, to call them mirrored
MIN_GROUP = 4  # views
KINECT_BASELINE_MM = 52.0  # iai_kinect2: color_from_depth has tx = -52 mm; mirrored pictures give +52
KINECT_SLACK_MM = 15.0
MAX_JUMP_PX = 0.5  # a camera whose corners all jump by more between two times has been moved
MIN_JUMP_RATIO = 8.0  # of the jump to its standard error
MAX_SIZE_ERROR = 0.02
SIZE_DEVIATIONS = 4.0
ALONE_PX = 0.3  # a picture whose corners fit a flat board better than that shows a board
ALONE_SHARE = 0.5  # and that fits alone to this share of what it is off with the others


def require_votes(start: Start, views: Sequence[BoardView], board: Board, size_px: _Sizes) -> None:
    """Raise CalibrationError, with the reason, where the cameras' poses differ from view to view.

    Parameters
    ----------
    start : the first guess
    views : the views as they were found
    """
    doubted = [name for name, vote in start.votes.items() if vote.agreement < MIN_AGREEMENT]
    if not doubted:
        return
    mirrored = _mirrored_cameras(views, board, size_px)
    if mirrored:
        _refuse_mirrored(mirrored, views)
    name = doubted[0]
    _refuse_groups(name, start.votes[name], views)
    apart = start.votes[name].apart_mm
    odd = [views[i].name for i in apart if apart[i] >= AGREE_MM]
    raise CalibrationError(
        f"the color and the {name} camera do not agree on one geometry: {len(odd)} of the {len(apart)} views "
        f"that both saw, such as {odd[0]}, put the {name} camera elsewhere; check --board, hold the board "
        "still for a second at each place, and that no camera moved"
    )


def require_unmirrored_kinect(geometry: RigGeometry, board: Board, views: Sequence[BoardView]) -> None:
    """Raise CalibrationError where the cameras stand as a Kinect v2's do in a mirror."""
    if _mirrored_order(board) is None:
        return  # such a board is not found in a mirrored picture
    x, y, z = geometry.from_color["depth"].inverse().translation_mm
    if np.hypot(np.hypot(x - KINECT_BASELINE_MM, y), z) < KINECT_SLACK_MM:
        _refuse_mirrored(tuple(geometry.cameras), views)


def require_one_rig(geometry: RigGeometry, views: Sequence[BoardView], board: Board) -> None:
    """Raise CalibrationError where a camera stood otherwise in the views before some time than after.

    For each camera, the color camera alone places the board in every view that both saw; the median way by
    which the other camera then sees it elsewhere is constant in a rig. The time is sought at which it jumps
    most.
    """
    jumps = {}
    for name in geometry.from_color:
        at = [i for i, view in enumerate(views) if {name, REFERENCE} <= view.corners_px.keys()]
        ways = {i: _way_px(geometry, views[i], name, board) for i in at}
        known = [i for i in at if ways[i] is not None]
        if len(known) >= 2 * MIN_GROUP:
            found = _largest_jump(np.array([ways[i] for i in known]))
            if found is not None:
                jumps[name] = (*found, known)
    if not jumps:
        return
    name, (split, jump_px, known) = max(jumps.items(), key=lambda item: item[1][1])
    before, after = ([views[i] for i in part] for part in (known[:split], known[split:]))
    splits = [seen[at] for at, _, seen in jumps.values()]
    both = len(jumps) == len(geometry.from_color) > 1 and max(splits) - min(splits) <= MIN_GROUP
    moved = (
        f"the color camera moved against {' and '.join(f'the {other} camera' for other in jumps)}"
        if both
        else f"the {name} camera moved against the color camera"
    )
    if before[-1].session != after[0].session:
        moved = f"the views are of two rigs, or {moved} from one session to the next"
    raise CalibrationError(
        f"{moved} between {before[-1].name} and {after[0].name}: the {len(before)} views before and the "
        f"{len(after)} after put it {jump_px:.1f} px apart; calibrate from views on one side of that, and "
        "mount the cameras so that they stay"
    )


def require_size(points: DepthPoints, board: Board) -> None:
    """Raise CalibrationError where the depth camera sees a board of another size than was said.

    The slope of readings over the depths that the corners give is 1 whatever the depth shift is.
    """
    slope, deviation = read_over_true(points)
    if abs(slope - 1) < MAX_SIZE_ERROR + SIZE_DEVIATIONS * deviation:
        return
    side_mm, word = _side_mm(board)
    raise CalibrationError(
        f"the {word} measure {side_mm * slope:.1f} mm by the depth camera, --board {board} says "
        f"{side_mm:g} mm; measure the board, and name it as it is"
    )


def reason_left_out(geometry: RigGeometry, view: BoardView, name: str, board: Board, rms_px: float) -> str:
    """Return why a picture does not fit the rig, one line without its name."""
    alone_px = rms_alone_px(geometry.cameras[name], view.corners_px[name], board)
    off = f"its corners lie {rms_px:.2g} px off"
    if len(view.corners_px) > 1 and alone_px < min(ALONE_PX, ALONE_SHARE * rms_px):
        return f"{off}, though they fit a board of their own: the board moved between the pictures"
    return f"{off}: the picture is blurred, the board was bent, or corners were mistaken"


def rms_alone_px(camera: Intrinsics, corners_px: Float, board: Board) -> float:
    """Return how well the corners of one picture fit the board, wherever it stands, pixels."""
    pose = _pose_alone(camera, corners_px, board)
    if pose is None:
        return float("inf")
    error = camera.project(pose.apply(board.points_mm)) - corners_px
    return float(np.sqrt(np.nanmean((error**2).sum(axis=1))))


def mirrored_view(view: BoardView, cameras: Sequence[str], board: Board, size_px: _Sizes) -> BoardView:
    """Return the view as it would be with the pictures of `cameras` flipped left to right."""
    order = _mirrored_order(board)
    corners = dict(view.corners_px)
    for name in cameras:
        if name in corners and order is not None:
            corners[name] = (corners[name] * (-1, 1) + (size_px[name][0] - 1, 0))[order]
    return replace(view, corners_px=corners)


def _mirrored_order(board: Board) -> NDArray[np.int64] | None:
    """Return which point lies where each point does once the board is turned over, or None if none does.

    Where it is None a mirrored picture of the board is none of the board, and not found.
    """
    if board.ends == "marked" and board.kind != "circles":
        return None
    points = board.points_mm[:, :2]
    over = np.stack([points[:, 0], points[:, 1].max() - points[:, 1]], axis=1)
    apart = np.linalg.norm(points[:, None] - over, axis=-1)
    order = np.argmin(apart, axis=1)
    return order if apart.min(axis=1).max() < 1e-6 else None


def _mirrored_cameras(views: Sequence[BoardView], board: Board, size_px: _Sizes) -> tuple[str, ...]:
    """Return the cameras whose pictures agree with the others' once they are flipped; empty if none do.

    Flipping one camera or flipping all others brings the same agreement; of the two it is the one that
    leaves the Kinect's cameras on their own sides.
    """
    if _mirrored_order(board) is None:
        return ()
    good = []
    for flipped in _subsets(tuple(size_px)):
        try:
            turned_over = [mirrored_view(view, flipped, board, size_px) for view in views]
            start = first_guess(turned_over, board, size_px)
        except CalibrationError:
            continue
        agreement = min(vote.agreement for vote in start.votes.values())
        if agreement >= MIRROR_AGREEMENT:
            x_mm = float(start.geometry.from_color["depth"].inverse().translation_mm[0])
            good.append((abs(x_mm + KINECT_BASELINE_MM), flipped))
    return min(good)[1] if good else ()


def _subsets(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for size in range(1, len(names)):
        yield from combinations(names, size)


def _refuse_mirrored(cameras: Sequence[str], views: Sequence[BoardView]) -> None:
    seen = [view for view in views if set(cameras) & view.corners_px.keys()]
    kinect = {"color", "depth"} <= set(cameras)
    which = "Kinect's" if kinect else f"{' and the '.join(cameras)} camera's"
    known = "its color camera would stand on the wrong side of the depth camera; " if kinect else ""
    raise CalibrationError(
        f"the {which} pictures are mirrored, in all {len(seen)} views such as {seen[0].name}: {known}only "
        "flipped left to right do they fit; let the driver deliver pictures that are not mirrored "
        "(libfreenect2's are), and record the board again"
    )


def _refuse_groups(name: str, vote: Vote, views: Sequence[BoardView]) -> None:
    """Raise CalibrationError if the views fall into two groups, each agreeing on a pose of its own."""
    first = [i for i in vote.apart_mm if vote.apart_mm[i] < AGREE_MM]
    rest = [i for i in vote.apart_mm if vote.apart_mm[i] >= AGREE_MM]
    if len(rest) < MIN_GROUP or vote.second_agreement < MIN_AGREEMENT:
        return
    early, late = (first, rest) if np.mean(first) < np.mean(rest) else (rest, first)
    in_order = max(early) < min(late)
    when = (
        f"the {name} camera moved after {views[max(early)].name}, or the views are of two rigs"
        if in_order
        else "the views are of two rigs, or a camera moved to and fro"
    )
    raise CalibrationError(
        f"{when}: {len(early)} views such as {views[early[0]].name} agree on one pose of the {name} camera, "
        f"and {len(late)} such as {views[late[0]].name} on another; calibrate from views of one rig "
        "that stays"
    )


def _way_px(geometry: RigGeometry, view: BoardView, name: str, board: Board) -> Float | None:
    """Return the median way (2,) from where color says the board is to where the camera sees it, pixels."""
    pose = _pose_alone(geometry.cameras[REFERENCE], view.corners_px[REFERENCE], board)
    if pose is None:
        return None
    predicted = geometry.cameras[name].project((geometry.from_color[name] @ pose).apply(board.points_mm))
    way = np.nanmedian(view.corners_px[name] - predicted, axis=0)
    return way if np.isfinite(way).all() else None


def _largest_jump(ways_px: Float) -> tuple[int, float] | None:
    """Return where a sequence (V, 2) jumps, and how far; None if it jumps nowhere.

    Of all times it is the one that leaves the least distance to the medians before and after.
    """
    splits = range(MIN_GROUP, len(ways_px) - MIN_GROUP + 1)
    left_px = [float(np.sum(_off_px(ways_px, split))) for split in splits]
    split = splits[int(np.argmin(left_px))]
    off_px = _off_px(ways_px, split)
    jump_px = float(np.linalg.norm(np.median(ways_px[split:], axis=0) - np.median(ways_px[:split], axis=0)))
    error_px = max(float(np.median(off_px)), 1e-3) * np.sqrt(1 / split + 1 / (len(ways_px) - split))
    return (split, jump_px) if jump_px > max(MAX_JUMP_PX, MIN_JUMP_RATIO * error_px) else None


def _off_px(ways_px: Float, split: int) -> Float:
    """Return how far each way lies from the median of those on its side of `split`, (V,)."""
    parts = ways_px[:split], ways_px[split:]
    return np.concatenate([np.linalg.norm(part - np.median(part, axis=0), axis=1) for part in parts])


def _pose_alone(camera: Intrinsics, corners_px: Float, board: Board) -> RigidTransform | None:
    known = np.isfinite(corners_px).all(axis=1)
    rays = camera.rays(corners_px[known])[:, :2]
    sane = np.isfinite(rays).all(axis=1)
    points, rays = board.points_mm[known][sane], np.ascontiguousarray(rays[sane])
    if len(points) < 6:
        return None
    try:  # OpenCV 5.0's IPPE is wrong where the rotation is exactly half a turn; its SQPNP is not
        found, turn, shift = cv2.solvePnP(points, rays, np.eye(3), np.zeros(5), flags=cv2.SOLVEPNP_SQPNP)
    except cv2.error:
        return None
    if not found:
        return None
    turn, shift = cv2.solvePnPRefineLM(points, rays, np.eye(3), np.zeros(5), turn, shift)
    return RigidTransform.from_rotation_vector(turn, np.ravel(shift))


def _side_mm(board: Board) -> tuple[float, str]:
    """Return the length that names the board, and what it is of."""
    for field, word in (("square_mm", "squares"), ("marker_mm", "markers"), ("spacing_mm", "spacings")):
        side = getattr(board, field, None)
        if side is not None:
            return float(side), word
    return float(board.points_mm.max()), "sides"
