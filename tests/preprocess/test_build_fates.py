"""Laws of fates: no bad session stops the good ones, and each says why it is not there."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.annotate.trace import Trace, write_trace
from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.calibration_file import write_calibration
from mavfer.capture.mcap_reader import McapReader
from mavfer.capture.session import read_record
from mavfer.capture.video import import_video
from mavfer.errors import CalibrationError, ConfigError, DatasetError, FaceError, SessionError, TraceError
from mavfer.preprocess.build import build_dataset
from mavfer.preprocess.build_report import BuildReport
from mavfer.preprocess.building.sessions_given import sessions_given, without_boards
from mavfer.preprocess.dataset.checking import check_dataset
from mavfer.preprocess.dataset.clips import open_dataset
from mavfer.preprocess.dataset.record import ClipConfig, SplitConfig

Write = Callable[..., Path]
ALL_TRAIN = SplitConfig(n_test_subjects=0, n_validation_subjects=0)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, color_frames: NDArray, write_video: Write) -> Path:
    """A session of color alone, "film", of subject S01."""
    folder = tmp_path_factory.mktemp("film")
    video = write_video(folder / "film.mp4", [frame[::2, ::2] for frame in color_frames])
    return import_video(video, out=folder / "film", subject="S01")


def copy_of(session: Path, to: Path, *, change: dict[str, str] | None = None) -> Path:
    """Copy a session under the id of its new folder, its record changed."""
    shutil.copytree(session, to)
    text = (to / "session.toml").read_text().replace(f'id = "{session.name}"', f'id = "{to.name}"')
    for before, after in (change or {}).items():
        assert before in text
        text = text.replace(before, after)
    (to / "session.toml").write_text(text)
    return to


def build(sessions: list[Path], out: Path, **more) -> BuildReport:
    """Build with what most of these tests want."""
    asked = {"calibration": None, "traces": None, "config": ClipConfig(), "split": ALL_TRAIN} | more
    return build_dataset(sessions, out=out, **{"n_workers": 1} | asked)


def fate(report: BuildReport, session_id: str) -> str:
    """Return why a session was not built, or its remarks."""
    (entry,) = [one for one in report.record.sessions if one.id == session_id]
    return entry.error or " | ".join(entry.remarks)


def test_every_bad_session_has_its_fate_and_the_good_ones_are_built(
    tmp_path: Path, film: Path, simulated_session: Path
) -> None:
    """One build with all that can be wrong with a session; only "film" is as it should be."""
    unreadable = copy_of(film, tmp_path / "unreadable")
    (unreadable / "session.toml").write_text("id = [")
    torn = copy_of(film, tmp_path / "torn")
    (pictures,) = torn.glob("*.mcap")
    pictures.write_bytes(pictures.read_bytes()[:-100])
    running = copy_of(film, tmp_path / "running", change={'state = "complete"': 'state = "recording"'})
    crooked = copy_of(film, tmp_path / "crooked", change={'id = "crooked"': 'id = "../crooked"'})
    sessions = [film, unreadable, torn, running, crooked, simulated_session, tmp_path / "nothing"]
    report = build(sessions, tmp_path / "d")
    assert [(one.id, one.fate) for one in report.record.sessions] == [
        ("film", "built"),
        ("unreadable", "failed"),
        ("torn", "failed"),
        ("running", "failed"),
        ("../crooked", "failed"),
        ("take", "failed"),
        ("nothing", "failed"),
    ]
    assert "does not read" in fate(report, "unreadable")
    assert "torn" in fate(report, "torn")
    assert "mavfer recover" in fate(report, "running")
    assert "whose id can name a file" in fate(report, "../crooked")
    assert "wanted a calibration of rig 'simulated'" in fate(report, "take")
    assert "found nothing" in fate(report, "nothing")
    assert [session.id for session in open_dataset(tmp_path / "d").sessions] == ["film"]
    for entry in report.failed:
        assert "\n" not in str(entry.error)


def test_two_sessions_of_one_id_both_fail_and_name_each_other(tmp_path: Path, film: Path) -> None:
    twin = copy_of(film, tmp_path / "twin", change={'id = "twin"': 'id = "film"'})
    other = copy_of(film, tmp_path / "other")
    report = build([film, twin, other], tmp_path / "d")
    errors = [str(entry.error) for entry in report.failed]
    assert f"the other is {twin};" in errors[0]
    assert f"the other is {film};" in errors[1]
    assert [entry.id for entry in report.built] == ["other"]
    assert not check_dataset(report.path).problems


def test_a_session_whose_pictures_are_all_damaged_is_not_said_to_lack_a_face(
    tmp_path: Path, film: Path
) -> None:
    damaged = copy_of(film, tmp_path / "damaged")
    (pictures,) = damaged.glob("*.mcap")
    stored = bytearray(pictures.read_bytes())
    reader = McapReader(pictures)
    for row in reader.rows:
        if reader.channels[int(row["channel"])].topic == "color":
            stored[int(row["end"]) - 100] ^= 255
    pictures.write_bytes(stored)
    with pytest.raises(SessionError, match=r"color pictures .* found none in \d+ frames \(\d+ damaged\)"):
        build([damaged], tmp_path / "d")


def test_a_folder_of_sessions_is_its_sessions_and_one_named_twice_is_one(tmp_path: Path, film: Path) -> None:
    for name in "ba":
        copy_of(film, tmp_path / "all" / name)
    (tmp_path / "all" / ".hidden.partial").mkdir()
    found = sessions_given([tmp_path / "all", tmp_path / "all" / "b", tmp_path / "all" / ".." / "all" / "a"])
    assert [one.id for one in found] == ["a", "b"]
    assert not any(one.error for one in found)


def test_recordings_without_a_record_in_a_folder_of_sessions_fail_by_name(tmp_path: Path, film: Path) -> None:
    copy_of(film, tmp_path / "all" / "a")
    bare = copy_of(film, tmp_path / "all" / "bare")
    (bare / "session.toml").unlink()
    (tmp_path / "all" / "notes").mkdir()
    report = build([tmp_path / "all"], tmp_path / "d")
    assert [(one.id, one.fate) for one in report.record.sessions] == [("a", "built"), ("bare", "failed")]
    assert fate(report, "bare") == str(sessions_given([bare])[0].error)


def test_the_board_that_a_calibration_was_solved_from_is_left_out_of_a_folder(
    tmp_path: Path, film: Path, calibration: Calibration
) -> None:
    """Told by rig, id and date; one that is named, or is another's, is built as any session."""
    copy_of(film, tmp_path / "all" / "a")
    board = copy_of(film, tmp_path / "all" / "board")
    taken = read_record(board)
    solved = replace(
        calibration, rig=taken.rig, board="9x6x25mm", sources=("board",), created_utc=taken.started_utc
    )
    write_calibration(tmp_path / "c.toml", solved)
    report = build([tmp_path / "all"], tmp_path / "d", calibration=tmp_path / "c.toml")
    assert report.left_out == ("board: the calibration was solved from it",)
    assert [one.id for one in report.record.sessions] == ["a"]

    def left_out(*paths: Path, **change) -> list[str]:
        return [one.id for one in without_boards(sessions_given(paths), [replace(solved, **change)])[1]]

    assert left_out(tmp_path / "all") == ["board"]
    assert left_out(tmp_path / "all", board) == left_out(board) == []
    assert left_out(tmp_path / "all", rig="another") == []
    assert left_out(tmp_path / "all", created_utc="2020-01-01T00:00:00+00:00") == []
    assert left_out(tmp_path / "all", board="") == []  # imported from a subject's session
    (tmp_path / "boards").mkdir()
    board.rename(tmp_path / "boards" / "board")
    with pytest.raises(DatasetError, match="found none but boards that the calibration was solved from"):
        left_out(tmp_path / "boards")


