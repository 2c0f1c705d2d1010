"""Epipolar curves: where a point of the color picture may appear in another camera, whatever its distance.

Lenses bend them, so they are curves. A found corner that lies on its curve says that the pose between the
two cameras is right across it; its place along the curve is its distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ...report import colored
from ..calibration import Calibration
from ..optics import project_seen

Float = NDArray[np.float64]
NEAREST_MM, FARTHEST_MM = 350.0, 4000.0
N_STEPS = 240
SHIFT = 4  # bits of a pixel that cv2 draws to
PLOT_COLORS = ("#ffd23f", "#3bceac", "#ff6b6b", "#5ab1ff", "#f49fe0", "#b8f35c")


@dataclass(frozen=True, slots=True)
class EpipolarPoint:
    """One point of the color picture in another picture.

    Attributes
    ----------
    color_px : (2,) float64, in the color picture
    curve_px : (S, 2) float64, where it may appear in the other picture, near to far; NaN outside its lens
    found_px : (2,) float64, where it was found there; NaN if it was not
    distance_px : float, from the found place to the curve; NaN if it was not found
    """

    color_px: Float
    curve_px: Float
    found_px: Float
    distance_px: float


@dataclass(frozen=True, slots=True)
class Shown:
    """A part of a camera's picture, enlarged.

    Attributes
    ----------
    pixels : (H, W, 3) uint8
    origin_px : (x, y), the camera's pixel at its top left
    scale : pixels per pixel of the camera
    """

    pixels: NDArray[np.uint8]
    origin_px: tuple[int, int]
    scale: float

    def fixed(self, px: Float) -> NDArray[np.int32]:
        """Return the camera's pixels (K, 2) as cv2 draws them here with fractions; far ones are cut off."""
        at = np.clip((px - self.origin_px + 0.5) * self.scale - 0.5, -20_000, 20_000)
        return np.rint(at * (1 << SHIFT)).astype(np.int32)


def epipolar_curve(calibration: Calibration, color_px: Float, into: Stream) -> Float:
    """Return where color pixels (..., 2) may appear in the camera of `into`, (..., S, 2), near to far.

    Distances run from 0.35 to 4 m along the color camera's axis, in even steps of their inverse. NaN where
    the point is behind the other camera or outside what its lens model describes.
    """
    z_mm = 1 / np.linspace(1 / NEAREST_MM, 1 / FARTHEST_MM, N_STEPS)
    rays = calibration.color.rays(color_px)[..., None, :]
    xyz_mm = calibration.from_color(into).apply(rays * z_mm[:, None])
    return project_seen(calibration.camera_of(into), xyz_mm)


def curve_distance_px(curve_px: Float, px: Float) -> float:
    """Return how far a point (2,) lies from a curve of straight pieces (S, 2), pixels; NaN if either is."""
    start, end = curve_px[:-1], curve_px[1:]
    known = np.isfinite(start).all(-1) & np.isfinite(end).all(-1)
    if not known.any() or not np.isfinite(px).all():
        return float("nan")
    start, way = start[known], end[known] - start[known]
    square = np.maximum((way**2).sum(-1), 1e-30)
    along = np.clip(((px - start) * way).sum(-1) / square, 0, 1)
    return float(np.linalg.norm(start + along[:, None] * way - px, axis=-1).min())


def epipolar_points(
    calibration: Calibration, color_px: Float, found_px: Float, into: Stream
) -> tuple[EpipolarPoint, ...]:
    """Return color points (K, 2) with their curves in another picture and where they were found (K, 2)."""
    curves = epipolar_curve(calibration, color_px, into)
    return tuple(
        EpipolarPoint(one, curve, found, curve_distance_px(curve, found))
        for one, curve, found in zip(color_px, curves, found_px, strict=True)
    )


