"""What the thermal recorder costs when its camera is a GigE Vision device: the simulated A65, over loopback.

Recorder, driver, GenTL producer and wire protocol are those of the product; the device is a process of its
own that renders and sends 640x512 pictures of 16 bits, 30 a second.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

FPS = 30
SETTLED_TICK = 2 * FPS
ENCODE_EVERY_S = 0.2
RIG = """\
name = "wire"
fps = {fps}
keep = "all"
[recorders.thermal]
camera = "flir_a65"
[recorders.thermal.flir_a65]
cti = {cti!r}
address = {address!r}
warm_up_min = 0
packet_size_bytes = {packet_bytes}
"""
PACKET_BYTES = {"wire": 1500, "jumbo": 8000}
"""What every network takes, and what one takes whose cards and switches pass jumbo frames."""


@contextmanager
def simulated_a65(address: str) -> Iterator[None]:
    """Run the device while the block runs."""
    command = [sys.executable, "-m", "mavfer", "simulate-a65", "--address", address]
    device = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert device.stdout is not None
        if not device.stdout.readline().startswith("ready"):
            raise SystemExit("the simulated A65 did not start")
        yield
    finally:
        device.terminate()
        device.communicate()


class BareEncoding:
    """The library call alone, on pictures like those of the take, a few a second beside it."""

    def __init__(self, thermal: np.ndarray) -> None:
        self._thermal = thermal
        self._over = threading.Event()
        self._costs_s: list[float] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def ms(self) -> float:
        """End, and return the cost of one picture, ms of one core."""
        self._over.set()
        self._thread.join()
        return 1000 * float(np.mean(self._costs_s))

    def _run(self) -> None:
        import blosc2

        from mavfer.capture.payload import BLOSC2

        while not self._over.wait(ENCODE_EVERY_S):
            picture = self._thermal[len(self._costs_s) % len(self._thermal)]
            begun_s = time.thread_time()
            blosc2.compress2(picture, **BLOSC2)
            self._costs_s.append(time.thread_time() - begun_s)


def record_over_the_wire(work: Path, *, seconds: float) -> dict[str, float]:
    """Record takes of the thermal camera alone and return what they came to; {} where it cannot be tried."""
    from mavfer.capture.gentl.build import build_producer
    from mavfer.errors import MavferError

    try:
        cti = build_producer()
    except MavferError as error:
        print(f"the camera on the wire was left out: {error}", file=sys.stderr)
        return {}
    found: dict[str, float] = {}
    for name, packet_bytes in PACKET_BYTES.items():
        one = record_one(work, name, cti=cti, packet_bytes=packet_bytes, seconds=seconds)
        found |= {f"{name}_{key}": value for key, value in one.items()}
    return found


def record_one(work: Path, name: str, *, cti: Path, packet_bytes: int, seconds: float) -> dict[str, float]:
    """Record one take; return frames lost and stored, and the processor's share in percent of one core."""
    import psutil

    from mavfer.capture.master import record
    from mavfer.capture.rig import read_rig
    from mavfer.capture.simulated.wired import own_address
    from mavfer.capture.status import RecorderStatus

    address = own_address(os.getpid())
    rig = work / f"{name}.toml"
    rig.write_text(RIG.format(fps=FPS, cti=str(cti), address=address, packet_bytes=packet_bytes))
    samples: list[tuple[float, float]] = []

    def look(statuses: tuple[RecorderStatus, ...]) -> None:
        if statuses and statuses[0].state == "recording" and statuses[0].tick >= SETTLED_TICK:
            (recorder,) = [one for one in psutil.Process().children() if "recorder" in one.cmdline()]
            used = [one.cpu_times() for one in (recorder, *recorder.children(recursive=True))]
            samples.append((time.monotonic(), sum(one.user + one.system for one in used)))

    with simulated_a65(address):
        encoding = BareEncoding(np.load(work / "thermal.npy"))
        try:
            report = record(
                work / name, rig=read_rig(rig), subject="S01", seconds=seconds + 2, on_status=look
            )
        finally:
            encode_ms = encoding.ms()
    if len(samples) < 2:
        raise SystemExit(f"the take over the wire was too short to be measured: {report}")
    (first_s, first_cpu_s), (last_s, last_cpu_s) = samples[0], samples[-1]
    percent = 100 * (last_cpu_s - first_cpu_s) / (last_s - first_s)
    return {
        "lost": report.n_lost,
        "frames": report.frames_kept["thermal"],
        "cpu_percent": percent,
        "encode_percent": FPS * encode_ms / 10,
        "beyond_encode_percent": percent - FPS * encode_ms / 10,
    }
