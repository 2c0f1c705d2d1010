"""The color texture of a subject, painted by formula.

All of it is a function of the place on the mean head (millimetres, head's frame), so it fits every shape.
"""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .head import EYES, FRAME, HEAD_COLUMNS, LENS, SKIN, TONGUE, Float32, load_head
from .layout import brow_line_mm, bump, hair_depth, ramp
from .raster import NOTHING, visible
from .subjects import Rgb, Subject

ATLAS_PX = 1024
HEAD_PX = round(ATLAS_PX * HEAD_COLUMNS)
EYE_PLACE = (0.925, 0.20, 0.066)  # middle and radius of the eyeball's texture, and how far round it reaches:
EYE_REACH_DEG = 0.72 * 180
TEETH_PLACE = (0.87, 0.01, 0.12, 0.04)  # left, top, width, height of the teeth's texture, two rows of them
FLAT_PLACES = {FRAME: (0.90, 0.08), TONGUE: (0.96, 0.08), LENS: (0.93, 0.11)}


@cache
def _head_map() -> Float32:
    """Return the mean head's place (ATLAS_PX, HEAD_PX, 3) under every texel of its skin, gaps filled."""
    head = load_head()
    skin = head.triangles[(head.part[head.triangles[:, 0]] == SKIN)]
    skin = skin[(head.uv[skin, 0] < HEAD_COLUMNS + 1e-4).all(1)]
    both = np.concatenate([skin, skin[:, ::-1]])
    px = head.uv * ATLAS_PX - 0.5
    seen, _ = visible(px, np.ones(len(px), np.float32), both, 0, 0, ATLAS_PX, HEAD_PX, 1)
    rows, columns = np.nonzero(seen != NOTHING)
    corners = both[seen[rows, columns]]
    a, b, c = (px[corners[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    wb = ((columns - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (rows - a[:, 1])) / area
    wc = ((b[:, 0] - a[:, 0]) * (rows - a[:, 1]) - (columns - a[:, 0]) * (b[:, 1] - a[:, 1])) / area
    weights = np.stack([1 - wb - wc, wb, wc], axis=1)[..., None]
    place = np.zeros((ATLAS_PX, HEAD_PX, 3), np.float32)
    place[rows, columns] = (head.xyz[corners] * weights).sum(1)
    empty = (seen == NOTHING).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    source = np.zeros((int(labels.max()) + 1, 3), np.float32)
    source[labels[rows, columns]] = place[rows, columns]
    return source[labels]


class _Painter:
    """Layers of color over the head's texels."""

    def __init__(self, subject: Subject) -> None:
        self.rng = np.random.default_rng(subject.seed)
        self.place = _head_map()
        self.shape = self.place.shape[:2]
        self.x, self.y, self.z = self.place[..., 0], self.place[..., 1], self.place[..., 2]
        self.color = np.empty((*self.shape, 3), np.float32)
        self.color[:] = subject.skin

    def noise(self, texels: int) -> Float32:
        rows, columns = self.shape
        coarse = self.rng.standard_normal((rows // texels + 2, columns // texels + 2)).astype(np.float32)
        return np.asarray(cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32)

    def blend(self, amount, rgb) -> None:
        self.color += np.clip(amount, 0, 1)[..., None] * (np.asarray(rgb, np.float32) - self.color)

    def shade(self, amount, *, red=1.0, green=1.0, blue=1.0) -> None:
        """Darken by `amount` (0 to 1), each channel as told."""
        self.color *= 1 - amount[..., None] * np.array([red, green, blue], np.float32)


def color_texture(subject: Subject) -> NDArray[np.uint8]:
    """Return the subject's texture (ATLAS_PX, ATLAS_PX, 3) uint8 sRGB; takes about 0.4 s."""
    head = load_head()
    p = _Painter(subject)
    masks = {
        name: cv2.resize(mask, p.shape[::-1], interpolation=cv2.INTER_CUBIC)
        for name, mask in head.masks.items()
    }
    eye = np.abs(head.xyz[head.part == EYES[0]].mean(0))
    ax, front = np.abs(p.x), 1 - ramp(p.z, 35, 60)
    _paint_skin(p, subject, masks, eye_x=float(eye[0]), ax=ax, front=front)
    _paint_hair(p, subject, masks, eye_x=float(eye[0]), ax=ax, front=front)
    p.blend(masks["mouth"] * 1.2, (92, 36, 36))

    atlas = np.empty((ATLAS_PX, ATLAS_PX, 3), np.float32)
    atlas[:] = subject.skin
    atlas[:, :HEAD_PX] = p.color
    rows, columns = np.mgrid[0:ATLAS_PX, HEAD_PX:ATLAS_PX] / ATLAS_PX
    side = atlas[:, HEAD_PX:]
    cloth = rows > 0.59
    weave = 1 + 0.05 * p.rng.standard_normal((*rows.shape, 1)).astype(np.float32)
    side[cloth] = (np.array(subject.cloth) * weave)[cloth]
    strands = (rows < 0.485) & (columns < 0.855)
    side[strands] = (_strands(p.rng, subject.hair, rows * 3, columns * 260))[strands]
    left, top, wide, high = TEETH_PLACE
    teeth = (columns > left - 0.005) & (rows < top + high + 0.005)
    gap = np.abs(((columns - left) / wide * 14) % 1 - 0.5)  # 14 teeth to a row
    side[teeth] = (np.array([222, 214, 200]) * (1 - 0.30 * ramp(gap, 0.38, 0.5))[..., None])[teeth]
    for part, rgb in ((TONGUE, (168, 84, 82)), (FRAME, (34, 32, 34)), (LENS, (0, 0, 0))):
        u, v = FLAT_PLACES[part]
        side[np.hypot(columns - u, rows - v) < 0.015] = rgb
    ball = np.hypot(columns - EYE_PLACE[0], rows - EYE_PLACE[1]) / EYE_PLACE[2] * EYE_REACH_DEG
    near = ball < EYE_REACH_DEG * 1.1
    side[near] = _eyeball(
        ball[near], np.arctan2(rows - EYE_PLACE[1], columns - EYE_PLACE[0])[near], subject.iris
    )
    return np.clip(atlas, 0, 255).astype(np.uint8)


def _paint_skin(p: _Painter, subject: Subject, masks, *, eye_x: float, ax, front) -> None:
    blush = 0.55 * bump(ax - 1.15 * eye_x, 17, p.y - 42, 19) + 0.50 * bump(p.x, 13, p.y - 42, 14)
    blush += 0.30 * bump(p.x, 16, p.y - 100, 10) + 0.5 * masks["ears"]
    p.shade(blush * front + 0.3 * masks["ears"], red=0.02, green=0.17, blue=0.16)
    mottled = 0.010 * p.noise(4) + 0.008 * p.noise(16) + 0.014 * p.noise(64) + 0.010 * p.noise(2)
    p.shade(-mottled, green=1.05, blue=1.1)
    if subject.freckles:
        spots = (ramp(p.noise(3), 1.1, 2.0) + ramp(p.noise(4), 1.2, 2.0)) * front
        p.shade(0.26 * subject.freckles * spots * bump(ax - 22, 26, p.y - 28, 20), red=0.55, blue=1.2)
    socket = bump(ax - eye_x, 15, p.y + 5, 9) + 0.55 * bump(ax - eye_x, 14, p.y - 13, 5)
    p.shade(0.13 * socket * front, red=0.8, green=1.05)
    p.shade(0.20 * np.clip(masks["eyelids"], 0, 1), red=0.8)
    lips = ramp(masks["lips"], 0.25, 0.75)
    p.blend(0.85 * lips, np.array(subject.lips) * (1 + 0.05 * p.noise(3)[..., None]))
    center = np.array([eye_x, 0.0, 0.0])
    rim = np.sqrt((ax - center[0]) ** 2 + p.y**2 + p.z**2)
    lash = np.clip((15.2 - rim) / 1.6, 0, 1) * front
    upper = ramp(-p.y, -3.5, 2.0)
    p.blend(lash * (0.30 + 0.62 * upper), (38, 24, 22))


def _paint_hair(p: _Painter, subject: Subject, masks, *, eye_x: float, ax, front) -> None:
    dark = np.array(subject.hair) * (0.62 if max(subject.hair) > 90 else 0.9)
    along = (ax - eye_x * 0.98) / 24.0
    _, middle = brow_line_mm(np.clip(along, -1, 1), eye_x)
    thick = (1.9 + 2.2 * subject.brow) * (1 - 0.5 * np.clip(along, -0.3, 1))
    brow = np.exp(-(np.abs((p.y - middle) / thick) ** 2.4)) * (1 - ramp(np.abs(along), 0.80, 1.05)) * front
    hairs = np.clip(1.0 + 0.16 * p.noise(2) + 0.10 * p.noise(5), 0, 1.4)
    p.blend(brow * hairs * (0.50 + 0.45 * subject.brow), dark)
    beard = subject.beard * _beard(p.x, p.y, p.z) * (1 - ramp(masks["lips"], 0.1, 0.5)) * (1 - masks["ears"])
    p.blend(beard * np.clip(0.55 + 0.30 * p.noise(2) + 0.15 * p.noise(3), 0, 1), dark)
    around = np.degrees(np.arctan2(p.x, 80.0 - p.z))
    tips = sum(
        cv2.GaussianBlur(p.rng.standard_normal((1, 1440)).astype(np.float32), (0, 0), blur) * blur**0.5
        for blur in (0.6, 1.5, 5.0)
    )
    ragged = 1.2 if subject.hair_style in ("cropped", "none") else 3.2
    depth = hair_depth(p.place, subject.hair_style) + 0.6 * p.noise(2)
    depth += ragged * np.asarray(tips, np.float32)[0, ((around + 180) * 3.99).astype(int)]
    cover = ramp(depth, -4.0, 7.0) * (1 - ramp(masks["ears"], 0.15, 0.5))
    if subject.hair_style == "none":
        p.blend(0.16 * ramp(depth, -8.0, 16.0) * (1 - masks["ears"]), dark)
        return
    p.shade(0.20 * ramp(depth, -14.0, 4.0) * (1 - masks["ears"]) * front, red=0.9)
    crown = np.hypot(p.x, p.z - 110)
    hair = _strands(p.rng, subject.hair, np.minimum(crown, 90) / 30 + p.y / 60, around * 1.6)
    p.blend(cover * (0.88 if subject.hair_style == "cropped" else 0.97), hair)


def _beard(x, y, z):
    """Return where a beard grows, 0 to 1: chin, jaw and upper lip."""
    jaw = (
        ramp(y, 68, 84) * ramp(np.abs(x) * 0.55 + y, 78, 96) * (1 - ramp(y, 122, 134)) * (1 - ramp(z, 62, 80))
    )
    side = ramp(np.abs(x), 48, 56) * ramp(y, 20, 50) * (1 - ramp(y, 90, 110)) * (1 - ramp(z, 66, 78))
    lip = bump(np.abs(x) - 10, 12, y - 60, 4.5) * (1 - ramp(z, 20, 35))
    return np.clip(jaw + side + lip, 0, 1)


def _strands(rng: np.random.Generator, rgb: Rgb, along, across) -> Float32:
    """Return hair color (..., 3): noise that is fine across the strands and slow along them."""
    grain = rng.standard_normal((64, 512)).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), sigmaX=0.8, sigmaY=1.5)
    grain /= grain.std()
    tone = grain[np.floor(along * 8).astype(int) % 64, np.floor(across * 1.7).astype(int) % 512]
    broad = grain[np.floor(along * 2).astype(int) % 64, np.floor(across * 0.25).astype(int) % 512]
    return np.asarray(rgb, np.float32) * np.clip(1 + 0.17 * tone + 0.10 * broad, 0.4, 1.7)[..., None]


def _eyeball(polar_deg, around, iris: Rgb) -> Float32:
    """Return the color (K, 3) of an eyeball at angles from the pupil, and round it."""
    white = np.array([226, 216, 210], np.float32) - np.clip(polar_deg - 35, 0, 60)[:, None] * (0.2, 0.9, 0.9)
    spokes = 1 + 0.16 * np.sin(around * 23) + 0.10 * np.sin(around * 41 + 1)
    glow = 0.85 + 0.5 * ramp(polar_deg, 10, 22)
    color = np.asarray(iris, np.float32) * (spokes * glow)[:, None]
    color = color + ramp(polar_deg, 24.5, 27.5)[:, None] * (white - color)
    color *= 1 - 0.55 * np.exp(-(((polar_deg - 25) / 2.2) ** 2))[:, None]
    return color * (1 - 0.95 * (1 - ramp(polar_deg, 8.5, 10.5)))[:, None]
