"""Who fared how in a build, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ...errors import MavferError, OutputError
from ..dataset.record import SessionRecord
from ..scheduling.attempt import Built, Failure, Result
from .jobs import SessionTask
from .sessions_given import GivenSession
from .workplace import Workplace

Progress = Callable[[int, int], None]


class Ledger:
    """Who fared how, by the session's folder; puts every finished file into its place at once."""

    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace
        self.entries: dict[Path, SessionRecord] = {}
        self.errors: list[MavferError] = []
        self.defects: dict[str, str] = {}
        self.reused: list[str] = []

    def planned(self, tasks: Sequence[SessionTask]) -> None:
        """Nothing to note."""

    def advanced(self, task: SessionTask, n_done: int, n_frames: int) -> None:
        """Nothing to note."""

    def ended(self, task: SessionTask, result: Result) -> None:
        """Enter a session; one whose file cannot be put into its place has failed."""
        if isinstance(result, Failure):
            self._enter_failure(task.path, task.id, task.subject, task.simulated, result.error)
            if result.defect:
                self.defects[task.id] = result.defect
            return
        try:
            self._workplace.keep(result.record, result.file)
        except (OSError, OutputError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            refused = OutputError(f"cannot keep the session's file: {reason}: {self._workplace.out}")
            self._enter_failure(task.path, task.id, task.subject, task.simulated, refused)
            return
        self.entries[task.path] = result.record
        if result.reused:
            self.reused.append(task.id)

    def fail(self, one: GivenSession, error: MavferError) -> None:
        """Enter a session that could not even be begun."""
        simulated = one.record.simulated if one.record else False
        self._enter_failure(one.path, one.id, one.subject, simulated, error)

    def _enter_failure(
        self, path: Path, name: str, subject: str, simulated: bool, error: MavferError
    ) -> None:
        self.errors.append(error)
        self.entries[path] = SessionRecord(
            id=name, subject=subject, simulated=simulated, fate="failed", error=str(error)
        )


class Total:
    """Sums the sessions' frames; what a session that failed or was there already lacks counts as done."""

    def __init__(self, on_progress: Progress) -> None:
        self._on_progress = on_progress
        self._frames: dict[str, tuple[int, int]] = {}

    def planned(self, tasks: Sequence[SessionTask]) -> None:
        """Take note of how many frames there will be."""
        self._frames = {task.id: (0, task.n_frames) for task in tasks}
        self._tell()

    def advanced(self, task: SessionTask, n_done: int, n_frames: int) -> None:
        """Take note of how many are done."""
        self._frames[task.id] = (n_done, n_frames)
        self._tell()

    def ended(self, task: SessionTask, result: Result) -> None:
        """Count the session as done."""
        n_frames = result.record.n_frames if isinstance(result, Built) else self._frames[task.id][1]
        self._frames[task.id] = (n_frames, n_frames)
        self._tell()

    def _tell(self) -> None:
        counts = self._frames.values()
        self._on_progress(sum(done for done, _ in counts), sum(total for _, total in counts))
