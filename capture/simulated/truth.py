"""The ground truth of a simulated session, in a sidecar beside it: `<session>.truth.npz`.

Only simulated raters and the demo's error tables read it; the pipeline never does.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .rig import SimulatedRig
from .scene import SceneSettings


@dataclass(frozen=True, slots=True)
class Truth:
    """What a simulated session really showed, at its ticks.

    Attributes
    ----------
    subject : str
    tick_s : (T,) float64, seconds since the first tick
    valence, arousal : (T,) float64, in [-1, 1]
    landmarks_xyz_color_mm : (T, 68, 3) float64, in the color camera's frame, NaN for a board
    rig : SimulatedRig
    """

    subject: str
    tick_s: NDArray[np.float64]
    valence: NDArray[np.float64]
    arousal: NDArray[np.float64]
    landmarks_xyz_color_mm: NDArray[np.float64]
    rig: SimulatedRig


def write_truth(
    path: Path,
    *,
    scene: SceneSettings,
    subject: str,
    seconds: float,
    tick_s: NDArray[np.float64],
    overwrite: bool = False,
) -> None:
    """Write what the scene shows at `tick_s` to `path`."""
    raise NotImplementedError


def read_truth(path: Path) -> Truth:
    """Return the truth file at `path`."""
    raise NotImplementedError
