"""What a scheduler tells while it works, and to whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..building.jobs import SessionTask
from .attempt import Result


class Watch(Protocol):
    """Is told of the build from the process that was asked for it, never from two threads at once."""

    def planned(self, tasks: Sequence[SessionTask]) -> None:
        """Take note of the sessions to build."""
        ...

    def advanced(self, task: SessionTask, n_done: int, n_frames: int) -> None:
        """Take note that `n_done` of a session's `n_frames` are done; 0 of them where it begins anew."""
        ...

    def ended(self, task: SessionTask, result: Result) -> None:
        """Take note of how a session fared; told once of each."""
        ...


class Watches:
    """Tells several."""

    def __init__(self, *watches: Watch) -> None:
        self._watches = watches

    def planned(self, tasks: Sequence[SessionTask]) -> None:
        """Pass it on."""
        for watch in self._watches:
            watch.planned(tasks)

    def advanced(self, task: SessionTask, n_done: int, n_frames: int) -> None:
        """Pass it on."""
        for watch in self._watches:
            watch.advanced(task, n_done, n_frames)

    def ended(self, task: SessionTask, result: Result) -> None:
        """Pass it on."""
        for watch in self._watches:
            watch.ended(task, result)
