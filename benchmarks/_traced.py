"""A head, a torso and a pole before a wall, ray-traced for both cameras of a Kinect: the warp's truth.

Rays meet ellipsoids, an upright cylinder and a plane by formula, so the color camera's true depth is known in
every pixel, and so is which pixels the depth camera cannot see. Nothing is measured here (`warp.py`).
"""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from mavfer.calibrate.calibration import Calibration
from mavfer.capture.geometry import Intrinsics, RigidTransform

NOISE_MM = 1.5
SUB_RAYS = 3  # per side of a depth pixel; where they meet different surfaces the reading is their mean
BAND_PX = 3  # color pixels on either side of a silhouette
STEP_SHARE = 0.02  # neighbouring depths that differ by more are a silhouette
HIDDEN_MM = 4.0  # a point this far behind what the depth camera sees lies in its shadow
Float = NDArray[np.float64]


def kinect() -> Calibration:
    """Return the calibration that iai_kinect2 publishes for Kinect 196605135147 (Apache-2.0)."""
    color_lens = (0.056268441, -0.0741991413, 0.00142507975, -0.00169517217, 0.0241076813)
    depth_lens = (0.0965581104, -0.282982440, 0.0001588995, -0.0005075148, 0.105239488)
    color_from_depth = RigidTransform.from_rotation_vector(
        np.array([-0.00182455633, -0.0108314846, 0.0168823579]),
        np.array([-52.0524761, -0.463138654, 0.888067356]),
    )
    return Calibration(
        rig="Kinect 196605135147",
        color=Intrinsics(1920, 1080, 1059.94656, 1053.93268, 954.883268, 523.738583, color_lens),
        depth=Intrinsics(512, 424, 366.947573, 364.791172, 242.985517, 207.698536, depth_lens),
        thermal=None,
        color_from_depth=color_from_depth,
        thermal_from_color=None,
        depth_shift_mm=-13.3542387,
    )


@dataclass(frozen=True, slots=True)
class Scene:
    """What stands before the rig, in the color camera's axes, millimetres.

    Attributes
    ----------
    middles, radii_mm : (N, 3), ellipsoids
    pole : (3,) x and z of an upright cylinder's axis, and its radius
    wall : (3,) a plane z = wall[0] + wall[1] x + wall[2] y
    """

    middles: Float
    radii_mm: Float
    pole: Float
    wall: Float

    def depth_along(self, start_mm: Float, rays: Float) -> Float:
        """Return how many times each ray (..., 3) from `start_mm` (3,) fits before the first surface."""
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = rays[..., 2] - rays[..., 0] * self.wall[1] - rays[..., 1] * self.wall[2]
            height = self.wall[0] + self.wall[1] * start_mm[0] + self.wall[2] * start_mm[1] - start_mm[2]
            nearest = np.where(height / slope > 0, height / slope, np.inf)
            for middle, radii_mm in zip(self.middles, self.radii_mm, strict=True):
                nearest = np.fmin(nearest, _first_root((start_mm - middle) / radii_mm, rays / radii_mm))
            flat = [0, 2]
            axis = (start_mm[flat] - self.pole[:2]) / self.pole[2]
            return np.fmin(nearest, _first_root(axis, rays[..., flat] / self.pole[2]))


def _first_root(start: Float, rays: Float) -> Float:
    """Return where start + t rays first meets the unit sphere from outside; inf where it does not."""
    a, b, c = (rays * rays).sum(-1), (rays * start).sum(-1), (start * start).sum() - 1
    inside = b * b - a * c
    root = (-b - np.sqrt(np.maximum(inside, 0))) / a
    return np.where((inside > 0) & (root > 0), root, np.inf)


def random_scene(seed: int) -> Scene:
    """Return a person of about 0.7 to 1 m and a pole, before a wall of about 1.5 m."""
    random = np.random.default_rng(seed)
    head = np.array([random.uniform(-120, 120), random.uniform(-80, -20), random.uniform(790, 850)])
    nose = head + np.array([random.uniform(-15, 15), random.uniform(5, 20), -95])
    torso = head + np.array([random.uniform(-20, 20), 330, 60])
    side = random.choice([-1, 1])
    return Scene(
        np.stack([head, nose, torso]),
        np.array([[75, 110, 95], [17, 24, 22], [210, 230, 120]]) * random.uniform(0.95, 1.05, (3, 1)),
        np.array([side * random.uniform(280, 380), random.uniform(950, 1150), random.uniform(18, 30)]),
        np.array([random.uniform(1480, 1560), random.uniform(-0.05, 0.05), random.uniform(-0.05, 0.05)]),
    )