def test_no_session_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="wanted at least one session to build, found none"):
        build([], tmp_path / "d")


def test_a_session_that_nobody_rated_is_built_without_labels_and_says_so(
    tmp_path: Path, film: Path, write_ramps: Write
) -> None:
    unrated = copy_of(film, tmp_path / "unrated")
    report = build([film, unrated], tmp_path / "d", traces=write_ramps(tmp_path / "traces", "film"))
    assert not report.failed
    assert "no rater's trace" in fate(report, "unrated")
    assert any("'unrated': no rater's trace" in warning for warning in report.warnings)
    assert "no rater's trace" not in fate(report, "film")


def test_a_trace_far_longer_than_the_session_fails_that_session_alone(tmp_path: Path, film: Path) -> None:
    other = copy_of(film, tmp_path / "other")
    for name, end_s in (("film", 300.0), ("other", 2.0)):
        write_trace(tmp_path / "t", Trace(name, "A", "valence", np.array([0, end_s]), np.zeros(2)))
    report = build([film, other], tmp_path / "d", traces=tmp_path / "t")
    assert "found ratings until 300.0 s in film.A.valence.csv; is it another session's?" in fate(
        report, "film"
    )
    assert str(film) in fate(report, "film")
    assert [entry.id for entry in report.built] == ["other"]


def test_a_damaged_trace_fails_its_session_alone(tmp_path: Path, film: Path, write_ramps: Write) -> None:
    other = copy_of(film, tmp_path / "other")
    traces = write_ramps(write_ramps(tmp_path / "t", "film"), "other")
    (traces / "film.A.valence.csv").write_text("time_s,value\n0,much\n")
    report = build([film, other], tmp_path / "d", traces=traces)
    assert "found '0,much' in line 2" in fate(report, "film")
    assert [entry.id for entry in report.built] == ["other"]


