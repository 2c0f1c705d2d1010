"""The Kinect's readings against the board: what must be added to them, and by what they must be multiplied.

true depth = scale * reading + shift, measured on the board's blank paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.board import Board, FlatTarget
from ...capture.geometry import RigidTransform
from ...capture.session import Session
from ...capture.streams import Stream
from ...errors import CalibrationError
from .normal_equations import cross
from .rig_geometry import N_INTRINSICS, RigGeometry, blocks, moved
from .views import BoardView

Float = NDArray[np.float64]
MAX_SPREAD_MM = 80.0  # readings that far from a view's median are of something else (iai_kinect2's limit)
PAPER_MM = (5.0, 2.0)  # from ink: half a depth pixel at a metre is 1.4 mm, and ink reflects too little
MIN_READINGS = 30  # of a view, in the median view; less paper than that is no paper
N_FIELDS = 1000  # the plate is drawn so finely that its longer side has about that many
MIN_SCALE_SPAN_MM = 250.0
MIN_SCALE_VIEWS = 6
HUBER = 1.345
RAY_STEP = 1e-6
SCATTER = 1.4826  # standard deviation over median absolute deviation of normal errors


@dataclass(frozen=True, slots=True)
class DepthPoints:
    """What the depth camera read on the board, and what it should have read.

    Attributes
    ----------
    view : (M,) int64, the views with readings
    true_mm, reading_mm : (M,) float64, medians over the paper of each view
    ink : bool, whether readings on ink had to be taken, for want of paper
    """

    view: NDArray[np.int64]
    true_mm: Float
    reading_mm: Float
    ink: bool = False


@dataclass(frozen=True, slots=True)
class DepthFit:
    """true depth = scale * reading + shift_mm, with standard deviations."""

    shift_mm: float
    scale: float
    shift_deviation_mm: float
    scale_deviation: float


def read_board_depths(
    sessions: Sequence[Session], board: Board, *, views: Sequence[BoardView], geometry: RigGeometry
) -> DepthPoints:
    """Return the depth readings on the board of every view that has some.

    Raises
    ------
    CalibrationError
        No view has depth readings on the board.
    """
    best = DepthPoints(np.empty(0, np.int64), np.empty(0), np.empty(0))
    for min_from_ink_mm in (*PAPER_MM, None):
        paper, found, counts = blank_mm(board, ink_too=min_from_ink_mm is None), [], []
        for i, (view, pose) in enumerate(zip(views, geometry.color_from_board, strict=True)):
            if "depth" not in view.corners_px or Stream.DEPTH not in view.frame:
                continue
            reading_mm = sessions[view.session].frame(Stream.DEPTH, view.frame[Stream.DEPTH]).pixels
            true_mm, read_mm = paper_depths_mm(
                reading_mm, paper, geometry, pose, min_from_ink_mm=min_from_ink_mm or PAPER_MM[0]
            )
            counts.append(len(true_mm))
            if len(true_mm):
                middle_mm = float(np.median(true_mm))
                found.append((i, middle_mm, middle_mm - float(np.median(true_mm - read_mm))))
        if found:
            index, true, read = zip(*found, strict=True)
            best = DepthPoints(np.array(index), np.array(true), np.array(read), min_from_ink_mm is None)
            if np.median(counts) >= MIN_READINGS:
                return best
    if not len(best.view):
        raise CalibrationError("wanted depth readings on the board, found none; hold it 0.6 to 1.5 m away")
    return best


def fit_depth(
    points: DepthPoints, geometry: RigGeometry, *, covariance: Float, board_steps: Float, scaled: bool = False
) -> DepthFit:
    """Return the line, or with `scaled` False the shift, that carries readings onto true depths.

    Huber's estimate over the views (the median where only the shift is wanted). The deviations have two
    parts: the scatter of the views, and the camera's geometry, which moves all boards alike.

    Parameters
    ----------
    covariance, board_steps : as `uncertainty.determine` returns

    Raises
    ------
    CalibrationError
        `scaled`, and the views are too few, or lie at too similar distances.
    """
    true_mm, reading_mm = points.true_mm, points.reading_mm
    if scaled:
        span_mm = float(np.ptp(reading_mm))
        if len(reading_mm) < MIN_SCALE_VIEWS or span_mm < MIN_SCALE_SPAN_MM:
            raise CalibrationError(
                f"wanted depth readings in at least {MIN_SCALE_VIEWS} views over {MIN_SCALE_SPAN_MM:g} mm of "
                f"distance for --depth-scale, found {len(reading_mm)} over {span_mm:.0f} mm; hold the board "
                "nearer and farther, or solve without --depth-scale"
            )
    columns = np.stack([np.ones_like(reading_mm), reading_mm], axis=1)[:, : 2 if scaled else 1]
    wanted = true_mm if scaled else true_mm - reading_mm
    line, weights = _robust_line(columns, wanted)
    if not scaled:
        line = np.array([np.median(wanted)])
    off = wanted - columns @ line
    scatter_mm = _scatter(off) if len(off) > 2 else float(np.ptp(wanted)) + 1.0
    # The estimate is `estimator @ wanted`.
    estimator = np.linalg.solve(columns.T @ (weights[:, None] * columns), columns.T * weights)
    efficiency = 1.0 if scaled else np.pi / 2  # of the mean over the median
    moved_by = estimator @ _depth_slopes(points, geometry, board_steps)
    total = efficiency * scatter_mm**2 * (estimator @ estimator.T) + moved_by @ covariance @ moved_by.T
    deviation = np.sqrt(np.diag(total))
    if scaled:
        return DepthFit(float(line[0]), float(line[1]), float(deviation[0]), float(deviation[1]))
    return DepthFit(float(line[0]), 1.0, float(deviation[0]), 0.0)


def read_over_true(points: DepthPoints) -> tuple[float, float]:
    """Return the slope of readings over true depths, and its standard deviation.

    1 where the squares are as large as said, whatever the shift. The median of the slopes between pairs of
    views (Theil 1950, Sen 1968); infinite deviation where there are not two distances.
    """
    i, j = np.triu_indices(len(points.view), 1)
    apart = points.true_mm[j] - points.true_mm[i]
    far = np.abs(apart) > np.ptp(points.true_mm) / 3 if len(apart) else np.empty(0, bool)
    if len(points.view) < 5 or not far.any() or np.ptp(points.true_mm) < 50:
        return 1.0, float("inf")
    slope = float(np.median((points.reading_mm[j] - points.reading_mm[i])[far] / apart[far]))
    off = points.reading_mm - slope * points.true_mm
    length = np.sqrt(((points.true_mm - points.true_mm.mean()) ** 2).sum())
    return slope, 1.2 * _scatter(off) / float(length)


def blank_mm(board: Board, *, ink_too: bool = False) -> FlatTarget:
    """Return how far from ink and from the plate's rim each place of the board is, mm, as a fine picture.

    With `ink_too`, how far from the rim alone.
    """
    plate = board.plate
    finer = max(1, round(N_FIELDS / max(plate.ink.shape)))
    there = np.ones_like(plate.ink, bool) if ink_too else plate.ink < 0.01
    blank = np.kron(there, np.ones((finer, finer), bool)).astype(np.uint8)
    distance = cv2.distanceTransform(np.pad(blank, 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    field_mm = plate.field_mm / finer
    return FlatTarget(distance.astype(np.float64) * field_mm, field_mm, plate.origin_mm)


def paper_depths_mm(
    depth_mm: NDArray,
    paper: FlatTarget,
    geometry: RigGeometry,
    color_from_board: RigidTransform,
    *,
    min_from_ink_mm: float = PAPER_MM[0],
) -> tuple[Float, Float]:
    """Return the board's true depth and the reading, (M,) mm each, at pixels well inside blank paper.

    Readings more than 80 mm from the median difference are of something else, and left out.

    Parameters
    ----------
    depth_mm : (H, W) readings, 0 for none
    paper : as `blank_mm` returns
    """
    camera = geometry.cameras["depth"]
    depth_from_board = geometry.from_color["depth"] @ color_from_board
    outline_px = camera.project(depth_from_board.apply(paper.outline_mm))
    size = np.array([camera.width, camera.height])
    low = np.clip(np.floor(np.nan_to_num(outline_px.min(axis=0))).astype(int), 0, size - 1)
    high = np.clip(np.ceil(np.nan_to_num(outline_px.max(axis=0), nan=0)).astype(int) + 1, low + 1, size)
    columns, rows = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    rays = camera.rays(np.stack([columns, rows], axis=-1))
    normal = depth_from_board.rotation[:, 2]
    true_mm = float(normal @ depth_from_board.translation_mm) / (rays @ normal)
    on_board = depth_from_board.inverse().apply(rays * true_mm[..., None])[..., :2]
    field = np.floor(np.nan_to_num((on_board - paper.origin_mm) / paper.field_mm, nan=-1)).astype(int)
    inside = np.all((field >= 0) & (field < paper.ink.shape[::-1]), axis=-1)
    column, row = np.where(inside, field[..., 0], 0), np.where(inside, field[..., 1], 0)
    reading_mm = depth_mm[low[1] : high[1], low[0] : high[0]].astype(np.float64)
    wanted = inside & (paper.ink[row, column] > min_from_ink_mm) & (reading_mm > 0)
    true_mm, reading_mm = true_mm[wanted], reading_mm[wanted]
    difference_mm = true_mm - reading_mm
    if len(difference_mm):
        near = np.abs(difference_mm - np.median(difference_mm)) < MAX_SPREAD_MM
        true_mm, reading_mm = true_mm[near], reading_mm[near]
    return true_mm, reading_mm


def _depth_slopes(points: DepthPoints, geometry: RigGeometry, board_steps: Float) -> Float:
    """Return how the true depth of each view's board moves with the global unknowns, (M, G) mm.

    Along the ray r of the depth pixel that shows the board's first point it is n t / (n r), for a board of
    normal n through t; the board follows the step.
    """
    depth, depth_from_color = geometry.cameras["depth"], geometry.from_color["depth"]
    block = blocks(geometry)["depth"]
    boards = [geometry.color_from_board[i] for i in points.view]
    normal_color = np.stack([board.rotation[:, 2] for board in boards])
    turned = np.stack([board.translation_mm for board in boards]) @ depth_from_color.rotation.T
    normal, at = normal_color @ depth_from_color.rotation.T, turned + depth_from_color.translation_mm
    rays = at / at[:, 2:]
    facing = np.einsum("vi,vi->v", normal, rays)
    true_mm = np.einsum("vi,vi->v", normal, at) / facing
    follow = board_steps[points.view]  # (M, 6, G)
    d_normal = depth_from_color.rotation @ (-cross(normal_color) @ follow[:, :3])  # (M, 3, G)
    d_at = depth_from_color.rotation @ follow[:, 3:]
    d_rays = np.zeros_like(d_at)
    pose = slice(block.start + N_INTRINSICS, block.stop)
    d_normal[:, :, pose.start : pose.start + 3] -= cross(normal)
    d_at[:, :, pose.start : pose.start + 3] -= cross(turned)
    d_at[:, :, pose.start + 3 : pose.stop] += np.eye(3)
    pixels, by_ray = depth.project(rays), np.empty((len(rays), 2, 2))
    for axis, step in enumerate(np.eye(3)[:2] * RAY_STEP):
        by_ray[:, :, axis] = (depth.project(rays + step) - depth.project(rays - step)) / (2 * RAY_STEP)
    # The pixel stays where it is: what a step of the lens does to it, the ray takes back.
    for k, step in enumerate(RAY_STEP * np.array([1e3, 1e3, 1e3, 1e3, 1, 1, 1, 1, 1])):
        ahead = np.zeros(follow.shape[-1])
        ahead[block.start + k] = step
        by_step = (moved(geometry, ahead).cameras["depth"].project(rays) - pixels) / step
        d_rays[:, :2, block.start + k] = -np.linalg.solve(by_ray, by_step[..., None])[..., 0]
    d_above = np.einsum("vig,vi->vg", d_normal, at) + np.einsum("vi,vig->vg", normal, d_at)
    d_facing = np.einsum("vig,vi->vg", d_normal, rays) + np.einsum("vi,vig->vg", normal, d_rays)
    return (d_above - true_mm[:, None] * d_facing) / facing[:, None]


def _robust_line(columns: Float, wanted: Float) -> tuple[Float, Float]:
    """Return Huber's estimate of `columns @ line = wanted`, and the weights it ends with."""
    weights = np.ones(len(wanted))
    line = np.zeros(columns.shape[1])
    for _ in range(20):
        line = np.linalg.lstsq(columns * np.sqrt(weights)[:, None], wanted * np.sqrt(weights), rcond=None)[0]
        off = np.abs(wanted - columns @ line)
        weights = np.minimum(1.0, HUBER * max(_scatter(off), 1e-3) / np.maximum(off, 1e-9))
    return np.asarray(line, np.float64), np.asarray(weights, np.float64)


def _scatter(off: Float) -> float:
    return SCATTER * float(np.median(np.abs(off - np.median(off))))
