"""One session's HDF5 file, read: columns in one piece by a memory map, blosc2 past HDF5, the rest by HDF5."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ...errors import DatasetError
from .columns import TICKS
from .compression import decode, has_blosc2
from .record import SCHEMA_VERSION

RATERS = "raters_"
DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError)
"""What h5py and blosc2 raise at bytes that are not theirs."""


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: HDF5's view of it, what a row is, and the array over the file if it lies in one piece."""

    stored: h5py.Dataset
    n_rows: int
    row_shape: tuple[int, ...]
    dtype: np.dtype
    by_rater: bool
    whole: NDArray | None
    blosc2: bool


class SessionReader:
    """An open HDF5 file of a session.

    A column that lies in the file in one piece (all of an uncompressed file, all but the pixels of any) is
    mapped into memory: reading is one copy, as fast as between arrays once its pages are in memory.

    Attributes
    ----------
    schema_version : int
    names : columns per frame, and those of raters, sorted
    tick_names : columns per tick; none in a file of schema 1

    Raises
    ------
    OSError
        There is no file, or it is not HDF5, or it is shorter than it says.
    DatasetError
        It is of a newer schema, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = h5py.File(path, "r")
        self._columns: dict[str, _Column] = {}
        self._map: mmap.mmap | None = None
        try:
            self.schema_version = int(self._file.attrs["schema_version"])  # pyright: ignore[reportArgumentType]
            group = self._file.get(TICKS)
            ticks = sorted(map(str, group)) if isinstance(group, h5py.Group) else ()
            names = sorted(str(name) for name in self._file if name != TICKS)
        except DAMAGE as error:
            raise DatasetError(
                f"wanted a session of a dataset, found damaged or other HDF5 ({error}): {path}"
            ) from error
        self.names = tuple(names)
        self.tick_names = tuple(ticks)
        if not 1 <= self.schema_version <= SCHEMA_VERSION:
            raise DatasetError(
                f"wanted a session of schema 1 to {SCHEMA_VERSION}, found {self.schema_version}: made by a "
                f"newer mavfer; update this one: {path}"
            )

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def column(self, name: str) -> h5py.Dataset:
        """Return HDF5's view of a column, for its shape, type and attributes; "ticks/row" is one of ticks."""
        return self._opened(name).stored

    def rater_names(self, dimension: str) -> tuple[str, ...]:
        """Return who the rows of `raters_<dimension>` are; nobody where there is no such column."""
        if RATERS + dimension not in self:
            return ()
        try:
            return tuple(str(name) for name in self.column(RATERS + dimension).attrs["raters"])  # pyright: ignore[reportGeneralTypeIssues]
        except DAMAGE as error:
            raise self._damage(RATERS + dimension, error) from error

    def read(self, name: str, start: int, stop: int, out: NDArray | None = None) -> NDArray:
        """Return rows `start` to `stop` of a column, or of raters' (K, n) the columns; into `out` if given.

        Raises
        ------
        DatasetError
            There is no such column, `out` does not fit, the rows are not there, or they are damaged.
        """
        column = self._columns.get(name) or self._opened(name)
        n = stop - start
        if not 0 <= start <= stop <= column.n_rows:
            raise DatasetError(
                f"column {str(name)!r} is damaged: wanted rows {start} to {stop}, it has {column.n_rows}; "
                f"rebuild the dataset: {self._path}"
            )
        shape = (*column.row_shape, n) if column.by_rater else (n, *column.row_shape)
        if out is None:
            out = np.empty(shape, column.dtype)
        elif out.shape != shape or out.dtype != column.dtype:
            raise DatasetError(
                f"wanted room for {shape} {column.dtype} of column {str(name)!r}, found {out.shape} "
                f"{out.dtype}: {self._path}"
            )
        try:
            _fill(column, start, stop, out)
        except DAMAGE as error:
            raise self._damage(name, error) from error
        return out

    def close(self) -> None:
        """Close the file; arrays that were read stay."""
        self._columns.clear()
        self._file.close()

    def _opened(self, name: str) -> _Column:
        """Return a column, looked up once."""
        if name in self._columns:
            return self._columns[name]
        try:
            stored = self._file.get(name)
            if not isinstance(stored, h5py.Dataset):
                known = ", ".join((*self.names, *(f"{TICKS}/{one}" for one in self.tick_names)))
                raise DatasetError(f"wanted column {str(name)!r}, session has {known}: {self._path}")
            by_rater = name.startswith(RATERS)
            shape = stored.shape or (0,)
            self._columns[name] = _Column(
                stored=stored,
                n_rows=shape[-1] if by_rater else shape[0],
                row_shape=shape[:-1] if by_rater else shape[1:],
                dtype=stored.dtype,
                by_rater=by_rater,
                whole=self._mapped(stored),
                blosc2=has_blosc2(stored),
            )
        except DAMAGE as error:
            raise self._damage(name, error) from error
        return self._columns[name]

    def _mapped(self, column: h5py.Dataset) -> NDArray | None:
        """Return a column that lies in one piece as an array over the file; None for any other."""
        offset = column.id.get_offset() if column.chunks is None and column.size else None
        if offset is None:
            return None
        if self._map is None:
            with self._path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if offset + column.nbytes > len(self._map):
            raise OSError("the file is too short")
        n_items = int(np.prod(column.shape))
        return np.frombuffer(self._map, column.dtype, n_items, offset).reshape(column.shape)

    def _damage(self, name: str, error: BaseException) -> DatasetError:
        return DatasetError(f"column {str(name)!r} is damaged ({error}); rebuild the dataset: {self._path}")


def _fill(column: _Column, start: int, stop: int, out: NDArray) -> None:
    """Put rows `start` to `stop` into `out`."""
    if column.whole is not None:
        np.copyto(out, column.whole[:, start:stop] if column.by_rater else column.whole[start:stop])
    elif column.blosc2:
        _fill_from_chunks(column.stored, start, out)
    elif column.by_rater:
        out[...] = column.stored[:, start:stop]
    elif stop > start and out.flags.c_contiguous:
        column.stored.read_direct(out, np.s_[start:stop])
    else:
        out[...] = column.stored[start:stop]


def _fill_from_chunks(column: h5py.Dataset, start: int, out: NDArray) -> None:
    """Decode rows `start` on into `out`, chunk by chunk; of a chunk only the blocks that are wanted."""
    chunk: tuple[int, ...] = column.chunks or column.shape
    n_per_chunk, chunk_bytes = chunk[0], int(np.prod(chunk)) * column.dtype.itemsize
    done = 0
    while done < len(out):
        number, first = divmod(start + done, n_per_chunk)
        n = min(n_per_chunk - first, len(out) - done)
        _, frame = column.id.read_direct_chunk((number * n_per_chunk, *([0] * (column.ndim - 1))))
        rows = out[done : done + n]
        into = rows if rows.flags.c_contiguous else np.empty(rows.shape, rows.dtype)
        decode(frame, first, into, chunk_bytes=chunk_bytes)
        if into is not rows:
            rows[...] = into
        done += n