def test_a_trace_of_nothing_but_nan_leaves_its_frames_without_labels(tmp_path: Path, film: Path) -> None:
    silent = Trace("film", "A", "valence", np.arange(3.0), np.full(3, np.nan))
    write_trace(tmp_path / "t", silent)
    report = build([film], tmp_path / "d", traces=tmp_path / "t")
    assert report.built[0].labelled["valence"] == 0


def test_each_session_takes_the_calibration_of_its_rig(
    tmp_path: Path, simulated_session: Path, film: Path, calibration: Calibration
) -> None:
    write_calibration(tmp_path / "other.toml", replace(calibration, rig="other"))
    write_calibration(tmp_path / "simulated.toml", calibration)
    files = [tmp_path / "other.toml", tmp_path / "simulated.toml"]
    config = ClipConfig(fps=1, verify_moments=0)
    report = build([simulated_session], tmp_path / "d", calibration=files, config=config)
    assert [entry.id for entry in report.built] == ["take"]
    with pytest.raises(CalibrationError, match="wanted one calibration of rig 'other', found another in"):
        build([film], tmp_path / "e", calibration=[files[0], files[0]])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_session_that_the_disk_has_no_room_for_has_failed_and_the_others_stand(
    tmp_path: Path, film: Path, simulated_session: Path, calibration_file: Path
) -> None:
    """Files may not grow beyond 400 kB: enough for five frames of color, not for 17 of four streams."""
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
        "from mavfer.__main__ import build_dataset; build_dataset()"
    )
    options = ["--calibration", calibration_file, "--out", tmp_path / "d", "--jobs", "1"]
    words = [sys.executable, "-c", script, film, simulated_session, *options, "--verify-moments", "0"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "not built: take: cannot write the session's file: File too large; free space" in done.stderr
    assert [session.id for session in open_dataset(tmp_path / "d").sessions] == ["film"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d"]


def test_two_consents_of_one_subject_are_a_loud_warning(tmp_path: Path, film: Path) -> None:
    first = copy_of(film, tmp_path / "one")
    second = copy_of(film, tmp_path / "two")
    for session, form in ((first, "form 1"), (second, "form 2")):
        with (session / "session.toml").open("a") as record:
            record.write(f'\n[consent]\nreference = "{form}"\n')
    report = build([first, second, film], tmp_path / "d")
    loud = [warning for warning in report.warnings if "IS THIS ONE PERSON?" in warning]
    assert len(loud) == 2
    assert "'form 1' here and 'form 2' of 'two'" in loud[0]


def test_subjects_that_differ_in_case_alone_are_one_person(tmp_path: Path, film: Path) -> None:
    shouted = copy_of(film, tmp_path / "shouted", change={'subject = "S01"': 'subject = "s01"'})
    report = build([film, shouted], tmp_path / "d")
    assert any("are taken for one person" in warning for warning in report.warnings)


def test_sessions_that_fail_do_not_cost_the_others_their_split(tmp_path: Path, film: Path) -> None:
    torn = copy_of(film, tmp_path / "torn", change={'subject = "S01"': 'subject = "S02"'})
    (pictures,) = torn.glob("*.mcap")
    pictures.write_bytes(pictures.read_bytes()[:-100])
    split = SplitConfig(n_test_subjects=1, n_validation_subjects=0)
    report = build([film, torn], tmp_path / "d", split=split)
    assert open_dataset(tmp_path / "d").sessions[0].split == "train"
    assert any("all subjects are for training" in warning for warning in report.warnings)


def test_a_split_that_cannot_be_is_said_before_anything_is_built(tmp_path: Path, film: Path) -> None:
    with pytest.raises(DatasetError, match="wanted 3 test"):
        build([film], tmp_path / "d", split=SplitConfig(n_test_subjects=3))
    assert not list(tmp_path.iterdir())


def test_inputs_that_no_session_can_use_are_said_at_once(tmp_path: Path, film: Path) -> None:
    with pytest.raises(TraceError, match="wanted a folder of traces, found nothing"):
        build([film], tmp_path / "d", traces=tmp_path / "t")
    with pytest.raises(ConfigError, match="wanted a YuNet detector"):
        build([film], tmp_path / "d", yunet=tmp_path / "yunet.onnx")
    assert not list(tmp_path.iterdir())
    (tmp_path / "no.onnx").write_bytes(b"no network")
    with pytest.raises(FaceError, match="YuNet"):
        build([film], tmp_path / "d", yunet=tmp_path / "no.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["no.onnx"]
