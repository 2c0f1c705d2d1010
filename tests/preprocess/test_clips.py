"""Laws of the dataset's files: what is written is read, clips lie where they may, damage is named."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mavfer.capture.streams import Stream
from mavfer.errors import DatasetError
from mavfer.preprocess.dataset.clip_writer import SessionWriter
from mavfer.preprocess.dataset.clips import DatasetSession, open_dataset, sha256_of_file, windows
from mavfer.preprocess.dataset.columns import column_layout, tick_layout
from mavfer.preprocess.dataset.record import Compression, Part, Reason, SplitScheme

STREAMS = (Stream.COLOR, Stream.DEPTH, Stream.INFRARED, Stream.THERMAL)
SIZE_PX = 32
GOLDEN = Path(__file__).with_name("golden")
Write = Callable[..., Path]


def random_columns(n_frames: int, seed: int = 0) -> dict[str, NDArray]:
    rng = np.random.default_rng(seed)
    columns = {}
    for name, column in column_layout(size_px=SIZE_PX, streams=STREAMS).items():
        values = rng.integers(0, 200, (n_frames, *column.shape))
        columns[name] = (values % 2 if column.dtype == "bool" else values).astype(column.dtype)
    return columns


def written(path: Path, columns: dict[str, NDArray], *, block: int = 16, **options) -> DatasetSession:
    """A session's file with these columns, written in blocks of this size, and its reader."""
    n = len(columns["time_s"])
    with SessionWriter(path, n_frames=n, size_px=SIZE_PX, streams=STREAMS, **options) as writer:
        for start in range(0, n, block):
            writer.write(start, {name: rows[start : start + block] for name, rows in columns.items()})
    return whole(path, n)


def whole(path: Path, n_frames: int, *, start: int = 0) -> DatasetSession:
    return DatasetSession("s", "s", "S01", "train", start, n_frames, 4.0, STREAMS, path)


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("block", [1, 7, 16, 40])
def test_every_column_reads_back_as_it_was_written(tmp_path: Path, compression: Compression, block: int):
    columns = random_columns(40)
    session = written(tmp_path / "s.h5", columns, block=block, compression=compression)
    for name, values in columns.items():
        np.testing.assert_array_equal(session.read(name), values)
        np.testing.assert_array_equal(session.read(name, 13, 29), values[13:29])
        assert session.read(name).dtype == values.dtype


@pytest.mark.parametrize("compression", Compression)
def test_rows_written_in_any_order_are_the_same_rows(tmp_path: Path, compression: Compression):
    columns = random_columns(40)
    path = tmp_path / "s.h5"
    with SessionWriter(
        path, n_frames=40, size_px=SIZE_PX, streams=STREAMS, compression=compression
    ) as writer:
        for start, stop in ((30, 40), (3, 20), (0, 3), (20, 30)):
            writer.write(start, {name: rows[start:stop] for name, rows in columns.items()})
    for name, values in columns.items():
        np.testing.assert_array_equal(whole(path, 40).read(name), values)


@pytest.mark.parametrize("compression", Compression)
def test_a_clip_can_be_read_into_its_place_in_a_batch(tmp_path: Path, compression: Compression):
    columns = random_columns(40)
    session = written(tmp_path / "s.h5", columns, compression=compression)
    batch = {name: np.zeros((3, 16, *columns[name].shape[1:]), columns[name].dtype) for name in STREAMS}
    for place, start in enumerate((0, 5, 24)):
        read = session.read_clip(
            start, 16, [*STREAMS, "valence"], out={name: batch[name][place] for name in batch}
        )
        np.testing.assert_array_equal(read["valence"], columns["valence"][start : start + 16])
    for name, clips in batch.items():
        np.testing.assert_array_equal(clips, [columns[name][start : start + 16] for start in (0, 5, 24)])


