"""The ground truth of a simulated session, in a sidecar beside it: `<session>.truth.npz`.

Only simulated raters and the demo's error tables read it; the pipeline never does.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ...errors import SessionError
from ...output import new_file
from ..geometry import Intrinsics, RigidTransform
from .rig import SimulatedRig, simulated_rig
from .scene import SceneSettings

SCHEMA_VERSION = 1
N_LANDMARKS = 68
SERIES = ("tick_s", "valence", "arousal", "landmarks_xyz_color_mm")
ARRAYS = (*SERIES, "color_from_depth", "thermal_from_color")


@dataclass(frozen=True, slots=True)
class Truth:
    """What a simulated session really showed, at its ticks.

    Attributes
    ----------
    subject : str
    tick_s : (T,) float64, seconds since the first tick
    valence, arousal : (T,) float64, in [-1, 1], what the subject feels; NaN for a board
    landmarks_xyz_color_mm : (T, 68, 3) float64, in the color camera's frame; NaN for a board
    rig : SimulatedRig
    """

    subject: str
    tick_s: NDArray[np.float64]
    valence: NDArray[np.float64]
    arousal: NDArray[np.float64]
    landmarks_xyz_color_mm: NDArray[np.float64]
    rig: SimulatedRig


def truth_path(session_path: Path) -> Path:
    """Return where the truth of a session folder is kept: beside it."""
    return session_path.with_name(f"{session_path.name}.truth.npz")


def solve_truth(scene: SceneSettings, *, subject: str, seconds: float, tick_s: NDArray[np.float64]) -> Truth:
    """Return what the scene shows at `tick_s`; costs about 0.3 ms per tick."""
    from .motion import Take
    from .person import load_person
    from .subjects import subject as find_subject

    rig = simulated_rig()
    tick_s = np.asarray(tick_s, np.float64)
    valence = arousal = np.full(len(tick_s), np.nan)
    landmarks = np.full((len(tick_s), N_LANDMARKS, 3), np.nan)
    if scene.target == "face":
        take = Take(scene, subject=find_subject(subject), seconds=seconds)
        valence, arousal = take.valence(tick_s), take.arousal(tick_s)
        person = load_person(subject)
        for k, t in enumerate(tick_s):
            landmarks[k] = person.landmark_places(take.at(float(t)))
    return Truth(subject, tick_s, valence, arousal, landmarks, rig)


def write_truth(
    path: Path,
    *,
    scene: SceneSettings,
    subject: str,
    seconds: float,
    tick_s: NDArray[np.float64],
    overwrite: bool = False,
) -> None:
    """Write what the scene shows at `tick_s` (seconds since the first tick) to `path`."""
    truth = solve_truth(scene, subject=subject, seconds=seconds, tick_s=tick_s)
    rig = truth.rig
    header = {
        "schema_version": SCHEMA_VERSION,
        "simulated": True,
        "subject": subject,
        "scene": scene.model_dump(),
        "cameras": {name: asdict(getattr(rig, name)) for name in ("color", "depth", "thermal")},
        "depth_shift_mm": rig.depth_shift_mm,
    }
    with new_file(path, overwrite=overwrite) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            header=np.array(json.dumps(header)),
            tick_s=truth.tick_s,
            valence=truth.valence,
            arousal=truth.arousal,
            landmarks_xyz_color_mm=truth.landmarks_xyz_color_mm,
            color_from_depth=_matrix(rig.color_from_depth),
            thermal_from_color=_matrix(rig.thermal_from_color),
        )


def read_truth(path: Path) -> Truth:
    """Return the truth file at `path`.

    Raises
    ------
    SessionError
        The file is missing, is no truth file, or is of another schema version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            arrays = {name: file[name] for name in ARRAYS}
    except FileNotFoundError as error:
        raise SessionError(
            f"wanted the truth beside a simulated session, found nothing; no other session has one: {path}"
        ) from error
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise SessionError(f"wanted a truth file, found something else ({error}): {path}") from error
    if header.get("schema_version") != SCHEMA_VERSION:
        found = header.get("schema_version")
        raise SessionError(f"wanted truth schema version {SCHEMA_VERSION}, found {found!r}: {path}")
    cameras = {
        name: Intrinsics(**{**values, "distortion": tuple(values["distortion"])})
        for name, values in header["cameras"].items()
    }
    rig = SimulatedRig(
        **cameras,
        color_from_depth=_transform(arrays.pop("color_from_depth")),
        thermal_from_color=_transform(arrays.pop("thermal_from_color")),
        depth_shift_mm=header["depth_shift_mm"],
    )
    return Truth(subject=header["subject"], rig=rig, **{name: arrays[name] for name in SERIES})


def _matrix(transform: RigidTransform) -> NDArray[np.float64]:
    return np.concatenate([transform.rotation, transform.translation_mm[:, None]], axis=1)


def _transform(matrix: NDArray[np.float64]) -> RigidTransform:
    return RigidTransform(matrix[:, :3], matrix[:, 3])