@dataclass(frozen=True, slots=True)
class Truth:
    """What a perfect warp returns.

    Attributes
    ----------
    depth_mm : (424, 512) uint16, the depth camera's readings, flying pixels and noise included
    color_z_mm : (1080, 1920), the color camera's true depth
    visible : (1080, 1920) bool, the depth camera sees that point
    shadow : (1080, 1920) bool, it would see it, if nothing stood before it
    silhouette : (1080, 1920) bool, within BAND_PX of a jump of the true depth
    """

    depth_mm: NDArray[np.uint16]
    color_z_mm: Float
    visible: NDArray[np.bool_]
    shadow: NDArray[np.bool_]
    silhouette: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rays:
    """The rays of both cameras in the color camera's axes, made once for all scenes.

    Attributes
    ----------
    color : (1080, 1920, 3)
    depth : (424, 512, 3), through the middles of depth pixels
    depth_parts : SUB_RAYS squared of these, spread over each pixel
    """

    color: Float
    depth: Float
    depth_parts: tuple[Float, ...]

    @classmethod
    def of(cls, calibration: Calibration) -> Self:
        """Return the rays of a calibration."""
        columns, rows = np.meshgrid(np.arange(calibration.depth.width), np.arange(calibration.depth.height))
        offsets = (np.arange(SUB_RAYS) - (SUB_RAYS - 1) / 2) / SUB_RAYS

        def depth_rays(dx: float, dy: float) -> Float:
            px = np.stack([columns + dx, rows + dy], axis=-1)
            return calibration.depth.rays(px) @ calibration.color_from_depth.rotation.T

        parts = tuple(depth_rays(dx, dy) for dx in offsets for dy in offsets)
        return cls(calibration.color.ray_image(), depth_rays(0, 0), parts)


def trace(scene: Scene, calibration: Calibration, *, rays: Rays, seed: int) -> Truth:
    """Return the readings and the truth of one scene."""
    random = np.random.default_rng(seed)
    pose = calibration.color_from_depth
    eye_mm = pose.translation_mm
    z_mm = scene.depth_along(np.zeros(3), rays.color)
    middle_mm = scene.depth_along(eye_mm, rays.depth)
    parts = np.stack([scene.depth_along(eye_mm, part) for part in rays.depth_parts])
    torn = np.ptp(parts, axis=0) > STEP_SHARE * middle_mm
    mixed_mm = np.where(torn, parts.mean(axis=0), middle_mm)
    noisy_mm = mixed_mm + random.normal(0, NOISE_MM, mixed_mm.shape)

    xyz = rays.color * z_mm[..., None]
    seen_px = calibration.depth.project(pose.inverse().apply(xyz))
    with np.errstate(invalid="ignore"):
        in_view = np.all(
            (seen_px >= 0) & (seen_px <= (calibration.depth.width - 1, calibration.depth.height - 1)), axis=-1
        )
    # From the depth camera's eye to the point is once that ray: what fits less often stands before it.
    distance_mm = np.linalg.norm(xyz - eye_mm, axis=-1)
    before_mm = (1 - scene.depth_along(eye_mm, xyz - eye_mm)) * distance_mm
    hidden = before_mm > HIDDEN_MM
    kernel = np.ones((3, 3), np.uint8)
    low, high = cv2.erode(z_mm, kernel), cv2.dilate(z_mm, kernel)
    jump = (high - low > STEP_SHARE * low).astype(np.uint8)
    band = cv2.dilate(jump, np.ones((2 * BAND_PX - 1,) * 2, np.uint8)) > 0
    return Truth(
        _as_read(noisy_mm, calibration),
        z_mm,
        in_view & ~hidden,
        in_view & hidden,
        band,
    )


def _as_read(z_mm: Float, calibration: Calibration) -> NDArray[np.uint16]:
    reading = np.rint((z_mm - calibration.depth_shift_mm) / calibration.depth_scale)
    return np.where(np.isfinite(reading), np.clip(reading, 0, 65535), 0).astype(np.uint16)