@pytest.mark.parametrize("compression", Compression)
def test_frames_go_also_where_they_are_not_in_one_piece(tmp_path: Path, compression: Compression):
    columns = random_columns(40)
    session = written(tmp_path / "s.h5", columns, compression=compression)
    for name in ("color", "depth", "valence"):
        room = np.zeros((*columns[name].shape[:0], 20, 2, *columns[name].shape[1:]), columns[name].dtype)
        session.read(name, 9, 29, out=room[:, 1])
        np.testing.assert_array_equal(room[:, 1], columns[name][9:29])
        assert not room[:, 0].any()


def test_room_of_another_shape_or_type_is_refused(tmp_path: Path):
    session = written(tmp_path / "s.h5", random_columns(20))
    with pytest.raises(
        DatasetError, match=r"wanted room for \(4,\) float32 of column 'valence', found \(5,\)"
    ):
        session.read("valence", 0, 4, out=np.zeros(5, np.float32))
    with pytest.raises(DatasetError, match=r"found \(4, 32, 32\) float32"):
        session.read("depth", 0, 4, out=np.zeros((4, 32, 32), np.float32))


def test_what_is_read_may_be_changed_and_the_file_is_not(tmp_path: Path):
    columns = random_columns(20)
    session = written(tmp_path / "s.h5", columns, compression=Compression.NONE)
    session.read("color")[:] = 0
    np.testing.assert_array_equal(session.read("color"), columns["color"])


@pytest.mark.parametrize("n_frames", [1, 15, 16, 17])
@pytest.mark.parametrize("compression", Compression)
def test_sessions_of_any_length_have_files(tmp_path: Path, compression: Compression, n_frames: int):
    columns = random_columns(n_frames)
    session = written(tmp_path / "s.h5", columns, compression=compression)
    np.testing.assert_array_equal(session.read("color"), columns["color"])
    assert session.read("color", n_frames, n_frames).shape == (0, SIZE_PX, SIZE_PX, 3)


def test_raters_series_are_kept_with_their_names(tmp_path: Path, write_dataset: Write):
    session = open_dataset(write_dataset(tmp_path / "d")).sessions[0]
    values = np.linspace(-1, 1, 80).reshape(2, 40)
    np.testing.assert_allclose(session.read("raters_valence", 3, 7), values[:, 3:7], rtol=1e-6)
    assert session.rater_names("valence") == ("A", "B")
    assert session.rater_names("arousal") == ()


def test_every_tick_is_kept_also_where_the_session_is_split_in_time(tmp_path: Path, write_dataset: Write):
    parts = (Part(split="train", start=0, stop=25), Part(split="test", start=25, stop=40))
    scheme = SplitScheme(by="time", parts={"s": parts})
    _, test = open_dataset(write_dataset(tmp_path / "d", splits=[scheme])).sessions
    row = test.read_ticks("row")
    np.testing.assert_array_equal(row[::2], np.arange(40))
    np.testing.assert_array_equal(row[1::2], -1)
    np.testing.assert_array_equal(test.read_ticks("reason_thermal")[1::2], Reason.NOT_SAMPLED)
    with pytest.raises(DatasetError, match="wanted column 'ticks/smell'"):
        test.read_ticks("smell")


def test_a_session_that_travelled_to_another_process_still_reads(tmp_path: Path):
    columns = random_columns(20)
    session = written(tmp_path / "s.h5", columns)
    session.read("color", 0, 1)
    packed = pickle.dumps(session)
    assert len(packed) < 2000
    np.testing.assert_array_equal(pickle.loads(packed).read("depth"), columns["depth"])


def test_a_dataset_that_was_replaced_is_read_anew(tmp_path: Path):
    before = written(tmp_path / "s.h5", random_columns(20, seed=1)).read("depth")
    (tmp_path / "s.h5").unlink()
    after = written(tmp_path / "s.h5", random_columns(20, seed=2)).read("depth")
    assert np.any(after != before)


