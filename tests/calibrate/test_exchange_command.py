"""`mavfer calibrate import` and `export`, as a person runs them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess, run

import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.calibration_file import read_calibration, write_calibration
from mavfer.calibrate.commands.exchange import import_calibration
from mavfer.errors import CalibrationError, MavferError, UsageError

Mavfer = Callable[..., CompletedProcess[str]]


@pytest.fixture
def mavfer(tmp_path: Path) -> Mavfer:
    """Return a function that runs `mavfer calibrate`."""

    def command(*words: object) -> CompletedProcess[str]:
        line = [sys.executable, "-m", "mavfer", "calibrate", *map(str, words)]
        return run(line, cwd=tmp_path, capture_output=True, text=True, check=False)

    return command


@pytest.fixture
def solved(tmp_path: Path, true_rig: Calibration) -> Path:
    path = tmp_path / "solved.toml"
    write_calibration(path, true_rig)
    return path


@pytest.mark.parametrize("format", ["opencv", "iai"])
def test_what_was_exported_is_imported_again_and_recognised(
    mavfer: Mavfer, solved: Path, tmp_path: Path, format: str
) -> None:
    exported = mavfer("export", solved, "--format", format, "--out", "files")
    assert exported.returncode == 0, exported.stderr
    assert ("no thermal camera" in exported.stderr) == (format == "iai")
    imported = mavfer("import", "files", "--out", "again.toml", "--rig", "test")
    assert imported.returncode == 0, imported.stderr
    assert "wrote the calibration of the rig 'test'" in imported.stdout
    a, b = read_calibration(solved), read_calibration(tmp_path / "again.toml")
    assert (a.color, a.depth, a.rig, a.depth_shift_mm) == (b.color, b.depth, b.rig, b.depth_shift_mm)


def test_with_json_files_and_cameras_are_told_and_remarks_stay_on_stderr(
    mavfer: Mavfer, solved: Path, true_rig: Calibration
) -> None:
    exported = mavfer("export", solved, "--format", "iai", "--out", "files", "--json")
    told = json.loads(exported.stdout)
    assert "calib_color.yaml" in [Path(file).name for file in told["files"]]
    assert ["no thermal camera" in warning for warning in told["warnings"]] == [True]
    assert "no thermal camera" in exported.stderr
    imported = mavfer("import", "files", "--out", "again.toml", "--rig", "test", "--json")
    assert imported.returncode == 0, imported.stderr
    told = json.loads(imported.stdout)
    assert (told["calibration"], told["rig"]) == ("again.toml", "test")
    assert told["cameras"]["color"]["fx"] == true_rig.color.fx
    assert told["depth_shift_mm"] == true_rig.depth_shift_mm


def test_remarks_are_told_on_stderr_and_kept_in_the_file(
    mavfer: Mavfer, solved: Path, tmp_path: Path
) -> None:
    mavfer("export", solved, "--format", "iai", "--out", "files")
    file = tmp_path / "files" / "calib_ir.yaml"
    file.write_text(file.read_text().replace("infraredBiasPx: 0.\n", ""))
    told = mavfer("import", "files", "--out", "again.toml")
    assert told.stderr.startswith("note: 0.25 px were subtracted")
    assert read_calibration(tmp_path / "again.toml").remarks[0].startswith("0.25 px")
    assert mavfer("import", "files", "--out", "as-is.toml", "--as-is").stderr == ""


def test_single_cameras_make_a_calibration(mavfer: Mavfer, solved: Path, tmp_path: Path) -> None:
    mavfer("export", solved, "--format", "opencv", "--out", "cv")
    words = ["--color", "cv/color.yml", "--depth", "cv/depth.yml", "--rig", "lab"]
    found = mavfer("import", *words, "--depth-shift-mm", -9, "--out", "two.toml")
    assert found.returncode == 0, found.stderr
    calibration = read_calibration(tmp_path / "two.toml")
    assert (calibration.rig, calibration.thermal, calibration.depth_shift_mm) == ("lab", None, -9)


def test_ros_files_are_written_for_every_camera(mavfer: Mavfer, solved: Path, tmp_path: Path) -> None:
    assert mavfer("export", solved, "--format", "ros", "--out", "ros").returncode == 0
    names = {path.name for path in (tmp_path / "ros").iterdir()}
    assert names == {"color.yaml", "depth.yaml", "thermal.yaml", "extrinsics.yaml"}


def test_nothing_is_overwritten_unless_asked(mavfer: Mavfer, solved: Path, tmp_path: Path) -> None:
    words = ["export", solved, "--format", "opencv", "--out", "cv"]
    assert mavfer(*words).returncode == 0
    again = mavfer(*words)
    assert (again.returncode, "--overwrite" in again.stderr) == (1, True)
    assert mavfer(*words, "--overwrite").returncode == 0
    refused = mavfer("import", "cv", "--out", solved)
    assert (refused.returncode, "--overwrite" in refused.stderr) == (1, True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("my own")
    assert mavfer(*words[:-1], "mine", "--overwrite").returncode == 1
    assert (tmp_path / "mine" / "thesis.txt").exists()


CD: dict[str, Path] = {"color": Path("c.yml"), "depth": Path("d.yml")}
SOLVED, NOWHERE = Path("solved.toml"), Path("nowhere")


@pytest.mark.parametrize(
    ("source", "options", "kind", "complaint"),
    [
        (None, {}, UsageError, "--color and --depth"),
        (None, {"color": Path("c.yml")}, UsageError, "--color and --depth"),
        (SOLVED, {"unit": "mm"}, UsageError, "either a SOURCE or single OpenCV files, found .* and --unit"),
        (None, {**CD, "size": ["color=big"]}, UsageError, "--size color=1920x1080"),
        (None, {**CD, "format": "iai"}, UsageError, "drop --format"),
        (None, {**CD, "stereo_thermal": Path("t")}, UsageError, "--stereo-thermal needs --thermal"),
        (NOWHERE, {"format": "factory", "as_is": True}, UsageError, "--as-is is for folders of iai_kinect2"),
        (None, CD, CalibrationError, "found nothing: c.yml"),
        (SOLVED, {}, CalibrationError, "found a file of another kind"),
        (NOWHERE, {}, CalibrationError, "found nothing"),
        (Path(), {}, CalibrationError, "found neither"),
        (NOWHERE, {"format": "iai"}, CalibrationError, "found nothing"),
        (SOLVED, {"format": "iai"}, CalibrationError, "found a file"),
        (SOLVED, {"format": "factory"}, CalibrationError, "wanted a factory calibration"),
        (SOLVED, {"format": "opencv"}, CalibrationError, r"found nothing: solved.toml/rig.yml"),
    ],
)
def test_misuse_and_bad_sources_are_one_line(
    solved: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: Path | None,
    options: dict,
    kind: type[MavferError],
    complaint: str,
) -> None:
    monkeypatch.chdir(solved.parent)
    with pytest.raises(kind, match=complaint) as caught:
        import_calibration(source, out=Path("made.toml"), **options)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert not Path("made.toml").exists()


def test_misuse_exits_2_and_a_bad_source_1(mavfer: Mavfer) -> None:
    assert mavfer("import").returncode == 2
    bad = mavfer("import", "nowhere")
    assert (bad.returncode, bad.stderr.count("\n")) == (1, 1)
