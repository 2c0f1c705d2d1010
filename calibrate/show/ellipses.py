"""How uncertain a calibration leaves every place of a picture at the distance of a face, as ellipses.

The file states standard deviations of single parameters; their correlations, on which the ellipses depend,
are found again from the corners that it keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...capture.board import Board
from ...capture.geometry import Intrinsics
from ...report import INK
from ..calibration import Calibration
from ..solver.rig_geometry import REFERENCE, RigGeometry, Sightings, moved
from ..solver.uncertainty import STEP_SHARE, determine
from .arrows import found_px, predicted_px
from .axes import CAMERA_COLORS, picture_axes, round_figure
from .rig import FACE_DISTANCE_MM, face_outline_mm

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Float = NDArray[np.float64]
N_COLUMNS, N_ROWS = 9, 6
SHARE_95 = 2.4477  # radii of a normal distribution in the plane that hold 95 %: sqrt(5.991), chi-squared
ELLIPSE_SHARE = 0.045  # of the picture's width, the half axis at which the median ellipse is drawn
MIN_NOISE_PX = 0.005


@dataclass(frozen=True, slots=True)
class Placement:
    """Where points at a face's distance are put by the calibration, and how far that may be off.

    Attributes
    ----------
    into : the camera whose picture they are put into, "color" or "thermal"
    size_px : width and height of that picture
    at_px : (K, 2) float64
    covariance_px2 : (K, 2, 2) float64
    """

    into: str
    size_px: tuple[int, int]
    at_px: Float
    covariance_px2: Float

    @property
    def sd_px(self) -> Float:
        """The standard deviation (K,) of the distance: the root of the covariance's trace, pixels."""
        return np.sqrt(np.trace(self.covariance_px2, axis1=-2, axis2=-1))


@dataclass(frozen=True, slots=True)
class Certainty:
    """A geometry, and the covariance (G, G) of the steps that `rig_geometry.moved` takes."""

    geometry: RigGeometry
    covariance: Float


def certainty_of(calibration: Calibration) -> Certainty | None:
    """Return how well the corners in the file determine the geometry; None where it holds too few.

    Raises
    ------
    ConfigError
        The file names a board that there is not.
    """
    if not calibration.board or not calibration.color_from_board:
        return None
    board = Board.parse(calibration.board)
    from_color = {"depth": calibration.color_from_depth.inverse()}
    if calibration.thermal_from_color is not None:
        from_color["thermal"] = calibration.thermal_from_color
    boards = tuple(calibration.color_from_board.values())
    geometry = RigGeometry(calibration.cameras, from_color, boards)
    sightings = {name: _sightings(calibration, name, board) for name in calibration.cameras}
    known = {name: one for name, one in sightings.items() if one is not None}
    if len(known) < len(sightings):
        return None
    return Certainty(geometry, determine(geometry, known, board.points_mm).covariance)


def _sightings(calibration: Calibration, camera: str, board: Board) -> Sightings | None:
    """Return the corners of a camera's used pictures as the solver takes them; None if there are none."""
    views = list(calibration.color_from_board)
    used: list[int] = []
    corners: list[Float] = []
    errors: list[Float] = []
    for one in calibration.residuals:
        px, expected_px = found_px(calibration, one, board), predicted_px(calibration, one, board)
        if one.camera == camera and one.used and px is not None and expected_px is not None:
            used.append(views.index(one.view))
            corners.append(px)
            errors.append(np.linalg.norm(px - expected_px, axis=-1))
    if not used:
        return None
    # The median of a Rayleigh distribution is 1.1774 standard deviations.
    noise_px = max(float(np.nanmedian(np.concatenate(errors))) / 1.1774, MIN_NOISE_PX)
    return Sightings(np.array(used, np.int64), np.stack(corners), noise_px)


def placements(certainty: Certainty) -> dict[str, Placement]:
    """Return how certainly depth is put into color, and color into thermal, over the whole picture at 1 m.

    Returns
    -------
    {"depth": a depth reading put into the color picture, "thermal": a color point put into the thermal one}
    """
    found = {"depth": _placed(certainty, source="depth", into=REFERENCE)}
    if "thermal" in certainty.geometry.cameras:
        found["thermal"] = _placed(certainty, source=REFERENCE, into="thermal")
    return found


