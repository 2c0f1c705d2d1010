"""Sessions shared out among the workers of a Dask cluster that stands already; nothing here listens.

Workers see the same files under the same names, and have the same software: both are looked at first, and
by each worker before it builds. A worker that is lost costs its session one more try on another.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import DatasetError, MavferError, UsageError
from ..building.fingerprint import software
from ..building.jobs import SessionTask
from .attempt import Failure, Result, attempt
from .watch import Watch

if TYPE_CHECKING:
    from distributed import Client

ADDRESS = r"(tcp|tls|ws|wss)://(\[[0-9a-fA-F:.%]+\]|[^:/\s]+):\d{1,5}"
CONNECT_S = 5.0
WORKERS_S = 5.0
LONELY_S = 60.0
POLL_S = 0.25
TELL_S = 0.5
MARK = "cluster-sees-this"

_one_at_a_time = threading.Lock()  # of one worker process, however many threads it has


class ClusterUnfit(DatasetError):
    """The cluster cannot build: it is not reached, has no workers, or they are not as this machine is."""


class _Unwanted(BaseException):
    """The build that asked for a session has gone; no error of the session."""


def build_on_cluster(tasks: Sequence[SessionTask], watch: Watch, *, address: str, folder: Path) -> None:
    """Build the sessions on the workers of the Dask scheduler at `address`, such as tcp://10.0.0.5:8786.

    Parameters
    ----------
    folder : where the build works; on a disk that all workers share

    Raises
    ------
    UsageError
        `address` is none, or `distributed` is not installed.
    DatasetError
        No scheduler answers there, it has no workers or loses them all, or a worker has other software or
        sees other files.
    """
    mark = folder / MARK
    with _quiet(), _connected(address) as client:
        mark.write_text(token := f"mavfer-{time.time_ns()}")
        try:
            _require_fit(client, address, mark, token, [task.path for task in tasks])
            _Run(client, address, watch, token).build(tasks)
        finally:
            mark.unlink(missing_ok=True)  # workers that still build for it stop


class _Run:
    """One build on one cluster; `token` is its name there."""

    def __init__(self, client: Client, address: str, watch: Watch, token: str) -> None:
        self._client, self._address, self._watch, self._token = client, address, watch, token
        self._heard: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def build(self, tasks: Sequence[SessionTask]) -> None:
        """Build the sessions and tell of each."""
        token = self._token
        self._client.subscribe_topic(token, self._hear)
        pending = {
            task.id: (task, self._client.submit(_build, task, token, key=f"{token}-{task.id}", pure=False))
            for task in tasks
        }
        told: dict[str, tuple[int, int]] = {}
        lonely_since = time.monotonic()
        try:
            while pending:
                ended = [name for name, (_, future) in pending.items() if future.done()]
                with self._lock:
                    news = {name: heard for name, heard in self._heard.items() if heard != told.get(name)}
                for name, heard in news.items():
                    if name in pending:
                        self._watch.advanced(pending[name][0], *heard)
                told |= news
                for name in ended:  # after its last news
                    task, future = pending.pop(name)
                    self._watch.ended(task, self._result(future, task))
                    future.release()
                if self._n_workers():
                    lonely_since = time.monotonic()
                elif time.monotonic() - lonely_since > LONELY_S:
                    raise ClusterUnfit(
                        f"wanted workers to go on, the last is gone for {LONELY_S:.0f} s; start some and run "
                        f"the same command again, finished sessions are kept: {self._address}"
                    )
                if pending and not ended:
                    time.sleep(POLL_S)
        finally:
            with suppress(Exception):  # the scheduler may be gone, and the builder is going
                self._client.cancel([future for _, future in pending.values()])
                self._client.unsubscribe_topic(token)

    def _hear(self, event: Any) -> None:
        """Take note of a worker's word (session, done, frames); called from the client's own thread."""
        _, (session, n_done, n_frames) = event
        with self._lock:
            self._heard[session] = (n_done, n_frames)

    def _n_workers(self) -> int:
        try:
            return len(self._client.scheduler_info(n_workers=-1)["workers"])
        except Exception:  # the connection is being made again
            return 0

    def _result(self, future: Any, task: SessionTask) -> Result:
        from distributed import KilledWorker

        error = (
            None if future.status == "finished" else future.exception() if future.status == "error" else True
        )
        if error is None:
            result: Result = future.result()
            if isinstance(result, Failure) and isinstance(result.error, ClusterUnfit):
                raise result.error
            return result
        if isinstance(error, KilledWorker):
            return Failure(
                DatasetError(
                    f"every worker that was given this session died, {self._allowed()} in all, for want of "
                    f"memory perhaps: {task.path}"
                )
            )
        if error is True:
            raise ClusterUnfit(
                "the scheduler is gone, or has dropped the build; run the same command again, finished "
                f"sessions are kept: {self._address}"
            )
        raise ClusterUnfit(
            f"the cluster could not take the session {task.id!r} ({_in_short(error)}): {self._address}"
        )

    def _allowed(self) -> int:
        from dask import config

        return int(config.get("distributed.scheduler.allowed-failures", 3)) + 1


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ImportError as error:
        raise DatasetError(
            f"wanted Dask for --scheduler, found none ({error}); run `pip install 'mavfer[cluster]'`"
        ) from error
    if not re.fullmatch(ADDRESS, address):
        raise UsageError(
            f"wanted a scheduler's address such as tcp://10.0.0.5:8786, found {address!r}: --scheduler"
        )
    try:
        asyncio.run(_reach(address))  # a client that does not get through takes long to give up
        client = Client(address, timeout=CONNECT_S, set_as_default=False, name="mavfer")
    except Exception as error:  # whatever may listen there, it is no scheduler that takes part
        raise ClusterUnfit(
            f"wanted a Dask scheduler, none answers ({_in_short(error)}); start one with `dask scheduler`, "
            f"and give the address that it prints: {address}"
        ) from error
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=5)


async def _reach(address: str) -> None:
    """Shake hands with what listens at `address`; raise whatever goes wrong, soon."""
    from distributed.comm.core import connect

    async with asyncio.timeout(CONNECT_S):
        comm = await connect(address, timeout=CONNECT_S - 1)
        await comm.close()


def _require_fit(client: Client, address: str, mark: Path, token: str, sessions: Sequence[Path]) -> None:
    """Raise ClusterUnfit unless there are workers, all as this machine is."""
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
    except TimeoutError:
        raise ClusterUnfit(
            f"wanted workers, the scheduler has none; start some with `dask worker {address} --nthreads 1`: "
            f"{address}"
        ) from None
    try:
        answers: Any = client.run(_seen, mark, list(sessions), on_error="return")
    except Exception as error:
        raise ClusterUnfit(f"a worker could not answer ({_in_short(error)}): {address}") from error
    for worker, answer in sorted(answers.items()):
        if isinstance(answer, BaseException):
            reason = " ".join(f"{type(answer).__name__}: {answer}".split())[:160]
            raise ClusterUnfit(
                f"worker {worker} cannot run mavfer {software()['mavfer']} ({reason}): {address}"
            )
        versions, seen, unseen = answer
        if complaint := _other_software(versions):
            raise ClusterUnfit(
                f"worker {worker} has other software than this machine: {complaint}: {address}"
            )
        if seen != token:
            raise ClusterUnfit(
                f"worker {worker} does not see this machine's files; build into a folder on a disk that all "
                f"workers share under the same name: {mark.parent}"
            )
        if unseen:
            raise ClusterUnfit(
                f"worker {worker} does not see {len(unseen)} of {len(sessions)} sessions; keep them on a "
                f"disk that all workers share under the same name: {unseen[0]}"
            )


def _other_software(versions: Mapping[str, str], wanted: Mapping[str, str] | None = None) -> str:
    """Return in words how versions differ from those wanted; "" where they do not."""
    wanted = wanted or software()
    other = [name for name in wanted if versions.get(name) != wanted[name]]
    return ", ".join(f"{name} {versions.get(name, 'unknown')} for {wanted[name]}" for name in other[:3])


def _seen(mark: Path, sessions: Sequence[Path]) -> tuple[dict[str, str], str, list[Path]]:
    """Return this worker's software, what it reads in the build's mark, and the sessions it does not see."""
    return software(), _read(mark), [path for path in sessions if not path.is_dir()]


def _read(mark: Path) -> str:
    try:
        return mark.read_text()
    except OSError:
        return ""


def _build(task: SessionTask, token: str) -> Result:
    """Build one session on this worker, if it is as the builder is."""
    import cv2
    from distributed import get_worker

    worker = get_worker()
    if complaint := _other_software(software(), task.software):
        return Failure(
            ClusterUnfit(
                f"worker {worker.address} has other software than the builder: {complaint}: {task.path}"
            )
        )
    if _read(task.folder / MARK) != token:
        return Failure(
            ClusterUnfit(
                f"worker {worker.address} does not see the folder that the build works in: {task.folder}"
            )
        )
    told_s = 0.0

    def tell(n_done: int, n_frames: int) -> None:
        nonlocal told_s
        if n_done in (0, n_frames) or time.monotonic() - told_s >= TELL_S:
            told_s = time.monotonic()
            if _read(task.folder / MARK) != token:
                raise _Unwanted
            with suppress(Exception):  # progress alone; a worker that has lost its scheduler ends anyway
                worker.log_event(token, (task.id, n_done, n_frames))

    with _one_at_a_time:
        cv2.setNumThreads(1)
        try:
            return attempt(task, tell)
        except _Unwanted:
            return Failure(MavferError(f"the build has gone: {task.folder}"))


def _in_short(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own log off the terminal; what matters is said in a line."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "distributed.comm")]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
