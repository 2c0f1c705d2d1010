"""The head: baked shape, identity, expression, neck and gaze. Shapes only; looks are in textures.py.

Lengths are millimetres in the head's frame: origin midway between the eyes of the mean head, x to the
subject's left (the picture's right), y down, z to the back. head.npz is made by tools/bake_head.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

SKIN, CLOTH, TEETH, TONGUE, MANTLE, FRAME, LENS = 0, 1, 2, 3, 6, 7, 8
EYES = (4, 5)  # the subject's left eye (right in the picture), then the right one
HEAD_COLUMNS = 0.5469  # share of the texture, from the left, that the skin of the head takes
NECK_PIVOT_MM = np.array([0.0, 70.0, 85.0])  # about where the skull rests on the spine
HIP_PIVOT_MM = np.array([0.0, 560.0, 120.0])

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HeadMesh:
    """The baked head, as tools/bake_head.py writes it.

    Attributes
    ----------
    xyz : (N, 3) float32, mean shape
    triangles : (M, 3) int32, clockwise from outside with y down
    weld, part : (N,) int32; vertices of one place share a number, and what each belongs to (SKIN, ...)
    uv : (N, 2) float32, place in the texture, 0 to 1 from the top left
    rigid : (N,) float32, 1 moves with the skull, 0 with the chest
    occlusion : (N,) float32, the share of the sky that is seen
    masks : {"lips", "eyelids", "ears", "mouth"} -> (512, 280) float32 over the head's part of the texture
    landmark_corners, landmark_weights : (68, 3); each landmark is a weighted mean of three vertices
    people, shapes, units : {name -> (N, 3) float32}: whole persons, features, face shapes (ARKit names)
    """

    xyz: Float32
    triangles: NDArray[np.int32]
    weld: NDArray[np.int32]
    part: NDArray[np.int32]
    uv: Float32
    rigid: Float32
    occlusion: Float32
    masks: Mapping[str, Float32]
    landmark_corners: NDArray[np.int64]
    landmark_weights: NDArray[np.float64]
    people: Mapping[str, Float32]
    shapes: Mapping[str, Float32]
    units: Mapping[str, Float32]


@cache
def load_head() -> HeadMesh:
    """Return the baked head, read once per process (about 0.1 s)."""
    with files("mavfer.capture.simulated").joinpath("head.npz").open("rb") as file, np.load(file) as baked:

        def deltas(key: str) -> dict[str, Float32]:
            steps = baked[f"{key}_step_mm"][:, None, None]
            return dict(
                zip(baked[f"{key}_names"].tolist(), baked[key] * steps.astype(np.float32), strict=True)
            )

        return HeadMesh(
            xyz=(baked["xyz"] * 0.004).astype(np.float32),
            triangles=baked["triangles"].astype(np.int32),
            weld=baked["weld"].astype(np.int32),
            part=baked["part"].astype(np.int32),
            uv=baked["uv"].astype(np.float32) / 65535,
            rigid=baked["rigid"].astype(np.float32) / 255,
            occlusion=baked["occlusion"].astype(np.float32) / 255,
            masks=dict(
                zip(
                    ("lips", "eyelids", "ears", "mouth"), baked["masks"].astype(np.float32) / 255, strict=True
                )
            ),
            landmark_corners=baked["landmark_corners"].astype(np.int64),
            landmark_weights=baked["landmark_weights"].astype(np.float64),
            people=deltas("people"),
            shapes=deltas("shapes"),
            units=deltas("units"),
        )


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """Return a (3, 3) rotation: yaw about y (the picture's right turns away), pitch about x, roll about z."""
    (cy, cp, cr), (sy, sp, sr) = (f(np.radians([yaw_deg, pitch_deg, roll_deg])) for f in (np.cos, np.sin))
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    return yaw @ pitch @ np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a person sits and how the head is held.

    Attributes
    ----------
    place_mm : (3,) place of the head's origin in the color camera's frame
    yaw_deg, pitch_deg, roll_deg : the skull against the chest
    gaze_yaw_deg, gaze_pitch_deg : the eyes against the skull
    chest_mm : how far the chest is lifted by breath
    """

    place_mm: tuple[float, float, float]
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    gaze_yaw_deg: float = 0.0
    gaze_pitch_deg: float = 0.0
    chest_mm: float = 0.0


class Figure:
    """One person's shape, ready to be posed.

    Parameters
    ----------
    neutral : (N, 3) float32, the face at rest
    rigid, part : (N,) as in HeadMesh
    units : names of the face shapes, and their displacements (K, N, 3) float32
    """

    def __init__(
        self,
        neutral: Float32,
        *,
        rigid: Float32,
        part: NDArray[np.int32],
        unit_names: list[str],
        units: Float32,
    ) -> None:
        self.neutral = neutral
        self._rigid = rigid[:, None].astype(np.float32)
        self._names = {name: k for k, name in enumerate(unit_names)}
        self._units = units.reshape(len(unit_names), -1)
        self._balls = [(part == eye, neutral[part == eye].mean(0)) for eye in EYES if np.any(part == eye)]

    def posed(self, weights: Mapping[str, float], pose: Pose) -> Float32:
        """Return the vertices (N, 3) in the color camera's frame; costs about 0.5 ms for the whole head."""
        used = [(self._names[name], weight) for name, weight in weights.items() if abs(weight) > 1e-3]
        xyz = self.neutral
        if used:
            numbers, amounts = zip(*used, strict=True)
            moved = np.asarray(amounts, np.float32) @ self._units[list(numbers)]
            xyz = xyz + moved.reshape(xyz.shape)
        else:
            xyz = xyz.copy()
        turn = rotation(pose.gaze_yaw_deg, pose.gaze_pitch_deg, 0.0).astype(np.float32)
        for ball, center in self._balls:
            xyz[ball] = (xyz[ball] - center) @ turn.T + center
        skull = rotation(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
        with_skull = (xyz - NECK_PIVOT_MM) @ skull.T + NECK_PIVOT_MM
        chest = xyz - (1 - self._rigid) * (0.0, 0.5 * pose.chest_mm, pose.chest_mm)
        return (chest + self._rigid * (with_skull - chest) + pose.place_mm).astype(np.float32)
