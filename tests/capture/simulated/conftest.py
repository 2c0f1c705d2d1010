"""Views of the simulated rig, built once for all tests of this folder."""

from collections.abc import Callable
from functools import cache

import pytest

from mavfer.capture.simulated.renderer import KinectView, ThermalView
from mavfer.capture.simulated.scene import SceneSettings

SECONDS = 20.0

KinectOf = Callable[..., KinectView]
ThermalOf = Callable[..., ThermalView]


@cache
def _kinect(subject: str, scene: SceneSettings) -> KinectView:
    return KinectView(scene, subject=subject, seconds=SECONDS)


@cache
def _thermal(subject: str, scene: SceneSettings) -> ThermalView:
    return ThermalView(scene, subject=subject, seconds=SECONDS)


@pytest.fixture(scope="session")
def kinect() -> KinectOf:
    """Return `kinect(subject, **scene)`, the view of a Kinect on 20 s of that subject."""
    return lambda subject, **scene: _kinect(subject, SceneSettings(**scene))


@pytest.fixture(scope="session")
def thermal() -> ThermalOf:
    """Return `thermal(subject, **scene)`, the view of an A65 on 20 s of that subject."""
    return lambda subject, **scene: _thermal(subject, SceneSettings(**scene))
