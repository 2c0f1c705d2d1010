"""`mavfer dataset check`, `info`, `merge` and `export`: what they print, and how they end."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mavfer.__main__ import main
from mavfer.preprocess.dataset.record import SplitScheme

GOLDEN = Path(__file__).parent.with_name("golden")
Write = Callable[..., Path]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """A function that runs `mavfer dataset ...` and returns exit status, stdout and stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["mavfer", "dataset", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        code = end.value.code
        return (code if isinstance(code, int) else 0), out, err

    return run


def test_a_sound_dataset_is_said_to_be_sound(run: Callable):
    code, out, err = run("check", GOLDEN / "dataset-v2")
    assert (code, err) == (0, "")
    assert out.startswith("no problem in 80 frames of 4 sessions, ")


def test_problems_are_named_one_a_line_and_exit_1(run: Callable, tmp_path: Path, write_dataset: Write):
    folder = write_dataset(tmp_path / "d", {"a": "S01", "b": "S02"})
    (folder / "a.h5").write_bytes(b"")
    (folder / "b.h5").unlink()
    code, out, err = run("check", folder)
    assert code == 1
    assert len(out.splitlines()) == 3
    assert err.startswith("3 problems in ")
    assert "Traceback" not in err


def test_info_tells_people_what_is_there(run: Callable):
    code, out, err = run("info", GOLDEN / "dataset-v2")
    assert (code, err) == (0, "")
    for words in (
        "4 simulated sessions of 3 subjects, 80 frames",
        "no face 4",
        "split 'default', by subject, seed 3, labels made alike (valence)",
        "split 'loso', in 3 folds of subjects",
        "split 'in-time', in time",
        "compression blosc2",
        "not built: dark: wanted a face, found none",
    ):
        assert words in out
    assert "loso" not in run("info", GOLDEN / "dataset-v2", "--split", "default")[1]
    assert run("info", GOLDEN / "dataset-v2", "--split", "paper")[0] == 1


def test_info_reads_schema_1(run: Callable):
    code, out, _ = run("info", GOLDEN / "dataset-v1")
    assert code == 0
    assert "1 simulated sessions of 1 subjects, 20 frames" in out


def test_merge_says_what_it_made_and_what_it_drew_anew(run: Callable, tmp_path: Path, write_dataset: Write):
    paths = [write_dataset(tmp_path / name, {name: f"S-{name}"}) for name in ("one", "two")]
    code, out, err = run("merge", *paths, "--out", tmp_path / "m")
    assert (code, out) == (
        0,
        f"2 sessions of 2 subjects, 80 frames, 2 files linked and 0 copied: {tmp_path / 'm'}\n",
    )
    assert "mavfer dataset report" in err
    assert run("check", tmp_path / "m")[0] == 0
    assert run("merge", *paths, "--out", tmp_path / "m")[0] == 1
    code, out, _ = run("merge", *paths, "--out", tmp_path / "m", "--overwrite", "--json")
    told = json.loads(out)
    assert (code, told["dataset"], told["n_sessions"], told["n_frames"]) == (0, str(tmp_path / "m"), 2, 80)
    assert (told["n_files_linked"], told["n_files_copied"]) == (2, 0)
    code, out, err = run("merge", paths[0], "--out", tmp_path / "n")
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_exports_say_what_they_wrote(run: Callable, tmp_path: Path, write_dataset: Write):
    folder = write_dataset(tmp_path / "d")
    code, out, _ = run("export", folder, "--out", tmp_path / "f", "--format", "frames", "--stream", "color")
    assert (code, out) == (0, f"40 frames of 1 sessions, 40 pictures: {tmp_path / 'f'}\n")
    code, out, _ = run("export", folder, "--out", tmp_path / "w", "--format", "webdataset", "--length", 8)
    assert (code, out) == (0, f"5 clips of 1 sessions in 1 tar files: {tmp_path / 'w'}\n")
    words = ("--format", "webdataset", "--length", 8, "--overwrite", "--json")
    told = json.loads(run("export", folder, "--out", tmp_path / "w", *words)[1])
    assert (told["n_clips"], told["n_sessions"], told["n_files"]) == (5, 1, 1)
    assert (told["format"], told["path"]) == ("webdataset", str(tmp_path / "w"))
    code, _, err = run("export", folder, "--out", tmp_path / "g", "--format", "frames", "--length", 8)
    assert (code, err) == (
        2,
        "error: wanted --length with --format webdataset, found it with --format frames\n",
    )
    assert run("export", folder, "--out", tmp_path / "g", "--format", "frames", "--split", "paper")[0] == 1
    assert not (tmp_path / "g").exists()


def test_a_folder_of_a_fold_is_exported_as_its_fold_says(run: Callable, tmp_path: Path):
    golden = GOLDEN / "dataset-v2"
    words = ("--format", "frames", "--split", "loso", "--fold", 1, "--part", "test")
    code, out, _ = run("export", golden, "--out", tmp_path / "f", *words)
    assert (code, out.split(":")[0]) == (0, "20 frames of 1 sessions, 19 pictures")
    code, _, err = run("export", golden, "--out", tmp_path / "g", "--format", "frames", "--split", "loso")
    assert code == 1
    assert err == f"error: split 'loso' is in folds: pass --fold 0 to 2: {golden}\n"


def test_info_shows_a_dash_for_the_labels_of_a_part_that_has_none(
    run: Callable, tmp_path: Path, write_dataset: Write
):
    def unrated(name: str, columns: dict) -> None:
        if name == "b":
            columns["valence"][:] = np.nan

    splits = [SplitScheme(by="subject", subjects={"S01": "train", "S02": "test"})]
    folder = write_dataset(tmp_path / "d", {"a": "S01", "b": "S02"}, change=unrated, splits=splits)
    code, out, _ = run("info", folder)
    (line,) = [line for line in out.splitlines() if line.startswith("test ")]
    assert code == 0
    assert "nan" not in out
    assert line.split()[4] == "-"


def test_info_names_the_dimension_where_only_one_is_rated(
    run: Callable, tmp_path: Path, write_dataset: Write
):
    def unrated(name: str, columns: dict) -> None:
        columns["arousal"][:] = np.nan
        columns["valence"][:10] = np.nan
        if name == "b":
            columns["valence"][:] = np.nan

    folder = write_dataset(tmp_path / "d", {"a": "S01", "b": "S02"}, change=unrated)
    _, out, _ = run("info", folder)
    (of_a,) = [line for line in out.splitlines() if line.startswith("a ")]
    (of_b,) = [line for line in out.splitlines() if line.startswith("b ")]
    assert "75.0% valence" in of_a
    assert of_b.split()[5] == "0.0%"
