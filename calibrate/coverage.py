"""What board views cover, camera by camera, and what an operator still has to show: pure, on corners.

The live guide, the gates and the report share these figures. Nothing here says whether a solution is good
(`solver/gates.py`); where nothing is missing here, the gates let the views pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..capture.board import Board
from ..capture.geometry import Intrinsics
from .solver.views import BoardView, enough_points

Float = NDArray[np.float64]
REFERENCE = "color"
GRID = (6, 8)
"""Rows and columns of a picture's cells."""
TILT_DEG = 15.0
"""A board tilted by less hardly tells the focal length from the distance (Zhang, PAMI 2000, section 4.1)."""
NEAR_MM, FAR_MM = 700.0, 1000.0
"""Faces sit at 0.8 to 1.2 m; nearer boards fill the picture and are seen in perspective, farther ones carry
the cameras' poses across the face."""
NOMINAL = {
    "color": (0.55, (0.05, -0.07, 0.0, 0.0, 0.02)),
    "depth": (0.71, (0.09, -0.27, 0.0, 0.0, 0.1)),
    "thermal": (1.2, (0.0, 0.0, 0.0, 0.0, 0.0)),
}
"""Focal lengths in picture widths, and distortion: a Kinect v2 as iai_kinect2 publishes it, and an A65 with
its 13 mm lens."""

WANTED_VIEWS = 14
WANTED_SHARED = 10
WANTED_SHARE = 0.5
"""Of a picture's cells."""
WANTED_REGION_SHARE = 1 / 3
WANTED_PER_TILT = 2
WANTED_PER_DISTANCE = 2

TILTS = ("left", "right", "up", "down")
DISTANCES = ("near", "middle", "far")
ROWS = (("upper", slice(0, 2)), ("", slice(2, 4)), ("lower", slice(4, 6)))
COLUMNS = (("left", slice(0, 3)), ("", slice(3, 5)), ("right", slice(5, 8)))
SINGLE = {"upper": "top", "lower": "bottom", "": "middle"}
TILT_WORDS = {
    "left": "turn the board so that its left edge goes back",
    "right": "turn the board so that its right edge goes back",
    "up": "lean the board back, top edge away",
    "down": "lean the board forward, top edge nearer",
}


@dataclass(frozen=True, slots=True)
class CameraCoverage:
    """What one camera has seen of a board.

    Attributes
    ----------
    camera : "color", "depth" or "thermal"
    n_views : int, views in which it saw the board
    n_shared : int, those that the color camera saw too
    cells : (6, 8) bool, the cells of its picture in which a point was seen
    tilts : views by the way the board was tilted, by 15 degrees or more against the picture's plane: "left"
        and "right", "up" and "down" name the edge, as the picture shows it, that was farther away
    distances : views by the board's distance: "near" (below 0.7 m), "middle", "far" (above 1 m)
    """

    camera: str
    n_views: int
    n_shared: int
    cells: NDArray[np.bool_]
    tilts: Mapping[str, int]
    distances: Mapping[str, int]

    @property
    def share(self) -> float:
        """The share [0, 1] of cells in which a point was seen."""
        return float(self.cells.mean())


def cells_hit(corners_px: Iterable[Float], size_px: tuple[int, int]) -> NDArray[np.bool_]:
    """Return in which of a picture's 6 x 8 cells a point was seen, (6, 8) bool.

    Parameters
    ----------
    corners_px : (N, 2) float64 arrays, one per view; NaN is not seen
    size_px : width and height of the picture
    """
    hit = np.zeros(GRID, bool)
    for corners in corners_px:
        seen = corners[np.isfinite(corners).all(axis=1)]
        cell = np.floor((seen + 0.5) / size_px * GRID[::-1]).astype(int)  # pixel centers at integers
        cell = np.clip(cell, 0, np.subtract(GRID[::-1], 1))
        hit[cell[:, 1], cell[:, 0]] = True
    return hit


def coverage_of(
    views: Sequence[BoardView],
    board: Board,
    size_px: Mapping[str, tuple[int, int]],
    cameras: Mapping[str, Intrinsics] | None = None,
) -> dict[str, CameraCoverage]:
    """Return what every camera in `size_px` has seen; a camera without views has zeros.

    About 0.2 ms per picture.

    Parameters
    ----------
    views : board views
    size_px : width and height of every camera of the rig
    cameras : calibrated intrinsics, where they are known; tilt and distance are taken with nominal ones
        otherwise, which is good to a few degrees and percent
    """
    coverages = {}
    for name, size in size_px.items():
        seen = [view for view in views if name in view.corners_px]
        camera = (cameras or {}).get(name) or nominal_camera(name, size)
        tilts: dict[str, int] = dict.fromkeys(TILTS, 0)
        distances: dict[str, int] = dict.fromkeys(DISTANCES, 0)
        for view in seen:
            pose = tilt_and_distance(view.corners_px[name], board, camera)
            if pose is not None:
                for way in tilt_ways(*pose[:2]):
                    tilts[way] += 1
                distances[distance_of(pose[2])] += 1
        coverages[name] = CameraCoverage(
            camera=name,
            n_views=len(seen),
            n_shared=sum(REFERENCE in view.corners_px for view in seen),
            cells=cells_hit((view.corners_px[name] for view in seen), size),
            tilts=tilts,
            distances=distances,
        )
    return coverages


