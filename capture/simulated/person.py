"""A subject as the renderer wants it: one mesh with hair and glasses, its texture and its vertex values."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .head import EYES, FRAME, HEAD_COLUMNS, LENS, MANTLE, SKIN, Figure, Float32, HeadMesh, load_head
from .layout import hair_depth
from .motion import Moment
from .raster import vertex_normals
from .subjects import Subject
from .surfaces import Warmths, infrared_reflectance, warmths
from .textures import FLAT_PLACES, color_texture

HAIR_MM = {"short": 11.0, "long": 9.0, "cropped": 3.5, "receding": 4.0, "none": 0.0}


@dataclass(frozen=True, slots=True)
class Person:
    """Everything about one subject that does not change from frame to frame.

    Attributes
    ----------
    figure : poses the vertices (N, 3)
    landmarks : Figure of the three corners of each landmark (204 vertices), much cheaper to pose
    landmark_weights : (68, 3)
    triangles : (M, 3) int32, what color and infrared light see; `with_lenses` adds the glasses' lenses,
        which are opaque to the thermal camera
    weld, part : (N,) int32
    uv : (N, 2) float32;  occlusion, infrared : (N,) float32
    texture : (1024, 1024, 3) uint8 sRGB
    warmths : temperature of each vertex
    """

    figure: Figure
    landmarks: Figure
    landmark_weights: NDArray[np.float64]
    triangles: NDArray[np.int32]
    with_lenses: NDArray[np.int32]
    weld: NDArray[np.int32]
    part: NDArray[np.int32]
    uv: Float32
    occlusion: Float32
    infrared: Float32
    texture: NDArray[np.uint8]
    warmths: Warmths

    def landmark_places(self, moment: Moment) -> NDArray[np.float64]:
        """Return the landmarks (68, 3) in the color camera's frame, millimetres."""
        corners = self.landmarks.posed(moment.weights, moment.pose).astype(np.float64)
        return (corners.reshape(-1, 3, 3) * self.landmark_weights[..., None]).sum(1)


@lru_cache(maxsize=2)
def load_person(subject_name: str) -> Person:
    """Return the person of that name; takes about 1 s, then nothing."""
    from .subjects import subject as find

    subject = find(subject_name)
    head = load_head()
    neutral = shape_of(subject)
    inflated = _with_hair(subject, head, neutral)
    triangles = head.triangles
    if subject.hair_style != "long":
        triangles = triangles[head.part[triangles[:, 0]] != MANTLE]
    pieces = _glasses(head, neutral) if subject.glasses else []
    xyz, part, uv = [inflated], [head.part], [head.uv]
    first, frames, lenses = len(inflated), [], []
    for points, faces, number in pieces:
        (lenses if number == LENS else frames).append(faces + first)
        xyz.append(points)
        part.append(np.full(len(points), number, np.int32))
        uv.append(np.tile(np.array(FLAT_PLACES[number], np.float32), (len(points), 1)))
        first += len(points)
    n_more = first - len(inflated)
    all_part = np.concatenate(part)
    mean_xyz = np.concatenate([head.xyz, *xyz[1:]])
    units = np.concatenate(
        [np.stack(list(head.units.values())), np.zeros((len(head.units), n_more, 3), np.float32)], axis=1
    )
    rigid = np.concatenate([head.rigid, np.ones(n_more, np.float32)])
    none = np.zeros(n_more, np.float32)
    masks = {name: np.concatenate([mask, none]) for name, mask in _vertex_masks(head).items()}
    solid = np.concatenate([triangles, *frames]).astype(np.int32)
    corners = head.landmark_corners.ravel()
    return Person(
        figure=Figure(
            np.concatenate(xyz).astype(np.float32),
            rigid=rigid,
            part=all_part,
            unit_names=list(head.units),
            units=units,
        ),
        landmarks=Figure(
            neutral[corners],
            rigid=head.rigid[corners],
            part=head.part[corners],
            unit_names=list(head.units),
            units=units[:, corners],
        ),
        landmark_weights=head.landmark_weights,
        triangles=solid,
        with_lenses=np.concatenate([solid, *lenses]).astype(np.int32),
        weld=np.concatenate([head.weld, head.weld.max() + 1 + np.arange(n_more, dtype=np.int32)]),
        part=all_part,
        uv=np.ascontiguousarray(np.concatenate(uv), np.float32),
        occlusion=np.concatenate([head.occlusion, np.ones(n_more, np.float32)]),
        infrared=infrared_reflectance(subject, all_part, mean_xyz),
        texture=color_texture(subject),
        warmths=warmths(subject, all_part, mean_xyz, masks),
    )


def shape_of(subject: Subject) -> Float32:
    """Return the subject's face at rest (N, 3), without hair."""
    head = load_head()
    xyz = head.xyz.copy()
    for name, weight in subject.people.items():
        xyz += np.float32(weight) * head.people[name]
    for name, weight in subject.shapes.items():
        xyz += np.float32(weight) * head.shapes[name]
    middle = np.mean([xyz[head.part == eye].mean(0) for eye in EYES], axis=0)
    drift = middle - np.mean([head.xyz[head.part == eye].mean(0) for eye in EYES], axis=0)
    return (xyz - drift).astype(np.float32)


