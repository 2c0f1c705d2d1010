"""Who sits in front of the simulated rig: ten people by name, and one for any other name.

Nobody here exists. What differs between them (shape, skin, hair, glasses, resting temperature) is what makes
a split by subject mean something.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from zlib import crc32

import numpy as np

Rgb = tuple[int, int, int]
HairStyle = Literal["short", "long", "cropped", "receding", "none"]


@dataclass(frozen=True, slots=True)
class Subject:
    """One invented person.

    Attributes
    ----------
    name : str
    people : {macro of head.npz -> weight}, weights sum to 1
    shapes : {shape of head.npz -> weight}, about -1 to 1
    skin, lips, hair, iris, cloth : sRGB, 0 to 255
    hair_style : str
    brow, beard, freckles : 0 to 1, how strong
    glasses : bool
    warmth_c : resting skin temperature against the average, kelvin
    expressiveness : factor on every face shape
    """

    name: str
    people: Mapping[str, float]
    skin: Rgb
    hair: Rgb
    cloth: Rgb
    shapes: Mapping[str, float] = field(default_factory=dict)
    lips: Rgb = (176, 98, 94)
    iris: Rgb = (92, 66, 44)
    hair_style: HairStyle = "short"
    brow: float = 0.8
    beard: float = 0.0
    freckles: float = 0.0
    glasses: bool = False
    warmth_c: float = 0.0
    expressiveness: float = 1.0

    @property
    def seed(self) -> int:
        """A number that only the name decides."""
        return crc32(self.name.encode())


_CAST = (
    Subject(
        "S01", {"caucasian_male": 1.0}, (214, 166, 140), (74, 52, 36), (58, 78, 112),
        {"jaw_width": 0.5, "nose_hump": 0.3}, iris=(84, 104, 120), brow=0.9, beard=0.25, warmth_c=0.1,
    ),
    Subject(
        "S02", {"african_female": 1.0}, (112, 72, 52), (26, 20, 18), (176, 120, 48),
        {"lip_height": 0.3, "cheek": 0.4}, lips=(120, 62, 58), iris=(58, 38, 26), hair_style="cropped",
        brow=0.8, warmth_c=-0.1, expressiveness=1.08,
    ),
    Subject(
        "S03", {"asian_female": 1.0}, (226, 184, 152), (24, 20, 22), (130, 48, 60),
        {"head_width": 0.2, "nose_width": -0.3}, lips=(190, 100, 98), iris=(62, 42, 30), hair_style="long",
        brow=0.7, warmth_c=0.2, expressiveness=0.95,
    ),
    Subject(
        "S04", {"caucasian_male": 0.9, "asian_male": 0.1}, (222, 176, 152), (138, 134, 130), (64, 66, 70),
        {"age": 0.9, "nose_length": 0.5, "head_fat": 0.3}, iris=(96, 112, 116), hair_style="receding",
        brow=0.7, glasses=True, warmth_c=-0.25, expressiveness=0.9,
    ),
    Subject(
        "S05", {"caucasian_female": 1.0}, (232, 188, 164), (156, 116, 70), (68, 118, 104),
        {"nose_length": -0.3, "chin_height": -0.2}, lips=(196, 108, 104), iris=(88, 116, 134),
        hair_style="long", brow=0.6, warmth_c=0.0, expressiveness=1.05,
    ),
    Subject(
        "S06", {"african_male": 1.0}, (92, 60, 44), (22, 18, 16), (150, 156, 160),
        {"jaw_width": 0.3, "head_square": 0.4}, lips=(104, 60, 54), iris=(50, 34, 24), hair_style="cropped",
        brow=0.9, beard=0.8, warmth_c=0.15,
    ),
    Subject(
        "S07", {"asian_male": 1.0}, (206, 160, 126), (22, 20, 20), (46, 62, 54),
        {"cheek": 0.4, "head_width": 0.3}, lips=(170, 98, 90), iris=(52, 36, 26), brow=0.95, glasses=True,
        warmth_c=-0.15, expressiveness=0.92,
    ),
    Subject(
        "S08", {"african_female": 0.5, "caucasian_female": 0.5}, (172, 122, 94), (44, 30, 24), (108, 72, 120),
        {"cheek_volume": 0.5, "nose_width": 0.2}, lips=(160, 84, 80), iris=(70, 48, 32), hair_style="long",
        brow=0.85, warmth_c=0.28, expressiveness=1.0,
    ),
    Subject(
        "S09", {"caucasian_female": 0.8, "asian_female": 0.2}, (236, 192, 170), (150, 74, 40), (90, 104, 60),
        {"head_height": 0.3, "nose_depth": -0.3, "chin_depth": 0.4}, lips=(192, 110, 106),
        iris=(86, 112, 84), brow=0.55, freckles=0.9, warmth_c=-0.05, expressiveness=1.1,
    ),
    Subject(
        "S10", {"caucasian_male": 0.5, "african_male": 0.25, "asian_male": 0.25}, (182, 134, 104),
        (40, 30, 26), (84, 52, 46), {"head_fat": 0.6, "nose_width": 0.4, "mouth_width": 0.3},
        lips=(158, 92, 84), iris=(64, 46, 32), hair_style="none", brow=0.85, beard=0.6, warmth_c=-0.2,
    ),
)  # fmt: skip


def subject(name: str) -> Subject:
    """Return the person of that name: one of S01 to S10, or one that the name's hash decides."""
    for known in _CAST:
        if known.name == name:
            return known
    rng = np.random.default_rng(crc32(name.encode()))
    sex = "female" if rng.random() < 0.5 else "male"
    share = rng.dirichlet([0.5, 0.5, 0.5])  # african, asian, caucasian
    dark = float(np.clip(share[0] * 0.8 + rng.uniform(0.0, 0.15), 0, 1))
    skin = _between((234, 190, 164), (84, 54, 40), dark)
    gray = rng.random() < 0.15
    hair = (140, 136, 132) if gray else _between((26, 20, 18), (150, 104, 60), share[2] * rng.random())
    styles: tuple[HairStyle, ...] = ("long", "long", "short", "cropped")
    if sex == "male":
        styles = ("short", "short", "cropped", "receding", "none")
    spread = ("nose_width", "nose_length", "nose_hump", "jaw_width", "chin_height", "cheek", "head_width",
              "head_height", "head_fat", "mouth_width", "lip_height", "brow_height", "ear_wing")  # fmt: skip
    return Subject(
        name,
        {f"{race}_{sex}": float(w) for race, w in zip(("african", "asian", "caucasian"), share, strict=True)},
        skin,
        hair,
        _between((40, 44, 60), (170, 150, 130), rng.random()),
        {shape: float(rng.uniform(-0.5, 0.5)) for shape in spread} | {"age": 0.8 if gray else 0.0},
        lips=_between(_between(skin, (190, 80, 84), 0.5), (60, 30, 30), 0.3 * dark),
        iris=_between((56, 40, 28), (90, 116, 130), share[2] * rng.random()),
        hair_style=styles[rng.integers(len(styles))],
        brow=float(rng.uniform(0.55, 0.95)),
        beard=float(rng.uniform(0, 0.8)) if sex == "male" else 0.0,
        freckles=float(rng.uniform(0, 0.6)) * (dark < 0.2),
        glasses=bool(rng.random() < 0.2),
        warmth_c=float(rng.uniform(-0.3, 0.3)),
        expressiveness=float(rng.uniform(0.9, 1.1)),
    )


def _between(first: Rgb, second: Rgb, share: float) -> Rgb:
    r, g, b = (round(a + (c - a) * float(share)) for a, c in zip(first, second, strict=True))
    return r, g, b
