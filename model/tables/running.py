"""Jobs are done by worker processes, a GPU each where there is one, until none is left or time is up.

A worker that dies takes its job with it and no other: a fresh one does the next. When time is up, or the one
who started it all is interrupted or killed, workers end at once; their trainings go on from their states the
next time.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..training.saving import EVERY_S
from .jobs import Job

POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: `error` is None where its run is trained and evaluated."""

    job: Job
    seconds: float
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Crew:
    """Who does the work.

    Attributes
    ----------
    n_workers : processes;  threads : of each
    gpus : what `CUDA_VISIBLE_DEVICES` may name, dealt out in turn; none: the CPU
    logs : folder of what workers print, which exists
    state_every_s : least time between two states of a training on disk
    """

    n_workers: int
    threads: int
    gpus: tuple[str, ...]
    logs: Path
    state_every_s: float = EVERY_S

    def environment(self, number: int) -> dict[str, str]:
        """Return the environment of worker `number`."""
        threads = str(self.threads)
        own = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        if self.gpus:
            own["CUDA_VISIBLE_DEVICES"] = self.gpus[number % len(self.gpus)]
        return os.environ | own


def visible_gpus() -> tuple[str, ...]:
    """Return what names each GPU that this process may use."""
    import torch

    named = [one for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one]
    n_gpus = torch.cuda.device_count()
    return tuple(named[:n_gpus]) if named else tuple(str(i) for i in range(n_gpus))


def run_jobs(
    jobs: Sequence[Job],
    *,
    dataset: Path,
    crew: Crew,
    seconds: float | None,
    on_outcome: Callable[[Outcome], None],
    on_progress: Callable[[float], None],
    on_message: Callable[[str], None],
) -> None:
    """Do `jobs` in their order and return when all have ended, or after `seconds`.

    `on_outcome` and `on_message` are called from this thread, one after the other.

    Parameters
    ----------
    on_progress : told how many jobs are done, those under way by their share
    """
    until_s = None if seconds is None else time.monotonic() + seconds
    board = _Board(deque(jobs))
    workers = [_Worker(number, dataset=dataset, crew=crew, board=board) for number in range(crew.n_workers)]
    workers = workers[: len(jobs)]
    for worker in workers:
        worker.start()
    try:
        n_done = 0
        while True:
            told, shares = board.take()
            for one in told:
                if isinstance(one, Outcome):
                    n_done += 1
                    on_outcome(one)
                else:
                    on_message(one)
            on_progress(n_done + shares)
            if n_done == len(jobs) or not any(worker.is_alive() for worker in workers):
                break
            left_s = POLL_S if until_s is None else min(POLL_S, until_s - time.monotonic())
            if left_s <= 0:
                break
            board.wait(left_s)
    finally:
        board.close()
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join()
    for one in board.take()[0]:  # what ended in the very last moment
        if isinstance(one, Outcome):
            on_outcome(one)


class _Board:
    """What threads tell one another: jobs that are left, words that are new, how far each worker is."""

    def __init__(self, jobs: "deque[Job]") -> None:
        self._jobs = jobs
        self._told: list[Outcome | str] = []
        self._shares: dict[int, float] = {}
        self._changed = threading.Condition()
        self._is_new = False
        self.closed = False

    def next_job(self) -> Job | None:
        with self._changed:
            return self._jobs.popleft() if self._jobs and not self.closed else None

    def tell(self, words: Outcome | str) -> None:
        with self._changed:
            self._told.append(words)
            self._is_new = True
            self._changed.notify_all()

    def share(self, number: int, value: float) -> None:
        with self._changed:
            self._shares[number] = value
            self._is_new = True
            self._changed.notify_all()

    def take(self) -> tuple[list[Outcome | str], float]:
        with self._changed:
            told, self._told, self._is_new = self._told, [], False
            return told, sum(self._shares.values())

    def wait(self, seconds: float) -> None:
        with self._changed:
            if not self._is_new:
                self._changed.wait(seconds)

    def close(self) -> None:
        with self._changed:
            self.closed = True


class _Worker(threading.Thread):
    """Hands jobs to a process, one at a time, and listens to it."""

    def __init__(self, number: int, *, dataset: Path, crew: Crew, board: _Board) -> None:
        super().__init__(daemon=True)
        self._number, self._dataset, self._crew, self._board = number, dataset, crew, board
        self._log = crew.logs / f"worker-{number}.txt"
        self._process: subprocess.Popen[str] | None = None
        self._starting = threading.Lock()

    def run(self) -> None:
        while (job := self._board.next_job()) is not None:
            outcome = self._do(job)
            self._board.share(self._number, 0.0)
            if outcome is not None:
                self._board.tell(outcome)
        self._put_away()

    def stop(self) -> None:
        """Kill the process, from another thread; what it was at stays on disk."""
        with self._starting:
            if self._process is not None:
                self._process.kill()

    def _put_away(self) -> int:
        """End the process where there is one, and return its status."""
        with self._starting:
            process, self._process = self._process, None
        if process is None:
            return 0
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # the other end went first
                    pipe.close()
        return process.wait()

    def _do(self, job: Job) -> Outcome | None:
        """Return how the job ended, None where it was cut off."""
        started_s = time.monotonic()
        for answer in self._answers(job):
            seconds = time.monotonic() - started_s
            if "done" in answer:
                return Outcome(job, seconds, answer["done"]["scores"])
            if "failed" in answer:
                return Outcome(job, seconds, error=answer["failed"])
            if "progress" in answer:
                self._board.share(self._number, answer["progress"])
            if "message" in answer:
                self._board.tell(f"{job.label}: {answer['message']}")
        if self._board.closed:
            return None
        status = self._put_away()
        return Outcome(
            job,
            time.monotonic() - started_s,
            error=f"its process died (status {status}); what it printed last: {self._log}",
        )

    def _answers(self, job: Job) -> Iterator[dict[str, Any]]:
        """Hand the job to the process, started where none is, and yield what it answers until it is gone."""
        with self._starting:
            if self._board.closed:
                return
            if self._process is None:
                self._process = self._new_process()
            process = self._process
        if process.stdin is None or process.stdout is None:
            return
        words = {
            "dataset": str(self._dataset),
            "out": str(job.folder),
            "config": job.config.model_dump(mode="json"),
            "state_every_s": self._crew.state_every_s,
        }
        try:
            process.stdin.write(json.dumps(words) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return
        for line in process.stdout:
            if line.endswith("\n"):  # else it died in the midst of a word
                yield json.loads(line)

    def _new_process(self) -> "subprocess.Popen[str]":
        with self._log.open("a", encoding="utf-8") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "mavfer.model.tables.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._crew.environment(self._number),
                text=True,
                bufsize=1,
            )
