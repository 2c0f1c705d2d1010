import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

GRAY = [np.full((48, 64, 3), 20 + 10 * i, np.uint8) for i in range(20)]
WriteVideo = Callable[[Path, Sequence[np.ndarray]], Path]


def mavfer(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mavfer", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def avec(tmp_path: Path, write_video: WriteVideo) -> Path:
    """RECOLA as AVEC gave it: two films to train on, one to develop on, one to test on without labels."""
    folder = tmp_path / "avec"
    (folder / "recordings_video").mkdir(parents=True)
    for name in ("train_1", "train_2", "dev_1", "test_1"):
        write_video(folder / "recordings_video" / f"{name}.mp4", GRAY)
        for dimension in ("arousal", "valence"):
            place = folder / "ratings_individual" / dimension
            place.mkdir(parents=True, exist_ok=True)
            if name != "test_1":
                lines = [f"{0.04 * i:.2f};0.1;0.2\n" for i in range(60)]
                (place / f"{name}.csv").write_text("time;FM1;FM2\n" + "".join(lines), encoding="utf-8")
    return folder


def test_recola_is_imported_and_told_how_to_divide(tmp_path: Path, avec: Path) -> None:
    sessions, traces = tmp_path / "sessions", tmp_path / "traces"
    done = mavfer("import", "recola", avec, "--out", sessions, "--traces", traces)
    assert done.returncode == 0, done.stderr
    assert "RECOLA: 3 imported, 1 left out, for want of ratings (test_1)" in done.stdout
    assert "3 sessions of 3 subjects" in done.stdout
    assert "mavfer dataset split DATASET --name recola --test recola-dev_1" in done.stdout
    assert "each rater from ratings_individual" in done.stderr
    kept = tomllib.loads((traces / "recola.partitions.toml").read_text(encoding="utf-8"))
    assert kept == {"dev": ["recola-dev_1"], "train": ["recola-train_1", "recola-train_2"]}
    again = mavfer("import", "recola", avec, "--out", sessions, "--traces", traces)
    assert again.returncode == 0
    assert "RECOLA: 3 there already" in again.stdout


def test_one_film_that_fails_is_named_and_the_command_exits_1(tmp_path: Path, avec: Path) -> None:
    (avec / "recordings_video" / "train_2.mp4").write_bytes(b"no film")
    words = ("import", "recola", avec, "--out", tmp_path / "s", "--traces", tmp_path / "t", "--jobs", 2)
    done = mavfer(*words)
    assert done.returncode == 1
    assert "RECOLA: 2 imported, 1 failed, 1 left out" in done.stdout
    assert "not imported: recola-train_2: wanted a video file" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["recola-dev_1", "recola-train_1"]
    done = mavfer(*words, "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["corpus"], told["n_sessions"], told["n_subjects"]) == ("RECOLA", 2, 2)
    assert told["left_out"] == ["test_1"]
    fates = {one["session"]: one for one in told["recordings"]}
    assert fates["recola-dev_1"]["state"] == "there already"
    assert (fates["recola-dev_1"]["n_pictures"], fates["recola-dev_1"]["raters"]) == (20, ["FM1", "FM2"])
    assert fates["recola-train_2"]["state"] == "failed"
    assert fates["recola-train_2"]["duration_s"] is None
    assert "wanted a video file" in fates["recola-train_2"]["problem"]
    assert told["partitions"] == {"train": ["recola-train_1"], "dev": ["recola-dev_1"]}
    assert told["split_command"].endswith("--test recola-dev_1")


@pytest.mark.parametrize("corpus", ["recola", "sewa", "afew-va", "video-csv"])
def test_a_folder_of_nothing_known_is_one_line_and_exit_1(tmp_path: Path, corpus: str) -> None:
    (tmp_path / "holiday").mkdir()
    out = ("--out", tmp_path / "s", "--traces", tmp_path / "t")
    done = mavfer("import", corpus, tmp_path / "holiday", *out)
    assert done.returncode == 1
    assert done.stderr.startswith("error: wanted ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "s").exists()


def test_a_scale_of_nothing_is_misuse(tmp_path: Path) -> None:
    out = ("--out", tmp_path / "s", "--traces", tmp_path / "t")
    done = mavfer("import", "video-csv", tmp_path, *out, "--scale", 0)
    assert done.returncode == 2
    assert "--scale: wanted more than 0, found 0" in done.stderr
