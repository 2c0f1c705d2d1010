"""One camera on the bench: opened, watched, and what was measured and pictured of it so far."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import CameraError
from ...progress import bar
from ..camera import Camera, ClockReading
from ..cameras import make_camera, make_clock
from ..clock import Clock
from ..export.images import png_of, write_table
from ..recorder_settings import RecorderSettings
from ..rig import Rig
from ..streams import Frame
from ..webcam_device import is_address
from .machine import cpu_s
from .names import Names
from .person import Person
from .pixels import people_see, pixels_of
from .stamps import no_stamps
from .watch import Event, Watch

FIRST_FRAME_S = 15.0
CLOSE_S = 30.0
TAKE_LEAD_S = 1.0
SUBJECT = "S01"
REAL = ("flir_a65", "kinect_v2", "webcam")
STAMP_COLUMNS = ("frame_id", "device_time_ns", "host_time_ns", "transport_ns", "flags")


class MakeCamera(Protocol):
    """Makes the camera of a recorder's settings; see `cameras.make_camera`."""

    def __call__(
        self, settings: RecorderSettings, *, rig: Rig, subject: str, seconds: float, clock: Clock
    ) -> Camera:
        """Return it, not yet open."""
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture for the report.

    Attributes
    ----------
    pixels : (H, W, 3) uint8, red green blue, as people see it
    alt, label : as in `report.Picture`
    """

    pixels: NDArray[np.uint8]
    alt: str
    label: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, seconds.

    Attributes
    ----------
    stream_s : how long the camera is watched while nobody touches it
    person_s : what a person does has to show within that; a camera that was unplugged has three times as long
    countdown_s : from Enter to the picture
    """

    stream_s: float = 60.0
    person_s: float = 60.0
    countdown_s: float = 5.0


