"""Flat targets as a camera sees them, and the programme that moves a calibration board before the rig."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..board import FlatTarget
from ..geometry import Intrinsics, RigidTransform
from .rig import SimulatedRig

Float32 = NDArray[np.float32]
HOLD_S, MOVE_S = 0.45, 0.2  # the board is held still (unless told how long), then moved


@njit(cache=True, nogil=True, fastmath=True)
def draw_flat(rays, pose, table, fields, corner, x0, y0, height, width):
    """Return ink, cover and depth (each (height, width) float32) of a flat target in one camera.

    Each pixel is the mean of the picture over the pixel's footprint on the plate, by a summed-area table
    (Crow 1984), which is exact for fields and so keeps edges where they are, to hundredths of a pixel.
    About 30 ns per pixel.

    Parameters
    ----------
    rays : (H, W, 2) float32, x and y of each pixel's ray at z = 1
    pose : (3, 4) float64, camera from plate
    table : (rows + 1, columns + 1) float64, sums of the fields above and left
    fields : float, side of a field;  corner : (2,) float64, the picture's top left, both millimetres
    x0, y0, height, width : int, the pixels that are wanted
    """
    rows, columns = table.shape[0] - 1, table.shape[1] - 1
    ink = np.zeros((height, width), np.float32)
    cover = np.zeros((height, width), np.float32)
    depth = np.full((height, width), 1e9, np.float32)
    nx, ny, nz = pose[0, 2], pose[1, 2], pose[2, 2]
    away = nx * pose[0, 3] + ny * pose[1, 3] + nz * pose[2, 3]
    u, v = np.empty((height + 1, width + 1)), np.empty((height + 1, width + 1))
    for y in range(height + 1):
        for x in range(width + 1):
            i, j = min(y0 + y, rays.shape[0] - 1), min(x0 + x, rays.shape[1] - 1)
            rx, ry = np.float64(rays[i, j, 0]), np.float64(rays[i, j, 1])
            facing = rx * nx + ry * ny + nz
            z = away / facing if abs(facing) > 1e-9 else 1e9
            px, py, pz = rx * z - pose[0, 3], ry * z - pose[1, 3], z - pose[2, 3]
            u[y, x] = (px * pose[0, 0] + py * pose[1, 0] + pz * pose[2, 0] - corner[0]) / fields
            v[y, x] = (px * pose[0, 1] + py * pose[1, 1] + pz * pose[2, 1] - corner[1]) / fields
            if y < height and x < width:
                depth[y, x] = z
    for y in range(height):
        for x in range(width):
            a, b = u[y, x], v[y, x]
            half_u = 0.5 * (abs(u[y, x + 1] - a) + abs(u[y + 1, x] - a)) + 1e-6
            half_v = 0.5 * (abs(v[y, x + 1] - b) + abs(v[y + 1, x] - b)) + 1e-6
            left, right = max(a - half_u, 0.0), min(a + half_u, float(columns))
            top, bottom = max(b - half_v, 0.0), min(b + half_v, float(rows))
            if right <= left or bottom <= top:
                continue
            inside = (right - left) * (bottom - top)
            total = (
                _sum_to(table, right, bottom)
                - _sum_to(table, left, bottom)
                - _sum_to(table, right, top)
                + _sum_to(table, left, top)
            )
            ink[y, x] = total / inside
            cover[y, x] = inside / (4 * half_u * half_v)
    return ink, cover, depth


@njit(cache=True, nogil=True, fastmath=True)
def _sum_to(table, u, v):
    """Return the picture's sum over the rectangle from its corner to (u, v), in fields."""
    i, j = min(int(v), table.shape[0] - 2), min(int(u), table.shape[1] - 2)
    fu, fv = u - j, v - i
    top = table[i, j] * (1 - fu) + table[i, j + 1] * fu
    bottom = table[i + 1, j] * (1 - fu) + table[i + 1, j + 1] * fu
    return top * (1 - fv) + bottom * fv


