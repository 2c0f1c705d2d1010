"""The dataset on disk, as its readers see it: a folder with `dataset.toml` and an HDF5 file per session.

Frames are stored once, aligned, at clip rate. A clip is a window of frames (`windows`), so other lengths and
overlaps need no rebuild. `model/` reads datasets through this file alone; clip_writer.py writes the files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ...errors import DatasetError
from .clip_reader import SessionReader
from .clips_v1 import neutral_column, ticks_of_rows
from .columns import TICKS
from .record import (
    DEFAULT_SPLIT,
    RECORD_NAME,
    DatasetRecord,
    Part,
    Reason,
    SessionRecord,
    Split,
    SplitScheme,
    read_record,
)


@dataclass(frozen=True, slots=True)
class DatasetSession:
    """The frames of one session that belong to one split; cheap to pickle, its file opens when first read.

    Attributes
    ----------
    id : str, unique in the dataset: the session's id, with ".train" and the like where it is split in time
    session_id : str, the recorded session
    subject : str
    split : "train", "validation" or "test"
    start, n_frames : int, the range of the file's frames that this object reads
    fps : float, frames per second (the median rate where the clip rate is "every tick")
    streams : the streams that the session has
    path : the HDF5 file
    n_ticks : int, ticks of the whole session
    """

    id: str
    session_id: str
    subject: str
    split: Split
    start: int
    n_frames: int
    fps: float
    streams: tuple[Stream, ...]
    path: Path
    n_ticks: int = 0

    def read(
        self, name: str, start: int = 0, stop: int | None = None, *, out: NDArray | None = None
    ) -> NDArray:
        """Return frames `start` to `stop` of one column: (n, ...), of raters' columns (K, n).

        Uncompressed columns cost one copy, as between arrays; blosc2 and gzip a chunk of 16 frames at least.

        Parameters
        ----------
        name : one of `columns.column_layout`, which says shape, type and unit of each, among them
            "color" (n, S, S, 3) uint8; "depth", "thermal", "infrared" (n, S, S) uint16, millimetres,
            centikelvin, counts; "valid_<stream>" (n,) bool; "reason_<stream>" (n,) uint8, a `record.Reason`;
            "landmarks" (n, 68, 2) float32, color pixels; "transforms" (n, 2, 3) float32, crop from color
            pixels; "time_s" (n,) float64; "tick" (n,) int32, -1 where none; "valence", "arousal" (n,) float32
            in [-1, 1] or NaN. Also "raters_valence", "raters_arousal" (K, n) float32 in [-1, 1] or NaN, by
            `rater_names`. Columns that files of schema 1 lack are NaN, 0 and False in them.
        out : where to put the frames, of the column's shape and type: a place in a batch

        Raises
        ------
        DatasetError
            The session has no such column, the range lies outside it, or the file is damaged.
        """
        return self._read(opened(self.path), name, start, self.n_frames if stop is None else stop, out)

    def _read(self, reader: SessionReader, name: str, start: int, stop: int, out: NDArray | None) -> NDArray:
        if not 0 <= start <= stop <= self.n_frames:
            raise DatasetError(f"wanted frames {start} to {stop}, session has {self.n_frames}: {self.path}")
        if reader.schema_version == 1 and name not in reader:
            neutral = neutral_column(name, stop - start, streams=self.streams)
            if neutral is not None and out is not None:
                np.copyto(out, neutral)
                return out
            if neutral is not None:
                return neutral
        return reader.read(name, self.start + start, self.start + stop, out)

    def read_clip(
        self, start: int, length: int, names: Sequence[str], *, out: Mapping[str, NDArray] | None = None
    ) -> dict[str, NDArray]:
        """Return frames `start` to `start + length` of several columns, each as `read` does.

        Parameters
        ----------
        out : by column, where to put its frames; columns that it does not name get arrays of their own
        """
        reader, places = opened(self.path), out or {}
        stop = start + length
        return {name: self._read(reader, name, start, stop, places.get(name)) for name in names}

    @property
    def column_names(self) -> tuple[str, ...]:
        """The per-frame columns that the file has, and those of raters."""
        return opened(self.path).names

    def rater_names(self, dimension: str) -> tuple[str, ...]:
        """Return who the K rows of "raters_<dimension>" are; nobody where it was not rated."""
        return opened(self.path).rater_names(dimension)

    def read_ticks(self, name: str) -> NDArray:
        """Return one column of all ticks of the recorded session (T,), also where this is but a part of it.

        Parameters
        ----------
        name : one of `columns.tick_layout`: "time_s" float64; "row" int32, the file's row that shows the tick
            (of this object: `row - start`), -1 where none does; "reason_<stream>" uint8, a `record.Reason`

        Files of schema 1 know ticks by their rows alone: others have time NaN and the reason NOT_SAMPLED.

        Raises
        ------
        DatasetError
            There is no such column, or the file is damaged.
        """
        reader = opened(self.path)
        if reader.schema_version == 1:
            return ticks_of_rows(reader, name, n_ticks=self.n_ticks, streams=self.streams)
        column = f"{TICKS}/{name}"
        return reader.read(column, 0, len(reader.column(column)))


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset folder: its record and its sessions under one split, those that failed left out.

    Attributes
    ----------
    split_by : "subject", or "time" where all splits show the same subject
    """

    path: Path
    record: DatasetRecord
    split_by: Literal["subject", "time"]
    sessions: tuple[DatasetSession, ...]

    def split(self, split: Split) -> tuple[DatasetSession, ...]:
        """Return the sessions of one split."""
        return tuple(session for session in self.sessions if session.split == split)


