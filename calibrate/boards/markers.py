"""ChArUco boards and grids of ArUco markers found in a picture of any stream, whole or in part.

Two markers that decode say where the board is; every point of it is then looked for where it must be
(align.py), so that points are found whose own markers are too small, cut or blurred to be read.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.board import ArucoGrid, Board, CharucoBoard, CircleGrid, markers_of
from ...capture.streams import Stream
from .align import NEAREST, align_points, predicted
from .circles import find_circles
from .gray import gray_of, scaled, stretched
from .homography import projected

Float = NDArray[np.float64]
MarkedBoard = CharucoBoard | ArucoGrid
SCALES = {  # pictures are searched at the first of these sizes that shows enough markers
    Stream.COLOR: (1.0, 2.0),
    Stream.INFRARED: (2.0, 3.0),
    Stream.THERMAL: (2.0, 1.0, 3.0),
}
MIN_MARKERS = 2
MIN_PERIMETER_PX = 28.0  # of a marker in the picture that is searched
MIN_POINTS = 4
CONSISTENT_SIDES = 0.15  # a marker that lies farther from where the others say, in sides, is a false one
ROUNDS = 4
COARSE_PX = 6.0  # where less than this is compared, points are aligned again from each other
START_MOVE = 0.3  # share of the reach by which a prediction may be off
REFINE_MOVE_SQUARES = 0.5


def find_marked(image: NDArray, board: MarkedBoard, stream: Stream) -> Float | None:
    """Return where the board's points lie in `image`, NaN for those not seen, or None if it is not seen.

    A thermal camera may see ink brighter or darker than what is blank: both are tried, bright ink first,
    because a lamp heats ink more. A mirrored picture shows no marker that decodes (`mirrored_board`).

    On the simulated rig's boards at 0.5 to 1.3 m: 0.02 px rms for charuco-7x5x40mm, 0.05 px for
    aruco-4x3x50mm, in every stream, and every point inside the picture; of charuco-11x8x20mm all points in
    color, 9 of 10 in thermal, half in infrared, where its markers have less than 1.5 px to a module. 50 to
    130 ms for a color picture, 45 to 110 ms for infrared and thermal, on one core.

    Parameters
    ----------
    image : (H, W, 3) uint8 color, or (H, W) uint8 or uint16

    Returns
    -------
    (N, 2) float64, pixels, pixel centers at integers, in the order of `board.points_mm`; or None.
    """
    gray = gray_of(image)
    best: Float | None = None
    for dark_ink in (False, True) if stream is Stream.THERMAL else (True,):
        picture = stretched(gray, stream)
        seen = _seen_markers(picture if dark_ink else 255 - picture, board, stream)
        if seen is None:
            continue
        found = _grown(gray, board, *seen, dark_ink=dark_ink)
        n_found = 0 if found is None else int(np.isfinite(found[:, 0]).sum())
        if best is None or n_found > int(np.isfinite(best[:, 0]).sum()):
            best = found
        if n_found > len(board.points_mm) // 2:
            break
    return best


def refine_marked(image: NDArray, corners_px: Float, board: MarkedBoard) -> Float | None:
    """Return the points near `corners_px` (N, 2; NaN stays NaN) in another picture, or None.

    Parameters and result are those of `find_marked`; None where fewer than half of the points are found.
    """
    known = np.isfinite(corners_px[:, 0])
    if known.sum() < MIN_POINTS:
        return None
    gray = gray_of(image)
    points = board.points_mm[:, :2]
    _, slope = predicted(points[known], corners_px[known], points[known])
    size_px = _typical_px(slope)
    best: Float | None = None
    for dark_ink in (True, False) if gray.dtype != np.uint8 or image.ndim == 2 else (True,):
        found, _ = align_points(
            gray,
            corners_px[known],
            px_from_mm=slope,
            points_mm=points[known],
            plate=board.plate,
            reach_mm=_reach_mm(board),
            move_px=REFINE_MOVE_SQUARES * _cell_mm(board) * size_px,
            dark_ink=dark_ink,
        )
        if best is None or np.isfinite(found[:, 0]).sum() > np.isfinite(best[:, 0]).sum():
            best = found
    if best is None or np.isfinite(best[:, 0]).sum() < max(MIN_POINTS, known.sum() / 2):
        return None
    refined = np.full_like(corners_px, np.nan)
    refined[known] = best
    return refined


def mirrored_board(image: NDArray, board: Board, stream: Stream) -> bool:
    """Return whether the picture shows the board only once it is flipped from left to right.

    Markers decode in one way only, and circles in an even number of rows have a sense of rotation, so that a
    mirrored picture (libfreenect2 makes such) gives itself away. A chessboard, and circles in an odd number
    of rows, look the same in a mirror as on the wall, and say nothing: False.
    """
    flipped = np.ascontiguousarray(image[:, ::-1])
    if isinstance(board, CharucoBoard | ArucoGrid):
        return find_marked(image, board, stream) is None and find_marked(flipped, board, stream) is not None
    if isinstance(board, CircleGrid) and board.rows % 2 == 0:
        return find_circles(image, board, stream) is None and find_circles(flipped, board, stream) is not None
    return False


def decoded_markers(image: NDArray, board: MarkedBoard, stream: Stream) -> dict[int, Float]:
    """Return the corners (4, 2) by id of every marker of the board's dictionary that decodes in the picture.

    The board need not have them. Corners are OpenCV's own, in pixels, some tenths of a pixel off.
    """
    picture = stretched(gray_of(image), stream)
    seen: dict[int, Float] = {}
    # first as the ink is expected to show: a marker may decode the other way too, with worse corners
    for shown in (255 - picture, picture) if stream is Stream.THERMAL else (picture, 255 - picture):
        for scale in SCALES[stream]:
            corners, ids = _decoded(scaled(shown, scale), board)
            for i, corners_px in zip(ids, corners, strict=True):
                seen.setdefault(i, (corners_px + 0.5) / scale - 0.5)
    return dict(sorted(seen.items()))


def marker_corners_mm(board: MarkedBoard) -> Float:
    """Return the corners (M, 4, 2) of every marker of the board by id, clockwise from its top left."""
    if isinstance(board, ArucoGrid):
        return board.points_mm[:, :2].reshape(-1, 4, 2)
    row, column = np.mgrid[0 : board.squares_y, 0 : board.squares_x]
    white = (row + column) % 2 == 1
    first = np.stack([column[white], row[white]], axis=-1) * board.square_mm - board.square_mm
    first = first + (board.square_mm - board.marker_mm) / 2
    return first[:, None] + np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * board.marker_mm


def _decoded(picture: NDArray[np.uint8], board: MarkedBoard) -> tuple[list[Float], list[int]]:
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    parameters.minMarkerPerimeterRate = MIN_PERIMETER_PX / max(picture.shape)
    detector = cv2.aruco.ArucoDetector(markers_of(board), parameters)
    corners, ids, _ = detector.detectMarkers(picture)
    if ids is None:
        return [], []
    return [c.reshape(4, 2).astype(np.float64) for c in corners], [int(i) for i in ids.ravel()]


def _seen_markers(
    picture: NDArray[np.uint8], board: MarkedBoard, stream: Stream
) -> tuple[Float, Float] | None:
    """Return points (K, 2) millimetres and pixels of the corners of markers that agree with each other."""
    corners_mm = marker_corners_mm(board)
    wanted = min(MIN_MARKERS, len(corners_mm))
    best: tuple[Float, Float] | None = None
    for scale in SCALES[stream]:
        corners, ids = _decoded(scaled(picture, scale), board)
        at = {i: (c + 0.5) / scale - 0.5 for c, i in zip(corners, ids, strict=True) if i < len(corners_mm)}
        if len(at) < wanted:
            continue
        mm = np.array([corners_mm[i] for i in sorted(at)])
        px = np.array([at[i] for i in sorted(at)])
        side_px = np.linalg.norm(np.roll(px, 1, axis=1) - px, axis=2).mean(axis=1)
        cv2.setRNGSeed(0)  # RANSAC draws from it: the same picture gives the same answer
        homography, _ = cv2.findHomography(
            mm.reshape(-1, 2), px.reshape(-1, 2), cv2.RANSAC, float(max(1.5, 0.1 * np.median(side_px)))
        )
        if homography is None:
            continue
        miss = np.linalg.norm(projected(homography, mm.reshape(-1, 2)).reshape(px.shape) - px, axis=2)
        good = miss.max(axis=1) < np.maximum(2.5, CONSISTENT_SIDES * side_px)
        if good.sum() >= wanted and (best is None or 4 * good.sum() > len(best[0])):
            best = mm[good].reshape(-1, 2), px[good].reshape(-1, 2)
        if good.sum() >= max(wanted, len(corners_mm) // 3):
            break
    return best


def _grown(
    gray: NDArray, board: MarkedBoard, seed_mm: Float, seed_px: Float, *, dark_ink: bool
) -> Float | None:
    """Return the board's points (N, 2), from the markers outward; NaN for those not there."""
    points, plate, reach_mm = board.points_mm[:, :2], board.plate, _reach_mm(board)
    found = np.full((len(points), 2), np.nan)
    tried_from = np.zeros(len(points), int)  # how many points were known when a point was last looked for
    size = np.array(gray.shape[::-1])
    for _ in range(ROUNDS):
        known = np.isfinite(found[:, 0])
        from_mm = np.concatenate([seed_mm, points[known]]) if known.sum() < NEAREST else points[known]
        from_px = np.concatenate([seed_px, found[known]]) if known.sum() < NEAREST else found[known]
        at, slope = predicted(from_mm, from_px, points)
        inside = np.all((at > 1) & (at < size - 2), axis=1)
        look = ~known & inside & (tried_from < len(from_mm))
        if not look.any():
            break
        tried_from[look] = len(from_mm)
        new, _ = align_points(
            gray,
            at[look],
            px_from_mm=slope[look],
            points_mm=points[look],
            plate=plate,
            reach_mm=reach_mm,
            move_px=np.maximum(1.5, START_MOVE * reach_mm * _px_per_mm(slope[look])),
            dark_ink=dark_ink,
        )
        found[look] = new
        if not np.isfinite(new[:, 0]).any():
            break
    known = np.isfinite(found[:, 0])
    if known.sum() < min(MIN_POINTS, len(points)):
        return None
    _, slope = predicted(points[known], found[known], points[known])
    if reach_mm * _typical_px(slope) < COARSE_PX:
        found[known], _ = align_points(
            gray,
            found[known],
            px_from_mm=slope,
            points_mm=points[known],
            plate=plate,
            reach_mm=reach_mm,
            move_px=1.5,
            dark_ink=dark_ink,
        )
    return found if np.isfinite(found[:, 0]).any() else None


def _reach_mm(board: MarkedBoard) -> float:
    """Return how far around a point its surroundings are compared with the drawing."""
    if isinstance(board, CharucoBoard):
        return 0.5 * board.square_mm
    modules = markers_of(board).markerSize + 2
    return max(0.4 * board.marker_mm, 1.5 * board.marker_mm / modules)


def _cell_mm(board: MarkedBoard) -> float:
    return board.square_mm if isinstance(board, CharucoBoard) else 0.5 * board.marker_mm


def _px_per_mm(slope: Float) -> Float:
    return np.sqrt(np.abs(np.linalg.det(slope)))


def _typical_px(slope: Float) -> float:
    return float(np.median(_px_per_mm(slope)))
