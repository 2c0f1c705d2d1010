"""From board views to a solved rig: first guess, refinement, outliers, gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...capture.board import Board, CircleGrid
from ...errors import CalibrationError
from ..boards.circles import center_shift_px
from ..calibration import ViewResidual
from ..coverage import cells_hit
from .diagnosis import (
    reason_left_out,
    require_one_rig,
    require_unmirrored_kinect,
    require_votes,
    rms_alone_px,
)
from .gates import MAX_RMS_PX, require_agreement, require_determined, require_used
from .refine import refine
from .rig_geometry import RigGeometry, Sightings
from .start import first_guess
from .uncertainty import Determined, determine, standard_deviations
from .views import BoardView, select_views, usable_views

Float = NDArray[np.float64]
N_VIEWS = 60
FIRST_NOISE_PX = 0.2
MIN_NOISE_PX = 0.002
NOISIER = 1.5  # times the camera's noise; the noise of 54 corners is known to a tenth
OUTLIER_RATIO = 4.0  # a view with this many times the camera's median residual is left out
OUTLIER_FLOOR_PX = 0.1
FIRST_OUTLIER_RATIO, FIRST_OUTLIER_FLOOR_PX = 6.0, 5.0
"""A picture so far off the first guess is left out before it can pull the geometry aside."""
BEHIND_PX = 1e4  # is said of a picture whose board would lie behind its camera
MAX_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Solution:
    """A solved rig, before it is made a Calibration.

    Attributes
    ----------
    geometry : RigGeometry
    views : the views it was solved from, corners in one order in all cameras
    residuals : one per view and camera, those of dropped pictures included
    coverage, rms_px : by camera, of the used pictures
    determined : how well the corners determine the geometry
    uncertainty : standard deviations by table and parameter, as `Calibration.uncertainty` has them
    """

    geometry: RigGeometry
    views: tuple[BoardView, ...]
    residuals: tuple[ViewResidual, ...]
    coverage: Mapping[str, float]
    rms_px: Mapping[str, float]
    determined: Determined
    uncertainty: Mapping[str, Mapping[str, float]]

    @property
    def face_error_px(self) -> Mapping[str, float]:
        """By camera, the standard deviation with which a face at 1 m is placed ("depth", "thermal")."""
        return {name.removesuffix("_px"): value for name, value in self.uncertainty["face_at_1m"].items()}


def solve_views(
    views: Sequence[BoardView], board: Board, *, size_px: Mapping[str, tuple[int, int]]
) -> Solution:
    """Return the geometry that explains the corners of all views.

    About 1 s for 60 views of three cameras, half of it OpenCV's first guess.

    Parameters
    ----------
    views : board views; those that differ most are used
    size_px : width and height of every camera of the rig

    Raises
    ------
    CalibrationError
        The views do not determine the geometry, or contradict each other; the error says why.
    """
    width_px = {name: size[0] for name, size in size_px.items()}
    chosen = select_views(usable_views(views, board), n_views=N_VIEWS, width_px=width_px)
    start = first_guess(chosen, board, size_px)
    require_votes(start, chosen, board, size_px)
    work = _Work(board, start.geometry, start.views)
    work.measure()
    work.kept -= work.outliers(ratio=FIRST_OUTLIER_RATIO, floor_px=FIRST_OUTLIER_FLOOR_PX)
    for _ in range(MAX_ROUNDS):
        work.refine()
        work.measure()
        work.require_agreement()
        outliers = work.outliers()
        if not outliers:
            break
        work.kept -= outliers
    require_unmirrored_kinect(work.geometry, board, chosen)
    require_one_rig(work.geometry, work.views, board)
    work.refine(own_noise=True)
    work.measure()
    return work.solution(size_px)


class _Work:
    """The geometry as it is being solved, and which pictures it is solved from."""

    def __init__(self, board: Board, geometry: RigGeometry, views: tuple[BoardView, ...]) -> None:
        self.board, self.geometry = board, geometry
        self._found, self.views = views, views
        self.kept = {(i, name) for i, view in enumerate(views) for name in view.corners_px}
        self.noise_px = dict.fromkeys(self.kept, FIRST_NOISE_PX)
        self.rms_px: dict[tuple[int, str], float] = {}

    def refine(self, *, own_noise: bool = False) -> None:
        """Refine the geometry, and measure each camera's corner noise, which weighs its corners.

        With `own_noise`, a picture that is clearly noisier than its camera's others (tilted, near, blurred)
        has a noise of its own.
        """
        for _ in range(2 if own_noise else 3):
            self._center_circles()
            sightings = self.sightings()
            self.geometry = refine(self.geometry, sightings, self.board.points_mm).geometry
            for name, seen in sightings.items():
                error_px = self.geometry.residuals_px(name, seen, self.board.points_mm)
                distance = np.where(seen.seen, np.linalg.norm(error_px, axis=-1), np.nan)
                # The median of a Rayleigh distribution is 1.1774 standard deviations.
                common = max(float(np.nanmedian(distance)) / 1.1774, MIN_NOISE_PX)
                own = np.nanmedian(distance, axis=1) / 1.1774
                noise_px = np.where(own_noise & (own > NOISIER * common), own, common)
                self.noise_px |= {
                    (int(i), name): float(px) for i, px in zip(seen.view, noise_px, strict=True)
                }

    def sightings(self) -> dict[str, Sightings]:
        """Return the corners of all kept pictures by camera."""
        sightings = {}
        for name in self.geometry.cameras:
            seen = [i for i in range(len(self.views)) if (i, name) in self.kept]
            corners_px = np.stack([self.views[i].corners_px[name] for i in seen])
            noise_px = np.array([self.noise_px[i, name] for i in seen])
            sightings[name] = Sightings(np.array(seen, np.int64), corners_px, noise_px)
        return sightings

    def measure(self) -> None:
        """Measure how far the corners of every picture lie off, dropped ones included."""
        for i, view in enumerate(self.views):
            for name, corners_px in view.corners_px.items():
                one = Sightings(np.array([i]), corners_px[None])
                error_px = self.geometry.residuals_px(name, one, self.board.points_mm)[one.seen]
                rms_px = float(np.sqrt((error_px**2).sum(-1).mean()))
                self.rms_px[i, name] = rms_px if np.isfinite(rms_px) else BEHIND_PX

    def outliers(
        self, *, ratio: float = OUTLIER_RATIO, floor_px: float = OUTLIER_FLOOR_PX
    ) -> set[tuple[int, str]]:
        """Return the kept pictures that do not fit, of each view only the one that fits least.

        Parameters
        ----------
        ratio : times the camera's typical residual;  floor_px : less is never too much
        """
        worst: dict[int, tuple[float, str]] = {}
        for name in self.geometry.cameras:
            limit_px = max(ratio * self._typical_px(name), floor_px)
            for i, camera in self.kept:
                excess = self.rms_px[i, camera] / limit_px
                if camera == name and not excess <= 1 and excess > worst.get(i, (0.0, ""))[0]:
                    worst[i] = excess, name
        return {(i, name) for i, (_, name) in worst.items()}

    def require_agreement(self) -> None:
        """Raise CalibrationError where no rigid rig explains the views."""
        rms_px = {name: self._typical_px(name) for name in self.geometry.cameras}
        alone_px, worst = {}, {}
        for name in [name for name, value in rms_px.items() if value > MAX_RMS_PX]:
            camera, kept = self.geometry.cameras[name], sorted(i for i, kept in self.kept if kept == name)
            worst[name] = self.views[max(kept, key=lambda i: self.rms_px[i, name])].name
            alone = [rms_alone_px(camera, self.views[i].corners_px[name], self.board) for i in kept]
            alone_px[name] = float(np.median(alone))
        if alone_px:
            require_one_rig(self.geometry, self.views, self.board)
        require_agreement(rms_px, alone_px, worst)

    def solution(self, size_px: Mapping[str, tuple[int, int]]) -> Solution:
        """Return what was solved, once the views are seen to determine it."""
        sightings = self.sightings()
        residuals = self._residuals()
        for name in size_px:
            seen = [view for view in residuals if view.camera == name]
            left_out = [f"{view.view}: {view.reason}" for view in seen if not view.used]
            n_used = len(seen) - len(left_out)
            require_used({name: n_used}, {name: len(seen)}, {name: (left_out or [""])[0]})
        determined = determine(self.geometry, sightings, self.board.points_mm)
        uncertainty = standard_deviations(self.geometry, determined.covariance)
        covered = {
            name: float(cells_hit(sightings[name].corners_px, size).mean()) for name, size in size_px.items()
        }
        focal_px = {name: camera.fx for name, camera in self.geometry.cameras.items()}
        require_determined(covered=covered, uncertainty=uncertainty, focal_px=focal_px)
        rms_px = {
            name: float(np.sqrt(np.mean([v.rms_px**2 for v in residuals if v.camera == name and v.used])))
            for name in size_px
        }
        return Solution(self.geometry, self.views, tuple(residuals), covered, rms_px, determined, uncertainty)

    def _residuals(self) -> list[ViewResidual]:
        residuals = []
        for i, name in sorted(self.rms_px):
            view, rms_px, used = self.views[i], self.rms_px[i, name], (i, name) in self.kept
            corners_px = view.corners_px[name]
            residuals.append(
                ViewResidual(
                    view=view.name,
                    camera=name,
                    rms_px=rms_px,
                    n_corners=int(np.isfinite(corners_px).all(axis=1).sum()),
                    used=used,
                    reason="" if used else reason_left_out(self.geometry, view, name, self.board, rms_px),
                    corners_px=corners_px,
                )
            )
        return residuals

    def _typical_px(self, name: str) -> float:
        """Return the median residual of one camera's kept pictures."""
        kept = [self.rms_px[key] for key in self.kept if key[1] == name]
        if not kept:
            raise CalibrationError(f"no two pictures of the {name} camera agree; hold the board still")
        return float(np.median(kept))

    def _center_circles(self) -> None:
        """Move found blob centers to where the circles' centers appear; other boards need no such step."""
        if not isinstance(self.board, CircleGrid):
            return
        views = []
        for view, color_from_board in zip(self._found, self.geometry.color_from_board, strict=True):
            corners_px = {}
            for name, found_px in view.corners_px.items():
                pose = self.geometry.pose(name) @ color_from_board
                corners_px[name] = found_px - center_shift_px(self.board, self.geometry.cameras[name], pose)
            views.append(replace(view, corners_px=corners_px))
        self.views = tuple(views)
