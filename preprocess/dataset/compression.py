"""How the pixels of a dataset are stored: uncompressed, or compressed chunk by chunk.

`benchmarks/clips.py` measures all four on rendered faces of 96 px, all streams; processor time of one thread
of a busy server, clips of 16 frames with any start:

| name   | share of the bytes | write, ms per row | read, clips/s | read, of memcpy |
|--------|--------------------|-------------------|---------------|-----------------|
| none   | 1.00               | 0.7               | 6300          | 0.86            |
| lzf    | 0.72               | 1.6               | 160           | 0.02            |
| gzip   | 0.60               | 2.5               | 130           | 0.02            |
| blosc2 | 0.51               | 1.1               | 270           | 0.04            |

none is the default: every HDF5 reader opens it, a column lies in the file in one piece and is mapped, so
a clip is read some 15 times as fast as from blosc2, and a build writes it fastest. What it costs is disk: 83
KB per row, 100 MB for five minutes at 4 frames per second, a tenth of what the recorded session itself
takes. blosc2 halves that and is the quicker of the compressions, but other programs need a plugin to
open the pixels: the chunks are what the filter reads that is registered with the HDF Group as 32026
(`import hdf5plugin` in Python, PyTables, HDF5's own plugins for h5dump and MATLAB). gzip is opened by
everything.

mavfer reads and writes the blosc2 chunks with the `blosc2` package, past HDF5's filters; it needs no plugin.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .record import Compression

GZIP_LEVEL = 4  # level 1 saves a quarter of the time; both are beaten by blosc2
BLOSC2_FILTER = 32026
BLOSC2_FILTER_REVISION = 1
BLOSC2_LEVEL = 1  # zstd 3 makes these pictures larger, not smaller
BLOSC2_SHUFFLE, BLOSC2_ZSTD = 1, 5  # as the filter's parameters name them; readers take them from the chunk
PAGE_BYTES = 4096


def create_pixels(
    file: h5py.File,
    name: str,
    *,
    shape: tuple[int, ...],
    dtype: str,
    compression: Compression,
    n_rows_per_chunk: int,
) -> h5py.Dataset:
    """Return a new column of pictures, (F, S, S) or (F, S, S, 3), empty as yet."""
    if compression is Compression.NONE:
        return file.create_dataset(name, shape=shape, dtype=dtype)
    chunk = (min(n_rows_per_chunk, shape[0]), *shape[1:])
    if compression is not Compression.BLOSC2:
        level = GZIP_LEVEL if compression is Compression.GZIP else None
        return file.create_dataset(
            name,
            shape=shape,
            dtype=dtype,
            chunks=chunk,
            compression=compression.value,
            compression_opts=level,
            shuffle=True,
        )
    kind = np.dtype(dtype)
    parameters = (
        BLOSC2_FILTER_REVISION,
        0,  # block size: in the chunk
        kind.itemsize,
        int(np.prod(chunk)) * kind.itemsize,
        BLOSC2_LEVEL,
        BLOSC2_SHUFFLE,
        BLOSC2_ZSTD,
    )
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk(chunk)
    properties.set_obj_track_times(False)
    properties.set_filter(BLOSC2_FILTER, h5py.h5z.FLAG_OPTIONAL, parameters)  # pyright: ignore[reportAttributeAccessIssue]
    space = h5py.h5s.create_simple(shape)
    made = h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(kind), space, properties)
    return h5py.Dataset(made)


def has_blosc2(column: h5py.Dataset) -> bool:
    """Return whether a column's chunks are blosc2's."""
    properties = column.id.get_create_plist()
    return properties.get_nfilters() == 1 and properties.get_filter(0)[0] == BLOSC2_FILTER


def encode(rows: NDArray) -> bytes:
    """Return one chunk of pictures as a blosc2 frame; the same pictures give the same bytes.

    The planes of color, or the high and low bytes, are stored one after the other, as differences
    (`bytedelta`). Costs 0.1 to 0.2 ms per color picture of 96 px, a third of that per other picture.
    """
    import blosc2

    parameters: dict[str, Any] = {
        "typesize": _item_bytes(rows),
        "codec": blosc2.Codec.ZSTD,
        "clevel": BLOSC2_LEVEL,
        "filters": [blosc2.Filter.SHUFFLE, blosc2.Filter.BYTEDELTA],
        "nthreads": 1,
    }
    whole = np.ascontiguousarray(rows)
    storage: dict[str, Any] = {"cparams": parameters, "contiguous": True}
    schunk = blosc2.SChunk(chunksize=whole.nbytes, data=whole, **storage)
    return bytes(schunk.to_cframe())


def decode(frame: bytes, first: int, out: NDArray, *, chunk_bytes: int) -> None:
    """Write the pictures from `first` on of one chunk into `out`, (n, S, S) or (n, S, S, 3), contiguous.

    Raises
    ------
    ValueError, RuntimeError
        The frame is damaged.
    """
    import blosc2

    schunk = blosc2.schunk_from_cframe(frame, copy=False)
    if schunk.nchunks != 1 or schunk.nbytes != chunk_bytes or schunk.typesize != _item_bytes(out):
        raise ValueError(f"wanted a blosc2 frame of {chunk_bytes} bytes, found {schunk.nbytes}")
    schunk.dparams = blosc2.DParams(nthreads=1)
    if out.nbytes == chunk_bytes:
        n_bytes = schunk.decompress_chunk(0, dst=out)
        if n_bytes is not None and n_bytes != chunk_bytes:
            raise ValueError(f"wanted {chunk_bytes} bytes, found {n_bytes}")
    else:
        row_items = out[0].nbytes // schunk.typesize
        schunk.get_slice(first * row_items, (first + len(out)) * row_items, out=out)


class ChunkedPixels:
    """A column of blosc2 chunks that is filled block by block; a chunk is compressed when it is full.

    Holds one chunk in memory. A block that does not fill a chunk waits for the next one.
    """

    def __init__(self, column: h5py.Dataset) -> None:
        self._column = column
        self._rows = np.zeros(column.chunks or column.shape, column.dtype)
        self._number = -1  # of the chunk in memory
        self._n_waiting = 0

    def write(self, start: int, rows: NDArray) -> None:
        """Write the rows from `start` on."""
        n_per_chunk = len(self._rows)
        done = 0
        while done < len(rows):
            number, first = divmod(start + done, n_per_chunk)
            n = min(n_per_chunk - first, len(rows) - done)
            if number != self._number:
                self.flush()
                self._load(number)
            self._rows[first : first + n] = rows[done : done + n]
            self._n_waiting += n
            done += n
            if first + n == n_per_chunk:
                self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._n_waiting:
            place = (self._number * len(self._rows), *([0] * (self._rows.ndim - 1)))
            self._column.id.write_direct_chunk(place, encode(self._rows))
            self._n_waiting = 0

    def _load(self, number: int) -> None:
        """Begin chunk `number`, with what is in the file of it."""
        self._number = number
        self._rows[:] = 0
        place = (number * len(self._rows), *([0] * (self._rows.ndim - 1)))
        if number in self._stored():
            frame = self._column.id.read_direct_chunk(place)[1]
            decode(frame, 0, self._rows, chunk_bytes=self._rows.nbytes)

    def _stored(self) -> set[int]:
        column = self._column.id
        return {
            column.get_chunk_info(i).chunk_offset[0] // len(self._rows)
            for i in range(column.get_num_chunks())
        }


def _item_bytes(rows: NDArray) -> int:
    """Return the bytes of what `shuffle` takes apart: a color pixel, or a reading of two bytes."""
    return 3 if rows.ndim == 4 else rows.dtype.itemsize
