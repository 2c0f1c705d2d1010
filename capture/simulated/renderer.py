"""What the rig's cameras see at one moment: the room, and a subject or a board in it.

`KinectView` and `ThermalView` are separate so that the two recorder processes build only what they need. A
picture is a function of the scene, the subject, the seconds and the frame's number; noise too.
"""

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ..board import Board
from ..geometry import Intrinsics, RigidTransform
from . import raster, shade
from .board import BoardProgramme, draw_flat, ink_table, ray_grid
from .head import Float32
from .motion import Moment, Take
from .person import Person, load_person
from .rig import SimulatedRig, simulated_rig
from .room import Background, see_room
from .scene import SceneSettings
from .subjects import subject as find_subject

BANK = 2**18  # random numbers kept and read from a new start each frame
LAMPS = np.array(  # direction toward the lamp, and its red, green, blue
    [
        [-0.55, -0.62, -0.56, 0.66, 0.63, 0.58],
        [0.74, -0.22, -0.64, 0.20, 0.22, 0.25],
        [0.15, -0.95, 0.28, 0.16, 0.16, 0.17],
    ]
)
SKY, GROUND = np.array([0.26, 0.27, 0.29]), np.array([0.13, 0.12, 0.11])
COLOR_NOISE = 1.5  # standard deviation at full light, of 255
WARM_BOARD_C, INK_WARMER_K = 27.5, 6.5  # a board before a heat lamp: ink takes up more
THERMAL_BLUR_PX = 0.8
AIR_C = 22.0

_LEVELS = np.arange(256) / 255
DECODE = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)
_LINEAR = (np.arange(4096) + 0.5) / 4096  # sRGB (IEC 61966-2-1), there and back
_ENCODED = np.where(_LINEAR <= 0.0031308, 12.92 * _LINEAR, 1.055 * _LINEAR ** (1 / 2.4) - 0.055)
ENCODE = np.rint(255 * _ENCODED).astype(np.uint8)


