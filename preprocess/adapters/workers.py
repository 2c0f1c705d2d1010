"""Recordings shared out among processes: progress from all of them, and a clean stop."""

from __future__ import annotations

import multiprocessing
import queue
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from ...errors import SessionError
from .recording import Recording

POLL_S = 0.2
TELL_EVERY = 25
"""Pictures between two words of progress from another process."""
Progress = Callable[[int, int], None]
Fate = TypeVar("Fate")

_in_worker: dict[str, Any] = {}  # this process's end of the progress queue and the stop event


class _Stopped(BaseException):
    """The parent gave up; no error of the recording."""


class _Count:
    """Pictures read over all recordings, and an estimate of how many there are."""

    def __init__(self, n_recordings: int, on_progress: Progress | None) -> None:
        self._n_recordings = n_recordings
        self._on_progress = on_progress
        self._known: dict[int, tuple[int, int]] = {}

    def tell(self, i: int, n_done: int, n_expected: int) -> None:
        """Hear that recording `i` has `n_done` of `n_expected` pictures; those unheard of have the mean."""
        self._known[i] = (n_done, n_expected)
        done = sum(n_done for n_done, _ in self._known.values())
        total = sum(expected for _, expected in self._known.values())
        total = max(done, round(total * self._n_recordings / len(self._known)))
        if self._on_progress is not None:
            self._on_progress(done, total)


def shared_out(
    work: Callable[[Recording, Progress], Fate],
    recordings: Sequence[Recording],
    *,
    n_workers: int,
    on_progress: Progress | None = None,
) -> list[Fate]:
    """Return what `work` returns for each recording, in their order.

    Parameters
    ----------
    work : called with a recording and what is to be told (pictures read, pictures in all); it must pickle
    n_workers : processes, each started afresh (spawn); with 1, or one recording, all runs in this process

    Raises
    ------
    SessionError
        A process died.
    """
    count = _Count(len(recordings), on_progress)
    if min(n_workers, len(recordings)) <= 1:
        fates = []
        for i, recording in enumerate(recordings):
            fates.append(work(recording, lambda done, total, i=i: count.tell(i, done, total)))
        return fates
    context = multiprocessing.get_context("spawn")
    told, stop = context.Queue(), context.Event()
    with ProcessPoolExecutor(
        min(n_workers, len(recordings)),
        mp_context=context,
        initializer=_start_worker,
        initargs=(told, stop),
    ) as pool:
        try:
            futures = [pool.submit(_work, work, i, one) for i, one in enumerate(recordings)]
            pending = set(futures)
            while pending:
                finished, pending = wait(pending, timeout=POLL_S, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()  # a defect, or a dead process, ends the import now
                _hear(told, count)
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            raise SessionError(
                "a process died, for want of memory perhaps; try again with fewer --jobs: what was imported "
                "stands, and is not imported again"
            ) from error
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _hear(told: Any, count: _Count) -> None:
    try:
        while True:
            count.tell(*told.get_nowait())
    except queue.Empty:
        return


def _work(work: Callable[[Recording, Progress], Fate], i: int, recording: Recording) -> Fate:
    def tell(done: int, total: int) -> None:
        if _in_worker["stop"].is_set():
            raise _Stopped
        if done % TELL_EVERY == 0 or done == total:
            _in_worker["told"].put((i, done, total))

    return work(recording, tell)


def _start_worker(told: Any, stop: Any) -> None:
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which sets `stop`
    _in_worker.update(told=told, stop=stop)
