"""A recorded board session becomes a calibration that is near the truth; other sessions are refused.

One virtual take of the simulated rig with a board, recorded once for all tests here: about 15 s.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.calibration_file import read_calibration, write_calibration
from mavfer.calibrate.solver.search import find_views
from mavfer.calibrate.solver.solve import calibrate_session, calibrate_sessions
from mavfer.calibrate.solver.views import BoardView
from mavfer.capture.board import Chessboard
from mavfer.capture.master import record
from mavfer.capture.rig import read_rig, simulated_rig_file
from mavfer.capture.session import Session, open_session
from mavfer.capture.simulated.rig import simulated_rig
from mavfer.command_line import command_line
from mavfer.errors import CalibrationError, ConfigError, OutputError

BOARD = Chessboard(9, 6, 25.0)
SECONDS = 16.0


@pytest.fixture(scope="module")
def board_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board")
    rig_path = folder / "rig.toml"
    rig_path.write_text(simulated_rig_file(name="simulated", fps=10.0))
    rig = read_rig(rig_path)
    scene = rig.scene.model_copy(update={"target": "board", "clock": "virtual"})
    rig = rig.model_copy(update={"simulated": scene})
    path = folder / "board"
    record(path, rig=rig, subject="board", seconds=SECONDS)
    return path


@pytest.fixture(scope="module")
def solved(board_session: Path) -> Calibration:
    steps: list[tuple[int, int]] = []
    calibration = calibrate_session(
        open_session(board_session), BOARD, on_progress=lambda done, total: steps.append((done, total))
    )
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]
    return calibration


def test_the_calibration_is_within_a_pixel_and_two_millimetres_at_a_face(solved: Calibration) -> None:
    true = simulated_rig()
    face_mm = np.array([[x, y, 1000.0] for x in (-100, 0, 100) for y in (-100, 0, 100)])
    xyz_depth = true.color_from_depth.inverse().apply(face_mm)
    found = solved.color_from_depth.apply(
        solved.depth.unproject(true.depth.project(xyz_depth), xyz_depth[:, 2])
    )
    assert np.linalg.norm(solved.color.project(found) - true.color.project(face_mm), axis=1).max() < 0.5
    assert np.linalg.norm(found - face_mm, axis=1).max() < 2
    assert abs(solved.depth_shift_mm - true.depth_shift_mm) < 1
    assert solved.thermal is not None
    assert solved.thermal_from_color is not None
    in_thermal = solved.thermal.project(
        solved.thermal_from_color.apply(solved.color.unproject(true.color.project(face_mm), face_mm[:, 2]))
    )
    truth = true.thermal.project(true.thermal_from_color.apply(face_mm))
    assert np.linalg.norm(in_thermal - truth, axis=1).max() < 0.5


def test_the_calibration_says_where_it_comes_from(solved: Calibration, board_session: Path) -> None:
    record = open_session(board_session).record
    assert solved.rig == record.rig == "simulated"
    assert solved.created_utc == record.started_utc
    assert solved.software.startswith("mavfer ")
    assert set(solved.rms_px) == set(solved.coverage) == {"color", "depth", "thermal"}
    names = {view.view for view in solved.residuals}
    assert len(names) >= 8
    assert names == set(solved.color_from_board)
    assert solved.board == str(BOARD)
    assert solved.sources == (record.id,)
    assert solved.method == "solved from boards"


def test_stated_deviations_hold_the_truth(solved: Calibration) -> None:
    true, stated = simulated_rig(), solved.uncertainty
    assert abs(solved.depth_shift_mm - true.depth_shift_mm) < 4 * stated["depth"]["depth_shift_mm"]
    shift_mm = solved.color_from_depth.translation_mm - true.color_from_depth.translation_mm
    for key, value in zip(("tx_mm", "ty_mm", "tz_mm"), shift_mm, strict=True):
        assert abs(value) < 5 * stated["color_from_depth"][key]


def test_the_board_stands_still_in_every_view(solved: Calibration) -> None:
    used = [view for view in solved.residuals if view.used]
    assert len(used) > 0.9 * len(solved.residuals)
    assert max(view.rms_px for view in used if view.camera == "color") < 0.1


def test_the_command_writes_the_file_and_prints_a_line_per_camera(
    board_session: Path, solved: Calibration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mavfer.calibrate.solver.solve.calibrate_sessions", lambda *_, **__: solved)
    out = tmp_path / "calibration.toml"
    arguments = ["calibrate", "solve", str(board_session), "--board", "9x6x25mm", "--out", str(out)]
    result = CliRunner().invoke(command_line(), arguments)
    assert result.exit_code == 0, result.output
    for word in ("color", "depth", "thermal", "rms px", "coverage", "mm from color", "depth shift", str(out)):
        assert word in result.output.replace("\n", "")
    assert read_calibration(out).color == solved.color
    refused = CliRunner().invoke(command_line(), arguments)
    assert isinstance(refused.exception, OutputError)


def test_a_wrong_board_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    arguments = [
        "calibrate",
        "solve",
        str(tmp_path / "none"),
        "--board",
        "9by6",
        "--out",
        str(tmp_path / "c.toml"),
    ]
    result = CliRunner().invoke(command_line(), arguments)
    assert isinstance(result.exception, ConfigError)
    assert not (tmp_path / "c.toml").exists()


def test_a_session_without_that_board_is_refused_with_its_path(
    board_session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mavfer.calibrate.solver.search.MAX_TICKS", 6)
    with pytest.raises(CalibrationError, match="the board 4x3x25mm standing still") as raised:
        calibrate_session(open_session(board_session), Chessboard(4, 3, 25.0))
    assert str(raised.value).endswith(str(board_session))


@pytest.fixture(scope="module")
def found(board_session: Path) -> tuple[BoardView, ...]:
    return find_views(open_session(board_session), BOARD)


def test_sessions_of_one_rig_are_solved_together(
    board_session: Path, found: tuple[BoardView, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def views(session: Session, board: Chessboard, *, number: int, named: str, **_) -> tuple[BoardView, ...]:
        asked.append((session.path, board, named))
        return tuple(replace(view, name=named + view.name, session=number) for view in found)

    monkeypatch.setattr("mavfer.calibrate.solver.solve.find_views", views)
    session = open_session(board_session)
    both = calibrate_sessions([session, session], BOARD, depth_scale=True)
    assert asked == [(session.path, BOARD, "board "), (session.path, BOARD, "board ")]
    assert both.sources == (session.record.id,) * 2
    assert all(name.startswith("board ") for name in both.color_from_board)
    assert abs(both.depth_scale - 1) < 5 * both.uncertainty["depth"]["depth_scale"] < 0.05
    other = open_session(board_session)
    monkeypatch.setattr(other, "record", other.record.model_copy(update={"rig": "another"}))
    with pytest.raises(CalibrationError, match="sessions of one rig, found 'simulated' and 'another'"):
        calibrate_sessions([session, other], BOARD)


def test_squares_of_another_size_are_refused(
    board_session: Path, found: tuple[BoardView, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mavfer.calibrate.solver.solve.find_views", lambda *_, **__: found)
    with pytest.raises(
        CalibrationError, match=r"measure (24\.\d|25\.\d) mm by the depth camera, .* says 30 mm"
    ) as told:
        calibrate_session(open_session(board_session), Chessboard(9, 6, 30.0))
    assert str(told.value).endswith(str(board_session))


def test_a_file_made_by_the_solver_reads_back(solved: Calibration, tmp_path: Path) -> None:
    write_calibration(tmp_path / "c.toml", solved)
    read = read_calibration(tmp_path / "c.toml")
    assert read.residuals == solved.residuals
    np.testing.assert_array_equal(read.color_from_depth.rotation, solved.color_from_depth.rotation)
