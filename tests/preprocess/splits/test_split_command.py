"""`mavfer dataset split`: what it writes, prints and refuses; the dataset's files are never touched."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mavfer.command_line import command_line
from mavfer.errors import DatasetError, MavferError, OutputError, UsageError
from mavfer.preprocess.dataset.checking import check_dataset
from mavfer.preprocess.dataset.clips import open_dataset, sha256_of_file
from mavfer.preprocess.dataset.record import read_record

GOLDEN = Path(__file__).parents[1] / "golden" / "dataset-v1"
SESSIONS = {f"take{i:02d}": f"S{i % 8:02d}" for i in range(10)}


@pytest.fixture(scope="module")
def written(write_labelled: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_labelled(tmp_path_factory.mktemp("written") / "d", SESSIONS)


@pytest.fixture
def dataset(written: Path, tmp_path: Path) -> Path:
    """A dataset of ten sessions of eight subjects, two of whom were filmed twice."""
    return shutil.copytree(written, tmp_path / "d")


def split(path: Path, *options: str) -> Result:
    words = ["dataset", "split", str(path), *options]
    result = CliRunner().invoke(command_line(), words, env={"COLUMNS": "160"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_folds_are_kept_by_subject_id_and_every_frame_is_tested_once(dataset: Path) -> None:
    before = {path.name: sha256_of_file(path) for path in dataset.glob("*.h5")}
    default = open_dataset(dataset).sessions
    result = split(dataset, "--name", "kfold4", "--folds", "4")
    assert result.exit_code == 0
    assert "kfold4: 4 folds of subjects" in result.stdout
    assert "balanced on valence and arousal" in result.stdout
    assert "for plain draws" in result.stdout
    scheme = read_record(dataset).scheme("kfold4")
    assert scheme.folds.keys() == set(SESSIONS.values())
    tested = []
    for fold in range(4):
        opened = open_dataset(dataset, split_name="kfold4", fold=fold)
        parts = {
            name: {one.subject for one in opened.split(name)} for name in ("train", "validation", "test")
        }
        assert sum(map(len, parts.values())) == len(set.union(*parts.values())) == 8
        tested += [one.session_id for one in opened.split("test")]
    assert sorted(tested) == sorted(SESSIONS)
    assert open_dataset(dataset).sessions == default
    assert {path.name: sha256_of_file(path) for path in dataset.glob("*.h5")} == before


def test_the_same_words_write_the_same_bytes_and_another_seed_others(dataset: Path, tmp_path: Path) -> None:
    other = shutil.copytree(dataset, tmp_path / "other")
    for path in (dataset, other):
        split(path, "--folds", "3", "--seed", "1")
    assert (dataset / "dataset.toml").read_bytes() == (other / "dataset.toml").read_bytes()
    split(other, "--folds", "3", "--seed", "2", "--overwrite")
    assert read_record(other).scheme("kfold3").seed == 2


@pytest.mark.parametrize(
    ("words", "name", "counts"),
    [
        (["--paper"], "paper", (5, 1, 2)),
        (["--test-subjects", "3", "--validation-subjects", "2"], "drawn", (3, 2, 3)),
        (["--test", "S03,S07", "--validation", "S01"], "by-hand", (5, 1, 2)),
        (["--validation", "s00", "--name", "mine"], "mine", (7, 1, 0)),
        (["--paper", "--no-balance", "--seed", "9"], "paper", (5, 1, 2)),
    ],
)
def test_whole_subjects_are_held_out(
    dataset: Path, words: list[str], name: str, counts: tuple[int, int, int]
) -> None:
    split(dataset, *words)
    scheme = read_record(dataset).scheme(name)
    found = list(scheme.subjects.values())
    assert tuple(found.count(part) for part in ("train", "validation", "test")) == counts
    assert bool(scheme.balanced_on) == (name in ("paper", "drawn") and "--no-balance" not in words)


def test_the_table_counts_frames_clips_and_labels(dataset: Path) -> None:
    result = split(dataset, "--test", "S00", "--validation", "S02")
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines()[1:]}
    assert rows["test"][1:3] == ["128", "14"]  # two sessions of 64 frames, overlapping by half
    assert rows["train"][1:3] == ["448", "28"]  # seven, without overlap
    assert rows["test"][-2:] == ["1:", "S00"]
    values = [one.read("valence") for one in open_dataset(dataset, split_name="by-hand").split("test")]
    mean = sum(float(one.sum()) for one in values) / 128
    assert rows["test"][3] == f"{mean:+.2f}"


def test_a_split_is_shown_removed_and_replaced_only_when_asked(dataset: Path) -> None:
    split(dataset, "--paper")
    before = (dataset / "dataset.toml").read_bytes()
    shown = split(dataset, "--show").stdout
    assert "default: by subject" in shown
    assert "paper: by subject, seed 0, balanced" in shown
    assert "default" not in split(dataset, "--show", "--name", "paper").stdout
    with pytest.raises(OutputError, match="the dataset has a split 'paper'; pass --overwrite"):
        split(dataset, "--paper")
    assert (dataset / "dataset.toml").read_bytes() == before
    split(dataset, "--test", "S01", "--name", "paper", "--overwrite")
    assert read_record(dataset).scheme("paper").subjects["S01"] == "test"
    assert "splits: default:" in split(dataset, "--remove", "paper").stdout
    with pytest.raises(DatasetError, match="wanted a split 'paper', the dataset has default"):
        split(dataset, "--remove", "paper")
    with pytest.raises(DatasetError, match="can be removed, found 'default'"):
        split(dataset, "--remove", "default")


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ([], UsageError, "wanted one way to split, found none"),
        (["--paper", "--folds", "3"], UsageError, "found several"),
        (["--test", "S01", "--seed", "3"], UsageError, "wanted --seed with a split that is drawn"),
        (["--in-time", "--no-balance"], UsageError, "wanted --balance with a split that is drawn"),
        (["--show", "--overwrite"], UsageError, "wanted --overwrite with a new split"),
        (["--remove", "x", "--name", "y"], UsageError, "wanted --name with a new split"),
        (["--paper", "--name", "a b"], UsageError, "a --name of letters, digits, - and _"),
        (["--test", "S1"], DatasetError, r"found 'S1'; is 'S01' meant\?: /"),
        (["--test", "S01,S02", "--validation", "S02"], DatasetError, "'S02' in test and in validation"),
        (["--folds", "9"], DatasetError, "found 9 folds and 8 subjects"),
        (["--test-subjects", "8"], DatasetError, "at least 1 for training, found 8"),
        (["--show", "--name", "no"], DatasetError, "wanted a split 'no', the dataset has default"),
    ],
)
def test_misuse_is_one_line_and_changes_nothing(
    dataset: Path, words: list[str], error: type[MavferError], said: str
) -> None:
    before = (dataset / "dataset.toml").read_bytes()
    with pytest.raises(error, match=said) as caught:
        split(dataset, *words)
    assert "\n" not in str(caught.value)
    assert (dataset / "dataset.toml").read_bytes() == before


def test_one_subject_is_split_in_time_and_by_nothing_else(
    write_labelled: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_labelled(tmp_path / "one", {"a": "S01", "b": "S01"})
    with pytest.raises(DatasetError, match=r"several subjects to split, found one \(S01\); pass --in-time"):
        split(path, "--paper")
    with pytest.raises(DatasetError, match="found 2 folds and 1 subject "):
        split(path, "--folds", "2")
    result = split(path, "--in-time")
    assert "in people it has not seen" not in result.stdout
    assert "scores do not say how well a network does on people it has not seen" in result.stderr
    opened = open_dataset(path, split_name="in-time")
    assert [one.id for one in opened.split("test")] == ["a.test", "b.test"]
    assert opened.split_by == "time"


def test_a_dataset_without_labels_is_split_and_has_none_in_its_table(
    write_labelled: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_labelled(tmp_path / "d", {f"t{i}": f"S{i}" for i in range(6)}, rated=False)
    result = split(path, "--paper")
    assert "valence" not in result.stdout
    assert "nan" not in result.stdout
    assert read_record(path).scheme("paper").balanced_on == ()


def test_two_folds_leave_nobody_to_validate_on_and_say_so(dataset: Path) -> None:
    assert "none is left to validate on" in split(dataset, "--folds", "2").stderr


def test_a_dataset_of_schema_1_is_split_and_still_read(tmp_path: Path) -> None:
    path = shutil.copytree(GOLDEN, tmp_path / "old")
    before = check_dataset(path).problems
    split(path, "--in-time")
    assert len(open_dataset(path, split_name="in-time").sessions) == 1
    assert [one.split for one in open_dataset(path).sessions] == ["test"]
    assert read_record(path).failed[0].id == "dark"
    assert check_dataset(path).problems == before


def test_a_damaged_file_is_one_line_and_the_record_stays(dataset: Path) -> None:
    file = dataset / "take03.h5"
    file.write_bytes(file.read_bytes()[:3000])
    before = (dataset / "dataset.toml").read_bytes()
    with pytest.raises(DatasetError, match=r"take03\.h5"):
        split(dataset, "--paper")
    assert (dataset / "dataset.toml").read_bytes() == before


def test_a_split_that_does_not_know_a_session_is_named_and_hides_no_other(dataset: Path) -> None:
    split(dataset, "--paper")
    record = (dataset / "dataset.toml").read_text()
    first, second = record.split('name = "paper"')
    (dataset / "dataset.toml").write_text(first + 'name = "paper"' + second.replace("S03 =", "S93 =", 1))
    result = split(dataset, "--show")
    assert result.exit_code == 1
    assert "split 'paper' does not know 'S03'" in result.stderr
    assert "default: by subject" in result.stdout


def test_of_two_folds_none_is_said_to_validate(dataset: Path) -> None:
    result = split(dataset, "--folds", "2")
    assert "kfold2: 2 folds of subjects; where one is tested, the other trains" in result.stdout
    assert "with 2 folds none is left to validate on" in result.stderr
    assert not open_dataset(dataset, split_name="kfold2", fold=0).split("validation")
