"""The dataset on disk: a folder with `dataset.toml` and an HDF5 file per session; writer, reader, check.

Frames are stored once, aligned, at clip rate. A clip is a window of frames (`windows`), so other lengths and
overlaps need no rebuild. `model/` reads datasets through this file alone.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from ..capture.streams import Stream
from ..errors import DatasetError
from .record import SCHEMA_VERSION, DatasetRecord, Split, read_record

FRAMES_PER_CHUNK = 16  # the paper's clip (section V-A): one clip is one or two chunks
GZIP_LEVEL = 4  # with shuffle 0.6 of the bytes for 2 ms per row; 150 clips/s read, a network eats 2 to 100
N_LANDMARKS = 68


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

    def read(self, name: str, start: int = 0, stop: int | None = None) -> NDArray:
        """Return frames `start` to `stop` of one column.

        Parameters
        ----------
        name : one of
            "color" (n, S, S, 3) uint8, red, green, blue; "depth" (n, S, S) uint16, millimetres;
            "thermal" (n, S, S) uint16, centikelvin; "infrared" (n, S, S) uint16, counts;
            "valid_<stream>" (n,) bool; "reason_<stream>" (n,) uint8, a `record.Reason`;
            "landmarks" (n, 68, 2) float32, color pixels; "transforms" (n, 2, 3) float32, crop from color
            pixels; "transforms_thermal", "transforms_infrared" (n, 2, 3) float32, crop from their pixels;
            "time_s" (n,) float64, seconds since the first tick; "tick" (n,) int32, -1 where none;
            "valence", "arousal" (n,) float32 in [-1, 1] or NaN; "raters_valence", "raters_arousal"
            (K, n) float32 in [-1, 1] or NaN

        Raises
        ------
        DatasetError
            The session has no such column, the range lies outside it, or the file is damaged.
        """
        stop = self.n_frames if stop is None else stop
        if not 0 <= start <= stop <= self.n_frames:
            raise DatasetError(f"wanted frames {start} to {stop}, session has {self.n_frames}: {self.path}")
        file = _opened(self.path)
        column = file.get(name)
        if not isinstance(column, h5py.Dataset):
            raise DatasetError(f"wanted column {name!r}, session has {', '.join(sorted(file))}: {self.path}")
        rows = slice(self.start + start, self.start + stop)
        try:
            return column[:, rows] if name.startswith("raters_") else column[rows]
        except (OSError, RuntimeError) as error:
            raise DatasetError(
                f"column {name!r} is damaged ({error}); rebuild the dataset: {self.path}"
            ) from error


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset folder: its record and its sessions, those that failed left out."""

    path: Path
    record: DatasetRecord
    sessions: tuple[DatasetSession, ...]

    def split(self, split: Split) -> tuple[DatasetSession, ...]:
        """Return the sessions of one split."""
        return tuple(session for session in self.sessions if session.split == split)


def open_dataset(path: Path) -> Dataset:
    """Return the dataset at `path`; reads `dataset.toml` only.

    Raises
    ------
    DatasetError
        There is no dataset, it has another schema version, or one of its files is missing.
    """
    record = read_record(path)
    sessions = []
    for entry in record.sessions:
        if entry.file is None:
            continue
        if not (path / entry.file).is_file():
            raise DatasetError(f"wanted {entry.file!r} of session {entry.id!r}, found no such file: {path}")
        for part in entry.parts:
            sessions.append(
                DatasetSession(
                    id=entry.id if len(entry.parts) == 1 else f"{entry.id}.{part.split}",
                    session_id=entry.id,
                    subject=entry.subject,
                    split=part.split,
                    start=part.start,
                    n_frames=part.stop - part.start,
                    fps=entry.fps,
                    streams=entry.streams,
                    path=path / entry.file,
                )
            )
    return Dataset(path, record, tuple(sessions))


def windows(session: DatasetSession, *, length: int, step: int, labelled: Sequence[str] = ()) -> list[int]:
    """Return the first frames of the session's clips.

    Clips lie inside runs of frames whose color is valid. Training uses `step == length`: no two overlap.
    Testing uses `step < length`: then a last clip ends with the run, so that every frame of a long enough
    run is seen.

    Parameters
    ----------
    length, step : frames per clip, and from one clip's start to the next
    labelled : columns ("valence", "arousal") that must be known in every frame of a clip
    """
    if length < 1 or step < 1:
        raise DatasetError(
            f"wanted a clip length and step of at least 1 frame, found {length} and {step}: {session.path}"
        )
    usable = session.read("valid_color").astype(bool)
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


