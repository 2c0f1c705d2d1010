"""What a take has beside its frames: markers, the protocol's steps, events, and the lab's streams."""

from pathlib import Path

from .lsl.lab_streams import LabStreams
from .now import monotonic_ns
from .session import SessionRecord
from .status import Marker, StepStatus
from .steps import SOURCE, StepClock, step_requests
from .take_log import TakeLog


class TakeNotes:
    """The master's own file of one take, and what is published while it runs; nothing before `begin`.

    Parameters
    ----------
    lab : Lab Streaming Layer, if the rig wants it
    """

    def __init__(self, path: Path, lab: LabStreams | None) -> None:
        self.notice = ""
        """What was told last."""
        self._path = path
        self._lab = lab
        self._log: TakeLog | None = None
        self._steps: StepClock | None = None
        self._stepped_ns = 0

    def begin(self, record: SessionRecord, *, markers: tuple[Marker, ...] = ()) -> None:
        """Make the master's own file, and begin the steps; `markers` are those of masters before this one."""
        plan = record.plan
        header: dict[str, object] = {"session": record.model_dump(mode="json")}
        self._log = TakeLog(self._path, header=header, begin_ns=plan.first_tick_ns, markers=markers)
        if record.protocol is not None and record.protocol.steps:
            steps = record.protocol.steps
            self._steps = StepClock(steps, plan.first_tick_ns, step_requests(steps, markers))
            stepped = [marker.t_ns for marker in markers if marker.source == SOURCE]
            self._stepped_ns = max(stepped, default=plan.first_tick_ns - 1)
        if self._lab is not None:
            done = plan.nearest_tick(monotonic_ns()) + 1
            self._lab.begin(self._log, record.id, plan, tick=max(0, min(done, plan.n_ticks - 1)))

    def mark(self, marker: Marker) -> None:
        """Write a marker down, and publish it."""
        if self._log is not None:
            self._log.mark(marker)
        if self._lab is not None:
            self._lab.mark(marker)

    def tell(self, kind: str, text: str) -> None:
        """Write down that something went wrong, or changed."""
        self.notice = text
        if self._log is not None:
            self._log.tell(kind, text)

    def ask_next_step(self, now_ns: int) -> None:
        """Go on to the protocol's next step."""
        if self._steps is not None:
            self._steps = self._steps.asked(now_ns)

    def follow_steps(self, now_ns: int) -> bool:
        """Set the markers of the steps that are due; return whether the last step is over."""
        if self._steps is None or self._log is None:
            return False
        for marker in self._steps.markers(self._stepped_ns, now_ns):
            self.mark(marker)
        self._stepped_ns = max(self._stepped_ns, now_ns)
        return self._steps.ended(now_ns)

    def step(self, now_ns: int) -> StepStatus | None:
        """Return where the protocol stands, if there is one."""
        return self._steps.status(now_ns) if self._steps is not None else None

    @property
    def markers(self) -> tuple[Marker, ...]:
        """Those of the take so far, oldest first."""
        return self._log.markers if self._log is not None else ()

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the master's own file and the lab's streams, one line each."""
        written = (self._log.complaint,) if self._log is not None and self._log.complaint else ()
        return (*written, *(self._lab.problems() if self._lab is not None else ()))

    def end_streams(self) -> tuple[str, ...]:
        """End what the lab's streams add to the file; return what went wrong with them, one line each."""
        return self._lab.end() if self._lab is not None and self._log is not None else ()

    def finish(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Close the file; return its names, none where the disk refused, and what went wrong."""
        if self._log is None:
            return (), ()
        files = self._log.finish()
        return files, (self._log.complaint,) if self._log.complaint else ()

    def discard(self) -> None:
        """Let nothing stay of a take that does not start."""
        if self._lab is not None:
            self._lab.end()
        if self._log is not None:
            self._log.discard()
