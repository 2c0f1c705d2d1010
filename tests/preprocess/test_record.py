"""Laws of `dataset.toml`: what is written is read; newer and damaged ones are named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mavfer.errors import DatasetError, OutputError
from mavfer.preprocess.dataset.record import Compression, read_record, write_record

GOLDEN = Path(__file__).with_name("golden")
Write = Callable[..., Path]


@pytest.mark.parametrize("name", ["dataset-v1", "dataset-v2"])
def test_a_record_that_is_written_is_the_one_that_was_read(tmp_path: Path, name: str):
    record = read_record(GOLDEN / name)
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record


def test_the_record_of_schema_2_is_written_as_it_was(tmp_path: Path):
    write_record(tmp_path, read_record(GOLDEN / "dataset-v2"))
    golden = (GOLDEN / "dataset-v2" / "dataset.toml").read_bytes()
    assert (tmp_path / "dataset.toml").read_bytes() == golden


def test_a_record_of_schema_1_says_that_its_pixels_are_gzip():
    assert read_record(GOLDEN / "dataset-v1").config.compression is Compression.GZIP


def test_a_newer_schema_is_named_in_one_line(tmp_path: Path, write_dataset: Write):
    folder = write_dataset(tmp_path / "d")
    record = folder / "dataset.toml"
    record.write_text(record.read_text().replace("schema_version = 2", "schema_version = 3\nnew = 1"))
    with pytest.raises(
        DatasetError, match=r"^wanted dataset schema 1 to 2, found 3: made by a newer mavfer; .*d$"
    ):
        read_record(folder)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "schema_version|software is missing"),
        ("schema_version = 0", "schema_version"),
        ('schema_version = "two"', "schema_version"),
        ("schema_version = 1", "damaged|missing"),
        ("schema_version = 1\nconfig = 3", "damaged"),
        ('schema_version = 1\n[[sessions]]\nid = "a"\nparts = [1]', "damaged"),
        ("schema_version = [", "syntax"),
    ],
)
def test_a_damaged_record_is_one_line(tmp_path: Path, text: str, complaint: str):
    (tmp_path / "dataset.toml").write_text(text)
    with pytest.raises(DatasetError, match=complaint) as caught:
        read_record(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_dataset_is_named(tmp_path: Path):
    with pytest.raises(DatasetError, match=f"wanted a dataset folder.*{tmp_path}$"):
        read_record(tmp_path)


def test_a_record_is_not_overwritten_unless_asked(tmp_path: Path):
    record = read_record(GOLDEN / "dataset-v2")
    write_record(tmp_path, record)
    with pytest.raises(OutputError):
        write_record(tmp_path, record)
    write_record(tmp_path, record, overwrite=True)


def test_an_unknown_split_is_named_with_those_there_are():
    with pytest.raises(DatasetError, match="wanted a split 'paper', the dataset has default, loso, in-time"):
        read_record(GOLDEN / "dataset-v2").scheme("paper")


def test_an_error_that_names_a_path_of_bytes_that_are_no_text_can_be_recorded(tmp_path: Path):
    record = read_record(GOLDEN / "dataset-v2")
    path = b"/takes/caf\xe9".decode("utf-8", "surrogateescape")
    failed = record.failed[0].model_copy(update={"error": f"wanted a session, found none: {path}"})
    write_record(tmp_path, record.model_copy(update={"sessions": (*record.built, failed)}))
    assert read_record(tmp_path).failed[0].error == "wanted a session, found none: /takes/caf?"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("stop = 20", "stop = 4", "wanted a range of frames, found 10 to 4"),
        ("aligned_share = 0.95", "aligned_share = nan", "aligned_share"),
        ("n_frames = 20", "n_frames = -20", "n_frames"),
        ("n_frames = 20\nfps = 4.0", "n_frames = 20\nfps = inf", "sessions.*fps"),
    ],
)
def test_numbers_that_no_dataset_has_are_named(tmp_path: Path, old: str, new: str, complaint: str):
    text = (GOLDEN / "dataset-v2" / "dataset.toml").read_text()
    assert old in text
    (tmp_path / "dataset.toml").write_text(text.replace(old, new))
    with pytest.raises(DatasetError, match=complaint) as caught:
        read_record(tmp_path)
    assert "\n" not in str(caught.value)
