"""One take of one recorder: its files from arming on, and from the start on the drain that fills them."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import RecordError
from .camera import ClockReading
from .clock import Clock
from .complaints import Complaints
from .disk import size_text
from .drain import CAMERA_HUNG_S, GIVEN_UP, Counters, Drain
from .now import monotonic_ns
from .payload import CLOCK_READINGS, DOCUMENTS, EVENTS
from .plan_clock import PlanClock, Stamps
from .recorder_settings import RecorderSettings
from .rig import Rig
from .sensor import Sensor
from .session_writer import SessionWriter
from .trigger import Plan

FARTHEST_S = 30.0
"""A plan begins a second after it is sent; one that seems to begin much later is read on a wrong clock."""
FINISH_TIMEOUT_S = 20.0
RETIME_EVERY_S = 1.0
LATE_S, LATE_FOR_S = 1.0, 3.0
"""Frames that lag behind by so much, for so long, show a machine or a network that is too slow."""


class Recording:
    """The files of a take, made at once; used by the recorder's main thread, except `add_ping`.

    Parameters
    ----------
    folder : the session's folder, which exists
    free_bytes : tells how much the disk still takes
    """

    def __init__(
        self,
        folder: Path,
        *,
        session: str,
        recorder: str,
        rig: Rig,
        settings: RecorderSettings,
        sensor: Sensor,
        clock: Clock,
        pings: PlanClock,
        free_bytes: Callable[[], int],
    ) -> None:
        self.folder = folder
        self.session = session
        self.files: tuple[str, ...] = ()
        self.finished = False
        self._failed = False
        self._disk_is_full = False
        self._rig = rig
        self._settings = settings
        self._sensor = sensor
        self._clock = clock
        self._pings = pings
        self._free_bytes = free_bytes
        self._complaints = Complaints()
        self._jumps_ns = 0
        self._notices: tuple[str, ...] = ()
        self._closing = False
        self._late_since_s: float | None = None
        self._drain: Drain | None = None
        self._plan: Plan | None = None
        self._began_s = 0.0
        self._retimed_s = 0.0
        self._n_steps = 0
        self._writer = SessionWriter(
            folder,
            recorder=recorder,
            specs=sensor.camera.specs,
            segment_bytes=rig.segment_mb * 2**20,
            color=rig.color,
        )

    @property
    def running(self) -> bool:
        """Whether the plan is being carried out, or its files are not closed yet."""
        return self._drain is not None and not self.finished

    @property
    def counters(self) -> Counters:
        """What became of the frames so far."""
        return self._drain.counters if self._drain is not None else Counters()

    @property
    def complaints(self) -> tuple[str, ...]:
        """What went wrong, one line each."""
        drained = self._drain.complaints.lines() if self._drain is not None else ()
        return (*self._complaints.lines(), *drained, *((self._writer.error,) if self._writer.error else ()))

    @property
    def failed(self) -> bool:
        """Whether the take ended before its plan, for a cause of this recorder's own."""
        return self._failed or (self._drain is not None and self._drain.cut_short)

    @property
    def camera_given_up(self) -> bool:
        """Whether the camera hangs in the take's hands, so that it must be opened anew."""
        return self._drain is not None and self._drain.abandoned

    @property
    def camera_silent_s(self) -> float:
        """Seconds since the camera last delivered."""
        return self._drain.silent_s if self._drain is not None and not self.finished else 0.0

    @property
    def written_bytes(self) -> int:
        """Bytes in the files."""
        return self._writer.written_bytes

    @property
    def bytes_per_s(self) -> float:
        """Bytes written per second of the take; 0 in its first two seconds."""
        elapsed_s = time.monotonic() - self._began_s
        return self.written_bytes / elapsed_s if self.running and elapsed_s > 2 else 0.0

    def start(self, plan: Plan, *, header: dict[str, Any]) -> None:
        """Carry out a plan, which is on the master's clock; raises RecordError if it has begun already."""
        if self._drain is not None:
            return
        self._sensor.rouse()
        if self._rig.is_virtual:
            self._clock.wait_until_ns(monotonic_ns())
        elif not self._pings.n_pings:
            raise RecordError("its clock could not be measured: are the three ports after the master's open?")
        self._plan, self._jumps_ns = plan, self._pings.jumps_ns
        local = self._local_plan()
        ahead_s = (local.first_tick_ns - self._clock.now_ns()) / 1e9
        if ahead_s <= 0:
            raise RecordError("the plan's first tick was past when the plan came")
        if ahead_s > FARTHEST_S:
            raise RecordError(
                f"wanted a plan that begins within {FARTHEST_S:g} s, found one {ahead_s:.0f} s ahead"
            )
        self._writer.begin(header, now_ns=local.first_tick_ns)
        master_boot_id = str(header.get("master_boot_id", ""))
        for stamps in () if self._rig.is_virtual else self._pings.pings():
            self._writer.add_ping(*stamps, master_boot_id=master_boot_id)
        now_ns = self._clock.now_ns()
        for name, text in self._sensor.camera.documents().items():
            self._writer.add_table(DOCUMENTS, {"name": name, "text": text}, now_ns=now_ns)
        self._began_s = time.monotonic()
        self._drain = Drain(
            self._sensor.camera,
            self._writer,
            plan=local,
            keep=self._rig.keep,
            queue_length=self._settings.queue_length,
            clock=self._clock,
            wait_for_writer=self._rig.is_virtual,
            previewer=self._sensor.previewer,
        )

    def stop(self, n_ticks: int | None) -> None:
        """End the plan after `n_ticks` ticks, or with the tick that is due; harmless when it is over."""
        if self._drain is None:
            return
        if n_ticks is None:
            self._drain.cut_now()
        else:
            self._drain.cut(n_ticks)

    def add_ping(self, stamps: Stamps, *, master_boot_id: str) -> None:
        """Store a ping exchange, if the take runs; a virtual clock's say nothing."""
        if not self.running or self._closing or self._rig.is_virtual:
            return
        try:
            self._writer.add_ping(*stamps, master_boot_id=master_boot_id)
        except (OSError, ValueError) as error:  # a file that was closed meanwhile is a ValueError
            if self.running and not self._closing:
                self._complaints.add(f"cannot write: {getattr(error, 'strerror', None) or error}")

    def hear_camera(self, notices: tuple[str, ...], readings: tuple[ClockReading, ...]) -> None:
        """Write down what the camera says is wrong, when that is new, and what was read of its clock."""
        if self._drain is None or self.finished:
            return
        for notice in notices:
            if notice not in self._notices:
                self.tell("camera", notice)
        for gone in self._notices:
            if gone not in notices:
                self.tell("camera", f"no longer: {gone}")
        self._notices = notices
        now_ns = self._clock.now_ns()
        try:
            for one in readings:
                self._writer.add_table(CLOCK_READINGS, asdict(one), now_ns=now_ns)
        except (OSError, ValueError) as error:
            self._complaints.add(f"cannot write: {getattr(error, 'strerror', None) or error}")

    def look_after(self) -> None:
        """Keep the plan on time, give up a hanging camera, stop before the disk is full, close the files."""
        if self._drain is None or self.finished:
            return
        if self._drain.hung_s > CAMERA_HUNG_S:
            self._drain.abandon(GIVEN_UP)
        now_s = time.monotonic()
        if now_s - self._retimed_s > RETIME_EVERY_S:
            self._retimed_s = now_s
            self._keep_on_time(self._drain)
            self._see_lateness(self._drain, now_s)
            self._guard_disk(self._drain)
        if self._drain.finished.is_set():
            self._finish()

    def end(self, complaint: str) -> None:
        """End the take with the tick that is due, and close the files; for a process that is told to end."""
        if self._drain is not None and not self.finished:
            if not self._drain.grabbing_is_over.is_set():
                self._failed = True
                self._complaints.add(complaint)
                self._drain.cut_now()
            if not self._drain.finished.wait(FINISH_TIMEOUT_S):
                self._drain.abandon("the camera did not let go in time")
                self._drain.finished.wait(FINISH_TIMEOUT_S)
        self._finish()

    def discard(self) -> None:
        """Remove the files of a take that did not start; harmless when called twice."""
        if self._drain is not None:
            self._drain.cut(0)
            self._drain.finished.wait(FINISH_TIMEOUT_S)
        self._writer.discard()
        self.finished = True

    def _finish(self) -> None:
        if self.finished:
            return
        self._closing = True
        try:
            self.files = self._writer.finish()
        except OSError as error:
            self._complaints.add(f"cannot finish the file: {error.strerror or error}")
        self.finished = True

    def _local_plan(self) -> Plan:
        """Return the plan on the recorder's timeline."""
        assert self._plan is not None
        if self._rig.is_virtual:
            return self._plan
        shift_ns = self._pings.shift_ns(self._clock.now_ns(), jumps_ns=self._jumps_ns)
        return self._plan.shifted(shift_ns)

    def _keep_on_time(self, drain: Drain) -> None:
        """Follow the clocks' drift, and tell of steps."""
        if self._rig.is_virtual:
            return
        for step in drain.steps[self._n_steps :]:
            self._n_steps += 1
            whose = "this machine's clock" if step.who == "host" else "the camera's clock"
            self.tell("clock step", f"{whose} jumped by {step.step_ns / 1e9:+.3f} s")
        drain.retime(self._local_plan())

    def _see_lateness(self, drain: Drain, now_s: float) -> None:
        """Tell once that frames come later and later, or stay late."""
        if self._rig.is_virtual or drain.lag_s < LATE_S or drain.grabbing_is_over.is_set():
            self._late_since_s = None
        elif self._late_since_s is None:
            self._late_since_s = now_s
        elif now_s - self._late_since_s > LATE_FOR_S:
            self._late_since_s = math.inf
            text = (
                f"frames come {drain.lag_s:.1f} s late: this machine, the camera or its network is too slow"
            )
            self._complaints.add(text)
            self.tell("late", text)

    def _guard_disk(self, drain: Drain) -> None:
        least = self._rig.reserve_mb * 2**20 // 10
        if not self._disk_is_full and 0 <= self._free_bytes() < least:
            text = f"the disk has less than {size_text(least)} left: the take was ended"
            self._disk_is_full = self._failed = True
            drain.cut_now()
            self._complaints.add(text)
            self.tell("disk", text)

    def tell(self, kind: str, text: str) -> None:
        """Write down, in the files too, that something changed or went wrong."""
        now_ns = self._clock.now_ns()
        try:
            self._writer.add_table(EVENTS, {"t_ns": now_ns, "kind": kind, "text": text}, now_ns=now_ns)
        except (OSError, ValueError) as error:
            self._complaints.add(f"cannot write: {getattr(error, 'strerror', None) or error}")
        if kind == "clock step":
            self._complaints.add(text)