def _placed(certainty: Certainty, *, source: str, into: str) -> Placement:
    """Return the places of a grid of the camera `into`, seen from `source`, and their covariance."""
    best = certainty.geometry
    camera = best.cameras[into]
    xyz_color_mm = _to_color(best, into, camera.unproject(_grid_px(camera), np.array(FACE_DISTANCE_MM)))
    xyz_source_mm = _from_color(best, source, xyz_color_mm)
    source_px = best.cameras[source].project(xyz_source_mm)
    size = best.cameras[source].width, best.cameras[source].height
    with np.errstate(invalid="ignore"):
        seen = np.all((source_px >= 0) & (source_px <= np.subtract(size, 1)), axis=-1)
    source_px, z_mm = source_px[seen], xyz_source_mm[seen, 2]

    def places_px(geometry: RigGeometry) -> Float:
        at_mm = geometry.cameras[source].unproject(source_px, z_mm)
        return geometry.cameras[into].project(_from_color(geometry, into, _to_color(geometry, source, at_mm)))

    steps = STEP_SHARE * np.sqrt(np.maximum(np.diag(certainty.covariance), 1e-30))
    changes = [(places_px(moved(best, step)) - places_px(moved(best, -step))) / 2 for step in np.diag(steps)]
    slope = np.nan_to_num(np.stack(changes, axis=-1) / steps)  # (K, 2, G)
    covariance = np.einsum("kcg,gh,kdh->kcd", slope, certainty.covariance, slope, optimize=True)
    return Placement(into, (camera.width, camera.height), places_px(best), covariance)


def _to_color(geometry: RigGeometry, name: str, xyz_mm: Float) -> Float:
    return xyz_mm if name == REFERENCE else geometry.from_color[name].inverse().apply(xyz_mm)


def _from_color(geometry: RigGeometry, name: str, xyz_mm: Float) -> Float:
    return xyz_mm if name == REFERENCE else geometry.from_color[name].apply(xyz_mm)


def _grid_px(camera: Intrinsics) -> Float:
    columns = (np.arange(N_COLUMNS) + 0.5) * camera.width / N_COLUMNS - 0.5
    rows = (np.arange(N_ROWS) + 0.5) * camera.height / N_ROWS - 0.5
    return np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)


def ellipses_px(placement: Placement, *, n_points: int = 33) -> Float:
    """Return the outlines (K, n, 2) that hold each place with 95 %, pixels around it, true to size."""
    values, vectors = np.linalg.eigh(placement.covariance_px2)
    half = SHARE_95 * np.sqrt(np.maximum(values, 0))
    angle = np.linspace(0, 2 * np.pi, n_points)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return np.einsum("kij,kj,nj->kni", vectors, half, circle)


def draw_certainty(figure: Figure, calibration: Calibration, found: Mapping[str, Placement]) -> None:
    """Draw the ellipses over each picture, magnified, with the outline of a face at 1 m."""
    axes = figure.subplots(1, len(found), squeeze=False)[0]
    for axis, (name, placement) in zip(axes, found.items(), strict=True):
        outlines_px = ellipses_px(placement)
        reach_px = np.linalg.norm(outlines_px, axis=-1).max(axis=-1)
        typical_px = float(np.quantile(reach_px, 0.7)) if len(reach_px) else 0.0
        factor = round_figure(ELLIPSE_SHARE * placement.size_px[0] / typical_px) if typical_px > 0 else 1.0
        gap = np.full((len(outlines_px), 1, 2), np.nan)
        drawn = np.concatenate([placement.at_px[:, None] + factor * outlines_px, gap], axis=1)
        axis.plot(*drawn.reshape(-1, 2).T, color=CAMERA_COLORS[name], linewidth=1.1)
        axis.plot(*placement.at_px.T, ls="", marker=".", markersize=2.5, color=CAMERA_COLORS[name])
        face_mm = face_outline_mm()
        if name == "thermal" and calibration.thermal_from_color is not None:
            face_mm = calibration.thermal_from_color.apply(face_mm)
        axis.plot(*calibration.cameras[placement.into].project(face_mm).T, color=INK, linewidth=1.4)
        picture_axes(axis, placement.size_px)
        what = "depth put into color" if name == "depth" else "color put into thermal"
        axis.set_title(f"{what}: ellipses drawn {factor:g} times", fontsize=10)
        axis.set_xlabel(
            f"px; half axes {reach_px.min():.2f} to {reach_px.max():.2f} px" if len(reach_px) else "px"
        )
