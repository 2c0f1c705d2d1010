"""One moment of a session through a calibration: depth rims, temperature and infrared laid over color.

Arrays in, pictures out; which moment is shown is chosen in moments.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ...capture.temperature import conversion
from ...report import Picture, Scale, Wipe, colored
from ..calibration import Calibration
from ..carry import carry, lay_in_color
from ..region import Region
from ..warp import DepthWarp

Float = NDArray[np.float64]
RIM_SHARE = 0.04  # a rim is where the depth behind it is this share farther, or unknown
SHADOW_PX = 40  # as far from a head as its shadow on a wall reaches: 52 mm x 1060 px / 1.3 m
SHADOWING_SHARE = 0.2  # nearer by this share: another thing, not another part of the same
FOREGROUND_MM = 450.0  # how far behind the nearest surface the foreground reaches
RIM_COLOR = (255, 90, 30)
SKIN_C = (32.0, 38.0)
SKIN_LEAST = 0.02  # of the foreground's pixels
POINT_STEP = 7  # of the foreground's pixels so many are passed over
OPACITY = 0.72
ASPECT = 1.25
LEAST_HEIGHT_PX = 420
SHOWN_WIDTH = 720


def depth_rims(depth_mm: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Return the pixels (H, W) of surfaces that end there: beside them lies something farther, or nothing.

    What lies beside the shadow of a nearer surface does not end; nor does anything at the picture's border.
    """
    z = np.where(depth_mm > 0, depth_mm, np.inf).astype(np.float32)
    padded = np.pad(z, 1, mode="edge")
    around = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    beside = np.maximum.reduce(around)
    window = np.ones((2 * SHADOW_PX + 1, 2 * SHADOW_PX + 1), np.uint8)
    farthest = cv2.dilate(depth_mm.astype(np.float32), window)
    nearest = cv2.erode(np.where(depth_mm > 0, depth_mm, np.float32(1e9)).astype(np.float32), window)
    open_side = (farthest > z * (1 + RIM_SHARE)) | (nearest > z * (1 - SHADOWING_SHARE))
    ends = np.isinf(beside) & open_side | np.isfinite(beside) & (beside > z * (1 + RIM_SHARE))
    return (depth_mm > 0) & ends