@pytest.mark.parametrize("compression", Compression)
def test_the_same_frames_make_the_same_bytes(tmp_path: Path, compression: Compression):
    hashes = set()
    for name, block in (("a", 16), ("b", 16)):
        written(tmp_path / name, random_columns(40), block=block, compression=compression)
        hashes.add(sha256_of_file(tmp_path / name))
    assert len(hashes) == 1


def test_parts_of_a_session_read_their_own_frames(tmp_path: Path, write_dataset: Write):
    parts = (Part(split="train", start=0, stop=25), Part(split="test", start=25, stop=40))
    scheme = SplitScheme(by="time", parts={"s": parts})
    dataset = open_dataset(write_dataset(tmp_path / "d", splits=[scheme]))
    train, test = dataset.sessions
    assert (train.id, test.id) == ("s.train", "s.test")
    assert (train.session_id, test.session_id) == ("s", "s")
    np.testing.assert_array_equal(test.read("time_s"), np.arange(25, 40) / 4)
    np.testing.assert_array_equal(
        test.read("raters_valence"), whole(test.path, 40).read("raters_valence")[:, 25:]
    )
    assert dataset.split("test") == (test,)


masks = st.lists(st.booleans(), min_size=1, max_size=80).map(lambda bits: np.array(bits))


class Masked(DatasetSession):
    """A session of masks alone: what `windows` reads."""

    masks: dict[str, NDArray]

    def read(
        self, name: str, start: int = 0, stop: int | None = None, *, out: NDArray | None = None
    ) -> NDArray:
        assert out is None
        return self.masks[name][start:stop]


def masked(**columns: NDArray) -> DatasetSession:
    n = len(columns["valid_color"])
    session = Masked("s", "s", "S01", "train", 0, n, 4.0, STREAMS, Path("s.h5"))
    object.__setattr__(session, "masks", columns)
    return session


@given(valid=masks, length=st.integers(1, 20), step=st.integers(1, 40))
@settings(deadline=None)
def test_clips_lie_inside_and_hold_no_frame_that_is_not_valid(valid: NDArray, length: int, step: int):
    starts = windows(masked(valid_color=valid), length=length, step=step)
    assert starts == sorted(set(starts))
    assert all(0 <= start <= len(valid) - length and valid[start : start + length].all() for start in starts)


@given(valid=masks, length=st.integers(1, 20))
@settings(deadline=None)
def test_training_clips_do_not_overlap_and_none_more_would_fit(valid: NDArray, length: int):
    starts = windows(masked(valid_color=valid), length=length, step=length)
    assert all(np.diff(starts) >= length)
    free = valid.copy()
    for start in starts:
        free[start : start + length] = False
    runs = "".join("x" if one else " " for one in free).split()
    assert all(len(run) < length for run in runs)


@given(valid=masks, length=st.integers(2, 20), data=st.data())
@settings(deadline=None)
def test_test_clips_see_every_frame_of_every_run_that_is_long_enough(
    valid: NDArray, length: int, data: st.DataObject
):
    step = data.draw(st.integers(1, length - 1))
    starts = windows(masked(valid_color=valid), length=length, step=step)
    seen = np.zeros(len(valid), bool)
    for start in starts:
        seen[start : start + length] = True
    for run in np.split(np.arange(len(valid)), np.flatnonzero(np.diff(valid)) + 1):
        if valid[run[0]]:
            assert seen[run].all() == (len(run) >= length)


def test_test_clips_overlap_by_eight_and_the_last_ends_with_the_run():
    starts = windows(masked(valid_color=np.ones(47, bool)), length=16, step=8)
    assert starts == [0, 8, 16, 24, 31]


def test_clips_can_be_asked_to_be_labelled_and_valid_in_other_streams():
    valid = np.ones(64, bool)
    thermal = valid.copy()
    thermal[40] = False
    valence = np.r_[np.full(20, np.nan), np.zeros(44)]
    session = masked(valid_color=valid, valid_thermal=thermal, valence=valence)
    assert windows(session, length=16, step=16)[0] == 0
    assert windows(session, length=16, step=16, labelled=["valence"])[0] == 20
    assert windows(session, length=16, step=16, streams=["color", "thermal"]) == [0, 16, 41]
    assert windows(session, length=16, step=16, labelled=["valence"], streams=["thermal"]) == [20, 41]


