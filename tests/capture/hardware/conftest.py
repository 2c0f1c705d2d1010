"""A camera that can lie in every way a device can, in real time, and a person who does what a test says."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mavfer.capture.camera import Capture, ClockReading
from mavfer.capture.hardware.bench import Patience
from mavfer.capture.hardware.checklist import check_hardware
from mavfer.capture.hardware.found import HardwareCheck
from mavfer.capture.hardware.person import Answer, Nobody
from mavfer.capture.hardware.steps import Finding
from mavfer.capture.now import monotonic_ns
from mavfer.capture.rig import Rig
from mavfer.capture.streams import Frame, Stream, StreamSpec
from mavfer.errors import CameraError, CameraGone

COLOR = StreamSpec(Stream.COLOR, (24, 32, 3), "uint8", "sRGB")
THERMAL = StreamSpec(Stream.THERMAL, (24, 32), "uint16", "0.04 K")


@dataclass
class Film:
    """A camera made of a rule for each lie; frame n is due n / fps after the start, and stamped so.

    Attributes
    ----------
    ppm : what its clock gains on the host's
    absent : numbers that never come
    back : frames whose device time goes back by 5 ms
    slow_from : from this frame on two periods pass between frames, and a notice says so if `tells`
    held : frames whose picture is the one before;  flagged : of them, those that say so
    reads_clock : whether its clock is read beside the host's
    on_frame : is called with each number, on the grabbing thread
    """

    spec: StreamSpec = THERMAL
    fps: float = 60.0
    ppm: float = 0.0
    absent: frozenset[int] = frozenset()
    back: frozenset[int] = frozenset()
    slow_from: int | None = None
    held: frozenset[int] = frozenset()
    flagged: frozenset[int] = frozenset()
    tells: bool = True
    reads_clock: bool = True
    error: Exception | None = None
    on_frame: Callable[[int], object] = lambda _: None
    told: dict[str, Any] = field(default_factory=lambda: {"serial": "T-1"})
    pixels: Callable[[int], np.ndarray] | None = None

    def __post_init__(self) -> None:
        self.opened = 0
        self.n = 0
        self.starts: list[int] = []
        self.light = threading.Event()
        self.light.set()
        self._there = threading.Event()
        self._there.set()
        self._due_ns = self._gone_ns = 0
        self._readings: list[ClockReading] = []

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        return (self.spec,)

    def open(self) -> None:
        if self.error is not None:
            raise self.error
        self.opened += 1

    def start(self, first_tick_ns: int) -> None:
        self.starts.append(first_tick_ns - monotonic_ns())
        self._due_ns = monotonic_ns()

    def vanish(self) -> None:
        """Be unplugged."""
        self._gone_ns = monotonic_ns()
        self._there.clear()

    def come_back(self) -> None:
        """Be plugged in again; numbers go on as the protocol says."""
        self.n += max(1, round((monotonic_ns() - self._gone_ns) / 1e9 * self.fps)) if self.tells else 0
        self._due_ns = monotonic_ns()
        self._there.set()

    def grab(self, timeout_s: float) -> Capture:
        if not self._there.wait(min(timeout_s, 0.2)):
            raise (CameraGone("film T-1 is gone and looked for") if self.tells else CameraError("none came"))
        n, slow = self.n, not self.light.is_set() or (self.slow_from is not None and self.n >= self.slow_from)
        self.n += 1
        if n in self.absent:
            return self.grab(timeout_s)
        self._due_ns += round((2 if slow else 1) * 1e9 / self.fps)
        time.sleep(max(0, self._due_ns - monotonic_ns()) / 1e9)
        self.on_frame(n)
        late_ns = round(np.random.default_rng(n).exponential(300_000))
        host_ns = self._due_ns + late_ns  # as if this machine were never busy
        device_ns = round(self._due_ns * (1 + self.ppm * 1e-6)) + 10**12
        self._readings.append(ClockReading(device_ns, host_ns, host_ns + 40_000))
        if n in self.back:
            device_ns -= round(1e9 / self.fps) + 5_000_000
        flags = ("nuc",) if n in self.flagged else ()

        def retrieve() -> tuple[Frame, ...]:
            seen = n - 1 if n in self.held else n
            return (Frame(self.spec.stream, self._picture(seen), device_ns, host_ns, n, flags=flags),)

        return Capture(n, device_ns, host_ns, retrieve, flags, transport_ns=2_000_000)

    def _picture(self, n: int) -> np.ndarray:
        if self.pixels is not None:
            return self.pixels(n)
        rng = np.random.default_rng(n)
        if self.spec.dtype == "uint8":
            return rng.integers(0, 255, self.spec.shape).astype(np.uint8)
        return (rng.normal(22.0, 0.5, self.spec.shape) / 0.04 + 273.15 / 0.04).astype(np.uint16)

    def nodes(self) -> dict[str, Any]:
        return self.told

    def health(self) -> dict[str, float]:
        return {"sensor_temperature_c": 30.0 + 0.001 * self.n}

    def notices(self) -> tuple[str, ...]:
        slow = not self.light.is_set() or (self.slow_from is not None and self.n >= self.slow_from)
        return ("the light is low",) if slow and self.tells else ()

    def documents(self) -> dict[str, str]:
        return {"genicam.xml": "<RegisterDescription/>"}

    def clock_readings(self) -> tuple[ClockReading, ...]:
        found, self._readings = tuple(self._readings), []
        return found if self.reads_clock else ()

    def close(self) -> None:
        pass


class Scripted:
    """A person who does what a test says at each instruction that holds a word of it; skips the rest."""

    present = True

    def __init__(
        self,
        deeds: dict[str, Callable[[], object]] | None = None,
        answer: Answer = "skip",
        number: float | None = None,
    ) -> None:
        self.deeds, self.answer, self.told_number = deeds or {}, answer, number
        self.heard: list[str] = []

    def tell(self, line: str) -> None:
        self.heard.append(line)
        self._do(line)

    def ready(self, instruction: str) -> bool:
        self.heard.append(instruction)
        return self._do(instruction)

    def ask(self, question: str) -> Answer:
        self.heard.append(question)
        return self.answer

    def number(self, question: str) -> float | None:
        self.heard.append(question)
        return self.told_number

    def _do(self, line: str) -> bool:
        deeds = [deed for word, deed in self.deeds.items() if word in line]
        for deed in deeds:
            deed()
        return bool(deeds)


@dataclass
class Checked:
    """What a check came to: the values, and each step's finding by its key."""

    check: HardwareCheck
    folder: Any
    told: list[Finding]

    def __getitem__(self, key: str) -> Finding:
        (one,) = [one for one in self.check.findings if one.key == key]
        return one


