"""Laws of stored pixels: chunks come back as they went in, others can open them, damage is named."""

import subprocess
import sys
from pathlib import Path

import blosc2
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from mavfer.capture.streams import Stream
from mavfer.errors import DatasetError
from mavfer.preprocess.dataset.clip_reader import SessionReader
from mavfer.preprocess.dataset.clip_writer import SessionWriter
from mavfer.preprocess.dataset.columns import column_layout
from mavfer.preprocess.dataset.compression import BLOSC2_FILTER, decode, encode
from mavfer.preprocess.dataset.record import Compression

pictures = st.sampled_from([(16, 4, 4, 3), (3, 8, 8, 3), (16, 4, 4), (1, 8, 8)]).flatmap(
    lambda shape: arrays.arrays("u1" if len(shape) == 4 else "<u2", shape)
)


@given(rows=pictures, data=st.data())
@settings(deadline=None, max_examples=60)
def test_any_rows_of_a_chunk_come_back_as_they_went_in(rows: NDArray, data: st.DataObject):
    frame = encode(rows)
    assert frame == encode(rows.copy())
    first = data.draw(st.integers(0, len(rows) - 1))
    out = np.zeros_like(rows[first : data.draw(st.integers(first + 1, len(rows)))])
    decode(frame, first, out, chunk_bytes=rows.nbytes)
    np.testing.assert_array_equal(out, rows[first : first + len(out)])


def write(path: Path, pixels: NDArray, compression: Compression) -> None:
    layout = column_layout(size_px=32, streams=(Stream.COLOR,))
    with SessionWriter(
        path, n_frames=len(pixels), size_px=32, streams=(Stream.COLOR,), compression=compression
    ) as writer:
        columns = {name: np.zeros((len(pixels), *one.shape), one.dtype) for name, one in layout.items()}
        writer.write(0, columns | {"color": pixels})


@pytest.fixture
def smooth() -> NDArray:
    """Forty color pictures that can be compressed."""
    ramp = np.add.outer(np.arange(40), np.add.outer(np.arange(32), np.arange(32)))
    return np.stack([ramp, 2 * ramp, 255 - ramp], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("compression", [Compression.NONE, Compression.LZF, Compression.GZIP])
def test_all_but_blosc2_opens_with_plain_h5py(tmp_path: Path, smooth: NDArray, compression: Compression):
    write(tmp_path / "s.h5", smooth, compression)
    with h5py.File(tmp_path / "s.h5") as file:
        np.testing.assert_array_equal(file["color"], smooth)


def test_blosc2_chunks_are_what_the_registered_filter_reads(tmp_path: Path, smooth: NDArray):
    """The filter takes its first parameters as revision, block, item and chunk bytes, and each chunk for a
    frame of one blosc2 chunk (hdf5-blosc2's `blosc2_filter_function`)."""
    write(tmp_path / "s.h5", smooth, Compression.BLOSC2)
    with h5py.File(tmp_path / "s.h5") as file:
        column = file["color"]
        number, _, parameters, _ = column.id.get_create_plist().get_filter(0)
        assert (number, parameters[0], parameters[2], parameters[3]) == (
            BLOSC2_FILTER,
            1,
            1,
            16 * 32 * 32 * 3,
        )
        chunks = []
        for start in (0, 16, 32):
            mask, frame = column.id.read_direct_chunk((start, 0, 0, 0))
            assert mask == 0
            schunk = blosc2.schunk_from_cframe(frame)
            assert schunk.nchunks == 1
            chunks.append(np.frombuffer(schunk.decompress_chunk(0), np.uint8).reshape(16, 32, 32, 3))
        np.testing.assert_array_equal(np.concatenate(chunks)[:40], smooth)
        np.testing.assert_array_equal(file["time_s"], np.zeros(40))  # no plugin for what is no picture


def test_uncompressed_columns_begin_with_a_page_and_are_mapped(tmp_path: Path, smooth: NDArray):
    write(tmp_path / "s.h5", smooth, Compression.NONE)
    with h5py.File(tmp_path / "s.h5") as file:
        offset = file["color"].id.get_offset()
    assert offset % 4096 == 0
    mapped = np.memmap(tmp_path / "s.h5", np.uint8, "r", offset, smooth.shape)
    np.testing.assert_array_equal(mapped, smooth)


def test_compressed_files_are_smaller(tmp_path: Path, smooth: NDArray):
    for compression in Compression:
        write(tmp_path / compression, smooth, compression)
    sizes = {one: (tmp_path / one).stat().st_size for one in Compression}
    assert sizes[Compression.BLOSC2] < sizes[Compression.NONE] / 2


@pytest.mark.parametrize("compression", [Compression.GZIP, Compression.BLOSC2])
def test_a_damaged_chunk_is_named_and_the_others_read(
    tmp_path: Path, smooth: NDArray, compression: Compression
):
    path = tmp_path / "s.h5"
    write(path, smooth, compression)
    with h5py.File(path) as file:
        chunk = file["color"].id.get_chunk_info(1)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + chunk.size] = bytes(chunk.size)
    path.write_bytes(content)
    reader = SessionReader(path)
    np.testing.assert_array_equal(reader.read("color", 0, 16), smooth[:16])
    np.testing.assert_array_equal(reader.read("color", 32, 40), smooth[32:])
    with pytest.raises(DatasetError, match=r"column 'color' is damaged .*; rebuild the dataset: .*s\.h5$"):
        reader.read("color", 10, 20)


FLIPS = """
import sys
from pathlib import Path
import numpy as np
from mavfer.errors import DatasetError
from mavfer.preprocess.dataset.clip_reader import SessionReader

path, rng = Path(sys.argv[1]), np.random.default_rng(0)
whole, refused = path.read_bytes(), 0
for _ in range(150):
    content = bytearray(whole)
    for place in rng.integers(0, len(whole), rng.integers(1, 30)):
        content[place] = rng.integers(256)
    path.write_bytes(content)
    try:
        reader = SessionReader(path)
        for name in reader.names:
            try:
                reader.read(name, 0, 40)
            except DatasetError:
                refused += 1
        reader.close()
    except (DatasetError, OSError):
        refused += 1
print(refused)
"""


@pytest.mark.parametrize("compression", Compression)
def test_flipped_bytes_are_errors_and_never_crashes(
    tmp_path: Path, smooth: NDArray, compression: Compression
):
    write(tmp_path / "s.h5", smooth, compression)
    done = subprocess.run(
        [sys.executable, "-c", FLIPS, tmp_path / "s.h5"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 0
