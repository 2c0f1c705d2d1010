"""One session is built, in whatever process or machine: its error is a result, and no half file is left."""

from __future__ import annotations

import os
import shutil
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import DatasetError, MavferError, OutputError, SessionError
from ...output import DISK_ERRORS
from ..building.jobs import SessionJob, SessionTask, prepare_job
from ..building.sessions_given import PARTIAL
from ..dataset.clips import sha256_of_file
from ..dataset.record import SessionRecord
from ..rows.session_file import build_session


@dataclass(frozen=True, slots=True)
class Built:
    """A session's file is there.

    Attributes
    ----------
    record : how it fared
    file : where the file lies, for the build to put into its place
    reused : whether it was built before
    """

    record: SessionRecord
    file: Path
    reused: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A session could not be built.

    Attributes
    ----------
    error : why
    defect : the traceback, where it is no fault of the session's but of the program's; else ""
    """

    error: MavferError
    defect: str = ""


Result = Built | Failure
Advanced = Callable[[int, int], None]
"""Told (frames done, frames that there will be) of one session."""


def attempt(task: SessionTask, advanced: Advanced) -> Result:
    """Build one session, or find that a file built before is still good, and return how that went.

    The file lies in a folder of its own in the build's folder, under a name that no other attempt has, on
    disk to the last byte. What `advanced` raises comes through, and nothing of the attempt is left.
    """
    folder = task.folder / f"{task.id}{PARTIAL}{uuid.uuid4().hex[:12]}"
    keep = False

    def tell(n_done: int, n_frames: int) -> None:
        try:
            advanced(n_done, n_frames)
        except Exception as error:
            raise _Deaf(error) from error

    try:
        job = prepare_job(task, out=folder / task.file)
        tell(0, job.n_frames)
        kept = _still_good(task, job)
        if kept is not None:
            keep = True
            return kept
        folder.mkdir()
        record = build_session(job, _Counter(tell, job.n_frames))
        with job.out.open("r+b") as written:
            os.fsync(written.fileno())
        keep = True
        return Built(record, job.out)
    except _Deaf as deaf:
        raise deaf.error from None
    except MavferError as error:
        return Failure(error)
    except OSError as error:
        return Failure(_of_the_disk(error, task, folder))
    except MemoryError:
        return Failure(DatasetError(f"the memory is full; build with fewer --jobs: {task.path}"))
    except Exception as error:  # one session's trouble, whatever it is, must not end the others' build
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return Failure(
            DatasetError(f"a defect of mavfer, please report it ({reason}): {task.path}"),
            traceback.format_exc(),
        )
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


class _Deaf(BaseException):
    """Whoever is told of the frames has raised `error`; no fault of the session's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class _Counter:
    """Adds up the frames that `build_session` reports."""

    def __init__(self, advanced: Advanced, n_frames: int) -> None:
        self._advanced, self._n_frames, self._n_done = advanced, n_frames, 0

    def __call__(self, n_frames: int) -> None:
        self._n_done += n_frames
        self._advanced(self._n_done, self._n_frames)


def _still_good(task: SessionTask, job: SessionJob) -> Built | None:
    """Return a file that was built before from the same inputs, brought into the build's folder."""
    for kept in task.kept:
        if kept.record.key != job.key or not kept.file.is_file():
            continue
        if sha256_of_file(kept.file) != kept.record.sha256:
            continue
        if kept.file.parent == task.folder:
            return Built(kept.record, kept.file, reused=True)
        job.out.parent.mkdir()
        try:
            os.link(kept.file, job.out)
        except OSError:
            shutil.copyfile(kept.file, job.out)
        return Built(kept.record.model_copy(update={"file": job.out.name}), job.out, reused=True)
    return None


def _of_the_disk(error: OSError, task: SessionTask, folder: Path) -> MavferError:
    """Return an operating system's error as one line about the result or about the session."""
    reason = error.strerror or " ".join(str(error).split())
    about = str(error.filename or "")
    if error.errno in DISK_ERRORS or "errno = 28" in str(error) or about.startswith(str(folder)):
        return OutputError(
            f"cannot write the session's file: {reason}; free space and build again: {task.folder}"
        )
    return SessionError(f"wanted a readable session, found: {reason}: {about or task.path}")