def test_filled_frames_are_in_clips_only_where_they_are_allowed():
    reason = np.zeros(48, np.uint8)
    reason[20], reason[40] = Reason.FILLED, Reason.OCCLUDED
    session = masked(valid_color=reason == 0, reason_color=reason)
    assert windows(session, length=16, step=16) == [0, 21]
    assert windows(session, length=16, step=16, filled=True) == [0, 16]


def test_a_clip_of_no_frame_is_refused():
    with pytest.raises(
        DatasetError, match="wanted a clip length and step of at least 1 frame, found 0 and 8"
    ):
        windows(masked(valid_color=np.ones(8, bool)), length=0, step=8)


def test_an_unknown_column_is_named_with_those_there_are(tmp_path: Path):
    session = written(tmp_path / "s.h5", random_columns(16))
    with pytest.raises(DatasetError, match=r"wanted column 'smell', session has .*thermal.*s\.h5$"):
        session.read("smell")


def test_frames_outside_the_session_are_refused(tmp_path: Path):
    session = written(tmp_path / "s.h5", random_columns(16))
    with pytest.raises(DatasetError, match="wanted frames 4 to 17, session has 16"):
        session.read("color", 4, 17)


def test_a_missing_file_is_named(tmp_path: Path, write_dataset: Write):
    folder = write_dataset(tmp_path / "d")
    (folder / "s.h5").unlink()
    with pytest.raises(DatasetError, match=r"wanted 's\.h5' of session 's', found no such file"):
        open_dataset(folder)


def test_a_file_outside_the_dataset_is_not_read(tmp_path: Path, write_dataset: Write):
    folder = write_dataset(tmp_path / "d")
    record = folder / "dataset.toml"
    record.write_text(record.read_text().replace('file = "s.h5"', 'file = "../d/s.h5"'))
    with pytest.raises(DatasetError, match=r"wanted the file name of session 's', found '\.\./d/s\.h5'"):
        open_dataset(folder)