def _with_hair(subject: Subject, head: HeadMesh, neutral: Float32) -> Float32:
    """Return the shape with the scalp lifted by the hair's thickness, more on top than at the sides."""
    thick = HAIR_MM[subject.hair_style]
    if not thick:
        return neutral
    n_welded = int(head.weld.max()) + 1
    normals = vertex_normals(neutral, head.triangles, head.weld, n_welded)
    depth = hair_depth(head.xyz, subject.hair_style)
    ears = _vertex_masks(head)["ears"]
    rise = np.clip(depth / 16.0, 0, 1) * np.clip(1 - 4 * ears, 0, 1) * (head.part == SKIN)
    on_top = 0.45 + 0.55 * np.clip(-(head.xyz[:, 1] + 10) / 60.0, 0, 1)
    lift = thick * rise * on_top
    lift += 0.12 * thick * rise * np.sin(head.xyz[:, 0] * 0.31) * np.sin(head.xyz[:, 2] * 0.27 + 1)
    return (neutral + normals * lift[:, None]).astype(np.float32)


def _vertex_masks(head: HeadMesh) -> dict[str, Float32]:
    """Return the texture masks at the vertices; 0 where the texture is not the head's skin."""
    out = {}
    for name, mask in head.masks.items():
        rows, columns = mask.shape
        x = np.clip((head.uv[:, 0] / HEAD_COLUMNS * columns).astype(int), 0, columns - 1)
        y = np.clip((head.uv[:, 1] * rows).astype(int), 0, rows - 1)
        on_head = (head.part == SKIN) & (head.uv[:, 0] < HEAD_COLUMNS)
        out[name] = np.where(on_head, mask[y, x], 0.0).astype(np.float32)
    return out


def _glasses(head: HeadMesh, neutral: Float32) -> list[tuple[Float32, NDArray[np.int32], int]]:
    """Return rims, bridge, temples and lenses as (vertices, triangles, part), fitted to a face."""
    eye = np.abs(neutral[head.part == EYES[0]].mean(0))
    bridge_z = float((neutral[head.landmark_corners[27]] * head.landmark_weights[27][:, None]).sum(0)[2])
    plane_z = min(-26.0, bridge_z - 5.0)
    turn = np.linspace(0, 2 * np.pi, 33)[:-1]

    def on_lens(x, y):
        return np.stack([x, y, plane_z + 0.0035 * x * x], axis=-1)

    pieces = []
    for side in (-1.0, 1.0):
        squared = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.72
        x = side * eye[0] + 25.0 * squared
        y = 5.0 + 19.0 * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.78
        rim = on_lens(x, y)
        pieces.append((*_tube(rim, 1.7, closed=True), FRAME))
        fan = np.array([(0, k, k % 32 + 1) for k in range(1, 33)], np.int32)
        lens = np.concatenate([on_lens(np.array([side * eye[0]]), np.array([5.0])), rim])
        pieces.append((lens.astype(np.float32), fan, LENS))
        outer = side * (eye[0] + 24.5)
        ear = float(
            np.abs(neutral[head.part == SKIN, 0][np.abs(neutral[head.part == SKIN, 2] - 60) < 8]).max()
        )
        temple = np.array(
            [[outer, -6, plane_z + 0.0035 * outer**2], [side * (ear - 4), -8, 10], [side * (ear + 2), -6, 86]]
        )
        pieces.append((*_tube(temple, 1.6, closed=False), FRAME))
    inner = eye[0] - 24.0
    x = np.linspace(-inner, inner, 7)
    bridge = on_lens(x, -1.0 - 4.0 * (1 - (x / inner) ** 2)) - (0, 0, 1.0)
    pieces.append((*_tube(bridge, 1.6, closed=False), FRAME))
    return pieces


def _tube(line: NDArray, radius: float, *, closed: bool) -> tuple[Float32, NDArray[np.int32]]:
    """Return a tube of six sides along a line (K, 3), as vertices and triangles seen from both sides."""
    count = len(line)
    along = np.roll(line, -1, 0) - np.roll(line, 1, 0) if closed else np.gradient(line, axis=0)
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    side = np.cross(along, (0.0, 1.0, 0.3))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, along)
    turn = np.linspace(0, 2 * np.pi, 7)[:-1]
    ring = np.cos(turn)[:, None, None] * side + np.sin(turn)[:, None, None] * up
    points = (line + radius * ring).transpose(1, 0, 2).reshape(-1, 3)
    faces = []
    for k in range(count if closed else count - 1):
        for j in range(6):
            a, b = k * 6 + j, k * 6 + (j + 1) % 6
            c, d = (a + 6) % (count * 6), (b + 6) % (count * 6)
            faces += [(a, b, c), (b, d, c), (a, c, b), (b, c, d)]
    return points.astype(np.float32), np.array(faces, np.int32)
