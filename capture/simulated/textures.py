"""What a subject looks like to each camera: painted color texture, infrared reflectance and skin temperature.

Everything is painted by formula over the mean head (millimetres, head's frame), so that it fits every shape.
Color is a texture; infrared and temperature are one value per vertex, which their coarser pixels do not exceed.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .head import (
    CLOTH, EYES, FRAME, HEAD_COLUMNS, LENS, MANTLE, SKIN, TEETH, TONGUE, brow_line_mm, load_head,
)  # fmt: skip
from .raster import NOTHING, visible
from .subjects import Rgb, Subject

Float32 = NDArray[np.float32]
ATLAS_PX = 1024
HEAD_PX = round(ATLAS_PX * HEAD_COLUMNS)
EYE_PLACE = (0.925, 0.20, 0.066)  # middle and radius of the eyeball's texture, and how far round it reaches:
EYE_REACH_DEG = 0.72 * 180
TEETH_PLACE = (0.87, 0.01, 0.12, 0.04)  # left, top, width, height of the teeth's texture, two rows of them
FLAT_PLACES = {FRAME: (0.90, 0.08), TONGUE: (0.96, 0.08), LENS: (0.93, 0.11)}
HAIRLINES = {  # degrees from the front -> height of the hairline, millimetres below the eyes
    "short": ([0, 20, 34, 48, 62, 76, 84, 96, 118, 140, 180], [-63, -64, -68, -52, -24, 6, 12, -14, 28, 52, 58]),
    "receding": ([0, 20, 34, 48, 62, 76, 84, 96, 118, 140, 180], [-80, -86, -92, -76, -34, 2, 8, -14, 26, 48, 54]),
}
SKIN_C, HAIR_C, CLOTH_C, MOUTH_C = 33.6, 29.3, 29.4, 35.6  # Cooke et al. style resting values at 22 degC air


@dataclass(frozen=True, slots=True)
class Warmths:
    """Temperature of every vertex: `resting_c + valence * per_valence + arousal * per_arousal + ...`, kelvin."""

    resting_c: Float32
    per_valence: Float32
    per_arousal: Float32
    per_breath: Float32


def hair_depth(xyz: NDArray, style: str) -> Float32:
    """Return how far inside the hairline points (..., 3) of the mean head lie, millimetres; negative: skin."""
    at, height = HAIRLINES["receding" if style == "receding" else "short"]
    x, y, z = np.abs(xyz[..., 0]), xyz[..., 1], xyz[..., 2]
    around = np.degrees(np.arctan2(x, 80.0 - z))
    return (np.interp(around, at, height) - y).astype(np.float32)


def _bump(dx, sx, dy, sy):
    return np.exp(-0.5 * ((dx / sx) ** 2 + (dy / sy) ** 2))


def _ramp(x, low, high):
    s = np.clip((x - low) / (high - low), 0, 1)
    return s * s * (3 - 2 * s)


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
        return cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)

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
    ax, front = np.abs(p.x), 1 - _ramp(p.z, 35, 60)
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
    side[teeth] = (np.array([222, 214, 200]) * (1 - 0.30 * _ramp(gap, 0.38, 0.5))[..., None])[teeth]
    for part, rgb in ((TONGUE, (168, 84, 82)), (FRAME, (34, 32, 34)), (LENS, (0, 0, 0))):
        u, v = FLAT_PLACES[part]
        side[np.hypot(columns - u, rows - v) < 0.015] = rgb
    ball = np.hypot(columns - EYE_PLACE[0], rows - EYE_PLACE[1]) / EYE_PLACE[2] * EYE_REACH_DEG
    near = ball < EYE_REACH_DEG * 1.1
    side[near] = _eyeball(ball[near], np.arctan2(rows - EYE_PLACE[1], columns - EYE_PLACE[0])[near], subject.iris)
    return np.clip(atlas, 0, 255).astype(np.uint8)


def _paint_skin(p: _Painter, subject: Subject, masks, *, eye_x: float, ax, front) -> None:
    blush = 0.55 * _bump(ax - 1.15 * eye_x, 17, p.y - 42, 19) + 0.50 * _bump(p.x, 13, p.y - 42, 14)
    blush += 0.30 * _bump(p.x, 16, p.y - 100, 10) + 0.5 * masks["ears"]
    p.shade(blush * front + 0.3 * masks["ears"], red=0.02, green=0.17, blue=0.16)
    mottled = 0.010 * p.noise(4) + 0.008 * p.noise(16) + 0.014 * p.noise(64) + 0.010 * p.noise(2)
    p.shade(-mottled, green=1.05, blue=1.1)
    if subject.freckles:
        spots = (_ramp(p.noise(3), 1.1, 2.0) + _ramp(p.noise(4), 1.2, 2.0)) * front
        p.shade(0.26 * subject.freckles * spots * _bump(ax - 22, 26, p.y - 28, 20), red=0.55, blue=1.2)
    socket = _bump(ax - eye_x, 15, p.y + 5, 9) + 0.55 * _bump(ax - eye_x, 14, p.y - 13, 5)
    p.shade(0.13 * socket * front, red=0.8, green=1.05)
    p.shade(0.20 * np.clip(masks["eyelids"], 0, 1), red=0.8)
    lips = _ramp(masks["lips"], 0.25, 0.75)
    p.blend(0.85 * lips, np.array(subject.lips) * (1 + 0.05 * p.noise(3)[..., None]))
    center = np.array([eye_x, 0.0, 0.0])
    rim = np.sqrt((ax - center[0]) ** 2 + p.y**2 + p.z**2)
    lash = np.clip((15.2 - rim) / 1.6, 0, 1) * front
    upper = _ramp(-p.y, -3.5, 2.0)
    p.blend(lash * (0.30 + 0.62 * upper), (38, 24, 22))


def _paint_hair(p: _Painter, subject: Subject, masks, *, eye_x: float, ax, front) -> None:
    dark = np.array(subject.hair) * (0.62 if max(subject.hair) > 90 else 0.9)
    along = (ax - eye_x * 0.98) / 24.0
    _, middle = brow_line_mm(np.clip(along, -1, 1), eye_x)
    thick = (1.9 + 2.2 * subject.brow) * (1 - 0.5 * np.clip(along, -0.3, 1))
    brow = np.exp(-(np.abs((p.y - middle) / thick) ** 2.4)) * (1 - _ramp(np.abs(along), 0.80, 1.05)) * front
    hairs = np.clip(1.0 + 0.16 * p.noise(2) + 0.10 * p.noise(5), 0, 1.4)
    p.blend(brow * hairs * (0.50 + 0.45 * subject.brow), dark)
    beard = subject.beard * _beard(p.x, p.y, p.z) * (1 - _ramp(masks["lips"], 0.1, 0.5)) * (1 - masks["ears"])
    p.blend(beard * np.clip(0.55 + 0.30 * p.noise(2) + 0.15 * p.noise(3), 0, 1), dark)
    around = np.degrees(np.arctan2(p.x, 80.0 - p.z))
    tips = sum(
        cv2.GaussianBlur(p.rng.standard_normal((1, 1440)).astype(np.float32), (0, 0), blur) * blur**0.5
        for blur in (0.6, 1.5, 5.0)
    )
    ragged = 1.2 if subject.hair_style in ("cropped", "none") else 3.2
    depth = hair_depth(p.place, subject.hair_style) + 0.6 * p.noise(2)
    depth += ragged * np.asarray(tips, np.float32)[0, ((around + 180) * 3.99).astype(int)]
    cover = _ramp(depth, -4.0, 7.0) * (1 - _ramp(masks["ears"], 0.15, 0.5))
    if subject.hair_style == "none":
        p.blend(0.16 * _ramp(depth, -8.0, 16.0) * (1 - masks["ears"]), dark)
        return
    p.shade(0.20 * _ramp(depth, -14.0, 4.0) * (1 - masks["ears"]) * front, red=0.9)
    crown = np.hypot(p.x, p.z - 110)
    hair = _strands(p.rng, subject.hair, np.minimum(crown, 90) / 30 + p.y / 60, around * 1.6)
    p.blend(cover * (0.88 if subject.hair_style == "cropped" else 0.97), hair)


def _beard(x, y, z):
    """Return where a beard grows, 0 to 1: chin, jaw and upper lip."""
    jaw = _ramp(y, 68, 84) * _ramp(np.abs(x) * 0.55 + y, 78, 96) * (1 - _ramp(y, 122, 134)) * (1 - _ramp(z, 62, 80))
    side = _ramp(np.abs(x), 48, 56) * _ramp(y, 20, 50) * (1 - _ramp(y, 90, 110)) * (1 - _ramp(z, 66, 78))
    lip = _bump(np.abs(x) - 10, 12, y - 60, 4.5) * (1 - _ramp(z, 20, 35))
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
    glow = 0.85 + 0.5 * _ramp(polar_deg, 10, 22)
    color = np.asarray(iris, np.float32) * (spokes * glow)[:, None]
    color = color + _ramp(polar_deg, 24.5, 27.5)[:, None] * (white - color)
    color *= 1 - 0.55 * np.exp(-(((polar_deg - 25) / 2.2) ** 2))[:, None]
    return color * (1 - 0.95 * (1 - _ramp(polar_deg, 8.5, 10.5)))[:, None]


def infrared_reflectance(subject: Subject, part: NDArray[np.int32], xyz: Float32) -> Float32:
    """Return how much near-infrared light (860 nm) every vertex throws back, 0 to 1.

    Melanin hardly absorbs there: skins differ less than in color (Jacques 2013).
    """
    hair = _hair_cover(subject, part, xyz)
    tone = 0.50 + 0.14 * (sum(subject.skin) / 620)
    skin = tone * (1 - 0.35 * hair) - 0.22 * _brow(xyz) * (1 - hair)
    values = {CLOTH: 0.48, TEETH: 0.5, TONGUE: 0.4, MANTLE: 0.36, FRAME: 0.12, LENS: 0.3}
    out = skin.astype(np.float32)
    for number, value in values.items():
        out[part == number] = value
    for eye in EYES:
        out[part == eye] = np.where(xyz[part == eye, 2] < -11.5, 0.16, 0.42)
    return out


def warmths(subject: Subject, part: NDArray[np.int32], xyz: Float32, masks: dict[str, Float32]) -> Warmths:
    """Return the temperature of every vertex and what moves it.

    The resting pattern (warm inner eye corners and forehead, cool nose, cheeks and ears) follows thermograms at
    rest (Ioannou et al. 2014, "Thermal infrared imaging in psychophysiology"); the responses are our own choice,
    see motion.py.
    """
    eye_x = float(np.abs(xyz[part == EYES[0], 0].mean()))
    x, y, z = xyz[:, 0], xyz[:, 1], xyz[:, 2]
    ax, front = np.abs(x), 1 - _ramp(z, 40, 65)
    hair = _hair_cover(subject, part, xyz)
    bare = (1 - hair) * front
    nose = _bump(x, 12, y - 42, 16)
    cheeks = _bump(ax - 1.2 * eye_x, 20, y - 46, 20)
    resting = SKIN_C + subject.warmth_c + front * (
        1.0 * _bump(x, 50, y + 45, 28)
        + 1.5 * _bump(ax - 0.5 * eye_x, 7, y - 2, 7)
        + 0.4 * _bump(ax - eye_x, 18, y, 14)
        - 0.9 * cheeks
        - 1.4 * nose
        + 0.4 * masks["lips"]
        - 1.0 * _brow(xyz)
    )
    resting = resting - 1.5 * masks["ears"] + 0.8 * _ramp(y, 112, 140)
    resting += (1 - bare) * 0 + hair * (HAIR_C - resting) * (0.5 if subject.hair_style == "none" else 1.0)
    resting += masks["mouth"] * (MOUTH_C - resting)
    mouth_ring = _bump(ax, 30, y - 74, 16)
    fixed = {CLOTH: CLOTH_C, TEETH: 34.0, TONGUE: MOUTH_C, MANTLE: 27.8, FRAME: 27.0, LENS: 26.0}
    parts = {eye: 34.4 + subject.warmth_c for eye in EYES} | fixed
    still = np.isin(part, list(parts))
    for number, value in parts.items():
        resting[part == number] = value

    def response(field) -> Float32:
        return np.where(still, 0.0, field * bare).astype(np.float32)

    breath = _bump(ax - 8, 7, y - 53, 6) + 0.6 * _bump(x, 14, y - 64, 7)
    return Warmths(
        resting_c=resting.astype(np.float32),
        per_valence=response(1.5 * nose + 0.8 * cheeks),
        per_arousal=response(0.7 * _bump(x, 48, y + 42, 24) - 0.9 * mouth_ring * (1 - nose)),
        per_breath=response(0.5 * breath),
    )


def _brow(xyz: Float32):
    eye_x = 34.0
    along = (np.abs(xyz[:, 0]) - eye_x * 0.98) / 24.0
    _, middle = brow_line_mm(np.clip(along, -1, 1), eye_x)
    return np.exp(-(((xyz[:, 1] - middle) / 4.5) ** 2)) * (np.abs(along) < 1) * (xyz[:, 2] < 40)


def _hair_cover(subject: Subject, part: NDArray[np.int32], xyz: Float32):
    cover = _ramp(hair_depth(xyz, subject.hair_style), -2, 5) * (part == SKIN)
    ear = (np.abs(xyz[:, 0]) > 72) & (xyz[:, 1] > -20) & (xyz[:, 1] < 50) & (xyz[:, 2] > 60) & (xyz[:, 2] < 120)
    return np.where(ear, 0.0, cover) * (0.4 if subject.hair_style == "none" else 1.0)
