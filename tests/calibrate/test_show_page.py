"""The page of `mavfer calibrate show`: of a solved, an old and an imported file, and through sessions.

Two virtual takes of the simulated rig, a board and a face, two seconds each, recorded once: about 8 s.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mavfer.calibrate.boards.detect import find_corners
from mavfer.calibrate.calibration import Calibration, ViewResidual, camera_name
from mavfer.calibrate.calibration_file import read_calibration, write_calibration
from mavfer.calibrate.show.epipolar import epipolar_points
from mavfer.calibrate.show.moments import add_session, find_moment
from mavfer.calibrate.show.page import calibration_page
from mavfer.capture.board import Board
from mavfer.capture.geometry import RigidTransform
from mavfer.capture.master import record
from mavfer.capture.rig import read_rig, simulated_rig_file
from mavfer.capture.session import Session, open_session
from mavfer.capture.simulated.rig import simulated_rig
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import Synchronized, synchronize
from mavfer.command_line import command_line
from mavfer.errors import CalibrationError, OutputError
from mavfer.report import Page

BOARD = Board.parse("9x6x25mm")
GOLDEN = Path(__file__).parent / "golden" / "calibration-schema-1.toml"
MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sessions")
    rig_path = folder / "rig.toml"
    rig_path.write_text(simulated_rig_file(name="simulated", fps=5.0))
    rig = read_rig(rig_path)
    for target, subject in (("board", "board"), ("face", "S01")):
        scene = rig.scene.model_copy(update={"target": target, "clock": "virtual"})
        record(folder / target, rig=rig.model_copy(update={"simulated": scene}), subject=subject, seconds=2.0)
    return {"board": folder / "board", "face": folder / "face"}


@pytest.fixture(scope="module")
def true_calibration(sessions: dict[str, Path]) -> Calibration:
    """Return the true geometry, with the corners of one view of the board session."""
    true = simulated_rig()
    session = open_session(sessions["board"])
    synchronized = synchronize(session)
    streams = (Stream.COLOR, Stream.INFRARED, Stream.THERMAL)
    for tick in range(len(synchronized.time_s)):
        found = {
            camera_name(stream): find_corners(
                session.frame(stream, int(synchronized.index[stream][tick])).pixels, BOARD, stream
            )
            for stream in streams
        }
        corners_px = {name: px for name, px in found.items() if px is not None}
        if len(corners_px) == len(streams):
            break
    else:
        raise AssertionError("no moment shows the board to all cameras")
    if np.dot(*(corners_px[name][-1] - corners_px[name][0] for name in ("color", "thermal"))) < 0:
        corners_px["thermal"] = corners_px["thermal"][::-1]
    view = f"{synchronized.time_s[tick]:.3f} s"
    return Calibration(
        rig="simulated",
        color=true.color,
        depth=true.depth,
        thermal=true.thermal,
        color_from_depth=true.color_from_depth,
        thermal_from_color=true.thermal_from_color,
        depth_shift_mm=true.depth_shift_mm,
        residuals=tuple(ViewResidual(view, n, 0.1, len(px), corners_px=px) for n, px in corners_px.items()),
        board=str(BOARD),
        sources=(session.id,),
    )


def made_from_boards(true_rig: Calibration, *, n_views: int, seed: int = 3) -> Calibration:
    """Return the true rig with exact board views in its file, the first picture left out."""
    random = np.random.default_rng(seed)
    poses, residuals = {}, []
    for i in range(n_views):
        turn = RigidTransform.from_rotation_vector(random.normal(0, 0.3, 3), np.zeros(3))
        middle = np.array([*random.uniform(-150, 150, 2), random.uniform(600, 1200)])
        pose = RigidTransform(turn.rotation, middle - turn.apply(BOARD.points_mm.mean(axis=0)))
        poses[f"{i:.3f} s"] = pose
        for name, camera in true_rig.cameras.items():
            stream = Stream.DEPTH if name == "depth" else Stream(name)
            px = camera.project((true_rig.from_color(stream) @ pose).apply(BOARD.points_mm))
            px = px + random.normal(0, 0.05, px.shape)
            reason = "the board moved" if not residuals else ""
            residuals.append(ViewResidual(f"{i:.3f} s", name, 0.07, 54, not reason, reason, px))
    return replace(
        true_rig,
        rig="a <rig>",
        board=str(BOARD),
        color_from_board=poses,
        residuals=tuple(residuals),
        rms_px=dict.fromkeys(true_rig.cameras, 0.07),
        coverage=dict.fromkeys(true_rig.cameras, 0.8),
        uncertainty={"face_at_1m": {"depth_px": 0.05, "thermal_px": 0.04}, "color": {"fx": 0.5}},
        remarks=("made for a test",),
    )


def test_a_page_of_a_solved_calibration_has_every_drawing_and_stands_alone(true_rig: Calibration) -> None:
    told: list[tuple[int, int]] = []
    page = calibration_page(made_from_boards(true_rig, n_views=60), on_progress=lambda *now: told.append(now))
    assert told == [(number, 5) for number in range(5)]
    text = page.html()
    assert text.count("<svg") == 9
    assert len(text) < MOST_BYTES
    assert re.findall(r'(?:src|href)\s*=\s*"(?!data:|#)[^"]*"', text) == []
    assert "a &lt;rig&gt;" in text
    assert "<rig>" not in text
    for words in ("1059.90 ± 0.98", "the board moved", "made for a test", "0.098 px", "± (95 %)"):
        assert words in text, words
    assert "No session was given" in text


def test_a_calibration_without_boards_shows_its_geometry_and_says_what_it_lacks(
    true_rig: Calibration,
) -> None:
    imported = replace(true_rig, method="imported from iai_kinect2", board="a board in words")
    text = calibration_page(imported).html()
    assert text.count("<svg") == 2
    assert text.count("holds no boards (imported from iai_kinect2)") == 3
    assert "1059.90" in text


def test_a_rig_without_a_thermal_camera_has_a_page(true_rig: Calibration) -> None:
    calibration = replace(true_rig, thermal=None, thermal_from_color=None)
    text = calibration_page(made_from_boards(calibration, n_views=12)).html()
    assert "color put into thermal" not in text
    assert "depth put into color" in text


def test_an_old_file_shows_its_views_and_says_that_it_keeps_no_corners() -> None:
    text = calibration_page(read_calibration(GOLDEN)).html()
    assert "does not keep their corners (files of schema 1 do not)" in text
    assert "Root mean square residual of every view" in text


def test_corners_of_a_recorded_board_lie_on_the_curves_of_the_true_rig_and_off_those_of_a_knocked_one(
    true_calibration: Calibration, sessions: dict[str, Path]
) -> None:
    moment = find_moment(true_calibration, open_session(sessions["board"]))
    assert set(moment.corners_px) == {"color", "depth", "thermal"}
    turn = RigidTransform.from_rotation_vector(np.radians([0.5, 0, 0]), np.zeros(3))
    assert true_calibration.thermal_from_color is not None
    knocked = replace(true_calibration, thermal_from_color=turn @ true_calibration.thermal_from_color)
    distance_px = {}
    for name, calibration in (("true", true_calibration), ("knocked", knocked)):
        color_px, thermal_px = moment.corners_px["color"], moment.corners_px["thermal"]
        points = epipolar_points(calibration, color_px, thermal_px, Stream.THERMAL)
        distance_px[name] = np.mean([point.distance_px for point in points])
    assert distance_px["true"] < 0.2
    assert distance_px["knocked"] > 3


def test_a_page_through_sessions_shows_curves_and_overlays_and_calls_them_simulated(
    true_calibration: Calibration, sessions: dict[str, Path], tmp_path: Path
) -> None:
    file, out = tmp_path / "calibration.toml", tmp_path / "page.html"
    write_calibration(file, true_calibration)
    options = [word for path in sessions.values() for word in ("--session", str(path))]
    arguments = ["calibrate", "show", str(file), *options, "--out", str(out)]
    result = CliRunner().invoke(command_line(), arguments)
    assert result.exit_code == 0, result.output
    assert str(out) in result.output.replace("\n", "")
    text = out.read_text()
    assert len(text) < MOST_BYTES
    assert text.count('class="wipe"') == 8
    assert text.count("epipolar curves") == 4
    assert len(re.findall(r"px from their curves", text)) == 2
    assert "simulated</span>" in text
    refused = CliRunner().invoke(command_line(), arguments)
    assert isinstance(refused.exception, OutputError)
    again = CliRunner().invoke(command_line(), [*arguments, "--overwrite"])
    assert again.exit_code == 0
    assert out.read_text() == text


def test_a_session_that_is_no_source_is_never_read_as_if_its_times_were_views(
    true_calibration: Calibration, sessions: dict[str, Path]
) -> None:
    moment = find_moment(true_calibration, open_session(sessions["face"]))
    assert not moment.corners_px
    assert set(moment.pixels) == set(Stream)
    assert moment.simulated


def test_a_session_of_another_rig_is_refused_with_its_path(
    true_calibration: Calibration, sessions: dict[str, Path]
) -> None:
    other = replace(true_calibration, rig="other")
    with pytest.raises(CalibrationError, match="wanted a calibration of the session's rig") as raised:
        find_moment(other, open_session(sessions["face"]))
    assert str(raised.value).endswith(str(sessions["face"]))


def test_a_session_of_other_picture_sizes_is_refused_with_its_path(
    true_calibration: Calibration, sessions: dict[str, Path]
) -> None:
    other = replace(true_calibration, color=replace(true_calibration.color, width=1280, height=720))
    with pytest.raises(CalibrationError, match="wanted color pictures of 1280 x 720") as raised:
        find_moment(other, open_session(sessions["face"]))
    assert str(raised.value).endswith(str(sessions["face"]))


def test_a_session_without_a_tick_is_refused_with_its_path(
    true_calibration: Calibration, sessions: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_ticks(session: Session) -> Synchronized:
        whole = synchronize(session)
        none = {stream: index[:0] for stream, index in whole.index.items()}
        return replace(whole, time_s=whole.time_s[:0], index=none)

    monkeypatch.setattr("mavfer.calibrate.show.moments.synchronize", without_ticks)
    for session in sessions.values():
        with pytest.raises(CalibrationError, match="wanted a moment with color") as raised:
            find_moment(true_calibration, open_session(session))
        assert str(raised.value).endswith(str(session))


@pytest.mark.parametrize("gone", [Stream.THERMAL, Stream.INFRARED, Stream.DEPTH])
def test_what_a_moment_lacks_is_left_out_of_its_pictures(
    true_calibration: Calibration, sessions: dict[str, Path], gone: Stream
) -> None:
    whole = find_moment(true_calibration, open_session(sessions["face"]))
    moment = replace(whole, pixels={stream: px for stream, px in whole.pixels.items() if stream is not gone})
    page = Page("a page")
    add_session(page, true_calibration, moment)
    text = page.html()
    assert ("No overlays" in text) == (gone is Stream.DEPTH)
    assert text.count('class="wipe"') == (0 if gone is Stream.DEPTH else 3)


def test_a_missing_calibration_writes_no_page(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    arguments = ["calibrate", "show", str(tmp_path / "none.toml"), "--out", str(out)]
    result = CliRunner().invoke(command_line(), arguments)
    assert isinstance(result.exception, CalibrationError)
    assert not out.exists()
