"""The demo's pictures and plots: arrays in, pictures and drawings out. No files are opened here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from ..report import BLUE, GREEN, INK, SKY, SOFT, VERMILION, Scale, colored

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Region = tuple[int, int, int, int]
"""x0, y0, x1, y1 in color pixels; x1 and y1 lie outside."""
NEARER_MM, FARTHER_MM = 80.0, 180.0
"""How much in front of and behind the face the depth colors span."""
SKIN_C = (21.0, 37.0)
HEAT = "inferno"
RATER_COLORS = (SKY, GREEN, VERMILION)
STRIP_GAP_PX = 3
ATTENTION_BLUR_PX = 3.0
"""Upsampling in the network leaves stripes of a few pixels in its attention; regions are what can be read."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One panel of predicted against true labels; `value` arrays are (N,) in [-1, 1], times in seconds."""

    title: str
    time_s: NDArray
    truth: NDArray
    predicted: NDArray


@dataclass(frozen=True, slots=True)
class RatingPanel:
    """One dimension of one session; every curve is (time_s, value), (N,) each, values in [-1, 1]."""

    dimension: str
    raters: Sequence[tuple[NDArray, NDArray]]
    mean: tuple[NDArray, NDArray]
    truth: tuple[NDArray, NDArray]


def face_region(landmarks_px: NDArray, *, factor: float, aspect: float, width: int, height: int) -> Region:
    """Return a region around landmarks (68, 2), `factor` times as high as they are, inside the picture."""
    low, high = landmarks_px.min(axis=0), landmarks_px.max(axis=0)
    region_height = min(int((high[1] - low[1]) * factor), height, int(width / aspect))
    region_width = int(region_height * aspect)
    x0 = int(np.clip((low[0] + high[0] - region_width) / 2, 0, width - region_width))
    y0 = int(
        np.clip((low[1] + high[1] - region_height) / 2 - 0.06 * region_height, 0, height - region_height)
    )
    return x0, y0, x0 + region_width, y0 + region_height


def fitted(pixels: NDArray[np.uint8], width: int, height: int = 0) -> NDArray[np.uint8]:
    """Return a picture scaled to `width` pixels, and to `height` or else in proportion."""
    height = height or round(pixels.shape[0] * width / pixels.shape[1])
    way = cv2.INTER_AREA if width < pixels.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=way), np.uint8)


def depth_colors(depth_mm: NDArray, face_mm: float) -> NDArray[np.uint8]:
    """Return depth (...) uint16 as colors, near bright, around the distance of the face."""
    low, high = face_mm - NEARER_MM, face_mm + FARTHER_MM
    return colored(depth_mm, colormap="viridis_r", low=low, high=high, missing=depth_mm == 0)


def depth_scale(face_mm: float) -> Scale:
    """Return the color bar of `depth_colors`."""
    return Scale("viridis_r", f"{face_mm - NEARER_MM:.0f} mm", f"{face_mm + FARTHER_MM:.0f} mm and more")


def thermal_colors(temperature_c: NDArray, *, missing: NDArray | None = None) -> NDArray[np.uint8]:
    """Return temperatures (...) as colors over the range of skin."""
    return colored(temperature_c, colormap=HEAT, low=SKIN_C[0], high=SKIN_C[1], missing=missing)


def thermal_scale() -> Scale:
    """Return the color bar of `thermal_colors`."""
    return Scale(HEAT, f"{SKIN_C[0]:.0f} °C", f"{SKIN_C[1]:.0f} °C")


def infrared_grays(counts: NDArray, *, brightest: float) -> NDArray[np.uint8]:
    """Return infrared counts (...) as grays; a square root lifts what is far from the lamp."""
    return np.rint(255 * np.sqrt(np.clip(counts / max(brightest, 1.0), 0, 1))).astype(np.uint8)


def with_landmarks(pixels: NDArray[np.uint8], landmarks_px: NDArray, region: Region) -> NDArray[np.uint8]:
    """Return a picture of `region` (any size) with landmarks (68, 2), in color pixels, drawn as dots."""
    drawn = np.ascontiguousarray(pixels).copy()
    factor = drawn.shape[1] / (region[2] - region[0])
    radius = max(2, round(drawn.shape[1] / 300))
    for x, y in (np.asarray(landmarks_px, np.float64) - region[:2] + 0.5) * factor - 0.5:
        center = (round(float(x)), round(float(y)))
        cv2.circle(drawn, center, radius + 1, (20, 20, 24), -1, cv2.LINE_AA)
        cv2.circle(drawn, center, radius, (255, 255, 255), -1, cv2.LINE_AA)
    return drawn


