"""What a subject is to infrared light and to the thermal camera: reflectance and temperature of every vertex.

One value per vertex is finer than the pixels of these cameras.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .head import CLOTH, EYES, FRAME, LENS, MANTLE, SKIN, TEETH, TONGUE, Float32
from .layout import brow_line_mm, bump, hair_depth, ramp
from .subjects import Subject

SKIN_C, HAIR_C, CLOTH_C, MOUTH_C = 33.6, 29.3, 29.4, 35.6  # at rest in air of 22 degC, roughly
EYE_X_MM = 34.0  # half the distance between the mean head's eyes, roughly


@dataclass(frozen=True, slots=True)
class Warmths:
    """Temperature (N,) of every vertex at rest, and how many kelvin full valence, arousal and breath add."""

    resting_c: Float32
    per_valence: Float32
    per_arousal: Float32
    per_breath: Float32


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

    At rest the inner corners of the eyes and the forehead are warm, nose, cheeks and ears are cool, as in
    thermograms of faces; the numbers, and all of the responses, are our own choice (see motion.py).
    """
    eye_x = float(np.abs(xyz[part == EYES[0], 0].mean()))
    x, y, z = xyz[:, 0], xyz[:, 1], xyz[:, 2]
    ax, front = np.abs(x), 1 - ramp(z, 40, 65)
    hair = _hair_cover(subject, part, xyz)
    bare = (1 - hair) * front
    nose = bump(x, 12, y - 42, 16)
    cheeks = bump(ax - 1.2 * eye_x, 20, y - 46, 20)
    resting = (
        SKIN_C
        + subject.warmth_c
        + front
        * (
            1.0 * bump(x, 50, y + 45, 28)
            + 1.5 * bump(ax - 0.5 * eye_x, 7, y - 2, 7)
            + 0.4 * bump(ax - eye_x, 18, y, 14)
            - 0.9 * cheeks
            - 1.4 * nose
            + 0.4 * masks["lips"]
            - 1.0 * _brow(xyz)
        )
    )
    resting = resting - 1.5 * masks["ears"] + 0.8 * ramp(y, 112, 140)
    resting += hair * (HAIR_C - resting)
    resting += masks["mouth"] * (MOUTH_C - resting)
    mouth_ring = bump(ax, 30, y - 74, 16)
    fixed = {CLOTH: CLOTH_C, TEETH: 34.0, TONGUE: MOUTH_C, MANTLE: 27.8, FRAME: 27.0, LENS: 26.0}
    parts = dict.fromkeys(EYES, 34.4 + subject.warmth_c) | fixed
    still = np.isin(part, list(parts))
    for number, value in parts.items():
        resting[part == number] = value

    def response(field) -> Float32:
        return np.where(still, 0.0, field * bare).astype(np.float32)

    breath = bump(ax - 8, 7, y - 53, 6) + 0.6 * bump(x, 14, y - 64, 7)
    return Warmths(
        resting_c=resting.astype(np.float32),
        per_valence=response(1.5 * nose + 0.8 * cheeks),
        per_arousal=response(0.7 * bump(x, 48, y + 42, 24) - 0.9 * mouth_ring * (1 - nose)),
        per_breath=response(0.5 * breath),
    )


def _brow(xyz: Float32):
    along = (np.abs(xyz[:, 0]) - EYE_X_MM * 0.98) / 24.0
    _, middle = brow_line_mm(np.clip(along, -1, 1), EYE_X_MM)
    return np.exp(-(((xyz[:, 1] - middle) / 4.5) ** 2)) * (np.abs(along) < 1) * (xyz[:, 2] < 40)


def _hair_cover(subject: Subject, part: NDArray[np.int32], xyz: Float32):
    cover = ramp(hair_depth(xyz, subject.hair_style), -2, 5) * (part == SKIN)
    ear = (
        (np.abs(xyz[:, 0]) > 72) & (xyz[:, 1] > -20) & (xyz[:, 1] < 50) & (xyz[:, 2] > 60) & (xyz[:, 2] < 120)
    )
    return np.where(ear, 0.0, cover) * (0.4 if subject.hair_style == "none" else 1.0)
