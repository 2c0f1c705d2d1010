"""Laws of the dataset's files: what is written is read, clips lie where they may, damage is named."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mavfer.capture.streams import Stream
from mavfer.errors import DatasetError
from mavfer.preprocess.clips import (
    SessionWriter,
    column_layout,
    open_dataset,
    sha256_of_file,
    verify_dataset,
    windows,
)
from mavfer.preprocess.record import ClipConfig, DatasetRecord, Part, SessionRecord, write_record

STREAMS = (Stream.COLOR, Stream.DEPTH, Stream.INFRARED, Stream.THERMAL)
SIZE_PX = 32


def random_columns(n_frames: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    columns = {}
    for name, (shape, dtype) in column_layout(size_px=SIZE_PX, streams=STREAMS).items():
        values = rng.integers(0, 200, (n_frames, *shape))
        columns[name] = (values % 2 if dtype == "bool" else values).astype(dtype)
    columns["valid_color"][:] = True
    return columns


def write_dataset(
    folder: Path, columns: dict[str, np.ndarray], parts: tuple[Part, ...] | None = None, raters: int = 3
) -> None:
    folder.mkdir(exist_ok=True)
    n_frames = len(columns["time_s"])
    with SessionWriter(folder / "s.h5", n_frames=n_frames, size_px=SIZE_PX, streams=STREAMS) as writer:
        for start in range(0, n_frames, 16):
            writer.write(start, {name: values[start : start + 16] for name, values in columns.items()})
        names = [f"R{i}" for i in range(raters)]
        writer.write_raters("valence", names, np.arange(raters * n_frames).reshape(raters, -1) / 1000)
    entry = SessionRecord(
        id="s",
        subject="S01",
        simulated=False,
        fate="built",
        file="s.h5",
        sha256=sha256_of_file(folder / "s.h5"),
        n_frames=n_frames,
        fps=4,
        streams=STREAMS,
        reasons={stream: {"ok": n_frames} for stream in STREAMS},
        parts=parts or (Part(split="train", start=0, stop=n_frames),),
    )
    record = DatasetRecord(
        schema_version=1,
        software="test",
        simulated=False,
        split_by="subject",
        box_policy="test",
        config=ClipConfig(size_px=SIZE_PX),
        sessions=(entry,),
    )
    write_record(folder, record)


def test_every_column_reads_back_as_it_was_written(tmp_path: Path) -> None:
    columns = random_columns(40)
    write_dataset(tmp_path / "d", columns)
    session = verify_dataset(tmp_path / "d").sessions[0]
    for name, values in columns.items():
        np.testing.assert_array_equal(session.read(name), values)
        np.testing.assert_array_equal(session.read(name, 13, 29), values[13:29])
        assert session.read(name).dtype == values.dtype


def test_raters_are_read_by_frame(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", random_columns(40))
    session = open_dataset(tmp_path / "d").sessions[0]
    assert session.read("raters_valence", 3, 7).shape == (3, 4)
    np.testing.assert_allclose(session.read("raters_valence", 3, 7)[1], np.arange(43, 47) / 1000, rtol=1e-6)


def test_a_session_that_travelled_to_another_process_still_reads(tmp_path: Path) -> None:
    columns = random_columns(20)
    write_dataset(tmp_path / "d", columns)
    session = open_dataset(tmp_path / "d").sessions[0]
    session.read("color", 0, 1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(session)).read("depth"), columns["depth"])


def test_a_dataset_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", random_columns(20, seed=1))
    before = open_dataset(tmp_path / "d").sessions[0].read("depth")
    (tmp_path / "d" / "s.h5").unlink()
    write_dataset(tmp_path / "d", random_columns(20, seed=2))
    assert np.any(open_dataset(tmp_path / "d").sessions[0].read("depth") != before)


def test_the_same_frames_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_dataset(tmp_path / name, random_columns(20))
    for file in ("s.h5", "dataset.toml"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_parts_of_a_session_read_their_own_frames(tmp_path: Path) -> None:
    columns = random_columns(60)
    parts = (Part(split="train", start=0, stop=25), Part(split="test", start=25, stop=60))
    write_dataset(tmp_path / "d", columns, parts)
    train, test = open_dataset(tmp_path / "d").sessions
    assert (train.id, test.id) == ("s.train", "s.test")
    assert (train.session_id, test.session_id) == ("s", "s")
    np.testing.assert_array_equal(test.read("time_s"), columns["time_s"][25:])
    np.testing.assert_array_equal(test.read("color", 2, 4), columns["color"][27:29])
    assert open_dataset(tmp_path / "d").split("test") == (test,)


def dataset_with_valid(tmp_path: Path, valid: np.ndarray) -> Path:
    columns = random_columns(len(valid))
    columns["valid_color"] = valid
    write_dataset(tmp_path / "d", columns)
    return tmp_path / "d"


@pytest.mark.parametrize("n_frames", [16, 17, 47, 48, 100])
def test_training_clips_do_not_overlap_and_lie_inside(tmp_path: Path, n_frames: int) -> None:
    session = open_dataset(dataset_with_valid(tmp_path, np.ones(n_frames, bool))).sessions[0]
    starts = windows(session, length=16, step=16)
    assert starts == [16 * i for i in range(n_frames // 16)]


@pytest.mark.parametrize("n_frames", [16, 17, 47, 48, 100])
def test_test_clips_overlap_by_eight_and_see_every_frame(tmp_path: Path, n_frames: int) -> None:
    session = open_dataset(dataset_with_valid(tmp_path, np.ones(n_frames, bool))).sessions[0]
    starts = windows(session, length=16, step=8)
    assert starts[-1] == n_frames - 16
    assert np.all(np.diff(starts[:-1]) == 8)
    assert set().union(*(range(start, start + 16) for start in starts)) == set(range(n_frames))


def test_no_clip_holds_a_frame_without_a_face(tmp_path: Path) -> None:
    valid = np.ones(100, bool)
    valid[[0, 40, 41, 70]] = False
    session = open_dataset(dataset_with_valid(tmp_path, valid)).sessions[0]
    for step in (1, 8, 16):
        starts = windows(session, length=16, step=step)
        assert starts
        assert all(valid[start : start + 16].all() for start in starts)


def test_clips_can_be_asked_to_be_labelled_throughout(tmp_path: Path) -> None:
    columns = random_columns(64)
    columns["valence"][:20] = np.nan
    write_dataset(tmp_path / "d", columns)
    session = open_dataset(tmp_path / "d").sessions[0]
    assert windows(session, length=16, step=16)[0] == 0
    assert windows(session, length=16, step=16, labelled=["valence"])[0] == 20


def test_a_session_too_short_for_a_clip_has_none(tmp_path: Path) -> None:
    session = open_dataset(dataset_with_valid(tmp_path, np.ones(15, bool))).sessions[0]
    assert windows(session, length=16, step=8) == []


def test_an_unknown_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", random_columns(16))
    session = open_dataset(tmp_path / "d").sessions[0]
    with pytest.raises(DatasetError, match=r"wanted column 'smell', session has .*thermal.*s\.h5$"):
        session.read("smell")


def test_frames_outside_the_session_are_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", random_columns(16))
    with pytest.raises(DatasetError, match="wanted frames 4 to 17, session has 16"):
        open_dataset(tmp_path / "d").sessions[0].read("color", 4, 17)


def test_a_folder_that_is_no_dataset_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=f"wanted a dataset folder.*{tmp_path}$"):
        open_dataset(tmp_path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", random_columns(16))
    record = tmp_path / "d" / "dataset.toml"
    record.write_text(record.read_text().replace("schema_version = 1", "schema_version = 99"))
    with pytest.raises(DatasetError, match="wanted dataset schema 1, found 99"):
        open_dataset(tmp_path / "d")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", random_columns(16))
    (tmp_path / "d" / "s.h5").unlink()
    with pytest.raises(DatasetError, match=r"wanted 's\.h5' of session 's', found no such file"):
        open_dataset(tmp_path / "d")


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", random_columns(16))
    path = tmp_path / "d" / "s.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="session 's' is not the file that was built"):
        verify_dataset(tmp_path / "d")


def test_a_torn_file_is_a_dataset_error(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", random_columns(16))
    (tmp_path / "d" / "s.h5").write_bytes(b"not HDF5")
    with pytest.raises(DatasetError, match="could not open it"):
        open_dataset(tmp_path / "d").sessions[0].read("color")


def test_a_writer_that_was_not_given_all_rows_complains(tmp_path: Path) -> None:
    columns = random_columns(16)
    with (
        pytest.raises(DatasetError, match="wanted 20 rows in every column"),
        SessionWriter(tmp_path / "s.h5", n_frames=20, size_px=SIZE_PX, streams=STREAMS) as writer,
    ):
        writer.write(0, columns)


def test_a_writer_refuses_rows_of_another_shape(tmp_path: Path) -> None:
    with (
        pytest.raises(DatasetError, match="column 'depth' cannot take"),
        SessionWriter(tmp_path / "s.h5", n_frames=2, size_px=SIZE_PX, streams=STREAMS) as writer,
    ):
        writer.write(0, {"depth": np.zeros((2, 5, 5), np.uint16)})


def test_the_golden_dataset_of_schema_1_reads_for_ever() -> None:
    dataset = verify_dataset(Path(__file__).with_name("golden") / "dataset-v1")
    (session,) = dataset.sessions
    assert (session.id, session.subject, session.split, session.n_frames) == ("take", "S01", "test", 20)
    assert dataset.record.sessions[1].fate == "failed"
    for name in column_layout(size_px=32, streams=STREAMS):
        column = session.read(name)
        counted = np.arange(20) % 2 if column.dtype == bool else np.arange(20)
        np.testing.assert_array_equal(column.reshape(20, -1)[:, 0], counted)
    np.testing.assert_allclose(session.read("raters_valence", 5, 6)[:, 0], [0.05, 0.25])


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from mavfer.capture.streams import Stream
from mavfer.output import new_folder
from mavfer.preprocess.clips import SessionWriter, column_layout

layout = column_layout(size_px=96, streams=(Stream.COLOR,))
random = np.random.default_rng(0)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
with new_folder(Path(sys.argv[1]), marker="dataset.toml") as folder:
    with SessionWriter(folder / "s.h5", n_frames=64, size_px=96, streams=(Stream.COLOR,)) as writer:
        for start in range(0, 64, 16):
            block = {name: np.zeros((16, *shape), dtype) for name, (shape, dtype) in layout.items()}
            block["color"] = random.integers(0, 256, (16, 96, 96, 3), np.uint8)
            writer.write(start, block)
"""


def test_a_full_disk_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "d")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("mavfer.errors.OutputError: cannot write the result")
    assert list(tmp_path.iterdir()) == []
