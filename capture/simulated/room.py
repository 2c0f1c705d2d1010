"""The room behind the subject: boxes that each camera sees once, before the first frame."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..geometry import Intrinsics, RigidTransform
from .raster import NOTHING, project_vertices, visible

Float32 = NDArray[np.float32]
TILES = 20  # each face of a box is cut into TILES x TILES pieces, so that the lens can bend it


@dataclass(frozen=True, slots=True)
class Box:
    """One thing in the room, millimetres in the color camera's frame."""

    middle: tuple[float, float, float]
    size: tuple[float, float, float]
    color: tuple[int, int, int]
    infrared: float = 0.45
    temperature_c: float = 22.0


TABLE = Box((0, 330, 630), (2400, 60, 460), (132, 104, 80), 0.5, 23.5)
ROOM = (
    Box((0, 0, 2400), (8000, 5000, 60), (196, 190, 180), 0.55, 21.6),
    Box((-640, -300, 2350), (520, 680, 40), (70, 62, 56), 0.3, 21.8),
    Box((-640, -300, 2340), (440, 600, 40), (116, 140, 150), 0.4, 21.8),
    Box((-700, -180, 2335), (240, 260, 40), (168, 128, 84), 0.4, 21.8),
    Box((840, -60, 2240), (620, 1500, 220), (120, 92, 68), 0.4, 22.0),
    *(Box((840, y, 2125), (560, 16, 80), (92, 70, 52), 0.4, 22.0) for y in (-312, 48, 408)),
    *(
        Box((620 + 62 * k, y + 13 * (k * 7 % 4), 2120), (44, 200 - 26 * (k * 7 % 4), 60), color, 0.4, 22.0)
        for y in (-420, -60, 300)
        for k, color in enumerate(
            [(150, 60, 52), (52, 76, 110), (186, 168, 120), (60, 90, 72), (96, 84, 110), (190, 180, 168)]
        )
    ),
    Box((-1500, 0, 2250), (600, 3200, 60), (150, 146, 134), 0.6, 20.5),
    Box((-560, 620, 2280), (900, 520, 90), (206, 204, 198), 0.5, 31.0),
)


@dataclass(frozen=True, slots=True)
class Background:
    """The room as one camera sees it.

    Attributes
    ----------
    depth_mm, infrared, facing, temperature_c : (H, W) float32; facing is the cosine to the surface
    color : (H, W, 3) uint8 sRGB at full light
    """

    depth_mm: Float32
    infrared: Float32
    facing: Float32
    temperature_c: Float32
    color: NDArray[np.uint8]


def see_room(camera: Intrinsics, camera_from_color: RigidTransform, *, table: bool) -> Background:
    """Return the room as the camera sees it; takes about 0.2 s for 1920 x 1080."""
    boxes = (*ROOM, TABLE) if table else ROOM
    xyz, triangles, normals, owner = _mesh(boxes)
    lens = np.array([camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion])
    px, inverse = project_vertices(
        xyz.astype(np.float32), camera_from_color.rotation, camera_from_color.translation_mm, lens
    )
    z = camera_from_color.apply(xyz)[:, 2]
    plane = np.hypot(px[:, 0] - camera.cx, px[:, 1] - camera.cy)
    usable = (z > 100) & (plane < 4 * camera.width)
    safe = usable[triangles].all(1)
    triangles, normals, owner = triangles[safe], normals[safe], owner[safe]
    seen, nearest = visible(px, inverse, triangles, 0, 0, camera.height, camera.width, 1)
    hit = seen != NOTHING
    index = np.where(hit, seen, 0)
    box = owner[index]
    center = camera_from_color.inverse().apply(np.zeros((1, 3)))[0]
    toward = center - xyz[triangles].mean(1)
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    facing = np.clip((normals * toward).sum(1), 0.05, 1).astype(np.float32)[index]
    depth = np.where(hit, 1 / np.maximum(nearest, 1e-5), 4000).astype(np.float32)
    return Background(
        depth_mm=depth,
        infrared=np.array([b.infrared for b in boxes], np.float32)[box],
        facing=facing,
        temperature_c=_temperature(np.array([b.temperature_c for b in boxes], np.float32)[box]),
        color=_paint(box, depth, normals[index], [b.color for b in boxes]),
    )


def _mesh(boxes: tuple[Box, ...]):
    """Return vertices, triangles, the normal of each triangle, and whose box it is."""
    grid = np.linspace(-0.5, 0.5, TILES + 1)
    u, v = np.meshgrid(grid, grid)
    corner = (np.arange(TILES)[:, None] * (TILES + 1) + np.arange(TILES)).ravel()
    xyz, triangles, normals, owner = [], [], [], []
    first = 0
    for number, box in enumerate(boxes):
        for axis, sign in ((2, -1.0), (0, 1.0), (0, -1.0), (1, -1.0)):  # front, sides, top
            unit = np.zeros((u.size, 3))
            others = [k for k in range(3) if k != axis]
            unit[:, others[0]], unit[:, others[1]], unit[:, axis] = u.ravel(), v.ravel(), 0.5 * sign
            normal = np.zeros(3)
            normal[axis] = sign
            a, b, c, d = corner, corner + 1, corner + TILES + 1, corner + TILES + 2
            faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
            p = unit[faces[0]]
            if np.cross(p[1] - p[0], p[2] - p[0]) @ normal > 0:
                faces = faces[:, ::-1]
            xyz.append(unit * box.size + box.middle)
            triangles.append(faces + first)
            normals.append(np.tile(normal, (len(faces), 1)))
            owner.append(np.full(len(faces), number))
            first += len(unit)
    return (
        np.concatenate(xyz),
        np.concatenate(triangles).astype(np.int32),
        np.concatenate(normals),
        np.concatenate(owner),
    )


def _paint(box, depth, normal, colors) -> NDArray[np.uint8]:
    """Return the room's picture: flat colors, soft light, a little unevenness, out of focus behind."""
    rng = np.random.default_rng(5)
    height, width = box.shape
    light = np.clip(normal @ np.array([-0.25, -0.75, -0.6]), 0, 1) * 0.5 + 0.55
    rows, columns = np.mgrid[0:height, 0:width]
    light = light * (1.05 - 0.22 * rows / height - 0.10 * columns / width)
    cloudy = rng.standard_normal((9, 16)).astype(np.float32)
    light += 0.02 * cv2.resize(cloudy, (width, height), interpolation=cv2.INTER_CUBIC)
    picture = np.array(colors, np.float32)[box] * light[..., None].astype(np.float32)
    grain = cv2.resize(rng.standard_normal((height // 3, 24)).astype(np.float32), (width, height))
    picture *= 1 + np.where(depth < 1500, 0.035, 0.006)[..., None] * grain[..., None]
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    soft = cv2.GaussianBlur(picture, (0, 0), max(width / 700, 0.5))
    return np.where((depth < 1500)[..., None], picture, soft)


def _temperature(flat: Float32) -> Float32:
    """Return the temperatures with warm air rising: half a kelvin from the bottom to the top."""
    rise = np.linspace(0.25, -0.25, flat.shape[0], dtype=np.float32)[:, None]
    return np.asarray(cv2.GaussianBlur(flat + rise, (0, 0), 1.0), np.float32)
