"""What the lenses do to a picture: how far distortion moves each place, as numbers and arrows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...capture.geometry import Intrinsics
from ...report import SOFT
from .axes import CAMERA_COLORS, picture_axes, round_figure, segments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Float = NDArray[np.float64]
N_COLUMNS, N_ROWS = 16, 12
LONG_SHARE = 0.05  # of the picture's width, the length at which a long (85 %) line is drawn at most


@dataclass(frozen=True, slots=True)
class LensField:
    """How far a lens moves what it sees.

    Attributes
    ----------
    at_px : (R, C, 2) float64, places in the recorded picture
    moved_px : (R, C, 2) float64, recorded place minus that of a lens without distortion; NaN where the
        model reaches nothing
    """

    at_px: Float
    moved_px: Float

    @property
    def largest_px(self) -> float:
        """The longest way, pixels; 0 where nothing is known."""
        length = np.linalg.norm(self.moved_px, axis=-1)
        return float(np.nanmax(length)) if np.isfinite(length).any() else 0.0


def lens_field(camera: Intrinsics, *, n_columns: int = N_COLUMNS, n_rows: int = N_ROWS) -> LensField:
    """Return how far the lens moves the places of a grid that reaches the picture's corners."""
    columns = np.linspace(0, camera.width - 1, n_columns)
    rows = np.linspace(0, camera.height - 1, n_rows)
    at_px = np.stack(np.meshgrid(columns, rows), axis=-1)
    straight_px = camera.rays(at_px)[..., :2] * (camera.fx, camera.fy) + (camera.cx, camera.cy)
    return LensField(at_px, at_px - straight_px)


def draw_lenses(figure: Figure, cameras: Mapping[str, Intrinsics]) -> None:
    """Draw each lens's displacement as arrows from where a perfect lens puts a point to where it is seen."""
    axes = figure.subplots(1, len(cameras), squeeze=False)[0]
    for axis, (name, camera) in zip(axes, cameras.items(), strict=True):
        field = lens_field(camera)
        known = np.isfinite(field.moved_px).all(-1)
        length_px = np.linalg.norm(field.moved_px[known], axis=-1)
        long_px = max(float(np.quantile(length_px, 0.85)) if known.any() else 0.0, 1e-6)
        factor = float(np.clip(round_figure(LONG_SHARE * camera.width / long_px), 1.0, 1000.0))
        end = field.at_px[known]
        start = end - factor * field.moved_px[known]
        segments(axis, start, end, color=CAMERA_COLORS[name], width=1.1)
        axis.plot(*end.T, ls="", marker="o", markersize=1.6, color=CAMERA_COLORS[name])
        axis.plot(camera.cx, camera.cy, marker="+", markersize=9, color=SOFT)
        picture_axes(axis, (camera.width, camera.height))
        times = "" if factor == 1 else f"\ndrawn {factor:g} times as long"
        axis.set_title(f"{name}: up to {field.largest_px:.1f} px{times}", fontsize=9.5)