def ink_table(target: FlatTarget) -> NDArray[np.float64]:
    """Return the summed-area table (rows + 1, columns + 1) of the target's picture."""
    return np.pad(target.ink.cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def ray_grid(camera: Intrinsics, *, step_px: int = 1) -> Float32:
    """Return x and y (H, W, 2) of every pixel's ray at z = 1.

    With a step, rays between the grid's are interpolated: at 8 pixels the color camera's are off by less
    than 0.003 px, and 2 million Newton iterations are saved.
    """
    if step_px == 1:
        return camera.ray_image()[..., :2].astype(np.float32)
    columns = np.arange(0, camera.width + step_px, step_px)
    rows = np.arange(0, camera.height + step_px, step_px)
    coarse = camera.rays(np.stack(np.meshgrid(columns, rows), axis=-1))[..., :2]
    wide = _stretch(coarse, camera.width, step_px, axis=1)
    return np.ascontiguousarray(_stretch(wide, camera.height, step_px, axis=0), np.float32)


def _stretch(coarse: NDArray[np.float64], size: int, step: int, *, axis: int) -> NDArray[np.float64]:
    at = np.arange(size)
    share = (at % step / step).reshape([-1 if k == axis else 1 for k in range(3)])
    lower = coarse.take(at // step, axis)
    return lower + share * (coarse.take(at // step + 1, axis) - lower)


class BoardProgramme:
    """Where the board is over time: held, moved, held; every camera sees it in every part of its picture.

    The views are aimed in turn at the thermal, the depth and the color camera: the board's middle goes
    through a spread sequence of places in that camera's picture (Halton), out to its edges, at 0.5 to 1.3 m
    and tilts of up to 40 degrees; the place is taken back until the whole pattern is inside.
    """

    def __init__(
        self, rig: SimulatedRig, target: FlatTarget, *, seconds: float, seed: int, hold_s: float = HOLD_S
    ) -> None:
        self._hold_s, self._period_s = hold_s, hold_s + MOVE_S
        n_views = max(2, int(seconds / self._period_s) + 3)
        rng = np.random.default_rng([seed, 7])
        # color needs no aim of its own in the middle: it sees whatever the other two see
        cameras = (
            (rig.thermal, rig.thermal_from_color),
            (rig.depth, rig.color_from_depth.inverse()),
            (rig.thermal, rig.thermal_from_color),
            (rig.color, RigidTransform.identity()),
        )
        middle = target.outline_mm.mean(0)
        inked = 1 - 1.5 * target.field_mm / np.abs(target.outline_mm - middle).max(0).clip(1)
        outline, seen = middle + (target.outline_mm - middle) * inked, [0, 0, 0, 0]
        self._views: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        for k in range(n_views):
            which = k % 4
            order = seen[which] + 1 + (13 if which == 2 else 0)
            seen[which] += 1
            self._views.append(_view(*cameras[which], outline, order=order, rng=rng))

    def pose(self, t_s: float) -> RigidTransform:
        """Return color-from-plate at a time, seconds since the first tick."""
        place = max(t_s, 0.0) / self._period_s
        k = min(int(place), len(self._views) - 2)
        share = np.clip(((place - k) * self._period_s - self._hold_s) / MOVE_S, 0, 1)
        share = share * share * (3 - 2 * share)
        (turn_a, at_a), (turn_b, at_b) = self._views[k], self._views[k + 1]
        turn, at = turn_a + share * (turn_b - turn_a), at_a + share * (at_b - at_a)
        return RigidTransform.from_rotation_vector(turn, at)


def _view(camera: Intrinsics, camera_from_color: RigidTransform, outline, *, order: int, rng):
    """Return a rotation vector and a translation, color from plate, that put the plate inside the picture."""
    middle = outline.mean(0)
    tilt = np.radians([40, 40, 18]) * (2 * np.array([_halton(order, b) for b in (5, 7, 11)]) - 1)
    tilt += rng.uniform(-0.02, 0.02, 3)
    color_from_camera = camera_from_color.inverse()
    distance = 520 + 780 * _halton(order, 13) ** 1.3
    spread = np.array([_halton(order, 2), _halton(order, 3)]) * 2 - 1
    while True:
        aim = np.array([camera.width, camera.height]) * (0.5 + 0.5 * spread)
        at = color_from_camera.apply(camera.unproject(aim, np.array(distance)))
        pose = RigidTransform.from_rotation_vector(tilt, np.zeros(3))
        color_from_plate = RigidTransform(pose.rotation, at - pose.rotation @ middle)
        corners = camera_from_color.apply(color_from_plate.apply(outline))
        px = camera.project(corners)
        margin = np.minimum(px, np.array([camera.width, camera.height]) - 1 - px).min()
        fits = np.all(np.isfinite(px)) and margin > 3 and corners[:, 2].min() > 250
        if fits or np.abs(spread).max() < 0.05:
            return tilt, color_from_plate.translation_mm
        spread = spread * 0.93
        distance = min(distance * 1.02, 1300)


def _halton(index: int, base: int) -> float:
    """Return the index-th number of the van der Corput sequence (Halton 1960), in (0, 1)."""
    share, value = 1.0, 0.0
    while index:
        share /= base
        value += share * (index % base)
        index //= base
    return value