@pytest.fixture(autouse=True)
def _no_producer(tmp_path, monkeypatch) -> None:
    """Let no process of a test find a GenTL producer: it would ask the whole network for cameras."""
    monkeypatch.setenv("MAVFER_GENTL_CTI", str(tmp_path / "there is none.cti"))


@pytest.fixture
def checked(tmp_path) -> Callable[..., Checked]:
    """Return a function that runs the checklist on one camera of a kind."""

    def run(
        camera: Any,
        *,
        kind: str = "simulated_a65",
        settings: dict[str, Any] | None = None,
        person: Any = None,
        seconds: float = 1.0,
        out: Path = tmp_path / "out",
        **more: Any,
    ):
        rig = Rig.model_validate({"recorders": {"cam": {"camera": kind, **(settings or {})}}})
        told: list[Finding] = []
        found = check_hardware(
            rig,
            ("cam",),
            out,
            person=person or Nobody(),
            patience=Patience(stream_s=seconds, person_s=10.0, countdown_s=0.0),
            tell=lambda _, one: told.append(one),
            make=lambda *_, **__: camera,
            **more,
        )
        return Checked(found, tmp_path / "out", told)

    return run


@pytest.fixture
def film() -> type[Film]:
    """Return the class of the camera that lies."""
    return Film


@pytest.fixture
def scripted() -> type[Scripted]:
    """Return the class of the person."""
    return Scripted


@pytest.fixture
def color() -> StreamSpec:
    """Return a small color stream."""
    return COLOR
