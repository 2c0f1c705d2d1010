"""A Kinect whose runtime is a stand-in, filming the simulated rig; see kinect20.py."""

import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mavfer.capture.camera import Capture
from mavfer.capture.clock import VirtualClock
from mavfer.capture.kinect_v2.camera import KinectCamera
from mavfer.capture.kinect_v2.kinect_next import KinectNext
from mavfer.capture.simulated.renderer import KinectView
from mavfer.capture.simulated.scene import SceneSettings

WAIT_S = 20.0
PERIOD_TICKS = 333_333
"""100 ns each: a Kinect's frames come 33.3333 ms apart."""
EPOCH_TICKS = 71_000_000
BEGIN_NS = 10_000_000_000
ARRIVAL_NS = 4_000_000

Pictures = tuple[np.ndarray, np.ndarray, np.ndarray]


def sibling(name: str) -> ModuleType:
    """Return a module of this folder."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def rendered() -> tuple[Pictures, ...]:
    """Return color, depth and infrared of four moments of the simulated rig, a tenth of a second apart."""
    view = KinectView(SceneSettings(), subject="S01", seconds=20.0)
    return tuple((view.color(n / 10, n), *view.depth_infrared(n / 10, n)) for n in range(4))


@pytest.fixture(scope="session")
def plain() -> Pictures:
    """Return pictures of noise of a Kinect's sizes, for tests that look at times only."""
    rng = np.random.default_rng(4)
    color = rng.integers(0, 256, (1080, 1920, 3), np.uint8)
    return color, *(rng.integers(0, 65536, (424, 512), np.uint16) for _ in range(2))


@pytest.fixture
def kinect20() -> ModuleType:
    """Return the module of the stand-in."""
    return sibling("kinect20")


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch, kinect20: ModuleType) -> Iterator[Any]:
    """Install the stand-in; in the end every object must be released, and every handle closed."""
    pytest.importorskip("kinect_next")
    sdk = kinect20.Sdk()
    sdk.install(monkeypatch.setattr)
    yield sdk
    with sdk.changed:  # a camera that hung may need a moment
        sdk.hangs = False
        sdk.changed.notify_all()
        assert sdk.changed.wait_for(lambda: not (sdk.events or kinect20.LIVE), WAIT_S), (sdk, kinect20.LIVE)
    assert {type(one).__name__: one.count for one in kinect20.LIVE.values()} == {}
    assert sdk.events == {}


class Kinect:
    """A camera over kinect-next over the stand-in, and the world before it.

    Frame `n` is exposed n periods after the first, and comes 4 ms later; the clock is moved there.
    """

    def __init__(self, sdk: Any, kinect20: ModuleType, pictures: tuple[Pictures, ...]) -> None:
        self.sdk, self.pictures = sdk, pictures
        self.clock = VirtualClock(BEGIN_NS)
        self.camera: KinectCamera | None = None
        self._shot = kinect20.Shot
        self._raw = [kinect20.as_sensor(*trio) for trio in pictures]

    def open(self, *, serial: str | None = None, n_shots: int = 1, **patience: float) -> KinectCamera:
        """Open the camera; the sensor makes its first shots meanwhile, which are thrown away."""
        patience = {"gone_s": 60.0, "reopen_s": 60.0, "retry_s": 0.01, "open_s": WAIT_S} | patience
        camera = self.camera = KinectCamera(KinectNext(serial), clock=self.clock, **patience)
        first = threading.Thread(target=lambda: [self.show(n, settle=n < 0) for n in range(1 - n_shots, 1)])
        first.start()
        try:
            camera.open()
        finally:
            first.join()
        self.sdk.settle()
        camera.start(0)
        return camera

    def show(self, n: int, *, settle: bool = True, **changes: Any) -> None:
        """Let the sensor see frame `n`, and wait until it was taken in; `changes` are made to its Shot."""
        color, depth, infrared = self._raw[n % len(self._raw)]
        ticks = EPOCH_TICKS + n * PERIOD_TICKS
        shot = self._shot(color, depth, infrared, ticks, ticks - 20_000)
        self.clock.wait_until_ns(BEGIN_NS + n * PERIOD_TICKS * 100 + ARRIVAL_NS)
        self.sdk.show(replace(shot, **changes))
        if settle:
            self.sdk.settle()

    def see(self, n: int, **changes: Any) -> Capture:
        """Return the capture of frame `n`, which the sensor makes now."""
        assert self.camera is not None
        self.show(n, **changes)
        return self.camera.grab(WAIT_S)


@pytest.fixture
def kinect(sdk: Any, kinect20: ModuleType, plain: Pictures) -> Iterator[Kinect]:
    """Return a Kinect before pictures of noise."""
    kinect = Kinect(sdk, kinect20, (plain,))
    yield kinect
    if kinect.camera is not None:
        kinect.camera.close()


@pytest.fixture
def filming(sdk: Any, kinect20: ModuleType, rendered: tuple[Pictures, ...]) -> Iterator[Kinect]:
    """Return a Kinect before the simulated rig's scene."""
    kinect = Kinect(sdk, kinect20, rendered)
    yield kinect
    if kinect.camera is not None:
        kinect.camera.close()


MakeKinect = Callable[..., Kinect]
