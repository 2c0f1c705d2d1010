"""What the corners of a calibration file leave over: recomputed from the file, and drawn.

The file keeps the found corners and the boards' poses; nothing is read from a session here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...capture.board import Board, CircleGrid
from ...capture.geometry import RigidTransform
from ...report import AMBER, BLUE, SOFT, VERMILION
from ..calibration import Calibration, ViewResidual
from .axes import CAMERA_COLORS, length_key, picture_axes, round_figure, segments, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Float = NDArray[np.float64]
ARROW_SHARE = 0.035  # of the picture's width, the length at which a large (95 %) arrow is drawn
FAR_OFF = 4.0  # corners with this many times the camera's rms are marked
HEAD_SHARE = 0.006  # of the picture's width, the sides of an arrow's head
N_RINGS = 8


@dataclass(frozen=True, slots=True)
class CameraResiduals:
    """All corners of one camera.

    Attributes
    ----------
    camera : "color", "depth" or "thermal"
    size_px : width and height of its picture
    views : (V,) the names of its views, in the order of the file
    used : (V,) bool, False for pictures that were left out of the solution
    view : (M,) int64, which of `views` a corner is of
    found_px : (M, 2) float64, where corners were found
    error_px : (M, 2) float64, found minus predicted
    """

    camera: str
    size_px: tuple[int, int]
    views: tuple[str, ...]
    used: NDArray[np.bool_]
    view: NDArray[np.int64]
    found_px: Float
    error_px: Float

    @property
    def rms_px(self) -> Float:
        """The root mean square distance of each view (V,), pixels."""
        squares = np.bincount(self.view, (self.error_px**2).sum(-1), minlength=len(self.views))
        return np.sqrt(squares / np.maximum(np.bincount(self.view, minlength=len(self.views)), 1))

    @property
    def corner_used(self) -> NDArray[np.bool_]:
        """Whether a corner (M,) belongs to a picture that was used."""
        return self.used[self.view]

    @property
    def typical_px(self) -> float:
        """The root mean square distance over the corners of used pictures; NaN if there are none."""
        squares = (self.error_px[self.corner_used] ** 2).sum(-1)
        return float(np.sqrt(squares.mean())) if len(squares) else float("nan")


def camera_from_board(calibration: Calibration, residual: ViewResidual) -> RigidTransform | None:
    """Return where the board stood before the camera of `residual`; None where the file does not say."""
    pose = calibration.color_from_board.get(residual.view)
    if pose is None or residual.camera not in calibration.cameras:
        return None
    if residual.camera == "depth":
        return calibration.color_from_depth.inverse() @ pose
    if residual.camera == "thermal" and calibration.thermal_from_color is not None:
        return calibration.thermal_from_color @ pose
    return pose


def found_px(calibration: Calibration, residual: ViewResidual, board: Board) -> Float | None:
    """Return where the board's points (N, 2) were found in the picture of `residual`; None if not known.

    Of a circle the middle of its picture is found, which is not where its center appears; that is undone.
    """
    pose, corners_px = camera_from_board(calibration, residual), residual.corners_px
    if pose is None or corners_px is None or len(corners_px) != len(board.points_mm):
        return None
    if isinstance(board, CircleGrid):
        from ..boards.circles import center_shift_px

        return corners_px - center_shift_px(board, calibration.cameras[residual.camera], pose)
    return corners_px


def predicted_px(calibration: Calibration, residual: ViewResidual, board: Board) -> Float | None:
    """Return where the board's points (N, 2) should lie in the picture of `residual`; None if not known."""
    pose = camera_from_board(calibration, residual)
    return None if pose is None else calibration.cameras[residual.camera].project(pose.apply(board.points_mm))