def open_dataset(path: Path, *, split_name: str = DEFAULT_SPLIT, fold: int | None = None) -> Dataset:
    """Return the dataset at `path`; reads `dataset.toml` only.

    Parameters
    ----------
    split_name : one of those that the dataset's record holds
    fold : 0 .. K - 1, for a split in folds and for no other

    Raises
    ------
    DatasetError
        There is no dataset, it has another schema version, one of its files is missing, or it has no such
        split or fold.
    """
    record = read_record(path)
    scheme = record.scheme(split_name)
    scheme.require_fold(fold, path=path)
    sessions = []
    for entry in record.built:
        if entry.file is None or Path(entry.file).name != entry.file:
            raise DatasetError(
                f"wanted the file name of session {entry.id!r}, found {entry.file!r}; rebuild the dataset: "
                f"{path / RECORD_NAME}"
            )
        if not (path / entry.file).is_file():
            raise DatasetError(f"wanted {entry.file!r} of session {entry.id!r}, found no such file: {path}")
        parts = parts_of(entry, scheme, fold=fold)
        for part in parts:
            sessions.append(
                DatasetSession(
                    id=entry.id if len(parts) == 1 else f"{entry.id}.{part.split}",
                    session_id=entry.id,
                    subject=entry.subject,
                    split=part.split,
                    start=part.start,
                    n_frames=part.stop - part.start,
                    fps=entry.fps,
                    streams=entry.streams,
                    path=path / entry.file,
                    n_ticks=entry.n_ticks,
                )
            )
    split_by = "time" if scheme.by == "time" else "subject"
    return Dataset(path, record, split_by, tuple(sessions))


def parts_of(entry: SessionRecord, scheme: SplitScheme, *, fold: int | None = None) -> tuple[Part, ...]:
    """Return which of a session's frames belong to which split.

    In fold k the subjects of fold k are tested on, those of the next one validate, all others train.

    Raises
    ------
    DatasetError
        The scheme does not know the session or its subject, or `fold` does not fit it.
    """
    scheme.require_fold(fold)
    try:
        if scheme.by == "time":
            return scheme.parts[entry.id]
        if fold is None:
            split = scheme.subjects[entry.subject]
        else:
            after = (scheme.folds[entry.subject] - fold) % scheme.n_folds
            split = "test" if after == 0 else "validation" if after == 1 and scheme.n_folds > 2 else "train"
    except KeyError as error:
        raise DatasetError(
            f"split {scheme.name!r} does not know {error.args[0]!r}; make another with `mavfer dataset split`"
        ) from None
    return (Part(split=split, start=0, stop=entry.n_frames),)


def windows(
    session: DatasetSession,
    *,
    length: int,
    step: int,
    labelled: Sequence[str] = (),
    streams: Sequence[Stream] = (Stream.COLOR,),
    filled: bool = False,
) -> list[int]:
    """Return the first frames of the session's clips, in ascending order.

    Clips lie inside runs of frames that are valid. Training uses `step == length`: no two overlap.
    Testing uses `step < length`: then a last clip ends with the run, so that every frame of a long enough
    run is seen. With `step > length` frames between clips are passed over.

    Parameters
    ----------
    length, step : frames per clip, and from one clip's start to the next
    labelled : columns ("valence", "arousal") that must be known in every frame of a clip
    streams : those that must be valid in every frame of a clip
    filled : whether frames count as valid whose face was not found but interpolated (Reason.FILLED)

    Raises
    ------
    DatasetError
        The length or step is less than a frame, the session has no such column, or it is damaged.
    """
    if length < 1 or step < 1:
        raise DatasetError(
            f"wanted a clip length and step of at least 1 frame, found {length} and {step}: {session.path}"
        )
    usable = np.ones(session.n_frames, bool)
    for stream in streams:
        valid = session.read(f"valid_{stream}").astype(bool)
        if filled:
            valid |= session.read(f"reason_{stream}") == Reason.FILLED
        usable &= valid
    for name in labelled:
        usable &= np.isfinite(session.read(name))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], usable.astype(np.int8), [0]])))
    starts: list[int] = []
    for first, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        run = list(range(first, stop - length + 1, step))
        if run and step < length and run[-1] + length < stop:
            run.append(stop - length)
        starts += run
    return starts


def sha256_of_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def opened(path: Path) -> SessionReader:
    """Return this process's reader of a session's file; one that was replaced on disk is opened anew.

    Raises
    ------
    DatasetError
        There is no such file, or it cannot be read.
    """
    try:
        status = path.stat()
        return _opened_once(path, os.getpid(), status.st_ino, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise DatasetError(
            f"wanted an HDF5 file of a dataset, could not open it ({error}): {path}"
        ) from error


def close_files() -> None:
    """Close every session's file that this process has open, so that its folder can be moved on any system.

    What was read stays; a file that is read again is opened again.
    """
    _opened_once.cache_clear()


@lru_cache(maxsize=256)
def _opened_once(path: Path, process: int, inode: int, changed_ns: int, n_bytes: int) -> SessionReader:  # noqa: ARG001
    return SessionReader(path)
