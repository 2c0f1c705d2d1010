"""What a session's columns say of each of its rows, apart from pixels: for facts and timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...annotate.trace import DIMENSIONS
from ...errors import DatasetError
from ..dataset.clips import DatasetSession, opened, windows
from ..dataset.columns import N_LANDMARKS
from ..faces.face import Found
from ..rows.template import INNER, LEFT_EYE, RIGHT_EYE

FRAMES_PER_CLIP = 16
"""As the paper's (section V-A); the clips that the viewer steps by, without overlap, as for training."""
DIGITS = {
    "time_s": 4,
    "score": 3,
    "eye_distance_px": 1,
    "distance_mm": 0,
    "sharpness": 3,
    "brightness": 0,
    "valence": 4,
    "arousal": 4,
}
"""Columns of numbers shown for each row, and the decimals that are sent of each."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All columns of a session that are small.

    Attributes
    ----------
    columns : by name; (F,) each, `pose_deg` (F, 3); a column that the file lacks is absent
    raters : by dimension, the raters' names and what each said, (K, F) float32 in [-1, 1] or NaN
    jump : (F,) float64, mean way of the 51 inner landmarks since the row before, in eye distances, in the
        color picture; NaN where either row has no face
    clips : first rows of the clips of FRAMES_PER_CLIP rows that training would use
    """

    columns: Mapping[str, NDArray]
    raters: Mapping[str, tuple[tuple[str, ...], NDArray[np.float32]]]
    jump: NDArray[np.float64]
    clips: tuple[int, ...]


def read_facts(session: DatasetSession, ranges: Sequence[tuple[int, int]]) -> Facts:
    """Return the small columns of a whole session; 10 ms for 1200 rows.

    Parameters
    ----------
    ranges : of rows (first, stop), that clips do not reach across

    Raises
    ------
    DatasetError
        The file is damaged, or has not the rows that the dataset's record says.
    """
    names = ["tick", "found", "n_faces", "pose_deg", *DIGITS]
    names += [f"{kind}_{stream}" for stream in session.streams for kind in ("reason", "valid", "offset_ms")]
    reader = opened(session.path)
    there = [name for name in names if name in reader]
    columns = {name: session.read(name) for name in there}
    for name, values in columns.items():
        if len(values) != session.n_frames:
            raise DatasetError(
                f"wanted {session.n_frames} rows of {name!r}, found {len(values)}; rebuild the dataset: "
                f"{session.path}"
            )
    raters = {}
    for dimension in DIMENSIONS:
        if f"raters_{dimension}" in reader:
            raters[dimension] = (session.rater_names(dimension), session.read(f"raters_{dimension}"))
    jump = _jump(session)
    clips = []
    for start, stop in ranges:
        part = replace(session, start=session.start + start, n_frames=stop - start)
        clips += [start + first for first in windows(part, length=FRAMES_PER_CLIP, step=FRAMES_PER_CLIP)]
    return Facts(columns, raters, jump, tuple(sorted(clips)))


def facts_table(facts: Facts) -> dict[str, Any]:
    """Return the same as JSON can hold it: unknown is null; a column that is all unknown is absent."""
    table: dict[str, Any] = {}
    for name, values in facts.columns.items():
        if name == "pose_deg":
            if np.isfinite(values).any():
                table[name] = [_numbers(angles, 1) for angles in values.T]
        elif values.dtype.kind == "f":
            digits = DIGITS.get(name, 1)
            if np.isfinite(values).any():
                table[name] = _numbers(values, digits)
        else:
            table[name] = values.astype(np.int64).tolist()
    if "found" in table:
        names = {int(one): one.name.lower() for one in Found}
        table["found"] = [names.get(value, "unknown") for value in table["found"]]
    if np.isfinite(facts.jump).any():
        table["jump"] = _numbers(facts.jump, 3)
    return {
        "columns": table,
        "raters": {
            dimension: [
                {"name": name, "values": _numbers(said, 3)} for name, said in zip(names, values, strict=True)
            ]
            for dimension, (names, values) in facts.raters.items()
        },
        "clips": list(facts.clips),
        "frames_per_clip": FRAMES_PER_CLIP,
    }


def crop_landmarks(session: DatasetSession, start: int, stop: int) -> NDArray[np.float32]:
    """Return the landmarks of color in pixels of the crop, (n, 68, 2); NaN where the row shows no face."""
    landmarks = session.read("landmarks", start, stop).astype(np.float64)
    transforms = session.read("transforms", start, stop).astype(np.float64)
    moved = np.einsum("nij,nkj->nki", transforms[:, :, :2], landmarks) + transforms[:, None, :, 2]
    without = ~transforms.any(axis=(1, 2)) | ~landmarks.any(axis=(1, 2))
    moved[without] = np.nan
    return moved.astype(np.float32)


def _jump(session: DatasetSession) -> NDArray[np.float64]:
    landmarks = session.read("landmarks").astype(np.float64).reshape(-1, N_LANDMARKS, 2)
    landmarks[~landmarks.any(axis=(1, 2))] = np.nan
    eyes = landmarks[:, RIGHT_EYE].mean(axis=1) - landmarks[:, LEFT_EYE].mean(axis=1)
    way = np.linalg.norm(np.diff(landmarks[:, INNER], axis=0), axis=2).mean(axis=1)
    jump = np.full(len(landmarks), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        jump[1:] = way / np.linalg.norm(eyes, axis=1)[1:]
    jump[~np.isfinite(jump)] = np.nan
    return jump


def _numbers(values: NDArray, digits: int) -> list[float | None]:
    """Return numbers rounded, None for what is not finite."""
    rounded = np.round(np.asarray(values, np.float64), digits)
    found: list[float | None] = rounded.tolist()
    for row in np.flatnonzero(~np.isfinite(rounded)).tolist():
        found[row] = None
    return found
