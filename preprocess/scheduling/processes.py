"""Sessions shared out among processes of this machine; one that dies costs its session one more try.

Each process has a pipe of its own: where the builder is gone, however it went, the pipe breaks and its
processes end with the next frame.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from ...errors import DatasetError
from ..building.jobs import SessionTask
from .attempt import Failure, attempt
from .watch import Watch

JOIN_S = 5.0
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def build_here(tasks: Sequence[SessionTask], watch: Watch) -> None:
    """Build the sessions one after the other in this process."""
    for task in tasks:

        def advanced(n_done: int, n_frames: int, task: SessionTask = task) -> None:
            watch.advanced(task, n_done, n_frames)

        watch.ended(task, attempt(task, advanced))


def build_in_processes(tasks: Sequence[SessionTask], watch: Watch, *, n_workers: int) -> None:
    """Build the sessions in `n_workers` processes, each started afresh (spawn).

    A session whose process dies is tried once more when all others are done, alone, so that it has the
    memory to itself; then it fails.
    """
    waiting, again = deque(tasks), deque[SessionTask]()
    workers: list[_Worker] = []
    try:
        while waiting or again or any(worker.task for worker in workers):
            workers = [worker for worker in workers if worker.alive]
            busy = [worker for worker in workers if worker.task]
            if not waiting and not busy and again:
                for worker in workers:
                    worker.end()  # idle, and in the way of one that wants their memory
                workers = []
                _serve(workers, again.popleft(), alone=True)
            while waiting and len(busy) < n_workers:
                busy.append(_serve(workers, waiting.popleft()))
            for worker in _ready(workers):
                died = worker.listen(watch)
                if died is None:
                    continue
                if worker.alone:
                    watch.ended(died, Failure(_death(died, worker.exit_code)))
                else:
                    watch.advanced(died, 0, died.n_frames)
                    again.append(died)
    finally:
        for worker in workers:
            worker.end()


@dataclass(slots=True)
class _Worker:
    """One process, this side of it."""

    process: BaseProcess
    pipe: Connection | Any  # on Windows of another class
    task: SessionTask | None = None
    alone: bool = False
    alive: bool = True

    @property
    def exit_code(self) -> int | None:
        """How it ended; minus the signal's number where one ended it."""
        return self.process.exitcode

    def give(self, task: SessionTask, *, alone: bool) -> None:
        """Have it build a session."""
        self.task, self.alone = task, alone
        with suppress(OSError):  # it has died: `listen` finds out
            self.pipe.send(task)

    def listen(self, watch: Watch) -> SessionTask | None:
        """Pass on what the process says; return the session that it took with it where it has died."""
        try:
            while self.pipe.poll():
                said: Any = self.pipe.recv()
                if self.task is None:
                    continue
                if isinstance(said, tuple):
                    watch.advanced(self.task, *said)
                else:
                    task, self.task = self.task, None
                    watch.ended(task, said)
        except (EOFError, OSError):
            self.process.join(JOIN_S)
            self.alive = False
            task, self.task = self.task, None
            return task
        return None

    def end(self) -> None:
        """End it, in the middle of a session if need be."""
        self.pipe.close()
        if self.task is not None:
            self.process.terminate()
        self.process.join(JOIN_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _serve(workers: list[_Worker], task: SessionTask, *, alone: bool = False) -> _Worker:
    """Give a session to a process that has none, or to a new one."""
    worker = next((one for one in workers if one.alive and one.task is None), None)
    if worker is None:
        worker = _start()
        workers.append(worker)
    worker.give(task, alone=alone)
    return worker


def _start() -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(
        dict.fromkeys(ONE_THREAD, "1")
    )  # processes share the cores, threads only fight for them
    try:
        process.start()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    theirs.close()
    return _Worker(process, ours)


def _ready(workers: Sequence[_Worker]) -> list[_Worker]:
    """Wait until a process has something to say, or has died, and return those."""
    ready = wait([worker.pipe for worker in workers if worker.alive])
    return [worker for worker in workers if worker.pipe in ready]


def _death(task: SessionTask, exit_code: int | None) -> DatasetError:
    how = f"exit code {exit_code}"
    if exit_code is not None and exit_code < 0:
        with suppress(ValueError):
            how = signal.Signals(-exit_code).name
    return DatasetError(
        f"the process that builds this session died twice ({how}), for want of memory perhaps; the second "
        f"time it ran alone: {task.path}"
    )


def _work(pipe: Connection) -> None:
    """Build what comes through the pipe until it is closed."""
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends this process
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            task: SessionTask = pipe.recv()
            pipe.send(attempt(task, lambda n_done, n_frames: pipe.send((n_done, n_frames))))
