"""The simulated A65 filmed through the wire: only the sensor is simulated.

A GigE Vision device in a process of its own, our GenTL producer, harvesters, the driver of the real camera.
"""

import os
import subprocess
import sys
from queue import Empty, SimpleQueue
from threading import Thread

from ...errors import CameraError
from ..camera import Capture, ClockReading
from ..clock import Clock
from ..flir_settings import FlirSettings
from ..streams import StreamSpec
from .scene import SceneSettings

READY_TIMEOUT_S = 120.0
"""The first time on a machine numba compiles the renderer."""
ANSWER_TIMEOUT_S = 10.0
LOOPBACK_PACKET_BYTES = 8000
"""Loopback takes 65536; larger packets than a network's usual 1500 cost both sides less."""
END_TIMEOUT_S = 5.0


class WiredA65:
    """A FLIR A65 that films the scene, on a loopback address that is this process's own."""

    def __init__(self, scene: SceneSettings, *, subject: str, seconds: float, clock: Clock) -> None:
        from ..flir_a65 import FlirA65

        self._address = own_address(os.getpid())
        self._scene, self._subject, self._seconds = scene, subject, seconds
        self._device: subprocess.Popen[str] | None = None
        self._answers: SimpleQueue[str] = SimpleQueue()
        settings = FlirSettings(address=self._address, warm_up_min=0, packet_size_bytes=LOOPBACK_PACKET_BYTES)
        self._camera = FlirA65(settings, clock=clock)

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """Thermal, as the driver found it."""
        return self._camera.specs

    @property
    def fps(self) -> float:
        """Frames per second that the device makes by itself."""
        return self._camera.fps

    def open(self) -> None:
        """Switch the device on and let the driver claim it.

        Raises
        ------
        CameraError
            The device did not answer, or there is no producer: `mavfer gentl build` makes one.
        """
        scene = self._scene
        words = [
            *("--address", self._address, "--subject", self._subject, "--seed", scene.seed),
            *("--scene", scene.target, "--board", scene.board, "--light", scene.light),
            *("--hold", scene.hold_s),
            *("--scene-seconds", self._seconds, "--end-with-input"),
        ]
        self._device = subprocess.Popen(
            [sys.executable, "-m", "mavfer", "simulate-a65", *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        Thread(target=self._read, args=(self._device,), name="wired", daemon=True).start()
        try:
            ready = self._answers.get(timeout=READY_TIMEOUT_S)
            if not ready.startswith("ready "):
                assert self._device.stderr is not None
                raise CameraError(f"the simulated A65 did not start: {self._device.stderr.read().strip()}")
            self._camera.open()
        except Empty:
            self.close()
            raise CameraError(f"the simulated A65 was not ready after {READY_TIMEOUT_S:g} s") from None
        except BaseException:
            self.close()
            raise

    def start(self, first_tick_ns: int) -> None:
        """Let the scene begin at `first_tick_ns` on the host's clock, and the driver stream."""
        self._tell(f"scene {first_tick_ns}")
        self._camera.start(first_tick_ns)

    def grab(self, timeout_s: float) -> Capture:
        """Wait for the next frame, as the driver does."""
        return self._camera.grab(timeout_s)

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return the device's nodes as the driver read them back."""
        return self._camera.nodes()

    def health(self) -> dict[str, float]:
        """Return what the device tells of itself."""
        return self._camera.health()

    def notices(self) -> tuple[str, ...]:
        """Return what the driver finds wrong."""
        return self._camera.notices()

    def documents(self) -> dict[str, str]:
        """Return the device's GenICam description."""
        return self._camera.documents()

    def clock_readings(self) -> tuple[ClockReading, ...]:
        """Return what the driver read of the device's clock."""
        return self._camera.clock_readings()

    def close(self) -> None:
        """Let the driver go, and switch the device off."""
        self._camera.close()
        if self._device is not None:
            self._device.terminate()
            try:
                self._device.wait(END_TIMEOUT_S)
            except subprocess.TimeoutExpired:  # numba cannot be interrupted
                self._device.kill()
                self._device.wait()
            for pipe in (self._device.stdin, self._device.stderr):
                assert pipe is not None
                pipe.close()
            self._device = None

    def _tell(self, command: str) -> None:
        if self._device is None or self._device.stdin is None:
            raise CameraError("wanted an opened camera, found a closed one; call open() first: WiredA65")
        try:
            self._device.stdin.write(f"{command}\n")
            self._device.stdin.flush()
            answer = self._answers.get(timeout=ANSWER_TIMEOUT_S)
        except (OSError, Empty) as error:
            raise CameraError("the simulated A65 does not answer") from error
        if not answer.startswith("ok"):
            raise CameraError(f"the simulated A65 refuses {command!r}: {answer}")

    def _read(self, device: "subprocess.Popen[str]") -> None:
        """Pass on what the device says until it ends, and then that it says no more."""
        assert device.stdout is not None
        with device.stdout as lines:
            for line in lines:
                self._answers.put(line.strip())
        self._answers.put("")


def own_address(pid: int) -> str:
    """Return a loopback address that no other process's camera has; none ends in 0 or 255."""
    rest, last = divmod(pid, 254)
    return f"127.{64 + (rest >> 8 & 127)}.{rest & 255}.{last + 1}"
