"""The HDF5 file of one session, written block by block; closing it checks that no row is missing."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ...errors import DatasetError
from .columns import TICKS, Column, column_layout, tick_layout
from .compression import PAGE_BYTES, ChunkedPixels, create_pixels
from .record import SCHEMA_VERSION, Compression

FRAMES_PER_CHUNK = 16  # the paper's clip (section V-A): one clip is one or two chunks, where compressed


class SessionWriter:
    """The HDF5 file of one session, filled block by block; closing it checks that no row is missing.

    Blocks that start at a multiple of FRAMES_PER_CHUNK are compressed once; memory stays flat. The same rows
    give the same bytes: no time and no name of a machine is written.

    Parameters
    ----------
    smoothed : whether there is a column of the landmarks before smoothing

    Raises
    ------
    DatasetError
        A block does not fit its column, or, at the end, a row of any column was not written.
    OSError
        The disk is full.
    """

    def __init__(
        self,
        path: Path,
        *,
        n_frames: int,
        size_px: int,
        streams: Sequence[Stream],
        compression: Compression = Compression.NONE,
        smoothed: bool = False,
    ) -> None:
        self._path = path
        self._n_frames = n_frames
        self._streams = tuple(streams)
        self._disk = _Disk(path, "w+b")
        in_one_piece = compression is Compression.NONE
        self._file = h5py.File(
            self._disk,
            "w",
            libver="v110",
            alignment_threshold=PAGE_BYTES if in_one_piece else 1,  # mapped columns begin with a page
            alignment_interval=PAGE_BYTES if in_one_piece else 1,
        )
        self._file.attrs["schema_version"] = SCHEMA_VERSION
        self._written: dict[str, NDArray[np.bool_]] = {}
        self._chunked: dict[str, ChunkedPixels] = {}
        for name, column in column_layout(size_px=size_px, streams=streams, smoothed=smoothed).items():
            shape = (n_frames, *column.shape)
            if name in set(Stream):
                made = create_pixels(
                    self._file,
                    name,
                    shape=shape,
                    dtype=column.dtype,
                    compression=compression,
                    n_rows_per_chunk=FRAMES_PER_CHUNK,
                )
                if compression is Compression.BLOSC2:
                    self._chunked[name] = ChunkedPixels(made)
            else:
                made = self._file.create_dataset(name, shape=shape, dtype=column.dtype)
            _explain(made, column)
            self._written[name] = np.zeros(n_frames, bool)

    def write(self, start: int, block: Mapping[str, NDArray]) -> None:
        """Write the rows from `start` on of every column in `block`."""
        for name, rows in block.items():
            column = self._file.get(name) if name in self._written else None
            if (
                not isinstance(column, h5py.Dataset)
                or rows.dtype != column.dtype
                or rows.shape[1:] != column.shape[1:]
                or not 0 <= start <= start + len(rows) <= self._n_frames
            ):
                raise DatasetError(
                    f"column {name!r} cannot take {rows.shape} {rows.dtype} at {start}: {self._path}"
                )
            if name in self._chunked:
                self._chunked[name].write(start, rows)
            else:
                column[start : start + len(rows)] = rows
            self._written[name][start : start + len(rows)] = True
        self._disk.require_written()

    def write_raters(self, dimension: str, raters: Sequence[str], values: NDArray) -> None:
        """Write what each rater said, (K, n_frames) in [-1, 1], NaN where nothing."""
        column = self._file.create_dataset(f"raters_{dimension}", data=values.astype(np.float32))
        column.attrs["raters"] = list(raters)
        column.attrs["unit"] = ""
        column.attrs["meaning"] = "each rater's own, in [-1, 1]; NaN where unknown"

    def write_ticks(self, columns: Mapping[str, NDArray]) -> None:
        """Write what became of every tick: the columns of `columns.tick_layout`, each (T,)."""
        layout = tick_layout(self._streams)
        if columns.keys() != layout.keys():
            raise DatasetError(
                f"wanted {', '.join(layout)} of ticks, found {', '.join(columns)}: {self._path}"
            )
        group = self._file.create_group(TICKS)
        for name, column in layout.items():
            _explain(group.create_dataset(name, data=columns[name].astype(column.dtype)), column)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            for pixels in self._chunked.values():
                pixels.flush()
        self._file.close()
        self._disk.close()
        if kind is None:
            self._disk.require_written()
        short = [name for name, written in self._written.items() if not written.all()]
        if kind is None and short:
            raise DatasetError(
                f"wanted {self._n_frames} rows in every column, {', '.join(short)} differ: {self._path}"
            )


def _explain(made: h5py.Dataset, column: Column) -> None:
    made.attrs["unit"], made.attrs["meaning"] = column.unit, column.meaning


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
