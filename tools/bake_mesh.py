"""The head's mesh for bake_head.py: cropped, in parts, over one texture; eyeballs, teeth and long hair."""

import numpy as np

from mavfer.capture.simulated.head import CLOTH, EYES, HEAD_COLUMNS, MANTLE, SKIN, TEETH, TONGUE
from mavfer.capture.simulated.raster import vertex_normals, visible
from mavfer.capture.simulated.textures import EYE_PLACE, EYE_REACH_DEG, TEETH_PLACE

BUST_MM = 400.0  # the bust is cut this far below the eyes; the table hides the cut
EYE_REACH = np.radians(EYE_REACH_DEG)  # how far round from the pupil the eyeball is modelled


class Mesh:
    """Collects faces as triangles over vertices that are split where the texture is."""

    def __init__(self, xyz: np.ndarray, uv: np.ndarray) -> None:
        self.xyz, self.uv = xyz, uv
        self.source: list[int] = []
        self.part: list[int] = []
        self.weld: list[int] = []
        self.atlas: list[tuple[float, float]] = []
        self.triangles: list[tuple[int, int, int]] = []
        self.uv_box = (0.0, 1.0, 0.0, 1.0)
        self._known: dict[tuple[int, int, int], int] = {}
        self._welded: dict[tuple[int, int], int] = {}

    def add_body(self, faces: list, rigid: np.ndarray) -> None:
        xyz = self.xyz
        kept = [f for f in faces if xyz[[c[0] for c in f], 1].max() < BUST_MM]
        kept = [f for f in kept if xyz[[c[0] for c in f], 1].min() > -400]
        skin = [f for f in kept if rigid[[c[0] for c in f]].mean() > 0.10]
        cloth = [f for f in kept if rigid[[c[0] for c in f]].mean() < 0.26]
        head_uv = self.uv[[c[1] for f in skin for c in f if self.uv[c[1], 0] > 0.62]]
        (u0, v0), (u1, v1) = head_uv.min(0) - 0.004, head_uv.max(0) + 0.004
        self.uv_box = (float(u0), float(u1), float(v0), float(v1))
        self.add(skin, SKIN)
        self.add(cloth, CLOTH)

    def add(self, faces: list, part: int) -> None:
        for face in faces:
            corners = [self._vertex(vertex, texture, part) for vertex, texture in face]
            for k in range(1, len(corners) - 1):
                self.triangles.append((corners[0], corners[k + 1], corners[k]))  # clockwise with y down

    def _vertex(self, vertex: int, texture: int, part: int) -> int:
        key = (vertex, texture, part)
        if key not in self._known:
            self._known[key] = len(self.source)
            self.source.append(vertex)
            self.part.append(part)
            self.weld.append(self._welded.setdefault((vertex, part), len(self._welded)))
            self.atlas.append(self._place(self.uv[texture], self.xyz[vertex], part))
        return self._known[key]

    def _place(self, uv: np.ndarray, xyz: np.ndarray, part: int) -> tuple[float, float]:
        """Return where in the atlas a vertex takes its texture."""
        u0, u1, v0, v1 = self.uv_box
        if part == SKIN and uv[0] > 0.62:
            return float((uv[0] - u0) / (u1 - u0) * HEAD_COLUMNS), float((v1 - uv[1]) / (v1 - v0))
        if part in (SKIN, CLOTH):  # cloth, and skin of the body's own island: flat, from the front
            left, top = (0.56, 0.60) if part == CLOTH else (0.56, 0.50)
            height = 0.38 if part == CLOTH else 0.08
            return left + 0.43 * float(np.clip(xyz[0] / 700 + 0.5, 0, 1)), top + height * float(
                np.clip((xyz[1] - 80) / 330, 0, 1)
            )
        return 0.96, 0.08

    def finish(self, field, rigid, eye_vertices, teeth_vertices, *, n_rigid):
        """Add eyeballs, teeth and the mantle of long hair; return xyz, deltas, triangles and head weights."""
        source = np.array(self.source)
        xyz, deltas = self.xyz[source], field[:, source]
        rigid = np.where(np.array(self.part) == TONGUE, 1.0, rigid[source])
        xyz[np.array(self.part) == TONGUE] += (0, 3.0, 12)  # out of the way of the teeth
        xyz = xyz + np.where(np.array(self.part) == CLOTH, 4.0, 0.0)[:, None] * self._outward(xyz)
        for side, part in zip(eye_vertices, EYES, strict=True):
            center = self.xyz[side].mean(0)
            radius = np.percentile(np.linalg.norm(self.xyz[side] - center, axis=1), 90)
            ball, uv, faces = _eyeball(radius)
            move = field[:, side].mean(1)[:, None].repeat(len(ball), 1)
            move[n_rigid:] = 0
            xyz, deltas, rigid = self._append(part, center + ball, uv, faces, move, xyz, deltas, rigid)
        for row, vertices in zip((0, 1), teeth_vertices, strict=True):
            arch, uv, faces = _teeth(row)
            nearest = np.argmin(((self.xyz[vertices][:, None] - arch) ** 2).sum(-1), axis=0)
            move = field[:, vertices[nearest]]
            xyz, deltas, rigid = self._append(TEETH, arch, uv, faces, move, xyz, deltas, rigid)
        sheet, uv, faces = _mantle()
        nearest = np.argmin(((xyz[:, None] - np.minimum(sheet, (999, 60, 999))) ** 2).sum(-1), axis=0)
        move = deltas[:, nearest] * (np.arange(len(deltas)) < n_rigid)[:, None, None]
        xyz, deltas, rigid = self._append(MANTLE, sheet, uv, faces, move, xyz, deltas, rigid)
        return xyz, deltas, np.array(self.triangles, np.int32), rigid

    def _append(self, part, more, uv, faces, move, xyz, deltas, rigid):
        first, first_weld = len(xyz), max(self.weld) + 1
        self.part += [part] * len(more)
        self.atlas += [tuple(map(float, place)) for place in uv]
        _, same = np.unique(np.round(more, 3), axis=0, return_inverse=True)
        self.weld += [first_weld + int(k) for k in same.ravel()]
        self.triangles += [tuple(int(first + k) for k in face) for face in faces]
        joined = np.concatenate([rigid, np.ones(len(more))])
        return np.concatenate([xyz, more]), np.concatenate([deltas, move], axis=1), joined

    def _outward(self, xyz: np.ndarray) -> np.ndarray:
        weld = np.array(self.weld, np.int32)
        faces = np.array(self.triangles, np.int32)
        return vertex_normals(xyz.astype(np.float32), faces, weld, int(weld.max()) + 1)