def test_a_torn_file_is_a_dataset_error(tmp_path: Path):
    session = written(tmp_path / "s.h5", random_columns(16))
    whole_file = session.path.read_bytes()
    for content in (b"not HDF5", b"", whole_file[: len(whole_file) // 2], whole_file[:-1]):
        session.path.write_bytes(content)
        with pytest.raises(DatasetError, match="could not open it"):
            session.read("color")


def test_a_writer_that_was_not_given_all_rows_complains(tmp_path: Path):
    columns = random_columns(16)
    with (
        pytest.raises(DatasetError, match="wanted 20 rows in every column"),
        SessionWriter(tmp_path / "s.h5", n_frames=20, size_px=SIZE_PX, streams=STREAMS) as writer,
    ):
        writer.write(0, columns)
        writer.write(0, {name: rows[:4] for name, rows in columns.items()})


def test_a_writer_refuses_rows_of_another_shape_place_or_name(tmp_path: Path):
    with SessionWriter(tmp_path / "s.h5", n_frames=2, size_px=SIZE_PX, streams=STREAMS) as writer:
        with pytest.raises(DatasetError, match="column 'depth' cannot take"):
            writer.write(0, {"depth": np.zeros((2, 5, 5), np.uint16)})
        with pytest.raises(DatasetError, match="column 'valence' cannot take"):
            writer.write(1, {"valence": np.zeros(2, np.float32)})
        with pytest.raises(DatasetError, match="column 'smell' cannot take"):
            writer.write(0, {"smell": np.zeros(2, np.float32)})
        writer.write(0, random_columns(2))


def test_the_golden_dataset_of_schema_1_reads_for_ever():
    dataset = open_dataset(GOLDEN / "dataset-v1")
    (session,) = dataset.sessions
    assert (session.id, session.subject, session.split, session.n_frames) == ("take", "S01", "test", 20)
    assert dataset.record.config.compression is Compression.GZIP
    assert dataset.record.sessions[1].fate == "failed"
    assert sha256_of_file(session.path) == dataset.record.sessions[0].sha256
    lacking = set()
    for name, layout in column_layout(size_px=32, streams=STREAMS).items():
        column = session.read(name)
        assert (column.shape, column.dtype) == ((20, *layout.shape), np.dtype(layout.dtype))
        if name not in session.column_names:
            lacking.add(name)
            assert np.isnan(column).all() if column.dtype.kind == "f" else not column.any()
            continue
        count = np.arange(20) % 2 if column.dtype == bool else np.arange(20)
        np.testing.assert_array_equal(column.reshape(20, -1)[:, 0], count)
    assert {"found", "box", "sharpness", "offset_ms_thermal"} <= lacking
    np.testing.assert_allclose(session.read("raters_valence", 5, 6)[:, 0], [0.05, 0.25])
    assert session.rater_names("valence") == ("A", "B")


def test_ticks_of_schema_1_are_told_as_far_as_rows_tell():
    (session,) = open_dataset(GOLDEN / "dataset-v1").sessions
    row = session.read_ticks("row")
    assert len(row) == 50
    np.testing.assert_array_equal(row[:20], np.arange(20))
    assert (row[20:] == -1).all()
    assert np.isnan(session.read_ticks("time_s")[20:]).all()
    assert (session.read_ticks("reason_color")[20:] == Reason.NOT_SAMPLED).all()
    with pytest.raises(DatasetError, match="wanted a column of ticks"):
        session.read_ticks("smell")


def test_the_golden_dataset_of_schema_2_reads_for_ever():
    dataset = open_dataset(GOLDEN / "dataset-v2")
    assert {entry.fate for entry in dataset.record.sessions} == {"built", "failed"}
    assert {scheme.by for scheme in dataset.record.splits} == {"subject", "fold", "time"}
    for session in dataset.sessions:
        for name, layout in column_layout(size_px=32, streams=session.streams).items():
            column = session.read(name)
            assert (column.shape, column.dtype) == ((20, *layout.shape), np.dtype(layout.dtype))
            if name in session.streams:
                first = np.where(session.read(f"reason_{name}") == Reason.OK, np.arange(20) + 1, 0)
                np.testing.assert_array_equal(column.reshape(20, -1)[:, 0], first)
        assert set(tick_layout(session.streams)) == {
            "time_s",
            "row",
            *(f"reason_{s}" for s in session.streams),
        }
        np.testing.assert_array_equal(session.read_ticks("row")[::2], np.arange(20))
        assert session.rater_names("arousal") == ("A", "B")


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from mavfer.capture.streams import Stream
from mavfer.output import new_folder
from mavfer.preprocess.dataset.clip_writer import SessionWriter
from mavfer.preprocess.dataset.columns import column_layout
from mavfer.preprocess.dataset.record import Compression

layout = column_layout(size_px=96, streams=(Stream.COLOR,))
random = np.random.default_rng(0)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
options = {"size_px": 96, "streams": (Stream.COLOR,), "compression": Compression(sys.argv[2])}
with new_folder(Path(sys.argv[1]), marker="dataset.toml") as folder:
    with SessionWriter(folder / "s.h5", n_frames=64, **options) as writer:
        for start in range(0, 64, 16):
            block = {name: np.zeros((16, *column.shape), column.dtype) for name, column in layout.items()}
            block["color"] = random.integers(0, 256, (16, 96, 96, 3), np.uint8)
            writer.write(start, block)
"""


@pytest.mark.parametrize("compression", Compression)
def test_a_full_disk_is_an_error_and_not_a_crash(tmp_path: Path, compression: Compression):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "d"), compression],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("mavfer.errors.OutputError: cannot write the result")
    assert list(tmp_path.iterdir()) == []
