"""One process per sensor: it opens its camera, waits for the master's plan, drains the camera, and reports.

Whatever ends the take (the plan, a stop, a signal, the master's death), the files are closed in order first.
"""

import platform
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import __version__
from ..config import parse
from ..errors import ConfigError, MavferError, RecordError
from .camera import Camera
from .clock import Clock, ClockMap, MonotonicClock, VirtualClock, boot_id, solve_clock
from .drain import Drain
from .link import Command, Pinger, RecorderLink, Report
from .rig import RecorderSettings, Rig
from .session_writer import SessionWriter
from .trigger import Plan

BEAT_EVERY_S = 0.25
MASTER_SILENT_S = 10.0
CAMERA_HUNG_S = 20.0
FINISH_TIMEOUT_S = 20.0


def make_camera(
    settings: RecorderSettings, *, rig: Rig, subject: str, seconds: float, clock: Clock
) -> Camera:
    """Return the camera of a recorder's settings, not yet open."""
    if settings.camera == "video":
        from .video_camera import VideoCamera

        if settings.path is None:
            raise ConfigError('camera = "video" needs a path')
        return VideoCamera(settings.path, clock=clock)
    from .simulated.cameras import SimulatedA65, SimulatedKinect

    kind = SimulatedKinect if settings.camera == "simulated_kinect" else SimulatedA65
    return kind(rig.scene, subject=subject, seconds=seconds, clock=clock)