class Bench:
    """The camera of one recorder.

    Parameters
    ----------
    folder : takes the dumps, stamps and pictures
    make : makes its camera
    keeps_pictures : whether pictures are written and shown
    """

    def __init__(
        self,
        name: str,
        *,
        rig: Rig,
        folder: Path,
        person: Person,
        patience: Patience,
        names: Names,
        keeps_pictures: bool,
        make: MakeCamera = make_camera,
    ) -> None:
        self.name, self.rig, self.person, self.patience = name, rig, person, patience
        self.settings: RecorderSettings = rig.recorders[name]
        self.folder = folder
        self.names = names
        self.keeps_pictures = keeps_pictures
        self._make = make
        self.stamps = no_stamps()
        """Of the frames while nobody touched the camera."""
        self.streamed_s = 0.0
        self.fps = float("nan")
        """Announced by the camera once it was open."""
        self.cpu_share = float("nan")
        self.events: list[Event] = []
        """Of all watches, in order; times since the first began."""
        self.health: list[tuple[float, dict[str, float]]] = []
        self.readings: list[ClockReading] = []
        self.nodes: dict[str, str | int | float | bool] = {}
        self.documents: dict[str, str] = {}
        self.shown: list[Shown] = []
        self._begun_s = time.monotonic()
        self._camera: Camera | None = None
        self._watch: Watch | None = None
        self._clock = make_clock(rig, name)
        folder.mkdir()

    @property
    def kind(self) -> str:
        """The camera of the settings, such as "flir_a65"."""
        return self.settings.camera

    @property
    def is_device(self) -> bool:
        """Whether there is something to unplug: no simulation inside this program, and no file."""
        return self.kind in REAL

    @property
    def is_networked(self) -> bool:
        """Whether it is a network camera: it serves several programs where it wants to."""
        return self.settings.webcam is not None and is_address(self.settings.webcam)

    @property
    def tells_device_time(self) -> bool:
        """Whether the frames' device times are those of a clock of the device or its driver."""
        return self.nodes.get("frame_time") != "arrival"

    @property
    def is_open(self) -> bool:
        """Whether the camera is open."""
        return self._camera is not None

    @property
    def simulated(self) -> bool:
        """Whether no real sensor stands behind it."""
        return not self.is_device or self.nodes.get("simulated") is True

    @property
    def camera(self) -> Camera:
        """The open camera; raises CameraError when there is none."""
        if self._camera is None:
            raise CameraError("wanted an open camera, found none: it did not open before")
        return self._camera

    @property
    def has_watch(self) -> bool:
        """Whether the camera streams and is watched."""
        return self._watch is not None

    @property
    def watch(self) -> Watch:
        """The watch of the streaming camera, begun when first asked for."""
        if self._watch is None:
            self._watch = Watch(self.camera, self._clock)
        return self._watch

    def begin_take(self) -> Watch:
        """Start the camera anew as a take does, its first tick a second ahead; return the new watch."""
        self.stop_watch()
        self._watch = Watch(self.camera, self._clock, lead_s=TAKE_LEAD_S)
        return self._watch

    def open(self) -> float:
        """Open the camera and return how many seconds it took; raises CameraError."""
        begun_s = time.monotonic()
        seconds = self.patience.stream_s + 60.0
        camera = self._make(self.settings, rig=self.rig, subject=SUBJECT, seconds=seconds, clock=self._clock)
        try:
            camera.open()
        except BaseException:
            camera.close()
            raise
        self._camera = camera
        self.fps = camera.fps
        self.nodes, self.documents = dict(camera.nodes()), dict(camera.documents())
        return time.monotonic() - begun_s

    def stream(self) -> None:
        """Watch the camera while nobody touches it; what came so far is kept however it ends."""
        watch = self.watch
        watch.until(lambda: watch.n_frames > 0, timeout_s=FIRST_FRAME_S)
        first, begun_s, cpu_before_s = watch.n_frames, time.monotonic(), cpu_s()
        try:
            with bar(f"{self.name}: watching") as show:
                total = round(self.patience.stream_s)
                watch.until(
                    lambda: False,
                    timeout_s=self.patience.stream_s,
                    show=lambda passed_s: show(round(passed_s), total),
                )
        finally:
            self.streamed_s = time.monotonic() - begun_s
            if self.streamed_s > 0:
                self.cpu_share = (cpu_s() - cpu_before_s) / self.streamed_s
            self.stamps = watch.stamps(first)

    def pictures(self, n: int = 1) -> list[tuple[Frame, ...]]:
        """Return the pixels of the next moments, of each stream; raises CameraError."""
        return self.watch.pictures(n, timeout_s=max(5.0, 4 * n / self.camera.fps))

    def keep_pictures(self, frames: tuple[Frame, ...], label: str) -> list[Path]:
        """Write a moment's pictures and show them in the report; returns the files that people can look at.

        16 bit pictures are written as they are, and colored beside it.
        """
        if not self.keeps_pictures:
            return []
        files = []
        for frame, spec in zip(frames, self.camera.specs, strict=True):
            stem = f"{label}_{spec.stream.value}".replace(" ", "_")
            pixels = pixels_of(frame)
            people = people_see(pixels, spec)
            if pixels.ndim == 2:
                (self.folder / f"{stem}_16bit.png").write_bytes(png_of(pixels))
            files.append(self.folder / f"{stem}.png")
            files[-1].write_bytes(png_of(people))
            alt = f"{spec.stream.value} picture of {self.name}, {label}"
            self.shown.append(Shown(people, alt, f"{spec.stream.value}: {label}"))
        return files

    def countdown(self, what: str) -> None:
        """Give a person the time to get there."""
        for left_s in range(int(self.patience.countdown_s), 0, -1):
            self.person.tell(f"  {what} in {left_s} s")
            self.watch.until(lambda: False, timeout_s=1.0)

    def stop_watch(self) -> bool:
        """End the watch and keep what it saw; False if the camera's grab does not come back."""
        if self._watch is None:
            return True
        watch, self._watch = self._watch, None
        came_back = watch.stop()
        shift_s = time.monotonic() - self._begun_s - watch.elapsed_s
        self.events += [Event(one.at_s + shift_s, one.kind, one.text) for one in watch.events]
        self.health += [(at_s + shift_s, told) for at_s, told in watch.health]
        self.readings += watch.readings
        return came_back

    def close(self) -> str:
        """Let the camera go; returns what is wrong with how it did, or ""."""
        came_back = self.stop_watch()
        if self._camera is None:
            return ""
        camera, self._camera = self._camera, None
        trouble: list[str] = []

        def let_go() -> None:
            try:
                camera.close()
            except Exception as error:  # it has to be told, and the report to be written
                trouble.append(f"close raised {type(error).__name__}: {error}")

        closer = threading.Thread(target=let_go, name="close", daemon=True)
        closer.start()
        closer.join(CLOSE_S)
        if closer.is_alive():
            trouble.append(f"it did not let go within {CLOSE_S:g} s")
        if not came_back:
            trouble.append("a grab did not come back")
        return "; ".join(trouble)

    def write_dumps(self) -> None:
        """Write nodes, documents, stamps and clock readings; names of people and machines are taken out."""
        nodes = json.dumps(self.names.hide_all(self.nodes), indent=1, ensure_ascii=False)
        (self.folder / "nodes.json").write_text(nodes + "\n", encoding="utf-8")
        for name, text in self.documents.items():
            (self.folder / Path(name.replace("\\", "/")).name).write_text(
                self.names.hide(text), encoding="utf-8"
            )
        stamps = self.stamps
        if len(stamps):
            columns = (stamps.frame_id, stamps.device_ns, stamps.host_ns, stamps.transport_ns)
            rows = [
                (*map(int, row), " ".join(flags))
                for row, flags in zip(np.stack(columns, axis=1), stamps.flags, strict=True)
            ]
            write_table(self.folder / "frames.csv", STAMP_COLUMNS, rows)
        readings = self.readings + (self._watch.readings if self._watch is not None else [])
        if readings:
            rows = [(one.device_ns, one.before_ns, one.after_ns) for one in readings]
            write_table(self.folder / "clock_readings.csv", ("device_ns", "before_ns", "after_ns"), rows)
