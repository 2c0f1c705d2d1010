"""How a build goes, on stderr: bars on a terminal, and elsewhere a line per finished session."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..building.jobs import SessionTask
from ..scheduling.attempt import Failure, Result

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


class BuildProgress:
    """Shows each session that is being built, with frames/s and the time that is left, and the whole.

    Parameters
    ----------
    console : where; stderr if None
    now : seconds of a clock that only goes forward

    Attributes
    ----------
    told : ids of the sessions of which it has said why they are not built
    """

    def __init__(self, *, console: Console | None = None, now: Callable[[], float] = time.monotonic) -> None:
        from rich.console import Console

        self._console, self._now = console or Console(stderr=True), now
        self._bars: Progress | None = None
        self._whole: TaskID | None = None
        self._of: dict[str, TaskID] = {}
        self._n_sessions = self._n_ended = 0
        self._began_s: dict[str, float] = {}
        self._frames: dict[str, tuple[int, int]] = {}
        self.told: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def planned(self, tasks: Sequence[SessionTask]) -> None:
        """Begin; an input that is refused before has shown no bar."""
        self._n_sessions = len(tasks)
        self._frames = {task.id: (0, task.n_frames) for task in tasks}
        if self._console.is_terminal:
            self._bars = _bars(self._console)
            self._whole = self._bars.add_task("whole", total=self._total(), speed="")
            self._bars.start()

    def advanced(self, task: SessionTask, n_done: int, n_frames: int) -> None:
        """Move a session's bar, and the whole."""
        if n_done == 0 or task.id not in self._began_s:
            self._began_s[task.id] = self._now()
        self._frames[task.id] = (n_done, n_frames)
        if self._bars is None:
            return
        if task.id not in self._of:
            self._of[task.id] = self._bars.add_task(_plain(task.id), total=n_frames, speed="")
        speed = f"{self._speed(task.id):.1f} frames/s" if n_done else ""
        self._bars.update(self._of[task.id], completed=n_done, total=n_frames, speed=speed)
        self._show_whole()

    def ended(self, task: SessionTask, result: Result) -> None:
        """Take a session's bar away, and say in a line how it fared."""
        self._n_ended += 1
        count = f"({self._n_ended} of {self._n_sessions})"
        n_done, n_frames = self._frames[task.id]
        if isinstance(result, Failure):
            line = f"not built: {task.id}: {result.error}"
            self.told.add(task.id)
        elif result.reused:
            line = f"unchanged {task.id} {count}: {result.record.n_frames} frames, built before"
        else:
            speed = f", {self._speed(task.id):.1f} frames/s" if n_done else ""
            line = f"built {task.id} {count}: {result.record.n_frames} frames{speed}"
        self._frames[task.id] = (n_frames, n_frames)
        if self._bars is not None and task.id in self._of:
            self._bars.remove_task(self._of.pop(task.id))
        self._show_whole()
        if self._bars is not None:
            self._bars.refresh()
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)

    def _show_whole(self) -> None:
        if self._bars is None or self._whole is None:
            return
        n_done = sum(done for done, _ in self._frames.values())
        sessions = f"{self._n_ended}/{self._n_sessions} sessions"
        self._bars.update(self._whole, completed=n_done, total=self._total(), speed=sessions)

    def _speed(self, session_id: str) -> float:
        """Return a session's frames per second since it began."""
        n_done, _ = self._frames[session_id]
        return n_done / max(1e-3, self._now() - self._began_s.get(session_id, self._now()))

    def _total(self) -> int:
        return sum(total for _, total in self._frames.values())


def _bars(console: Console) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