class _View:
    """The subject or the board of one scene over time, and banks of noise."""

    def __init__(self, scene: SceneSettings, *, subject: str, seconds: float) -> None:
        self.rig: SimulatedRig = simulated_rig()
        self.person: Person | None = None
        self._seed = [scene.seed, crc32(subject.encode())]
        if scene.target == "face":
            self.take = Take(scene, subject=find_subject(subject), seconds=seconds)
            self.person = load_person(subject)
        else:
            self.target = Board.parse(scene.board).plate
            self.programme = BoardProgramme(
                self.rig, self.target, seconds=seconds, seed=scene.seed, hold_s=scene.hold_s
            )
            self._ink_table = ink_table(self.target)
        rng = np.random.default_rng([*self._seed, 2])
        self._normal = rng.standard_normal(BANK, np.float32)
        self._uniform = rng.random(BANK, np.float32)
        self._last: tuple[Moment, Float32, Float32] | None = None

    def _random(self, frame_id: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng([*self._seed, purpose, frame_id])

    def _posed(self, person: Person, moment: Moment) -> tuple[Float32, Float32]:
        """Return vertices and normals in the color camera's frame; a moment is posed once for all streams."""
        if self._last is None or self._last[0] != moment:
            xyz = person.figure.posed(moment.weights, moment.pose)
            normals = raster.vertex_normals(xyz, person.triangles, person.weld, int(person.weld.max()) + 1)
            self._last = (moment, xyz, normals)
        return self._last[1:]

    def _board_in(self, camera: Intrinsics, camera_from_color: RigidTransform, rays: Float32, t_s: float):
        """Return the board's window (x0, y0, x1, y1), its ink, cover and depth there, and its slant."""
        plate = camera_from_color @ self.programme.pose(t_s)
        px = camera.project(plate.apply(self.target.outline_mm))
        x0, y0, x1, y1 = _window(px, camera, pad=4)
        pose = np.concatenate([plate.rotation, plate.translation_mm[:, None]], axis=1)
        corner = np.array(self.target.origin_mm)
        ink, cover, depth = draw_flat(
            rays, pose, self._ink_table, self.target.field_mm, corner, x0, y0, y1 - y0, x1 - x0
        )
        slant = abs(plate.rotation[:, 2] @ plate.translation_mm) / np.linalg.norm(plate.translation_mm)
        return (x0, y0, x1, y1), ink, cover, depth, float(slant)


class KinectView(_View):
    """Color, depth and infrared of the simulated Kinect v2."""

    def __init__(self, scene: SceneSettings, *, subject: str, seconds: float) -> None:
        super().__init__(scene, subject=subject, seconds=seconds)
        rig, face = self.rig, scene.target == "face"
        self._depth_from_color = rig.color_from_depth.inverse()
        room = see_room(rig.color, RigidTransform.identity(), table=face)
        self._exposure = scene.light**0.8
        dim = ENCODE[np.clip((DECODE * self._exposure * 4096).astype(int), 0, 4095)]
        self._picture = dim[room.color]
        self._room_inverse = (1 / room.depth_mm).astype(np.float32)
        self._behind: Background = see_room(rig.depth, self._depth_from_color, table=face)
        rays = ray_grid(rig.depth)
        self._vignette = (1 / (1 + (rays**2).sum(-1)) ** 2).astype(np.float32)
        sigma = COLOR_NOISE * scene.light**-0.9
        rng = np.random.default_rng([*self._seed, 3])
        grain = rng.normal(0, sigma, 4 * BANK + 3 * rig.color.width)
        self._grain = np.clip(np.rint(grain), -127, 127).astype(np.int8)
        if not face:
            self._color_rays, self._depth_rays = ray_grid(rig.color, step_px=8), rays

    def color(self, t_s: float, frame_id: int) -> NDArray[np.uint8]:
        """Return the color picture (1080, 1920, 3) uint8 sRGB."""
        canvas, x0, y0 = self._board_color(t_s) if self.person is None else self._face_color(self.person, t_s)
        offsets = self._random(frame_id, 4).integers(0, 4 * BANK, self.rig.color.height)
        return shade.finish_color(self._picture, canvas, x0, y0, self._grain, offsets)

    def depth_infrared(self, t_s: float, frame_id: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
        """Return depth (424, 512) uint16 millimetres, 0 where lost, and infrared (424, 512) uint16."""
        behind = self._behind
        depth, albedo, facing = behind.depth_mm.copy(), behind.infrared.copy(), behind.facing.copy()
        camera = self.rig.depth
        if self.person is None:
            box, ink, cover, z, slant = self._board_in(camera, self._depth_from_color, self._depth_rays, t_s)
            part = np.s_[box[1] : box[3], box[0] : box[2]]
            there = cover > 0.5
            depth[part][there], facing[part][there] = z[there], slant
            albedo[part] += cover * (0.80 - 0.68 * ink - albedo[part])
        else:
            xyz, normals = self._posed(self.person, self.take.at(t_s))
            values = np.stack([self.person.infrared, _facing(xyz, normals, self._depth_from_color)], axis=1)
            _draw(self.person.triangles, xyz, values, camera, self._depth_from_color, albedo, facing, depth)
        start = int(self._random(frame_id, 5).integers(BANK))
        return shade.finish_depth(
            depth, albedo, facing, self._vignette, self._normal, self._uniform, start, self.rig.depth_shift_mm
        )

    def _face_color(self, person: Person, t_s: float):
        xyz, normals = self._posed(person, self.take.at(t_s))
        camera = self.rig.color
        px, inverse = raster.project_vertices(xyz, np.eye(3), np.zeros(3), _lens(camera))
        x0, y0, x1, y1 = _window(px, camera, pad=2)
        canvas = self._picture[y0:y1, x0:x1].copy()
        seen, nearest = raster.visible(px, inverse, person.triangles, x0, y0, y1 - y0, x1 - x0, 2)
        lamps = LAMPS * np.array([1, 1, 1, *[self._exposure] * 3])
        lit = shade.light_vertices(
            xyz, normals, person.occlusion, person.part, lamps, SKY * self._exposure, GROUND * self._exposure
        )
        room = self._room_inverse[y0:y1, x0:x1].copy()
        shade.shade_color(
            canvas, seen, nearest, room, person.triangles, px, person.uv, person.part, lit, normals, lamps,
            person.texture, DECODE, ENCODE, x0, y0,
        )  # fmt: skip
        return canvas, x0, y0

    def _board_color(self, t_s: float):
        box, ink, cover, _, slant = self._board_in(
            self.rig.color, RigidTransform.identity(), self._color_rays, t_s
        )
        x0, y0, x1, y1 = box
        canvas = self._picture[y0:y1, x0:x1].astype(np.float32)
        tone = (225 - 195 * ink) * np.float32((0.75 + 0.25 * slant) * self._exposure ** (1 / 2.2))
        canvas += cover[..., None] * (tone[..., None] - canvas)
        return (canvas + 0.5).astype(np.uint8), x0, y0


class ThermalView(_View):
    """The picture of the simulated A65."""

    def __init__(self, scene: SceneSettings, *, subject: str, seconds: float) -> None:
        super().__init__(scene, subject=subject, seconds=seconds)
        rig = self.rig
        self._behind = see_room(rig.thermal, rig.thermal_from_color, table=scene.target == "face")
        rng = np.random.default_rng([scene.seed, 6])
        shape = (rig.thermal.height, rig.thermal.width)
        self._pattern = (0.03 * rng.standard_normal(shape)).astype(np.float32)
        reach = np.arange(-3, 4)
        taps = np.exp(-0.5 * (reach / THERMAL_BLUR_PX) ** 2)
        self._taps = (taps / taps.sum()).astype(np.float32)
        if self.person is None:
            self._rays = ray_grid(rig.thermal)

    def thermal(self, t_s: float, frame_id: int) -> NDArray[np.uint16]:
        """Return the thermal picture (512, 640) uint16, 0.04 K per count."""
        camera, from_color = self.rig.thermal, self.rig.thermal_from_color
        scene_c = self._behind.temperature_c.copy()
        if self.person is None:
            box, ink, cover, _, _ = self._board_in(camera, from_color, self._rays, t_s)
            part = np.s_[box[1] : box[3], box[0] : box[2]]
            scene_c[part] += cover * (WARM_BOARD_C + INK_WARMER_K * ink - scene_c[part])
        else:
            self._face(self.person, scene_c, t_s)
        start = int(self._random(frame_id, 5).integers(BANK))
        return shade.finish_thermal(scene_c, self._taps, self._pattern, self._normal, start)

    def _face(self, person: Person, scene_c: Float32, t_s: float) -> None:
        moment = self.take.at(t_s)
        from_color = self.rig.thermal_from_color
        xyz, normals = self._posed(person, moment)
        warm, state = person.warmths, moment.warmth
        skin = warm.resting_c + np.float32(state.valence) * warm.per_valence
        skin += np.float32(state.arousal) * warm.per_arousal + np.float32(state.breath) * warm.per_breath
        slant = _facing(xyz, normals, from_color)
        emissivity = 0.98 - 0.35 * (1 - slant) ** 6  # skin mirrors the room only at the very rim
        radiated = emissivity * skin + (1 - emissivity) * np.float32(AIR_C)
        values = np.stack([radiated, slant], axis=1).astype(np.float32)
        unused = np.empty_like(scene_c)
        depth = self._behind.depth_mm.copy()
        _draw(person.with_lenses, xyz, values, self.rig.thermal, from_color, scene_c, unused, depth)


def _draw(
    triangles, xyz, values, camera: Intrinsics, camera_from_color: RigidTransform, first, second, depth
):
    """Draw a mesh into three pictures of one camera: two vertex values and depth."""
    px, inverse = raster.project_vertices(
        xyz, camera_from_color.rotation, camera_from_color.translation_mm, _lens(camera)
    )
    x0, y0, x1, y1 = _window(px, camera, pad=2)
    seen, nearest = raster.visible(px, inverse, triangles, x0, y0, y1 - y0, x1 - x0, 1)
    shade.interpolate(first, second, depth, seen, nearest, triangles, px, values, x0, y0)


def _facing(xyz: Float32, normals: Float32, camera_from_color: RigidTransform) -> Float32:
    """Return the cosine (N,) between each normal and the way to the camera, 0 where turned away."""
    toward = camera_from_color.inverse().translation_mm.astype(np.float32) - xyz
    cosine = np.einsum("ij,ij->i", toward, normals) / np.sqrt(np.einsum("ij,ij->i", toward, toward))
    return np.clip(cosine, 0, 1).astype(np.float32)


def _lens(camera: Intrinsics) -> NDArray[np.float64]:
    return np.array([camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion])


def _window(px: NDArray, camera: Intrinsics, *, pad: int) -> tuple[int, int, int, int]:
    """Return x0, y0, x1, y1 of the smallest window that holds the points; at least one pixel."""
    px = px[np.isfinite(px).all(axis=1)]
    if not len(px):
        return 0, 0, 1, 1
    low, high = np.floor(px.min(0)).astype(int) - pad, np.ceil(px.max(0)).astype(int) + pad + 1
    x0, y0 = np.clip(low, 0, (camera.width - 1, camera.height - 1))
    x1, y1 = np.clip(high, (x0 + 1, y0 + 1), (camera.width, camera.height))
    return int(x0), int(y0), int(x1), int(y1)