def residuals_of(calibration: Calibration, camera: str) -> CameraResiduals | None:
    """Return the residuals of one camera, or None where the file holds no corners of it.

    Raises
    ------
    ConfigError
        The file names a board that there is not.
    """
    if not calibration.board:
        return None
    board = Board.parse(calibration.board)
    views: list[str] = []
    used: list[bool] = []
    found: list[Float] = []
    errors: list[Float] = []
    for residual in calibration.residuals:
        if residual.camera != camera:
            continue
        corners_px = found_px(calibration, residual, board)
        expected_px = predicted_px(calibration, residual, board)
        if corners_px is None or expected_px is None:
            continue
        error_px = corners_px - expected_px
        seen = np.isfinite(error_px).all(-1)
        views.append(residual.view)
        used.append(residual.used)
        found.append(corners_px[seen])
        errors.append(error_px[seen])
    if not sum(map(len, found)):
        return None
    lens = calibration.cameras[camera]
    view = np.repeat(np.arange(len(views)), [len(one) for one in found])
    return CameraResiduals(
        camera,
        (lens.width, lens.height),
        tuple(views),
        np.array(used, bool),
        view,
        np.concatenate(found),
        np.concatenate(errors),
    )


def arrow_factor(residuals: CameraResiduals) -> float:
    """Return how many times longer than they are the arrows are drawn: 1, 2 or 5 times a power of ten."""
    length_px = np.linalg.norm(residuals.error_px[residuals.corner_used], axis=-1)
    large_px = float(np.quantile(length_px, 0.95)) if len(length_px) else 0.0
    return round_figure(ARROW_SHARE * residuals.size_px[0] / large_px) if large_px > 0 else 1.0


def far_off(residuals: CameraResiduals) -> NDArray[np.bool_]:
    """Return which corners (M,) of used pictures lie more than FAR_OFF times the camera's rms off."""
    length_px = np.linalg.norm(residuals.error_px, axis=-1)
    return residuals.corner_used & (length_px > FAR_OFF * residuals.typical_px)


def rms_by_radius(residuals: CameraResiduals) -> tuple[Float, Float, Float]:
    """Return ring middles, rms and mean outward error by distance from the picture's middle, (R,) px each.

    Rings hold equally many corners of used pictures. An outward mean far from zero in one ring says that the
    distortion model does not fit the lens there.
    """
    used = residuals.corner_used
    middle = (np.array(residuals.size_px) - 1) / 2
    outward = residuals.found_px[used] - middle
    error_px = residuals.error_px[used]
    radius_px = np.linalg.norm(outward, axis=-1)
    along_px = (error_px * outward).sum(-1) / np.maximum(radius_px, 1e-9)
    rings = [ring for ring in np.array_split(np.argsort(radius_px, kind="stable"), N_RINGS) if len(ring)]
    return (
        np.array([radius_px[ring].mean() for ring in rings]),
        np.array([np.sqrt((error_px[ring] ** 2).sum(-1).mean()) for ring in rings]),
        np.array([along_px[ring].mean() for ring in rings]),
    )


def draw_arrows(figure: Figure, residuals: CameraResiduals) -> None:
    """Draw every residual over the picture's area, magnified, and how errors across and down are spread."""
    left, right = figure.subplots(1, 2, width_ratios=[2.4, 1])
    factor = arrow_factor(residuals)
    start = residuals.found_px - residuals.error_px
    end = start + factor * residuals.error_px
    far = far_off(residuals)
    near = residuals.corner_used & ~far
    drawn = thinned(np.flatnonzero(near))
    head = HEAD_SHARE * residuals.size_px[0]
    out = ~residuals.corner_used
    segments(left, start[out], end[out], color=SOFT, width=0.8, head=head)
    color = CAMERA_COLORS[residuals.camera]
    segments(left, start[drawn], end[drawn], color=color, width=0.8, head=head)
    segments(left, start[far], end[far], color=AMBER, width=1.4, head=head)
    picture_axes(left, residuals.size_px)
    left.set_title(f"{residuals.camera}: residuals, drawn {factor:g} times as long")
    key_px = round_figure(max(0.06 * residuals.size_px[0] / factor, 1e-9))
    length_key(left, key_px * factor, f"{key_px:g} px", residuals.size_px)
    _histogram(right, residuals)


