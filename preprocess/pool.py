"""Sessions shared out among processes: progress from all of them, errors of each, and a clean stop."""

from __future__ import annotations

import multiprocessing
import queue
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from ..errors import DatasetError, MavferError
from .record import SessionRecord
from .session_file import SessionJob, build_session

POLL_S = 0.2
Progress = Callable[[int, int], None]
Result = SessionRecord | MavferError

_in_worker: dict[str, Any] = {}  # this process's end of the progress queue and the stop event


class _Stopped(BaseException):
    """The parent gave up; no error of the session."""


def build_sessions(
    jobs: Sequence[SessionJob], *, n_workers: int, on_progress: Progress | None = None
) -> list[Result]:
    """Return, in the order of `jobs`, each session's record or the error that kept it from being built.

    Parameters
    ----------
    n_workers : processes, each started afresh (spawn); with 1, or one job, all runs in this process
    on_progress : told (frames done, frames in all)
    """
    n_total = sum(job.n_frames for job in jobs)
    n_done = 0

    def count(n_frames: int) -> None:
        nonlocal n_done
        n_done += n_frames
        if on_progress is not None:
            on_progress(n_done, n_total)

    count(0)
    if min(n_workers, len(jobs)) <= 1:
        results = [_attempt(job, count) for job in jobs]
    else:
        results = _build_in_processes(jobs, min(n_workers, len(jobs)), count)
    count(n_total - n_done)  # a session that failed left the rest of its frames undone
    return results


def _build_in_processes(
    jobs: Sequence[SessionJob], n_workers: int, count: Callable[[int], None]
) -> list[Result]:
    context = multiprocessing.get_context("spawn")
    done, stop = context.Queue(), context.Event()
    with ProcessPoolExecutor(
        n_workers, mp_context=context, initializer=_start_worker, initargs=(done, stop)
    ) as pool:
        try:
            futures = [pool.submit(_attempt_in_worker, job) for job in jobs]
            _watch(futures, done, count)
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            raise DatasetError(
                f"a worker process died, for want of memory perhaps; try fewer with --workers: {jobs[0].path}"
            ) from error
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _watch(futures: Sequence[Future[Result]], done: Any, count: Callable[[int], None]) -> None:
    pending = set(futures)
    while pending:
        finished, pending = wait(pending, timeout=POLL_S, return_when=FIRST_COMPLETED)
        for future in finished:
            future.result()  # a defect, or a dead worker, ends the build now
        n_frames = 0
        try:
            while True:
                n_frames += done.get_nowait()
        except queue.Empty:
            count(n_frames)


def _attempt(job: SessionJob, on_frames: Callable[[int], None]) -> Result:
    try:
        return build_session(job, on_frames)
    except MavferError as error:
        job.out.unlink(missing_ok=True)
        return error


def _attempt_in_worker(job: SessionJob) -> Result:
    def tell(n_frames: int) -> None:
        if _in_worker["stop"].is_set():
            raise _Stopped
        _in_worker["done"].put(n_frames)

    return _attempt(job, tell)


def _start_worker(done: Any, stop: Any) -> None:
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which sets `stop`
    _in_worker.update(done=done, stop=stop)