def spread_corners(corners_px: list[Float], *, n_points: int = 5) -> NDArray[np.int64]:
    """Return which points (at most n) to show: seen in all of `corners_px`, (N, 2) each, and far apart.

    The first is nearest to the middle, each next one farthest from those before it (Gonzalez 1985).
    """
    seen = np.flatnonzero(np.logical_and.reduce([np.isfinite(one).all(-1) for one in corners_px]))
    if not len(seen):
        return seen
    at = corners_px[0][seen]
    chosen = [int(np.argmin(np.linalg.norm(at - at.mean(axis=0), axis=-1)))]
    while len(chosen) < min(n_points, len(seen)):
        apart = np.linalg.norm(at[:, None] - at[chosen], axis=-1).min(axis=1)
        chosen.append(int(np.argmax(apart)))
    return seen[chosen]


def with_points(view: Shown, px: Float) -> NDArray[np.uint8]:
    """Return a picture with numbered points (K, 2) of the camera's pixels drawn."""
    drawn = view.pixels.copy()
    for k, point in enumerate(px):
        if np.isfinite(point).all():
            _ring(drawn, view, point, k)
    return drawn


def with_curves(view: Shown, points: tuple[EpipolarPoint, ...]) -> NDArray[np.uint8]:
    """Return a picture with the points' curves and found places drawn."""
    drawn = view.pixels.copy()
    for k, point in enumerate(points):
        known = np.isfinite(point.curve_px).all(-1)
        for piece in np.split(point.curve_px, np.flatnonzero(~known)):
            at = view.fixed(piece[np.isfinite(piece).all(-1)])
            if len(at) > 1:
                cv2.polylines(drawn, [at], False, (16, 16, 20), 4, cv2.LINE_AA, SHIFT)
                cv2.polylines(drawn, [at], False, _color(k), 2, cv2.LINE_AA, SHIFT)
        if np.isfinite(point.found_px).all():
            _ring(drawn, view, point.found_px, k)
    return drawn


def _ring(drawn: NDArray[np.uint8], view: Shown, px: Float, k: int) -> None:
    at = view.fixed(px[None])[0]
    center = (int(at[0]), int(at[1]))
    cv2.circle(drawn, center, 10 << SHIFT, (16, 16, 20), 4, cv2.LINE_AA, SHIFT)
    cv2.circle(drawn, center, 10 << SHIFT, _color(k), 2, cv2.LINE_AA, SHIFT)
    place = (int(at[0] >> SHIFT) + 13, int(at[1] >> SHIFT) - 11)
    for color, width in (((16, 16, 20), 5), (_color(k), 2)):
        cv2.putText(drawn, str(k + 1), place, cv2.FONT_HERSHEY_SIMPLEX, 0.95, color, width, cv2.LINE_AA)


def _color(k: int) -> tuple[int, int, int]:
    text = PLOT_COLORS[k % len(PLOT_COLORS)]
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def shown(pixels: NDArray, region: tuple[int, int, int, int], *, width: int) -> Shown:
    """Return a region (x0, y0, x1, y1) of a picture, `width` pixels wide; counts are stretched to grays."""
    x0, y0, x1, y1 = region
    cut = pixels[y0:y1, x0:x1]
    if cut.ndim == 2:
        low, high = np.quantile(cut, [0.01, 0.995])
        bright = np.sqrt(np.clip((cut - low) / max(float(high - low), 1.0), 0, 1))
        cut = colored(bright, colormap="gray", low=0, high=1)
    scale = width / (x1 - x0)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    fitted = cv2.resize(np.ascontiguousarray(cut), (width, round((y1 - y0) * scale)), interpolation=way)
    return Shown(np.asarray(fitted, np.uint8), (x0, y0), scale)


def view_label(stream: Stream, points: tuple[EpipolarPoint, ...]) -> str:
    """Return the words under a picture: its stream, and how far found points lie from their curves."""
    distances = np.array([point.distance_px for point in points])
    if not np.isfinite(distances).any():
        return str(stream.value)
    return f"{stream.value}: corners {np.nanmean(distances):.2f} px from their curves"