class Recorder:
    """The recorder `name` of `rig`, on the wire to one master; the main thread handles its commands."""

    def __init__(self, name: str, *, rig: Rig, master: str) -> None:
        if name not in rig.recorders:
            raise ConfigError(f"wanted one of the rig's recorders {', '.join(rig.recorders)}, found {name!r}")
        self._name = name
        self._rig = rig
        self._settings = rig.recorders[name]
        self._clock: Clock = VirtualClock(time.monotonic_ns()) if rig.is_virtual else MonotonicClock()
        self._link = RecorderLink(name, master=master)
        self._camera: Camera | None = None
        self._writer: SessionWriter | None = None
        self._drain: Drain | None = None
        self._pinger: Pinger | None = None
        self._pings: list[tuple[int, int, int, int]] = []
        self._pings_lock = threading.Lock()
        self._state = "waiting"
        self._files: tuple[str, ...] = ()
        self._complaints: list[str] = []
        self._answers: dict[int, Report] = {}
        self._told_to_quit = False
        self._terminated = threading.Event()

    def terminate(self) -> None:
        """End the take with the tick that is due and close the files; safe to call from a signal handler."""
        self._terminated.set()

    def run(self) -> None:
        """Serve the master until it says quit, falls silent, or `terminate` is called.

        Raises
        ------
        RecordError
            The master fell silent; a plan that was running was carried out first.
        """
        heard_s, beat_s = time.monotonic(), 0.0
        self._link.send(Report(kind="hello", body={"mavfer": __version__, "boot_id": boot_id()}))
        try:
            while not self._told_to_quit and not self._terminated.is_set():
                command = self._link.receive(min(0.05, BEAT_EVERY_S))
                if command is not None:
                    self._obey(command)
                    heard_s = time.monotonic()  # after the command: opening a camera takes its time
                self._look_after_take()
                if time.monotonic() - beat_s > BEAT_EVERY_S:
                    beat_s = time.monotonic()
                    self._link.send(self._beat())
                if time.monotonic() - heard_s > MASTER_SILENT_S and self._state != "recording":
                    raise RecordError(f"the master was silent for {MASTER_SILENT_S:g} s; {self._kept()}")
        finally:
            self._close()

    def _obey(self, command: Command) -> None:
        """Carry out a command once, however often it comes, and acknowledge it each time."""
        if command.do == "stay":
            return
        if command.id not in self._answers:
            work: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
                "open": self._open,
                "arm": self._arm,
                "start": self._start,
                "stop": self._stop,
                "quit": self._quit,
            }
            try:
                if self._pings and self._master_ns() > command.deadline_ns:
                    raise RecordError(f"the command {command.do!r} came after its deadline")
                body = work[command.do](command.body)
                self._answers[command.id] = Report(kind="done", id=command.id, body=body)
            except (MavferError, OSError, KeyError) as error:
                refusal = {"error": _reason(error)}
                self._answers[command.id] = Report(kind="refused", id=command.id, body=refusal)
        self._link.send(self._answers[command.id])

    def _open(self, body: dict[str, Any]) -> dict[str, Any]:
        if self._camera is None:
            self._pinger = Pinger(
                self._link.context, address=str(body["ping_address"]), on_ping=self._take_ping
            )
            camera = make_camera(
                self._settings,
                rig=self._rig,
                subject=str(body["subject"]),
                seconds=float(body["seconds"]),
                clock=self._clock,
            )
            camera.open()
            self._camera = camera
            self._state = "open"
            self._pinger.measured.wait(timeout=5)
        return {
            "streams": [spec.stream.value for spec in self._camera.specs],
            "fps": self._camera.fps,
            "nodes": self._camera.nodes(),
            "boot_id": boot_id(),
            "software": {"mavfer": __version__, "python": platform.python_version()},
        }

    def _arm(self, body: dict[str, Any]) -> dict[str, Any]:
        if self._camera is None:
            raise RecordError("wanted an open camera to arm, found none")
        if self._writer is None:
            self._writer = SessionWriter(
                Path(body["folder"]),
                recorder=self._name,
                specs=self._camera.specs,
                segment_bytes=self._rig.segment_mb * 2**20,
            )
            self._state = "armed"
        return {}

    def _start(self, body: dict[str, Any]) -> dict[str, Any]:
        if self._camera is None or self._writer is None:
            raise RecordError("wanted an armed recorder to start, found one that is not")
        if self._drain is not None:
            return {}
        plan = parse(body["plan"], Plan, where="the command 'start'")
        if self._rig.is_virtual and self._pinger is not None:
            self._pinger.stop()
        now_ns = time.monotonic_ns()
        local = plan.shifted(now_ns - self._clock_map().at(now_ns))
        self._clock.wait_until_ns(time.monotonic_ns())
        if local.first_tick_ns <= self._clock.now_ns():
            raise RecordError("the plan's first tick was past when the plan came")
        self._writer.begin({"session": body["session"]}, now_ns=local.first_tick_ns)
        with self._pings_lock:
            for stamps in self._pings:
                self._writer.add_ping(*stamps)
            self._state = "recording"
        self._drain = Drain(
            self._camera,
            self._writer,
            plan=local,
            keep=self._rig.keep,
            queue_length=self._settings.queue_length,
            clock=self._clock,
            wait_for_writer=self._rig.is_virtual,
        )
        return {}

    def _stop(self, body: dict[str, Any]) -> dict[str, Any]:
        if self._drain is not None:
            self._drain.cut(int(body["n_ticks"]))
        return {}

    def _quit(self, _: dict[str, Any]) -> dict[str, Any]:
        self._told_to_quit = True
        return {}

    def _look_after_take(self) -> None:
        """Close the files once the plan is carried out; give up a camera that hangs."""
        if self._drain is None or self._state != "recording":
            return
        if self._drain.silent_s > CAMERA_HUNG_S:
            self._drain.abandon(f"the camera delivered nothing for {CAMERA_HUNG_S:g} s and was given up")
        if self._drain.finished.is_set():
            self._finish()

    def _finish(self) -> None:
        if self._pinger is not None:
            self._pinger.stop()
        if self._writer is not None:
            try:
                self._files = self._writer.finish()
            except OSError as error:
                self._complaints.append(f"cannot finish the file: {_reason(error)}")
        self._state = "finished"

    def _close(self) -> None:
        """Leave everything in order: the take's files first."""
        if self._drain is not None and self._state == "recording":
            self._drain.cut_now()
            if not self._drain.finished.wait(FINISH_TIMEOUT_S):
                self._drain.abandon("the camera did not let go in time")
                self._drain.finished.wait(FINISH_TIMEOUT_S)
            self._complaints.append("the recorder was told to end")
        if self._writer is not None and self._state in ("armed", "recording"):
            self._finish()
            self._link.send(self._beat())
        if self._pinger is not None:
            self._pinger.stop()
        if self._camera is not None:
            self._camera.close()
        self._link.close()

    def _beat(self) -> Report:
        body: dict[str, Any] = {"state": self._state, "files": self._files}
        complaints = list(self._complaints)
        if self._drain is not None:
            body |= self._drain.counters.table() | {"silent_s": self._drain.silent_s}
            complaints += self._drain.complaints
        body["complaints"] = complaints
        return Report(kind="finished" if self._state == "finished" else "beat", body=body)

    def _take_ping(self, t0_ns: int, t1_ns: int, t2_ns: int, t3_ns: int) -> None:
        with self._pings_lock:
            self._pings.append((t0_ns, t1_ns, t2_ns, t3_ns))
            if self._state != "recording" or self._writer is None:
                return
        try:
            self._writer.add_ping(t0_ns, t1_ns, t2_ns, t3_ns)
        except OSError as error:
            complaint = f"cannot write: {_reason(error)}"
            if complaint not in self._complaints:
                self._complaints.append(complaint)

    def _clock_map(self) -> ClockMap:
        import numpy as np

        with self._pings_lock:
            return solve_clock(np.array(self._pings, np.int64).reshape(-1, 4))

    def _master_ns(self) -> int:
        """Return the time on the master's clock, as far as the pings tell."""
        return self._clock_map().at(time.monotonic_ns())

    def _kept(self) -> str:
        return (
            f"what was recorded stands in {', '.join(self._files)}" if self._files else "nothing was recorded"
        )


def _reason(error: Exception) -> str:
    """Return an error in one line, with the file that a system's error is about."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) if isinstance(error, MavferError) else repr(error)


def run_recorder(name: str, *, rig: Rig, master: str) -> None:
    """Run a recorder in this process; Ctrl-C and SIGTERM end the take in order."""
    recorder = Recorder(name, rig=rig, master=master)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: recorder.terminate())
    recorder.run()