def _eyeball(radius_mm):
    """Return vertices around the center, places in the atlas and triangles of a ball that looks along -z."""
    polar, around = np.meshgrid(np.linspace(0, EYE_REACH, 15), np.linspace(0, 2 * np.pi, 25), indexing="ij")
    unit = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), -np.cos(polar)], axis=-1)
    u, v, reach = EYE_PLACE
    spread = polar / EYE_REACH * reach
    places = np.stack([u + spread * np.cos(around), v + spread * np.sin(around)], axis=-1)
    return radius_mm * unit.reshape(-1, 3), places.reshape(-1, 2), _grid_faces(15, 25)


def _teeth(row):
    """Return vertices, places in the atlas and triangles of the upper (0) or lower (1) row of teeth."""
    down, around = np.meshgrid(np.linspace(0, 1, 4), np.linspace(-1, 1, 31), indexing="ij")
    angle = np.radians(75) * around
    y = (56.0 + 10.8 * down) if row == 0 else (68.0 + 10.5 * down)
    z = -17.5 + 34 * (1 - np.cos(angle)) + (1.5 * (1 - down) if row == 0 else 1.5 * down)
    arch = np.stack([23.5 * np.sin(angle), y, z], axis=-1).reshape(-1, 3)
    u, v, wide, high = TEETH_PLACE
    place = np.stack([u + wide * (around + 1) / 2, v + high * (row + down) / 2], axis=-1)
    return arch, place.reshape(-1, 2), [(a, c, b) for a, b, c in _grid_faces(4, 31)]


