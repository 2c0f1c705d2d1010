"""Laws of the check: a dataset as built has no problem, and every kind of damage has a line of its own."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from mavfer.errors import DatasetError
from mavfer.preprocess.dataset.checking import check_dataset, verify_dataset
from mavfer.preprocess.dataset.clips import sha256_of_file
from mavfer.preprocess.dataset.record import Compression, Part, Reason, SplitScheme, read_record, write_record

GOLDEN = Path(__file__).with_name("golden")
Write = Callable[..., Path]


def problems(folder: Path) -> str:
    return "\n".join(check_dataset(folder).problems)


def rehashed(folder: Path, **changes: object) -> None:
    """Make the record's hashes those of the files as they are now: only what is inside is wrong."""
    record = read_record(folder)
    sessions = tuple(
        entry.model_copy(update={"sha256": sha256_of_file(folder / (entry.file or "")), **changes})
        for entry in record.sessions
    )
    write_record(folder, record.model_copy(update={"sessions": sessions}), overwrite=True)


@pytest.mark.parametrize("compression", Compression)
def test_a_dataset_as_built_has_no_problem(tmp_path: Path, write_dataset: Write, compression: Compression):
    folder = write_dataset(tmp_path / "d", {"a": "S01", "b": "S02"}, compression=compression)
    told = []
    report = check_dataset(folder, on_progress=lambda done, total: told.append((done, total)))
    assert (report.problems, report.n_sessions, report.n_frames) == ((), 2, 80)
    assert told == [(40, 80), (80, 80)]
    assert len(verify_dataset(folder).sessions) == 2


def test_the_golden_dataset_has_no_problem():
    assert problems(GOLDEN / "dataset-v2") == ""


@pytest.mark.parametrize("compression", Compression)
def test_a_flipped_byte_is_found(tmp_path: Path, write_dataset: Write, compression: Compression):
    folder = write_dataset(tmp_path / "d", compression=compression)
    content = bytearray((folder / "s.h5").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (folder / "s.h5").write_bytes(content)
    assert "session 's': its file is not the one that was built" in problems(folder)
    with pytest.raises(DatasetError, match="session 's': its file is not the one that was built"):
        verify_dataset(folder)


def test_a_damaged_chunk_has_a_place(tmp_path: Path, write_dataset: Write):
    folder = write_dataset(tmp_path / "d")
    with h5py.File(folder / "s.h5") as file:
        chunk = file["thermal"].id.get_chunk_info(1)
    content = bytearray((folder / "s.h5").read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + chunk.size] = bytes(chunk.size)
    (folder / "s.h5").write_bytes(content)
    found = check_dataset(folder).problems
    assert len(found) == 2
    assert "column 'thermal' is damaged" in found[1]


def replace(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        values = change(file[name][:])
        del file[name]
        file.create_dataset(name, data=values)

    return edit


def set_at(name: str, place: object, value: object) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        file[name][place] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda file: file.__delitem__("pose_deg"), "wanted column 'pose_deg', found none"),
        (lambda file: file.__delitem__("ticks"), "wanted column 'ticks/row', found none"),
        (lambda file: file.create_dataset("smell", data=[1]), "column 'smell' is unknown"),
        (
            replace("valence", lambda v: v[:-1]),
            r"'valence': wanted (40,) float32 as the record says, found (39,)",
        ),
        (replace("tick", lambda v: v.astype(np.int64)), "'tick': wanted (40,) int32"),
        (set_at("valence", 3, 1.5), "valence labels leave [-1, 1]"),
        (set_at("valence", 3, np.inf), "valence labels leave [-1, 1]"),
        (set_at("valence", 3, np.nan), "wanted 40 rows with a valence label as the record says, found 39"),
        (set_at("raters_valence", (0, 3), -2), "raters' valence leaves [-1, 1]"),
        (set_at("valid_depth", 3, False), "1 depth rows are valid by their mask and not by their reason"),
        (set_at("reason_depth", 3, Reason.NO_DEPTH), "40 of 40 depth rows explained (ok 40), the file has"),
        (set_at("reason_depth", 3, Reason.NO_DEPTH), "1 depth rows have pixels though their reason says"),
        (set_at("reason_depth", 3, Reason.NO_DEPTH), "1 depth ticks have another reason than their rows"),
        (set_at("reason_depth", 3, 77), "depth rows: reasons [77] are unknown"),
        (set_at("time_s", 3, 0), "the rows' times do not increase"),
        (set_at("tick", 3, 2), "the rows' ticks do not increase"),
        (set_at("tick", 39, 500), "a tick names a row beyond 40, or a row a tick beyond 80"),
        (set_at("ticks/row", 0, -1), "40 rows show a tick, 39 ticks became a row"),
        (set_at("ticks/reason_color", 1, 0), "color ticks explained"),
    ],
)
def test_every_contradiction_has_its_line(
    tmp_path: Path, write_dataset: Write, edit: Callable[[h5py.File], None], complaint: str
):
    folder = write_dataset(tmp_path / "d", compression=Compression.GZIP)
    with h5py.File(folder / "s.h5", "r+") as file:
        edit(file)
    rehashed(folder)
    assert complaint in problems(folder)


def test_a_record_that_contradicts_itself_is_named(tmp_path: Path, write_dataset: Write):
    parts = (Part(split="train", start=0, stop=30), Part(split="test", start=20, stop=60))
    schemes = (
        SplitScheme(by="subject", subjects={"s01": "train", "S01": "test"}),
        SplitScheme(name="time", by="time", parts={"a": parts}),
        SplitScheme(name="time", by="fold", folds={}),
    )
    folder = write_dataset(tmp_path / "d", {"a": "s01", "b": "S01"}, splits=schemes)
    found = problems(folder)
    assert "split 'time' is there 2 times" in found
    assert "split 'default': 'S01' and 's01' are one person, and in two splits" in found
    assert "split 'time', session 'a': part 20 to 60 overlaps another or leaves its 40 rows" in found
    assert "split 'time', session 'b': it is in no split" in found
    assert "split 'time', session 'b': subject 'S01' is in no fold" in found


def test_missing_and_stray_files_are_named(tmp_path: Path, write_dataset: Write):
    folder = write_dataset(tmp_path / "d", {"a": "S01", "b": "S02"})
    (folder / "a.h5").rename(folder / "c.h5")
    (folder / "b.h5").write_bytes(b"no HDF5")
    found = problems(folder)
    assert "session 'a': wanted 'a.h5', found no such file" in found
    assert "'c.h5' belongs to no session of the record" in found
    assert "session 'b': its file cannot be opened" in found


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file whose disk refuses to read")
def test_a_file_that_the_disk_refuses_to_read_has_a_line_and_does_not_end_the_check(
    tmp_path: Path, write_dataset: Write
):
    folder = write_dataset(tmp_path / "d", {"a": "S01", "b": "S02"})
    (folder / "a.h5").unlink()
    (folder / "a.h5").symlink_to("/proc/self/mem")
    (problem,) = check_dataset(folder).problems
    assert problem.startswith("session 'a': its file cannot be opened ([Errno 5]")