def foreground(depth_mm: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Return the pixels (H, W) that belong to the nearest things in a depth picture."""
    known = depth_mm[depth_mm > 0]
    if not len(known):
        return np.zeros(depth_mm.shape, bool)
    nearest_mm = float(np.quantile(known, 0.01))
    return (depth_mm > 0) & (depth_mm < nearest_mm + FOREGROUND_MM)


def region_around(
    px: Float, size_px: tuple[int, int], *, margin: float = 0.5, least_height_px: int = LEAST_HEIGHT_PX
) -> Region:
    """Return a region of 5:4 around points (K, 2), inside a picture of `size_px` (width, height)."""
    width, height = size_px
    low, high = np.quantile(px, [0.01, 0.99], axis=0)
    wanted = (high - low) * (1 + 2 * margin)
    region_height = max(float(wanted[1]), float(wanted[0]) / ASPECT, min(least_height_px, height))
    region_height = int(min(region_height, height, width / ASPECT))
    region_width = int(region_height * ASPECT)
    middle = (low + high) / 2
    x0 = int(np.clip(middle[0] - region_width / 2, 0, width - region_width))
    y0 = int(np.clip(middle[1] - region_height / 2, 0, height - region_height))
    return x0, y0, x0 + region_width, y0 + region_height


def region_of_interest(
    pixels: Mapping[Stream, NDArray], calibration: Calibration, *, thermal_unit: str
) -> Region | None:
    """Return the part of the color picture around bare skin, or else around the nearest things.

    None where no depth is known.
    """
    depth_mm = DepthWarp(calibration).to_color(pixels[Stream.DEPTH])
    near = foreground(depth_mm)
    if not near.any():
        return None
    rows, columns = (places[::POINT_STEP] for places in np.nonzero(near))
    px = np.stack([columns, rows], axis=-1).astype(np.float64)
    law = conversion(thermal_unit)
    if law is not None and Stream.THERMAL in pixels and calibration.thermal is not None:
        thermal = pixels[Stream.THERMAL]
        at = carry(px, depth_mm[rows, columns], calibration, into=Stream.THERMAL)
        at = np.rint(np.nan_to_num(at, nan=-1)).astype(np.int64)
        seen = np.all((at >= 0) & (at < (thermal.shape[1], thermal.shape[0])), axis=-1)
        celsius = law.celsius(thermal[np.where(seen, at[:, 1], 0), np.where(seen, at[:, 0], 0)])
        skin = seen & (celsius > SKIN_C[0]) & (celsius < SKIN_C[1])
        if skin.mean() > SKIN_LEAST:
            return region_around(px[skin], (calibration.color.width, calibration.color.height))
    return region_around(px, (calibration.color.width, calibration.color.height))


def overlays(
    pixels: Mapping[Stream, NDArray], calibration: Calibration, *, thermal_unit: str, region: Region
) -> list[Wipe]:
    """Return color beside itself with depth, its rims, temperature and infrared over it, as recorded.

    Parameters
    ----------
    pixels : one picture per stream, color and depth among them
    thermal_unit : the unit of the thermal stream
    region : the part of the color picture to show
    """
    x0, y0, x1, y1 = region
    color = np.ascontiguousarray(pixels[Stream.COLOR][y0:y1, x0:x1])
    depth_mm = DepthWarp(calibration).to_color(pixels[Stream.DEPTH], region)
    if not depth_mm.any():
        return []
    layers: list[Picture | None] = [_rims_over(color, depth_mm), _depth_over(color, depth_mm)]
    if Stream.THERMAL in pixels and calibration.thermal is not None:
        carried = lay_in_color(
            pixels[Stream.THERMAL], depth_mm, calibration, region=region, of=Stream.THERMAL
        )
        layers.append(_thermal_over(color, carried, thermal_unit))
    if Stream.INFRARED in pixels:
        carried = lay_in_color(
            pixels[Stream.INFRARED], depth_mm, calibration, region=region, of=Stream.INFRARED
        )
        layers.append(_infrared_over(color, carried))
    plain = Picture(_fitted(color), alt="The moment in color", label="color")
    return [Wipe(plain, layer) for layer in layers if layer is not None]


def _depth_over(color: NDArray[np.uint8], depth_mm: NDArray[np.uint16]) -> Picture:
    low = float(np.quantile(depth_mm[depth_mm > 0], 0.01))
    high = low + FOREGROUND_MM
    colors = colored(depth_mm, colormap="viridis_r", low=low, high=high)
    return Picture(
        _fitted(_laid_over(color, colors, (depth_mm > 0) & (depth_mm < high))),
        alt="The depth of the nearest things, laid over color",
        label="depth of what is near",
        scale=Scale("viridis_r", f"{low:.0f} mm", f"{high:.0f} mm"),
    )


def _rims_over(color: NDArray[np.uint8], depth_mm: NDArray[np.uint16]) -> Picture:
    rims = depth_rims(depth_mm)
    drawn = _fitted(_gray(color) // 2 + 90)
    seen = _fitted(np.where(rims, 255, 0).astype(np.uint8))[..., None] / 255
    mixed = drawn * (1 - seen) + np.array(RIM_COLOR) * seen
    return Picture(
        np.rint(mixed).astype(np.uint8),
        alt="The rims of the depth picture, drawn over color",
        label="where depth says that surfaces end",
    )


def _thermal_over(color: NDArray[np.uint8], counts: NDArray, unit: str) -> Picture | None:
    seen = counts > 0
    if not seen.any():
        return None
    law = conversion(unit)
    values = counts.astype(np.float64) if law is None else law.celsius(counts)
    low, high = (float(value) for value in np.nanquantile(values[seen], [0.02, 0.98]))
    words = "counts" if law is None else "°C"
    return Picture(
        _fitted(
            _laid_over(color, colored(np.nan_to_num(values), colormap="inferno", low=low, high=high), seen)
        ),
        alt="The thermal picture laid over color",
        label="thermal, through depth",
        scale=Scale("inferno", f"{low:.0f} {words}", f"{high:.0f} {words}"),
    )


def _infrared_over(color: NDArray[np.uint8], counts: NDArray) -> Picture | None:
    seen = counts > 0
    if not seen.any():
        return None
    high = float(np.quantile(counts[seen], 0.98))
    grays = colored(np.sqrt(counts / max(high, 1.0)), colormap="viridis", low=0, high=1)
    return Picture(
        _fitted(_laid_over(color, grays, seen)),
        alt="The infrared picture laid over color",
        label="infrared, through depth",
        scale=Scale("viridis", "dark", "bright"),
    )


def _laid_over(
    color: NDArray[np.uint8], overlay: NDArray[np.uint8], seen: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return `overlay` (H, W, 3) blended over the gray of `color` (H, W, 3) where `seen` (H, W)."""
    gray = _gray(color).astype(np.float32)
    mixed = np.where(seen[..., None], OPACITY * overlay + (1 - OPACITY) * gray, gray)
    return np.rint(mixed).astype(np.uint8)


def _gray(color: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(np.asarray(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), np.uint8)[..., None], 3, axis=2)


def _fitted(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture SHOWN_WIDTH pixels wide."""
    height = round(pixels.shape[0] * SHOWN_WIDTH / pixels.shape[1])
    way = cv2.INTER_AREA if pixels.shape[1] > SHOWN_WIDTH else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (SHOWN_WIDTH, height), interpolation=way), np.uint8)
