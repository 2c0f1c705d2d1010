"""The 68 landmarks of the 300-W scheme as places on the baked head, picked by anatomy.

Each is found from the shape itself in a frontal view: the rim of the visible eyeball, the border of the lips,
the rims of the open mouth, the ridge and base of the nose, the edge of the jaw, the line that the brows are
painted on. No face detector takes part. (Sagonas et al. 2013, "300 Faces in-the-Wild Challenge".)
"""

import numpy as np

from mavfer.capture.simulated.head import EYES, HEAD_COLUMNS, SKIN, TEETH, TONGUE
from mavfer.capture.simulated.layout import brow_line_mm
from mavfer.capture.simulated.raster import NOTHING, vertex_normals, visible

SCALE = 6.0  # pixels per millimetre
LEFT_MM, TOP_MM = -110.0, -80.0
COLUMNS, ROWS = 1320, 1440


class _Front:
    """The head seen from straight ahead: which triangle at which pixel, and places on it."""

    def __init__(self, xyz, triangles, allowed):
        self.px = ((xyz[:, :2] - (LEFT_MM, TOP_MM)) * SCALE).astype(np.float32)
        inverse = (1 / (xyz[:, 2] + 1000)).astype(np.float32)
        self.triangles = triangles
        self.seen, _ = visible(self.px, inverse, triangles, 0, 0, ROWS, COLUMNS, 1)
        self.allowed = np.where(self.seen != NOTHING, allowed[self.seen], False)
        self.rows, self.columns = np.nonzero(self.allowed)

    def place(self, x_mm, y_mm):
        """Return the three vertices and weights of the allowed place nearest to a point, millimetres."""
        x, y = (x_mm - LEFT_MM) * SCALE, (y_mm - TOP_MM) * SCALE
        best = np.argmin((self.columns - x) ** 2 + (self.rows - y) ** 2)
        x, y = self.columns[best], self.rows[best]
        corners = self.triangles[self.seen[y, x]]
        a, b, c = self.px[corners].astype(float)
        weights = np.linalg.solve(np.array([[*a, 1], [*b, 1], [*c, 1]]).T, (x, y, 1))
        return corners, np.clip(weights, 0, 1) / np.clip(weights, 0, 1).sum()

    def region(self, chosen):
        """Return the pixels (ROWS, COLUMNS) of triangles most of whose vertices are chosen."""
        most = chosen[self.triangles].sum(1) >= 2
        return np.where(self.seen != NOTHING, most[self.seen], False)


def pick_landmarks(xyz, triangles, part, rigid, atlas, masks, jaw_open):
    """Return the vertices (68, 3) and their weights (68, 3); each landmark is a weighted mean of three."""
    lips, ears, mouth = (_sample(masks[k], atlas, part) for k in (0, 2, 3))
    hollow = np.isin(part, (TEETH, TONGUE)) | (mouth > 0.5)
    skin = ((part == SKIN) & ~hollow)[triangles].all(1)
    front = _Front(xyz, triangles, skin)
    normals = vertex_normals(xyz.astype(np.float32), triangles, np.arange(len(xyz), dtype=np.int32), len(xyz))
    face = (part == SKIN) & (rigid > 0.97) & (ears < 0.2) & (normals[:, 2] < -0.22) & (xyz[:, 2] < 85)
    where = np.full((68, 2), np.nan)  # x, y in millimetres
    where[:17] = _jaw(front.region(face))
    eye_x = float(np.abs(xyz[part == EYES[0], 0].mean()))
    for k in range(5):
        x, y = brow_line_mm(1 - 0.5 * k, eye_x)
        where[17 + k], where[26 - k] = (-x, y), (x, y)
    where[36:42] = _eye(front.region(part == EYES[1]))
    where[42:48] = _eye(front.region(part == EYES[0]))
    where[48:60] = _outer_lips(front.region(lips > 0.5))
    where[27:36] = _nose(xyz, part, lip_top=where[51, 1], wing=0.80 * abs(where[39, 0]))
    picked = [front.place(*point) for point in where[:60]]

    opened = _Front(xyz + 0.6 * jaw_open, triangles, skin)
    picked += [opened.place(*point) for point in _inner_lips(opened.region(hollow))]
    corners, weights = zip(*picked, strict=True)
    return np.array(corners), np.array(weights)