def verify_dataset(path: Path) -> Dataset:
    """Return the dataset at `path` after reading all of it: every file must be the one that was written.

    Raises
    ------
    DatasetError
        What `open_dataset` raises, or a file whose bytes or row counts differ from the record.
    """
    dataset = open_dataset(path)
    for entry in dataset.record.sessions:
        if entry.file is None:
            continue
        file = path / entry.file
        if sha256_of_file(file) != entry.sha256:
            raise DatasetError(
                f"session {entry.id!r} is not the file that was built; rebuild the dataset: {file}"
            )
        for stream in entry.streams:
            total = sum(entry.reasons[stream].values())
            if total != entry.n_frames:
                raise DatasetError(
                    f"session {entry.id!r}: {total} of {entry.n_frames} {stream} frames explained: {file}"
                )
    return dataset


class SessionWriter:
    """The HDF5 file of one session, filled block by block; closing it checks that no row is missing.

    Blocks that start at a multiple of FRAMES_PER_CHUNK are compressed once; memory stays flat.
    """

    def __init__(self, path: Path, *, n_frames: int, size_px: int, streams: Sequence[Stream]) -> None:
        self._path = path
        self._n_frames = n_frames
        self._disk = _Disk(path, "w+b")
        self._file = h5py.File(self._disk, "w", libver="v110")
        self._file.attrs["schema_version"] = SCHEMA_VERSION
        self._written: dict[str, int] = {}
        for name, (shape, dtype) in column_layout(size_px=size_px, streams=streams).items():
            pixels = name in set(Stream)
            self._file.create_dataset(
                name,
                shape=(n_frames, *shape),
                dtype=dtype,
                chunks=(min(FRAMES_PER_CHUNK, n_frames), *shape) if pixels else None,
                compression="gzip" if pixels else None,
                compression_opts=GZIP_LEVEL if pixels else None,
                shuffle=pixels,
            )
            self._written[name] = 0

    def write(self, start: int, block: Mapping[str, NDArray]) -> None:
        """Write the rows from `start` on of every column in `block`."""
        for name, rows in block.items():
            column = self._file[name]
            if (
                not isinstance(column, h5py.Dataset)
                or rows.dtype != column.dtype
                or rows.shape[1:] != column.shape[1:]
            ):
                raise DatasetError(f"column {name!r} cannot take {rows.shape} {rows.dtype}: {self._path}")
            column[start : start + len(rows)] = rows
            self._written[name] += len(rows)
        self._disk.require_written()

    def write_raters(self, dimension: str, raters: Sequence[str], values: NDArray) -> None:
        """Write what each rater said, (K, n_frames) in [-1, 1], NaN where nothing."""
        column = self._file.create_dataset(f"raters_{dimension}", data=values.astype(np.float32))
        column.attrs["raters"] = list(raters)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._disk.close()
        if kind is None:
            self._disk.require_written()
        short = [name for name, n_rows in self._written.items() if n_rows != self._n_frames]
        if kind is None and short:
            raise DatasetError(
                f"wanted {self._n_frames} rows in every column, {', '.join(short)} differ: {self._path}"
            )


class _Disk(io.FileIO):
    """A file that keeps the disk's refusal to itself until asked: HDF5 crashes the process on a full disk."""

    refusal: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write all of `data`, or take note that the disk refused it."""
        rest = memoryview(data).cast("B")
        n_bytes = len(rest)
        try:
            while len(rest):
                rest = rest[super().write(rest) or 0 :]
        except OSError as error:
            self.refusal = self.refusal or error
        return n_bytes

    def truncate(self, size: int | None = None, /) -> int:
        """Set the file's length, or take note that the disk refused it."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.refusal = self.refusal or error
            return size or 0

    def require_written(self) -> None:
        """Raise the OSError of the first write that the disk refused."""
        if self.refusal is not None:
            raise self.refusal


def column_layout(*, size_px: int, streams: Sequence[Stream]) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return every per-frame column with the shape and dtype of one row."""
    layout: dict[str, tuple[tuple[int, ...], str]] = {
        "time_s": ((), "float64"),
        "tick": ((), "int32"),
        "landmarks": ((N_LANDMARKS, 2), "float32"),
        "transforms": ((2, 3), "float32"),
        "valence": ((), "float32"),
        "arousal": ((), "float32"),
    }
    for stream in streams:
        color = stream is Stream.COLOR
        layout[stream.value] = ((size_px, size_px, 3), "uint8") if color else ((size_px, size_px), "uint16")
        layout[f"valid_{stream.value}"] = ((), "bool")
        layout[f"reason_{stream.value}"] = ((), "uint8")
        if stream in (Stream.THERMAL, Stream.INFRARED):
            layout[f"transforms_{stream.value}"] = ((2, 3), "float32")
    return layout


def sha256_of_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(path: Path) -> h5py.File:
    """Return this process's open handle of `path`; one that was replaced on disk is opened anew."""
    try:
        status = path.stat()
        return _opened_once(path, os.getpid(), status.st_ino, status.st_mtime_ns)
    except OSError as error:
        raise DatasetError(
            f"wanted an HDF5 file of a dataset, could not open it ({error}): {path}"
        ) from error


@lru_cache(maxsize=256)
def _opened_once(path: Path, process: int, inode: int, changed_ns: int) -> h5py.File:  # noqa: ARG001
    return h5py.File(path, "r")