def _mantle():
    """Return vertices, places in the atlas and triangles of the sheet of hair that hangs behind the neck."""
    fall, around = np.meshgrid(np.linspace(0, 1, 16), np.linspace(-1, 1, 49), indexing="ij")

    def step(low, high):
        s = np.clip((fall - low) / (high - low), 0, 1)
        return s * s * (3 - 2 * s)

    angle = np.radians(112 - 14 * step(0.2, 1.0)) * around
    wave = 1.8 * np.sin(31 * around + 1.0) + 1.2 * np.sin(57 * around + 2.0 + 3 * fall)
    wide = 66 + 26 * step(0.0, 0.3) - 4 * step(0.55, 1.0) + wave * step(0.1, 0.5)
    deep = 84 + 24 * step(0.0, 0.3) - 14 * step(0.55, 1.0) + wave * step(0.1, 0.5)
    y = (
        -70
        + 262 * fall
        + 10 * np.cos(2.2 * around) * step(0.7, 1.0)
        + 4 * np.sin(23 * around) * step(0.8, 1.0)
    )
    outer = np.stack([wide * np.sin(angle), y, 82 + deep * np.cos(angle)], axis=-1).reshape(-1, 3)
    middle = np.array([0.0, 0.0, 82.0])
    inner = middle + (outer - middle) * (0.97, 1.0, 0.97)
    place = np.stack([0.565 + 0.28 * (around + 1) / 2, 0.01 + 0.46 * fall], axis=-1).reshape(-1, 2)
    faces = _grid_faces(16, 49)
    back = [(a + len(outer), c + len(outer), b + len(outer)) for a, b, c in faces]
    return np.concatenate([outer, inner]), np.concatenate([place, place]), faces + back


def _grid_faces(rows, columns):
    faces = []
    for i in range(rows - 1):
        for j in range(columns - 1):
            a, b = i * columns + j, (i + 1) * columns + j
            faces += [(a, b, a + 1), (a + 1, b, b + 1)]
    return faces


def ambient_occlusion(xyz, triangles, weld, part):
    """Return how much of the sky each vertex sees, 0 to 1; light from above counts a little more.

    96 directions spread evenly (a spiral by the golden angle), one z-buffer each.
    """
    shown = triangles[part[triangles[:, 0]] != MANTLE]
    normals = vertex_normals(xyz.astype(np.float32), triangles, weld.astype(np.int32), int(weld.max()) + 1)
    lit, total = np.zeros(len(xyz)), np.zeros(len(xyz))
    for k in range(96):
        height = 1 - 2 * (k + 0.5) / 96
        flat = np.sqrt(1 - height * height)
        toward = np.array([flat * np.cos(2.39996 * k), -height, flat * np.sin(2.39996 * k)])
        side = np.cross((0, 1, 0) if abs(toward[1]) < 0.9 else (1, 0, 0), toward)
        side /= np.linalg.norm(side)
        depth = 2000 - xyz @ toward
        px = np.stack([xyz @ side, xyz @ np.cross(side, -toward)], axis=1) + 450
        _, nearest = visible(
            px.astype(np.float32), (1 / depth).astype(np.float32), shown.astype(np.int32), 0, 0, 900, 900, 1
        )
        x, y = np.clip(np.rint(px).astype(int), 0, 899).T
        seen = depth <= 1 / np.maximum(nearest[y, x], 1e-6) + 4.0
        weight = np.clip(normals @ toward, 0, None) * (1 + 0.35 * -toward[1])
        lit += weight * seen
        total += weight
    count = np.bincount(weld)
    smooth = (np.bincount(weld, lit / (total + 1e-9)) / count)[weld]
    inside = 0.75 * np.exp(-((xyz[:, 0] / 17) ** 4))  # teeth and tongue fade into the dark of the cheeks
    smooth = np.where(part == TEETH, inside, smooth)
    return np.where(part == TONGUE, 0.30 * inside, np.where(part == MANTLE, 0.85, smooth))
