"""One camera drained by a plan: a thread that grabs every frame, and a thread that stores those it keeps.

Between the two stands a bounded queue. In real time a full queue costs a frame, which is counted; on a
virtual clock the camera waits.
"""

import math
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ..errors import CameraEnded, CameraGone, MavferError
from .camera import Camera, Capture
from .clock import Clock
from .complaints import Complaints
from .device_clock import ClockStep, DeviceClock
from .payload import EVENTS
from .preview import Previewer
from .session_writer import SessionWriter
from .trigger import Kept, NearestPerTick, Plan

GRAB_TIMEOUT_S = 2.0
CAMERA_HUNG_S = 20.0
GIVEN_UP = f"the camera delivered nothing for {CAMERA_HUNG_S:g} s and was given up"
RETRY_S = 0.1
QUEUE_POLL_S = 0.1
SHOWN_OUTAGES, STORED_OUTAGES = 3, 200
STALL_S = 0.2
"""Frames that come by so much later than those before were held up on this machine."""
COUNTERS_EVERY_NS = 1_000_000_000


@dataclass(slots=True)
class Counters:
    """What became of the frames so far; written by the two threads, read by anyone.

    Attributes
    ----------
    grabbed : frames that the camera delivered
    kept : moments stored
    lost : moments lost, by reason (see `RecorderRecord.frames_lost`)
    tick : the last tick that is settled, -1 before the first
    waiting : kept frames in the queue
    tick_error_ms : signed time between kept frames and their ticks, a running mean over about ten
    """

    grabbed: int = 0
    kept: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    tick: int = -1
    waiting: int = 0
    tick_error_ms: float = 0.0

    def lose(self, reason: str, n_frames: int = 1) -> None:
        """Count frames as lost."""
        self.lost[reason] = self.lost.get(reason, 0) + n_frames

    def table(self) -> dict[str, object]:
        """Return the counters as they are sent and stored."""
        return {
            "grabbed": self.grabbed,
            "kept": self.kept,
            "lost": dict(self.lost),
            "tick": self.tick,
            "waiting": self.waiting,
        }