def _histogram(axis: Axes, residuals: CameraResiduals) -> None:
    error_px = residuals.error_px[residuals.corner_used]
    if not len(error_px):
        axis.set_axis_off()
        return
    limit_px = 4 * max(residuals.typical_px / np.sqrt(2), 1e-6)
    edges = np.linspace(-limit_px, limit_px, 42)
    for values, name, color in zip(error_px.T, ("across", "down"), (BLUE, VERMILION), strict=True):
        mean, spread = values.mean(), values.std()
        digits = int(np.clip(1 - np.floor(np.log10(max(spread, 1e-9))), 0, 6))
        label = f"{name}: {mean:+.{digits}f} ± {spread:.{digits}f}"
        axis.stairs(np.histogram(values, edges)[0], edges, color=color, linewidth=1.4, label=label)
    axis.axvline(0, color=SOFT, linewidth=0.8)
    axis.set_xlabel("found minus predicted, px")
    axis.set_ylabel("corners")
    axis.set_ylim(0, 1.35 * axis.get_ylim()[1])
    axis.locator_params(axis="x", nbins=5)
    axis.legend(loc="upper left", fontsize=8.5, handlelength=1.2)


def draw_rms_per_view(
    figure: Figure, bars: Sequence[tuple[str, Sequence[str], Float, NDArray[np.bool_]]]
) -> None:
    """Draw a bar per view: of each camera its name, its views (V,), their rms (V,) px and which were used."""
    names = list(dict.fromkeys(view for _, views, _, _ in bars for view in views))
    place = {view: i for i, view in enumerate(sorted(names, key=_by_time))}
    axes = figure.subplots(len(bars), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (camera, views, rms_px, used) in zip(axes, bars, strict=True):
        x = np.array([place[view] for view in views])
        axis.bar(x[used], rms_px[used], color=CAMERA_COLORS[camera], width=0.8)
        axis.bar(x[~used], rms_px[~used], color=AMBER, width=0.8, hatch="//", edgecolor=SOFT)
        top = 1.15 * float(max(rms_px[used].max(initial=0), 1e-6))
        top = max(top, min(float(rms_px.max(initial=0)) * 1.15, 3 * top))
        axis.set_ylim(0, top)
        for i in np.flatnonzero(rms_px > top):
            axis.text(x[i], top, f"{rms_px[i]:.2g}", ha="center", va="top", fontsize=8)
        axis.set_ylabel(f"{camera}, px")
        axis.grid(visible=False, axis="x")
    step = max(1, -(-len(place) // 14))
    axes[-1].set_xticks(
        list(place.values())[::step], list(place)[::step], rotation=40, ha="right", fontsize=8
    )
    axes[-1].set_xlim(-0.7, len(place) - 0.3)


def draw_by_radius(figure: Figure, cameras: Sequence[CameraResiduals]) -> None:
    """Draw rms and mean outward error against the distance from the picture's middle, a panel per camera."""
    axes = figure.subplots(1, len(cameras), squeeze=False)[0]
    for axis, residuals in zip(axes, cameras, strict=True):
        radius_px, rms_px, outward_px = rms_by_radius(residuals)
        color = CAMERA_COLORS[residuals.camera]
        axis.plot(radius_px, rms_px, color=color, marker="o", markersize=3.5, label="rms")
        axis.plot(radius_px, outward_px, color=SOFT, marker="o", markersize=3, ls="--", label="mean outward")
        axis.axhline(0, color=SOFT, linewidth=0.8)
        axis.set_title(residuals.camera)
        axis.set_xlabel("from the middle, px")
        axis.set_xlim(0, np.hypot(*residuals.size_px) / 2)
        axis.set_ylim(top=1.35 * axis.get_ylim()[1])
        axis.legend(loc="upper left", fontsize=8.5, ncols=2)
    axes[0].set_ylabel("px")


def _by_time(view: str) -> tuple[str, float]:
    *session, time_s, _ = ["", *view.split()] if len(view.split()) > 1 else ["", "", "nan", ""]
    try:
        return " ".join(session), float(time_s)
    except ValueError:
        return view, 0.0