def with_corners(pixels: NDArray[np.uint8], corners_px: NDArray, region: Region) -> NDArray[np.uint8]:
    """Return a picture of `region` (any size) with corners (N, 2) drawn as dots, colored by their order."""
    drawn = np.ascontiguousarray(pixels).copy()
    factor = drawn.shape[1] / (region[2] - region[0])
    colors = colored(np.arange(len(corners_px)), colormap="plasma", low=0, high=len(corners_px))
    for (x, y), color in zip((corners_px - region[:2] + 0.5) * factor - 0.5, colors, strict=True):
        center = (round(float(x)), round(float(y)))
        cv2.circle(drawn, center, 5, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(drawn, center, 4, tuple(int(c) for c in color), -1, cv2.LINE_AA)
    return drawn


def laid_over(
    color: NDArray[np.uint8], overlay: NDArray[np.uint8], seen: NDArray[np.bool_], *, share: float = 0.7
) -> NDArray[np.uint8]:
    """Return `overlay` (H, W, 3) blended over the gray of `color` (H, W, 3) where `seen` (H, W)."""
    gray = np.repeat(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2).astype(np.float32)
    mixed = np.where(seen[..., None], share * overlay + (1 - share) * gray, gray)
    return np.rint(mixed).astype(np.uint8)


def strip(crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return equal crops (S, S) or (S, S, 3) side by side, a see-through gap between them."""
    size = crops[0].shape[0]
    sheet = np.zeros((size, len(crops) * (size + STRIP_GAP_PX) - STRIP_GAP_PX, 4), np.uint8)
    for i, crop in enumerate(crops):
        x = i * (size + STRIP_GAP_PX)
        sheet[:, x : x + size, :3] = crop if crop.ndim == 3 else crop[..., None]
        sheet[:, x : x + size, 3] = 255
    return sheet


def attention_over(crop: NDArray[np.uint8], attention: NDArray, *, brightest: float) -> NDArray[np.uint8]:
    """Return a face crop (S, S, 3) with an attention map (h, w) over it: bright where the weight is high."""
    size = crop.shape[0]
    weights = cv2.resize(np.asarray(attention, np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    weights = cv2.GaussianBlur(weights, (0, 0), ATTENTION_BLUR_PX)
    share = np.clip(weights / max(brightest, 1e-12), 0, 1)
    heat = colored(share, colormap=HEAT, low=0, high=1).astype(np.float32)
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    opacity = 0.85 * share[..., None]
    return np.rint((1 - opacity) * gray + opacity * heat).astype(np.uint8)


def draw_ratings(figure: Figure, panels: Sequence[RatingPanel]) -> None:
    """Draw, one panel per dimension, the raters, their mean and the truth."""
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, panel in zip(axes, panels, strict=True):
        for k, (time_s, value) in enumerate(panel.raters):
            color = RATER_COLORS[k % len(RATER_COLORS)]
            axis.plot(time_s, value, color=color, linewidth=1.0, alpha=0.85, label=f"rater {k + 1}")
        axis.plot(*panel.truth, color=INK, linewidth=1.3, linestyle=(0, (5, 2)), label="truth")
        axis.plot(*panel.mean, color=BLUE, linewidth=2.6, label="mean of the raters")
        axis.set_ylabel(panel.dimension)
        _unit_axis(axis)
    axes[-1].set_xlim(0, float(panels[-1].truth[0][-1]))  # raters, being late, go on after the end
    axes[-1].set_xlabel("seconds")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, ncols=len(names), loc="outside upper left")


def draw_predictions(figure: Figure, panels: Sequence[Sequence[Curve]]) -> None:
    """Draw predicted against true valence: a row per session, a column per model (as Fig. 12)."""
    axes = figure.subplots(len(panels), len(panels[0]), sharex="row", sharey=True, squeeze=False)
    for row, curves in zip(axes, panels, strict=True):
        for column, (axis, curve) in enumerate(zip(row, curves, strict=True)):
            axis.axhline(0, color=SOFT, linewidth=0.6)
            axis.plot(curve.time_s, curve.truth, color=VERMILION, linewidth=1.8, label="raters' mean")
            axis.plot(curve.time_s, curve.predicted, color=BLUE, linewidth=1.8, label="predicted")
            axis.set_title(curve.title)
            _unit_axis(axis)
            if column == 0:
                axis.set_ylabel("valence")
    for axis in axes[-1]:
        axis.set_xlabel("seconds")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), ncols=2, loc="outside upper right")


def draw_scores(figure: Figure, models: Sequence[str], scores: Mapping[str, Sequence[float]]) -> None:
    """Draw one bar per model and dimension: `scores` is {dimension: one CCC per model}."""
    axes = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
    place = np.arange(len(models))[::-1]
    for axis, (dimension, values) in zip(axes, scores.items(), strict=True):
        axis.barh(place, values, height=0.6, color=[BLUE, *[SOFT] * (len(models) - 1)])
        for y, value in zip(place, values, strict=True):
            at = (max(0.0, value), y)
            axis.annotate(
                f"{value + 0.0:.2f}".replace("-0.00", "0.00"),
                at,
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
            )
        axis.set_yticks(place, models)
        axis.set_xlim(min(0.0, *values) - 0.1, 1.0)
        axis.axvline(0, color=SOFT, linewidth=0.8)
        axis.grid(visible=False, axis="y")
        axis.set_title(dimension)
        axis.set_xlabel("concordance (CCC) on subjects never trained on")


def _unit_axis(axis) -> None:
    axis.set_ylim(-1.05, 1.05)
    axis.set_yticks([-1, 0, 1])
    axis.margins(x=0)
