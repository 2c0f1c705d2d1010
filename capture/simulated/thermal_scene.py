"""The simulated scene as a camera on the wire films it: `ThermalView`, built when it is wanted."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import CameraError
from .scene import SceneSettings

if TYPE_CHECKING:
    from .renderer import ThermalView


class ThermalScene:
    """Pictures of one take; the same as the in-process camera's at the same time with the same number."""

    def __init__(self, scene: SceneSettings, *, subject: str, seconds: float) -> None:
        self._scene, self._subject, self._seconds = scene, subject, seconds
        self._view: ThermalView | None = None

    def build(self) -> None:
        """Build the scene and render one picture (1 to 10 s; the first time on a machine numba compiles)."""
        from .renderer import ThermalView

        view = ThermalView(self._scene, subject=self._subject, seconds=self._seconds)
        view.thermal(0.0, 0)
        self._view = view

    def __call__(self, scene_s: float, frame_id: int) -> NDArray[np.uint16]:
        """Return the thermal picture (512, 640) uint16, 0.04 K per count; 9 ms on one core."""
        if self._view is None:
            raise CameraError("wanted a scene that is built, found one that is not; call build() first")
        return self._view.thermal(scene_s, frame_id)