def missing(coverages: Mapping[str, CameraCoverage]) -> tuple[str, ...]:
    """Return what is still to be shown, one sentence each, the most wanted first; empty when it is enough.

    Directions are those of the picture as the page shows it.
    """
    lines: list[tuple[float, str]] = []
    for name, coverage in coverages.items():
        if coverage.n_views == 0:
            lines.append((0, f"{name}: show it the whole board, and hold it still for a second"))
            continue
        regions = region_shares(coverage.cells)
        bare = [region for region, share in regions.items() if share < WANTED_REGION_SHARE]
        if not bare and coverage.share < WANTED_SHARE:
            bare = [min(regions, key=lambda region: regions[region])]
        bare.sort(key=lambda region: regions[region])
        lines += [(1 + regions[region], f"{name}: {_place_words(region)}") for region in bare]
        for way, n in coverage.tilts.items():
            if n < WANTED_PER_TILT:
                lines.append((1.2 + 0.1 * n, f"{name}: {TILT_WORDS[way]}, by 20 to 40 degrees"))
        if (n := coverage.distances["near"]) < WANTED_PER_DISTANCE:
            lines.append((1.2 + 0.1 * n, f"{name}: bring the board nearer than {NEAR_MM / 1000:g} m"))
        if (n := coverage.distances["far"]) < WANTED_PER_DISTANCE:
            lines.append((1.2 + 0.1 * n, f"{name}: take the board farther than {FAR_MM / 1000:g} m"))
        if (n := WANTED_VIEWS - coverage.n_views) > 0:
            lines.append((2, f"{name}: {_more(n)}"))
        if name != REFERENCE and (n := WANTED_SHARED - coverage.n_shared) > 0:
            lines.append((2, f"{REFERENCE} and {name}: {_more(n)} that both see"))
    return tuple(line for _, line in sorted(lines, key=lambda pair: pair[0]))


def region_shares(cells: NDArray[np.bool_]) -> dict[str, float]:
    """Return the share of cells hit in each ninth of the picture: "upper left", "top", ..., "middle"."""
    return {
        f"{row} {column}" if row and column else column or SINGLE[row]: float(cells[rows, columns].mean())
        for row, rows in ROWS
        for column, columns in COLUMNS
    }


def nominal_camera(name: str, size_px: tuple[int, int]) -> Intrinsics:
    """Return what a camera of that name is like before it is calibrated."""
    width, height = size_px
    widths, distortion = NOMINAL[name]
    focal_px = widths * width
    return Intrinsics(width, height, focal_px, focal_px, (width - 1) / 2, (height - 1) / 2, distortion)


def tilt_and_distance(
    corners_px: Float, board: Board, camera: Intrinsics
) -> tuple[float, float, float] | None:
    """Return how the board stands: tilt about the vertical and the horizontal, degrees, and distance, mm.

    The tilt is against the picture's plane, not against the viewing ray: a board parallel to the picture says
    nothing about the focal length wherever it is. It is positive where the right edge, or the top edge, is
    farther away. The distance is that of the board's middle along the axis. None where too few
    points are seen, or these fit no board.
    """
    if not enough_points(corners_px, board):
        return None
    seen = np.isfinite(corners_px).all(axis=1)
    points, rays = board.points_mm[seen], np.ascontiguousarray(camera.rays(corners_px[seen])[:, :2])
    if not np.isfinite(rays).all():
        return None
    try:
        found, turn, shift = cv2.solvePnP(
            points, rays, np.eye(3), np.zeros(5), flags=cv2.SOLVEPNP_SQPNP
        )  # SOLVEPNP_IPPE of OpenCV 5.0 fails at half a turn, the way a warm board looks to a thermal camera
    except cv2.error:  # points on one line
        return None
    if not found:
        return None
    rotation, _ = cv2.Rodrigues(turn)
    middle = rotation @ board.points_mm.mean(axis=0) + np.ravel(shift)
    if not np.isfinite(middle).all() or middle[2] <= 0:
        return None
    return *tilt_of(np.asarray(rotation, np.float64)), float(middle[2])


def tilt_of(rotation: Float) -> tuple[float, float]:
    """Return a board's tilt about the vertical and the horizontal, degrees, as `tilt_and_distance` signs it.

    Parameters
    ----------
    rotation : (3, 3) float64, camera from board
    """
    away = rotation[:, 2] if rotation[2, 2] > 0 else -rotation[:, 2]  # from the camera
    about_vertical = float(np.degrees(np.arctan2(-away[0], away[2])))
    return about_vertical, float(np.degrees(np.arctan2(away[1], away[2])))


def tilt_ways(about_vertical_deg: float, about_horizontal_deg: float) -> tuple[str, ...]:
    """Return the ways, of "left", "right", "up" and "down", that a board so tilted counts for."""
    ways = []
    if abs(about_vertical_deg) >= TILT_DEG:
        ways.append("right" if about_vertical_deg > 0 else "left")
    if abs(about_horizontal_deg) >= TILT_DEG:
        ways.append("up" if about_horizontal_deg > 0 else "down")
    return tuple(ways)


def distance_of(distance_mm: float) -> str:
    """Return "near", "middle" or "far"."""
    return "near" if distance_mm < NEAR_MM else "far" if distance_mm > FAR_MM else "middle"


def _place_words(region: str) -> str:
    where = {"left": "at the left", "right": "at the right", "middle": "in the middle"}
    return f"hold the board {where.get(region, f'at the {region}')}"


def _more(n: int) -> str:
    return f"{n} more place{'s' if n > 1 else ''}"
