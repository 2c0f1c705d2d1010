"""What the command line says: the table, the warnings, the exit code."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner

from mavfer.annotate.trace import Trace, write_trace
from mavfer.capture.video import import_video
from mavfer.errors import ConfigError, DatasetError
from mavfer.preprocess.commands.build import build_dataset
from mavfer.preprocess.dataset.clips import open_dataset
from mavfer.preprocess.dataset.record import Align

Write = Callable[..., Path]


def run(*arguments: object):
    app = typer.Typer()
    app.command()(build_dataset)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def video_session(
    tmp_path_factory: pytest.TempPathFactory, color_frames: NDArray, write_video: Write
) -> Path:
    folder = tmp_path_factory.mktemp("video")
    video = write_video(folder / "v.mp4", [frame[::2, ::2] for frame in color_frames])
    return import_video(video, out=folder / "v", subject="S01")


def test_a_build_prints_one_line_per_session_and_exits_0(tmp_path: Path, video_session: Path) -> None:
    result = run(video_session, "--out", tmp_path / "d", "--fps", 0, "--size", 48, "--align", "eyes-nose")
    assert result.exit_code == 0, result.output
    assert "100.0%" in result.stdout
    assert "frames of 1 sessions, 100.0% aligned" in result.stdout
    assert "warning: one subject only" in result.stderr
    config = open_dataset(tmp_path / "d").record.config
    assert (config.fps, config.size_px, config.align) == (0, 48, Align.EYES_NOSE)


def test_a_failed_session_is_named_and_the_exit_code_is_1(
    tmp_path: Path, video_session: Path, write_video: Write
) -> None:
    blank = import_video(
        write_video(tmp_path / "b.mp4", [np.full((240, 320, 3), 90, np.uint8)] * 9),
        out=tmp_path / "b",
        subject="B",
    )
    result = run(video_session, blank, "--out", tmp_path / "d", "--jobs", 1)
    assert result.exit_code == 1
    assert result.stderr.count("not built") == 1
    assert "not built: b: wanted a face" in result.stderr
    assert "1 of 2 sessions is not in the dataset" in result.stderr
    assert len(open_dataset(tmp_path / "d").sessions) == 1
    result = run(video_session, blank, "--out", tmp_path / "d", "--jobs", 1, "--overwrite", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    (session,) = open_dataset(tmp_path / "d").sessions
    assert (told["dataset"], told["n_sessions"]) == (str(tmp_path / "d"), 1)
    assert (told["n_frames"], told["aligned_share"]) == (session.n_frames, 1.0)
    assert (told["unchanged"], told["report"]) == (["v"], str(tmp_path / "d" / "report.html"))
    assert [one["session"] for one in told["not_built"]] == ["b"]
    assert any("one subject only" in warning for warning in told["warnings"])


def test_the_only_sessions_error_goes_through_to_the_entry_point(tmp_path: Path, video_session: Path) -> None:
    result = run(video_session, "--out", tmp_path / "d", "--fps", 100)
    assert isinstance(result.exception, DatasetError)
    assert not list(tmp_path.iterdir())


def test_standing_choices_come_from_a_file_and_options_come_first(
    tmp_path: Path, video_session: Path
) -> None:
    file = tmp_path / "clips.toml"
    file.write_text('[clips]\nfps = 2\nsize_px = 64\ncompression = "none"\n[split]\nseed = 3\n')
    result = run(video_session, "--out", tmp_path / "d", "--config", file, "--size", 48)
    assert result.exit_code == 0, result.output
    config = open_dataset(tmp_path / "d").record.config
    assert (config.fps, config.size_px, config.compression) == (2, 48, "none")
    file.write_text("[clips]\nsize = 64\n")
    refused = run(video_session, "--out", tmp_path / "e", "--config", file)
    assert isinstance(refused.exception, ConfigError)
    assert str(file) in str(refused.exception)


def test_what_was_built_before_is_said(tmp_path: Path, video_session: Path) -> None:
    options = [video_session, "--out", tmp_path / "d", "--fps", 1]
    assert run(*options).exit_code == 0
    result = run(*options, "--overwrite")
    assert result.exit_code == 0
    assert "1 of 1 sessions were unchanged and not built again" in result.stderr
    assert f"why the rest is not: {tmp_path / 'd' / 'report.html'}" in result.stdout


def test_a_session_that_cannot_even_begin_is_said_once_too(tmp_path: Path, video_session: Path) -> None:
    result = run(video_session, tmp_path / "none", "--out", tmp_path / "d", "--fps", 1)
    assert result.exit_code == 1
    assert result.stderr.count("not built") == 1
    assert "not built: none: wanted a session folder, found nothing" in result.stderr


def test_one_rated_dimension_is_named_with_its_share(tmp_path: Path, video_session: Path) -> None:
    time_s = np.arange(0, 10, 0.1)
    write_trace(tmp_path / "t", Trace("v", "A", "arousal", time_s, np.ones(100)))
    result = run(video_session, "--out", tmp_path / "d", "--traces", tmp_path / "t", "--fps", 1)
    assert result.exit_code == 0, result.output
    assert "100.0% arousal" in result.stdout


def test_an_interrupted_build_says_what_is_kept_and_the_same_command_goes_on(
    tmp_path: Path, video_session: Path
) -> None:
    """The signal comes when the first of two sessions is finished, before its line is printed."""
    other = tmp_path / "w"
    shutil.copytree(video_session, other)
    text = (other / "session.toml").read_text()
    (other / "session.toml").write_text(text.replace('id = "v"', 'id = "w"'))
    script = (
        "import os, signal; from mavfer.preprocess.commands.build_progress import BuildProgress as Shown\n"
        "Shown.ended = lambda *_: os.kill(os.getpid(), signal.SIGINT)\n"
        "from mavfer.__main__ import build_dataset; build_dataset()"
    )
    words = [str(video_session), str(other), "--out", str(tmp_path / "d"), "--fps", "1", "--jobs", "1"]
    stopped = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True)
    assert stopped.returncode == 130, stopped.stderr
    kept = "1 session is finished and kept; the same command goes on from there"
    assert stopped.stderr.splitlines() == [kept, "interrupted"]
    result = run(*words)
    assert result.exit_code == 0
    assert "1 of 2 sessions were unchanged" in result.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ["--fps", "-1"],
        ["--seed", "-1"],
        ["--size", "4"],
        ["--align", "chin"],
        ["--jobs", "0"],
        ["--margin", "2"],
    ],
)
def test_misuse_exits_2(tmp_path: Path, video_session: Path, wrong: list[str]) -> None:
    assert run(video_session, "--out", tmp_path / "d", *wrong).exit_code == 2


def test_the_command_loads_nothing_heavy() -> None:
    script = (
        "import sys, mavfer.preprocess.commands.build\n"
        "print([name for name in ('torch', 'cv2', 'dlib', 'h5py', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
