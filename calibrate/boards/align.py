"""Points of a printed pattern found to hundredths of a pixel by laying the drawn pattern over the picture.

Around each point the plate's own drawing is compared with the picture: Lucas and Kanade (IJCAI 1981) with an
affine warp (Baker and Matthews, IJCV 2004, the forwards additive algorithm), where brightness, contrast and
blur are unknowns too.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.board import FlatTarget
from .homography import projected, slopes

Float = NDArray[np.float64]
REACH_PX = (3.0, 12.0)  # half the side of a patch; more pixels than these change nothing
SAMPLES = 21  # samples across a patch
BLUR_PX = 0.75  # of a sharp picture: a pixel's own width and a good lens
STEPS = 8
WORST_LIKENESS = 0.75  # correlation of picture and drawing below which a point is not there
MAX_PICTURE_PX = 2400
NEAREST = 16  # a point is predicted by as many of its nearest found ones
MAX_TURN = 0.7  # change of the warp's derivative; a lone corner says little of its scale, and need not
SETTLED_PX = 0.003
# of the two of place, the four of shape, contrast, blur, brightness and its two slopes: shape and blur move
# only where the picture says so
RIDGE = np.array([1e-6] * 2 + [1e-2] * 4 + [1e-6, 1e-3, 1e-6] + [1e-3] * 2)


def align_points(
    gray: NDArray,
    start_px: Float,
    *,
    px_from_mm: Float,
    points_mm: Float,
    plate: FlatTarget,
    reach_mm: float,
    move_px: Float | float,
    dark_ink: bool = True,
    light_falls_off: bool = False,
) -> tuple[Float, Float]:
    """Return where points of the plate lie in the picture, and how the picture turns and scales there.

    On rendered boards 0.02 to 0.05 px rms in every stream, where cv2.aruco's own sub-pixel corners are 0.2 to
    0.7 px off. About 0.1 ms per point.

    Parameters
    ----------
    gray : (H, W) uint8 or uint16
    start_px : (N, 2) float64, within about a third of `reach_mm` of the points
    px_from_mm : (N, 2, 2) float64, the derivative of pixels by millimetres on the plate at each point
    points_mm : (N, 2) float64 on the plate
    plate : FlatTarget, what is printed
    reach_mm : float, half the side of the patch that is compared, at most
    move_px : float or (N,), a point that moves farther was not found
    dark_ink : False where ink is brighter than what is blank, as a thermal camera sees it under a lamp
    light_falls_off : True if brightness may have a slope over a patch (it costs patterns that are nearly a
        slope themselves, such as small markers, some accuracy)

    Returns
    -------
    points_px : (N, 2) float64, NaN for a point that is not there
    px_from_mm : (N, 2, 2) float64
    """
    if not len(start_px):
        return start_px.copy(), px_from_mm.copy()
    px_per_mm = np.sqrt(np.abs(np.linalg.det(px_from_mm)))
    typical = float(np.median(px_per_mm))
    sharp, blurred, per_mm = _drawings(plate, px_per_mm=typical)
    half_mm = np.clip(reach_mm, REACH_PX[0] / px_per_mm, REACH_PX[1] / px_per_mm)
    unit = np.stack(np.meshgrid(*[np.linspace(-1, 1, SAMPLES)] * 2), axis=-1).reshape(-1, 2)
    offsets_mm = half_mm[:, None, None] * unit  # (N, S, 2)
    at = (points_mm[:, None] + offsets_mm - plate.origin_mm) * per_mm - 0.5
    ink, soft = (_sampled(picture, at) for picture in (sharp, blurred))
    weight = np.exp(-1.5 * (unit**2).sum(axis=1))[None] * np.ones((len(at), 1))
    weight *= np.all((at >= 0) & (at <= np.array(sharp.shape[::-1]) - 1), axis=-1)

    low = np.maximum(np.floor(start_px.min(axis=0) - 40).astype(int), 0)
    high = np.ceil(start_px.max(axis=0) + 41).astype(int)
    window = gray[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    if min(window.shape) < 8:
        return np.full_like(start_px, np.nan), px_from_mm.copy()
    slope_x = cv2.Sobel(window, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    slope_y = cv2.Sobel(window, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    warp = px_from_mm.copy()
    center = start_px - low
    likeness = np.zeros(len(center))
    for _ in range(STEPS):
        px = center[:, None] + offsets_mm @ warp.transpose(0, 2, 1)
        inside = np.all((px >= 0) & (px <= np.array(window.shape[::-1]) - 1), axis=-1)
        w = weight * inside
        value, gx, gy = (_sampled(picture, px) for picture in (window, slope_x, slope_y))
        u, v = offsets_mm[..., 0] / half_mm[:, None], offsets_mm[..., 1] / half_mm[:, None]
        one, light = np.ones_like(u), [u, v] if light_falls_off else []
        # value + slopes * step = contrast * ink + sharpness * (soft - ink) + brightness + its slope
        columns = np.stack([gx, gy, gx * u, gx * v, gy * u, gy * v, ink, soft - ink, one, *light], axis=-1)
        scale = np.sqrt((w[..., None] * columns**2).sum(axis=1)) + 1e-9
        weighted = columns * w[..., None]
        normal = weighted.transpose(0, 2, 1) @ columns / (scale[:, :, None] * scale[:, None, :])
        right = (weighted * value[..., None]).sum(axis=1) / scale
        bent = (warp - px_from_mm).reshape(-1, 4) * half_mm[:, None]
        right[:, 2:6] += RIDGE[2] * bent * scale[:, 2:6]
        solved = (
            np.linalg.solve(normal + np.diag(RIDGE[: columns.shape[-1]]), right[..., None])[..., 0] / scale
        )
        step = -solved[:, :6]
        limit = 0.35 * half_mm * px_per_mm
        size = np.abs(step).max(axis=1)
        step *= np.minimum(1, limit / np.maximum(size, 1e-12))[:, None]
        center = center + step[:, :2]
        warp = warp + np.stack([step[:, 2:4], step[:, 4:6]], axis=1) / half_mm[:, None, None]
        likeness = _correlation(value, ink, w)
        likeness[w.sum(axis=1) < 0.6 * weight.sum(axis=1).max()] = 0
        if np.abs(step[:, :2]).max() < SETTLED_PX:
            break
    moved = np.hypot(*(center + low - start_px).T)
    turned = np.linalg.norm(warp - px_from_mm, axis=(1, 2)) / np.linalg.norm(px_from_mm, axis=(1, 2))
    if not dark_ink:
        likeness = -likeness
    bad = ~((-likeness > WORST_LIKENESS) & (moved < move_px) & (turned < MAX_TURN))
    points_px = center + low
    points_px[bad] = np.nan
    return points_px, np.where(bad[:, None, None], px_from_mm, warp)


def predicted(from_mm: Float, from_px: Float, points_mm: Float) -> tuple[Float, Float]:
    """Return pixels (N, 2) and their derivative by millimetres (N, 2, 2) at points of the plate.

    Each point has the homography of the found points nearest to it, which follows a lens that one homography
    over the whole board cannot.
    """
    at, slope = np.full((len(points_mm), 2), np.nan), np.tile(np.eye(2), (len(points_mm), 1, 1))
    whole, _ = cv2.findHomography(from_mm, from_px)
    if whole is None:
        return at, slope
    for k, point in enumerate(points_mm):
        homography = whole
        if len(from_mm) > NEAREST:
            near = np.argsort(((from_mm - point) ** 2).sum(axis=1), kind="stable")[:NEAREST]
            if np.linalg.svd(from_mm[near] - from_mm[near].mean(axis=0), compute_uv=False)[1] > 1:
                local, _ = cv2.findHomography(from_mm[near], from_px[near])
                homography = whole if local is None else local
        at[k] = projected(homography, point[None])[0]
        slope[k] = slopes(homography, point[None])[0]
    return at, slope


def _drawings(plate: FlatTarget, *, px_per_mm: float) -> tuple[NDArray, NDArray, float]:
    """Return the plate's ink as a sharp camera sees it, the same more blurred, and their pixels per mm."""
    per_field = max(1, int(np.ceil(3 * px_per_mm * plate.field_mm)))
    per_field = max(1, min(per_field, MAX_PICTURE_PX // max(plate.ink.shape)))
    ink = np.kron(plate.ink.astype(np.float32), np.ones((per_field, per_field), np.float32))
    per_mm = per_field / plate.field_mm
    blur = BLUR_PX * per_mm / px_per_mm
    return cv2.GaussianBlur(ink, (0, 0), blur), cv2.GaussianBlur(ink, (0, 0), 1.6 * blur), per_mm


def _sampled(picture: NDArray, at: Float) -> Float:
    xy = at.astype(np.float32)
    return cv2.remap(
        picture, xy[..., 0], xy[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float64)


def _correlation(a: Float, b: Float, weight: Float) -> Float:
    """Return the weighted correlation (N,) of the rows of two (N, S) arrays."""
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    a = a - (a * weight).sum(axis=1, keepdims=True) / total
    b = b - (b * weight).sum(axis=1, keepdims=True) / total
    power = (a * a * weight).sum(axis=1) * (b * b * weight).sum(axis=1)
    return (a * b * weight).sum(axis=1) / np.sqrt(np.maximum(power, 1e-12))
