"""FLIR cameras whose own process, and nothing else of the test, runs in the network of the test."""

import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from mavfer.capture.camera import Capture
from mavfer.capture.clock import MonotonicClock
from mavfer.capture.flir import process
from mavfer.capture.flir_a65 import FlirA65
from mavfer.capture.flir_settings import FlirSettings
from mavfer.errors import CameraError

GRAB_S = 30.0
"""Longer than any frame takes on a loaded machine."""


class Lab:
    """Cameras of one test, and what it asks of them."""

    def __init__(self, wire: Any, producer: Path) -> None:
        self.wire = wire
        self.producer = producer
        self._cameras: list[FlirA65] = []

    def camera(self, **settings: object) -> FlirA65:
        """Return a camera that is not open; it is closed at the end of the test."""
        given = FlirSettings.model_validate({"cti": str(self.producer), **settings})
        self._cameras.append(FlirA65(given, clock=MonotonicClock()))
        return self._cameras[-1]

    def open(self, **settings: object) -> FlirA65:
        """Return an open camera that rests."""
        camera = self.camera(**settings)
        camera.open()
        camera.start(0)
        return camera

    def frames(self, camera: FlirA65, n_frames: int) -> list[Capture]:
        """Return a camera's next frames."""
        return [camera.grab(GRAB_S) for _ in range(n_frames)]

    def frames_until(
        self, camera: FlirA65, seen: Callable[[Capture], object], *, at_most: int = 3000
    ) -> list[Capture]:
        """Return a camera's next frames up to the one of which `seen` is true; passes over errors."""
        found: list[Capture] = []
        for _ in range(at_most):
            try:
                found.append(camera.grab(GRAB_S))
            except CameraError:
                continue
            if seen(found[-1]):
                return found
        raise AssertionError(f"it was not seen in {at_most} grabs, the last {found[-1:]}")

    def missing(self, captures: list[Capture]) -> list[int]:
        """Return the ids that are absent between the first and the last."""
        ids = [capture.frame_id for capture in captures]
        assert ids == sorted(set(ids)), "ids must go up"
        return sorted(set(range(ids[0], ids[-1] + 1)) - set(ids))

    def counters(self, device: Any) -> dict[str, Any]:
        """Return what a simulated A65 has counted so far."""
        return json.loads(device.tell("counters").removeprefix("ok counters "))

    def hosts(self) -> list[psutil.Process]:
        """Return the cameras' own processes."""
        mine = psutil.Process().children(recursive=True)
        return [child for child in mine if "mavfer.capture.flir.host" in _words(child)]

    def hang(self, host: psutil.Process) -> None:
        """Let a camera's process stand still, as one does that hangs in its driver."""
        host.send_signal(signal.SIGSTOP)

    def library(self, folder: Path, source: str) -> Path:
        """Return a compiled .cti of this C source."""
        compiler = shutil.which("gcc") or shutil.which("cc")
        assert compiler is not None
        file = folder / "odd.cti"
        (folder / "odd.c").write_text(source)
        subprocess.run([compiler, "-shared", "-fPIC", "-o", file, folder / "odd.c"], check=True)
        return file

    def close(self) -> None:
        """Close all cameras; nothing of them may be left."""
        for camera in self._cameras:
            camera.close()
        assert not self.hosts(), "a camera's process was left behind"


@pytest.fixture
def lab(wire, producer, monkeypatch) -> Iterator[Lab]:
    """Return the cameras of a test, in its network."""
    monkeypatch.setattr(process, "HOST", (*wire.inside, *process.HOST))
    for name in ("MAVFER_GENTL_CTI", "GENICAM_GENTL64_PATH"):
        monkeypatch.delenv(name, raising=False)
    made = Lab(wire, producer)
    yield made
    made.close()


def _words(child: psutil.Process) -> list[str]:
    try:
        return child.cmdline()
    except psutil.Error:
        return []