class Drain:
    """Store what a plan (on this machine's clock) wants of an open camera; begins at once.

    Parameters
    ----------
    camera : open; started here
    writer : begun; not finished here
    keep : "nearest" keeps a frame per tick, "all" every frame within the plan
    queue_length : kept frames that may wait for the writer
    wait_for_writer : block the camera when the queue is full, and lose nothing
    previewer : is offered the frames that are stored
    """

    def __init__(
        self,
        camera: Camera,
        writer: SessionWriter,
        *,
        plan: Plan,
        keep: Literal["nearest", "all"],
        queue_length: int,
        clock: Clock,
        wait_for_writer: bool,
        previewer: Previewer | None = None,
    ) -> None:
        self.counters = Counters()
        self.complaints = Complaints()
        self.cut_short = False
        """Whether the camera was given up before the plan's end."""
        self.grabbing_is_over = threading.Event()
        """Set when the camera is done with."""
        self.finished = threading.Event()
        """Set when everything that was kept is stored."""
        self._camera = camera
        self._writer = writer
        self._plan = plan
        self._keep = keep
        self._clock = clock
        self._wait_for_writer = wait_for_writer
        self._previewer = previewer
        self._queue: queue.Queue[Capture] = queue.Queue(queue_length)
        self._device_clock = DeviceClock()
        self._abandoned = threading.Event()
        lead_s = (plan.first_tick_ns - clock.now_ns()) / 1e9
        self._grabbed_at_s = time.monotonic() + max(0.0, lead_s)  # no camera is late before the first tick
        self._answered_at_s = self._grabbed_at_s
        self._gone_at_s: float | None = None
        self._n_outages = 0
        self._last: tuple[int, int] | None = None  # frame id, time
        self._lag_s: float | None = None
        self._patience_s = 0.0
        self._grabber = threading.Thread(target=self._run, args=(self._grab_all,), name="grab", daemon=True)
        self._storer = threading.Thread(target=self._run, args=(self._store_all,), name="store", daemon=True)
        self._grabber.start()
        self._storer.start()

    @property
    def silent_s(self) -> float:
        """Seconds since the camera last delivered, or should have begun to."""
        return max(0.0, time.monotonic() - self._grabbed_at_s)

    @property
    def hung_s(self) -> float:
        """Seconds since the camera last delivered or told that it is gone and looked for."""
        return max(0.0, time.monotonic() - self._answered_at_s)

    @property
    def lag_s(self) -> float:
        """Seconds that the last frame took from its making until it was grabbed, beyond the usual."""
        return self._lag_s or 0.0

    @property
    def abandoned(self) -> bool:
        """Whether the camera was given up while it had not come back."""
        return self._abandoned.is_set()

    @property
    def steps(self) -> list[ClockStep]:
        """Jumps of the host's and the device's clocks that the frames showed, oldest first."""
        return self._device_clock.steps

    def cut(self, n_ticks: int) -> None:
        """End the plan after `n_ticks` ticks."""
        self._plan = self._plan.cut(n_ticks)

    def retime(self, plan: Plan) -> None:
        """Take the plan's ticks where `plan` has them; its end stays as it was cut."""
        self._plan = plan.cut(self._plan.n_ticks)

    def cut_now(self) -> None:
        """End the plan with the tick that is due."""
        self.cut(self._plan.nearest_tick(self._timeline_ns()) + 1)

    def _timeline_ns(self) -> int:
        """Return the time on the timeline of the take's beginning, whatever the host's clock did since."""
        return self._clock.now_ns() - self._device_clock.host_step_ns

    def abandon(self, complaint: str) -> None:
        """Stop waiting for the camera; what it delivered is still stored."""
        if not self._abandoned.is_set():
            self.cut_short = self.cut_short or not self.grabbing_is_over.is_set()
            self._abandoned.set()
            self.complaints.add(complaint)

    def _run(self, work: Callable[[], None]) -> None:
        """Do a thread's work; a defect in it is told like any other complaint."""
        try:
            work()
        except Exception as error:  # the operator must learn of it, whatever it is
            self.cut_short = True
            self.complaints.add(f"{threading.current_thread().name}: {type(error).__name__}: {error}")
        (self.grabbing_is_over if threading.current_thread() is self._grabber else self.finished).set()

    def _grab_all(self) -> None:
        keeper = NearestPerTick[tuple[int, Capture]](self._plan)
        try:
            self._camera.start(self._plan.first_tick_ns)
            self._grab_until_the_end(keeper)
        finally:
            for kept in keeper.flush():
                self._enqueue(kept)

    def _grab_until_the_end(self, keeper: NearestPerTick[tuple[int, Capture]]) -> None:
        while not self._abandoned.is_set():
            try:
                capture = self._camera.grab(GRAB_TIMEOUT_S)
            except Exception as error:  # a driver's surprise is a frame that did not come, like any other
                if self._abandoned.is_set() or self._is_over_after(error):
                    break
                continue
            if self._abandoned.is_set():  # it came back too late
                break
            self._see_return()
            self._grabbed_at_s = self._answered_at_s = time.monotonic()
            self.counters.grabbed += 1
            plan = self._plan  # `cut` may replace it at any time
            keeper.retime(plan)
            seen_ns = capture.host_time_ns if capture.exposed_ns is None else capture.exposed_ns
            t_ns = self._device_clock.host_ns(capture.device_time_ns, seen_ns, frame_id=capture.frame_id)
            self._see_stall(t_ns)
            in_plan = 0 <= plan.nearest_tick(t_ns) < plan.n_ticks
            after = (capture.frame_id, t_ns)
            if self._last is not None and (n_absent := _absent_in_plan(plan, self._last, after)):
                self.counters.lose("sensor", n_absent)
            self._last = after
            if self._keep == "all":
                if in_plan:
                    self._enqueue(Kept(plan.nearest_tick(t_ns), (t_ns, capture)))
            else:
                for kept in keeper.push(t_ns, (t_ns, capture)):
                    self._enqueue(kept)
            self._lag_s = self._lag_of(t_ns)
            if t_ns > plan.end_ns:
                break

    def _is_over_after(self, error: Exception) -> bool:
        """Whether grabbing ends with a failed grab: at the plan's end, or where the camera is given up."""
        if isinstance(error, CameraGone):
            self._see_gone(error)
        if self._timeline_ns() > self._plan.end_ns:
            if not isinstance(error, CameraEnded):
                self.complaints.add(_told(error))
            if isinstance(error, CameraGone):
                self._settle_without_camera()
            return True
        if isinstance(error, CameraEnded) or self.hung_s > CAMERA_HUNG_S:
            self.cut_short = True
            self.complaints.add(_told(error))
            if not isinstance(error, CameraEnded):
                self.complaints.add(GIVEN_UP)
            return True
        self._abandoned.wait(RETRY_S)
        return False

    def _see_gone(self, error: CameraGone) -> None:
        """Tell once that the camera is gone; it may come back until the plan's end."""
        self._answered_at_s = time.monotonic()
        if self._gone_at_s is None:
            self._gone_at_s = min(self._grabbed_at_s, self._answered_at_s)  # the former may be ahead
            self._n_outages += 1
            self._tell_outage(str(error))

    def _see_return(self) -> None:
        """Tell that a camera that was gone delivers again."""
        if self._gone_at_s is not None:
            text = f"the camera is back after {time.monotonic() - self._gone_at_s:.1f} s"
            self._gone_at_s = None
            self._tell_outage(text)

    def _tell_outage(self, text: str) -> None:
        """Tell the first outages to the operator and more of them to the file; a camera may come and go."""
        if self._n_outages <= SHOWN_OUTAGES:
            self.complaints.add(text)
        if self._n_outages <= STORED_OUTAGES:
            self._tell_event("camera", text)

    def _settle_without_camera(self) -> None:
        """Count what a camera that was gone at the plan's end would have made, and settle its ticks."""
        plan = self._plan
        first_ns, end_ns = plan.first_tick_ns - plan.period_ns / 2, plan.end_ns
        since_ns = first_ns if self._last is None else max(first_ns, self._last[1])
        if n_absent := round((end_ns - since_ns) * self._camera.fps / 1e9):
            self.counters.lose("sensor", n_absent)
        self.counters.tick = plan.n_ticks - 1

    def _next(self) -> Capture | None:
        """Return the next frame to store, or None when the camera is done with and the queue is empty."""
        while True:
            last_look = self._abandoned.is_set() or self.grabbing_is_over.is_set()
            try:
                return self._queue.get(timeout=QUEUE_POLL_S)
            except queue.Empty:
                if last_look:
                    return None

    def _lag_of(self, t_ns: int) -> float:
        """Return how many seconds ago a frame's time was."""
        return (self._timeline_ns() - t_ns) / 1e9

    def _see_stall(self, t_ns: int) -> None:
        """Where frames come late at once, this process stood still and they lay in the driver: they come in a
        burst, and may wait for the writer as long as it stood still.
        """
        if self._lag_s is not None and (stall_s := self._lag_of(t_ns) - self._lag_s) > STALL_S:
            self._patience_s += stall_s

    def _enqueue(self, kept: Kept[tuple[int, Capture]]) -> None:
        t_ns, capture = kept.item
        begun_s, patience_s = time.monotonic(), None if self._wait_for_writer else self._patience_s
        try:
            self._queue.put(capture, block=patience_s is None or patience_s > 0, timeout=patience_s)
        except queue.Full:
            self.counters.lose("queue")
        self._patience_s = max(0.0, self._patience_s - (time.monotonic() - begun_s))
        self.counters.tick = kept.tick
        error_ms = (t_ns - self._plan.tick_ns(kept.tick)) / 1e6
        self.counters.tick_error_ms += (error_ms - self.counters.tick_error_ms) / min(10, kept.tick + 1)
        self.counters.waiting = self._queue.qsize()

    def _store_all(self) -> None:
        told_ns = self._clock.now_ns()
        while (capture := self._next()) is not None:
            self._store(capture)
            now_ns = self._clock.now_ns()
            if now_ns - told_ns >= COUNTERS_EVERY_NS:
                told_ns = now_ns
                self._tell(now_ns)
        self.counters.waiting = 0
        self._tell(self._clock.now_ns())

    def _store(self, capture: Capture) -> None:
        """Store one moment, or count why not."""
        try:
            frames = capture.retrieve()
            self._writer.append(frames)
            self.counters.kept += 1
            if self._previewer is not None:
                self._previewer.offer(frames)
        except OSError as error:
            self.counters.lose("disk")
            self.complaints.add(f"cannot write: {error.strerror or error}")
        except Exception as error:  # a frame that a driver cannot decode must not end the take
            self.counters.lose("camera")
            self.complaints.add(_told(error))

    def _tell_event(self, kind: str, text: str) -> None:
        now_ns = self._clock.now_ns()
        try:
            self._writer.add_table(EVENTS, {"t_ns": now_ns, "kind": kind, "text": text}, now_ns=now_ns)
        except OSError as error:
            self.complaints.add(f"cannot write: {error.strerror or error}")

    def _tell(self, now_ns: int) -> None:
        try:
            self._writer.add_counters(self.counters.table(), now_ns=now_ns)
        except OSError as error:
            self.complaints.add(f"cannot write: {error.strerror or error}")


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, MavferError) else repr(error)


def _absent_in_plan(plan: Plan, before: tuple[int, int], after: tuple[int, int]) -> int:
    """Return how many ids between two frames (id, time) would have fallen into the plan, evenly spaced."""
    (first_id, first_ns), (last_id, last_ns) = before, after
    n_absent = last_id - first_id - 1
    if n_absent < 1 or last_ns <= first_ns:
        return 0
    period_ns = (last_ns - first_ns) / (last_id - first_id)
    begin_ns = plan.first_tick_ns - plan.period_ns / 2
    n_early = math.ceil((begin_ns - first_ns) / period_ns) - 1
    n_not_late = math.floor((plan.end_ns - first_ns) / period_ns)
    return max(0, min(n_absent, n_not_late) - max(0, n_early))