def _jaw(face):
    """Return 17 points on the rim of the face, from the subject's right ear round the chin."""
    center = np.array([0.0, 14.0])
    points = []
    for k in range(17):
        angle = np.radians(180 - 11.25 * k)
        reach = np.arange(30, 130, 0.1)
        line = center + reach[:, None] * (np.cos(angle), np.sin(angle))
        columns, rows = np.rint((line - (LEFT_MM, TOP_MM)) * SCALE).astype(int).T
        inside = face[np.clip(rows, 0, ROWS - 1), np.clip(columns, 0, COLUMNS - 1)]
        points.append(line[np.flatnonzero(inside)[-1]])
    right, left = np.array(points), np.array(points)[::-1] * (-1, 1)
    return (right + left) / 2


def _eye(ball):
    """Return 6 points on the rim of a visible eyeball, clockwise in the picture from its left corner."""
    left, right = _extent(ball)
    third = (right - left) / 3
    upper = [(left + k * third, _edge(ball, left + k * third, upper=True)) for k in (1, 2)]
    lower = [(left + k * third, _edge(ball, left + k * third, upper=False)) for k in (2, 1)]
    return [(left, _middle(ball, left)), *upper, (right, _middle(ball, right)), *lower]


def _outer_lips(lips):
    left, right = _extent(lips)
    peak = 0.26 * right
    points = [(left, _middle(lips, left))]
    points += [(x, _edge(lips, x, upper=True)) for x in (0.62 * left, -peak, 0.0, peak, 0.62 * right)]
    points.append((right, _middle(lips, right)))
    across = (0.68 * right, 0.34 * right, 0.0, 0.34 * left, 0.68 * left)
    return points + [(x, _edge(lips, x, upper=False)) for x in across]


def _inner_lips(gap):
    left, right = 0.98 * np.array(_extent(gap))
    points = [(left, _middle(gap, left))]
    points += [(x, _edge(gap, x, upper=True)) for x in (0.5 * left, 0.0, 0.5 * right)]
    points.append((right, _middle(gap, right)))
    return points + [(x, _edge(gap, x, upper=False)) for x in (0.5 * right, 0.0, 0.5 * left)]


def _nose(xyz, part, *, lip_top, wing):
    """Return the ridge (4) and the base (5): tip is the foremost point, base the deepest above the lip."""
    midline = xyz[(part == SKIN) & (np.abs(xyz[:, 0]) < 1.0) & (xyz[:, 2] < 30)]
    between = midline[(midline[:, 1] > 10) & (midline[:, 1] < 60)]
    tip = between[np.argmin(between[:, 2]), 1]
    under = midline[(midline[:, 1] > tip + 5) & (midline[:, 1] < lip_top - 4)]
    base = under[np.argmax(under[:, 2] - 0.35 * under[:, 1]), 1]
    ridge = [(0.0, -2 + (tip + 2) * k / 3) for k in range(4)]
    return ridge + [(share * wing, base - 2.0 * abs(share)) for share in (-1.0, -0.5, 0.0, 0.5, 1.0)]


def _sample(mask, atlas, part):
    rows, columns = mask.shape
    x = np.clip((atlas[:, 0] / HEAD_COLUMNS * columns).astype(int), 0, columns - 1)
    y = np.clip((atlas[:, 1] * rows).astype(int), 0, rows - 1)
    return np.where((part == SKIN) & (atlas[:, 0] < HEAD_COLUMNS), mask[y, x], 0.0)


def _extent(region):
    columns = np.flatnonzero(region.any(0))
    return columns[0] / SCALE + LEFT_MM, columns[-1] / SCALE + LEFT_MM


def _column(region, x):
    return np.flatnonzero(region[:, int(np.clip(round((x - LEFT_MM) * SCALE), 0, COLUMNS - 1))])


def _edge(region, x, *, upper):
    return _column(region, x)[0 if upper else -1] / SCALE + TOP_MM


def _middle(region, x):
    return _column(region, x).mean() / SCALE + TOP_MM
