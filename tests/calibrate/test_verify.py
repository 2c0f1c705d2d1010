"""A recorded face tells whether the rig still stands as it was calibrated.

One virtual take of the simulated face, recorded once for all tests here (about 10 s); knocks are made by
turning the true calibration, and by rewriting the session with pictures shifted.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.calibration_file import write_calibration
from mavfer.calibrate.verify.verify import verify
from mavfer.capture.geometry import RigidTransform
from mavfer.capture.master import record
from mavfer.capture.rig import read_rig, simulated_rig_file
from mavfer.capture.session import Session, open_session, write_record
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.simulated.rig import simulated_rig
from mavfer.capture.streams import Stream
from mavfer.command_line import command_line
from mavfer.errors import CalibrationError, OutputError

SECONDS = 6.0
Change = Callable[[Stream, int, NDArray], NDArray | None]


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("face")
    rig_path = folder / "rig.toml"
    rig_path.write_text(simulated_rig_file(name="simulated", fps=10.0))
    rig = read_rig(rig_path)
    scene = rig.scene.model_copy(update={"target": "face", "clock": "virtual"})
    record(folder / "S01", rig=rig.model_copy(update={"simulated": scene}), subject="S01", seconds=SECONDS)
    return open_session(folder / "S01")


@pytest.fixture(scope="module")
def true() -> Calibration:
    rig = simulated_rig()
    return Calibration(
        rig="simulated",
        color=rig.color,
        depth=rig.depth,
        thermal=rig.thermal,
        color_from_depth=rig.color_from_depth,
        thermal_from_color=rig.thermal_from_color,
        depth_shift_mm=rig.depth_shift_mm,
    )


def knocked(true: Calibration, camera: str, *, turn_deg=(0.0, 0.0, 0.0), shift_mm=(0.0, 0.0, 0.0)):
    """Return the calibration of a rig whose `camera` stood otherwise."""
    assert true.thermal_from_color is not None
    moved = RigidTransform.from_rotation_vector(np.radians(turn_deg), np.array(shift_mm))
    if camera == "depth":
        return replace(true, color_from_depth=true.color_from_depth @ moved)
    if camera == "thermal":
        return replace(true, thermal_from_color=moved @ true.thermal_from_color)
    return replace(
        true,
        color_from_depth=moved @ true.color_from_depth,
        thermal_from_color=true.thermal_from_color @ moved.inverse(),
    )


def rewritten(session: Session, path: Path, change: Change, *, without: tuple[Stream, ...] = ()) -> Session:
    """Return the session with its pictures changed; those of `without`, and where it gives None, are gone."""
    path.mkdir()
    recorders = {}
    for name, recorder in session.record.recorders.items():
        streams = tuple(stream for stream in recorder.streams if stream not in without)
        if not streams:
            continue
        writer = SessionWriter(path, recorder=name, specs=[session.spec(stream) for stream in streams])
        header = {"session": session.record.model_dump(mode="json")}
        writer.begin(header, now_ns=session.record.plan.first_tick_ns)
        for ping in session.pings(name).tolist():
            writer.add_ping(*ping)
        for i in range(len(session.index(streams[0]))):
            frames = [session.frame(stream, i) for stream in streams]
            pictures = [(frame, change(frame.stream, i, frame.pixels)) for frame in frames]
            writer.append([replace(frame, pixels=pixels) for frame, pixels in pictures if pixels is not None])
        recorders[name] = recorder.model_copy(update={"streams": streams, "files": writer.finish()})
    write_record(path, session.record.model_copy(update={"recorders": recorders, "master": None}))
    return open_session(path)


def test_the_true_rig_agrees_to_a_pixel(face: Session, true: Calibration) -> None:
    steps: list[tuple[int, int]] = []
    found = verify(face, true, on_progress=lambda done, total: steps.append((done, total)))
    assert found.verdict == "agrees"
    assert set(found.cameras) == {"color", "thermal"}
    for camera in found.cameras.values():
        assert camera.n_found == len(camera.measured) == 24
        assert camera.worst is not None
        assert camera.worst.size_px < 1
    assert steps == sorted(steps)
    assert steps[-1] == (24, 24)


@pytest.mark.parametrize("camera", ["color", "depth", "thermal"])
@pytest.mark.parametrize(
    ("turn_deg", "shift_mm"),
    [
        ((0.5, 0.0, 0.0), (0.0, 0.0, 0.0)),
        ((0.0, -0.5, 0.0), (0.0, 0.0, 0.0)),
        ((0.0, 0.0, 0.0), (10.0, 0.0, 0.0)),
    ],
)
def test_half_a_degree_or_a_centimetre_is_a_knock_of_the_camera_that_moved(
    camera: str,
    turn_deg: tuple[float, float, float],
    shift_mm: tuple[float, float, float],
    face: Session,
    true: Calibration,
) -> None:
    found = verify(face, knocked(true, camera, turn_deg=turn_deg, shift_mm=shift_mm), n_moments=8)
    assert found.verdict == "knocked"
    assert f"the {camera} camera has moved" in found.reason
    other = "thermal" if camera == "color" else "color"
    assert found.cameras[other].verdict == ("knocked" if camera == "depth" else "agrees")
    for name in ("color", "thermal") if camera == "depth" else (camera,):
        worst = found.cameras[name].worst
        assert worst is not None
        assert np.linalg.norm(worst.turn_deg[:2]) == pytest.approx(0.5 if any(turn_deg) else 0.6, abs=0.1)
        if any(shift_mm):
            assert worst.length_mm == pytest.approx(10, abs=1)


def test_the_offset_points_to_where_the_edges_are(face: Session, true: Calibration) -> None:
    # a calibration that puts everything 0.5 degrees too far right: edges are found to the left
    found = verify(face, knocked(true, "thermal", turn_deg=(0.0, 0.5, 0.0)), n_moments=8)
    assert "px left (" in found.cameras["thermal"].reason


def test_a_turn_beyond_reach_cannot_be_told_from_a_picture_without_edges(
    face: Session, true: Calibration
) -> None:
    found = verify(face, knocked(true, "color", turn_deg=(8.0, 0.0, 0.0)), n_moments=6)
    assert found.verdict == "cannot tell"
    assert "turned by more than 3 degrees" in found.reason
    assert found.cameras["thermal"].verdict == "agrees"


def test_a_knock_in_the_middle_is_timed_to_a_tick(face: Session, true: Calibration, tmp_path: Path) -> None:
    def push(stream: Stream, i: int, pixels: NDArray) -> NDArray:
        return np.roll(pixels, 9, axis=1) if stream is Stream.COLOR and i >= 37 else pixels

    session = rewritten(face, tmp_path / "knocked", push)
    found = verify(session, true, n_moments=10)
    assert found.verdict == "knocked"
    ((before_s, after_s),) = found.cameras["color"].steps_s
    assert before_s == pytest.approx(3.6)
    assert after_s == pytest.approx(3.7)
    before, after = found.cameras["color"].segments
    np.testing.assert_allclose(after.offset_px - before.offset_px, (9, 0), atol=1.2)
    assert found.cameras["thermal"].verdict == "agrees"


def test_dark_color_and_flat_thermal_are_named(face: Session, true: Calibration, tmp_path: Path) -> None:
    def dim(stream: Stream, _i: int, pixels: NDArray) -> NDArray:
        if stream is Stream.COLOR:
            return np.zeros_like(pixels)
        return np.full_like(pixels, 7400) if stream is Stream.THERMAL else pixels

    found = verify(rewritten(face, tmp_path / "dim", dim), true, n_moments=6)
    assert found.verdict == "cannot tell"
    assert "color: its edges were found in 0 of 6 moments; the color picture is too dark" in found.reason
    assert "the thermal picture spans only 0.0 K" in found.reason


def test_an_empty_depth_picture_cannot_be_told(face: Session, true: Calibration, tmp_path: Path) -> None:
    def empty(stream: Stream, _i: int, pixels: NDArray) -> NDArray:
        return np.zeros_like(pixels) if stream is Stream.DEPTH else pixels

    found = verify(rewritten(face, tmp_path / "empty", empty), true, n_moments=6)
    assert found.verdict == "cannot tell"
    assert "depth shows nothing near" in found.reason


def test_sessions_without_thermal_or_infrared_and_with_lost_frames_are_compared_as_far_as_they_go(
    face: Session, true: Calibration, tmp_path: Path
) -> None:
    def lossy(stream: Stream, i: int, pixels: NDArray) -> NDArray | None:
        return None if stream is Stream.COLOR and i % 3 else pixels

    gone = (Stream.THERMAL, Stream.INFRARED)
    found = verify(rewritten(face, tmp_path / "lossy", lossy, without=gone), true, n_moments=8)
    assert found.verdict == "agrees"
    assert set(found.cameras) == {"color"}
    assert found.remarks == ("the session has no thermal frames",)
    two = replace(true, thermal=None, thermal_from_color=None)
    assert verify(face, two, n_moments=6).remarks == ("the calibration has no thermal camera",)


def test_sessions_that_cannot_be_compared_are_refused_in_one_line(
    face: Session, true: Calibration, tmp_path: Path
) -> None:
    with pytest.raises(CalibrationError, match="session's rig 'simulated', found one of 'other'"):
        verify(face, replace(true, rig="other"))
    small = replace(true, color=replace(true.color, width=1280, height=720, cx=640.0, cy=360.0))
    with pytest.raises(CalibrationError, match="wanted color pictures of 1280 x 720"):
        verify(face, small)
    gone = (Stream.THERMAL, Stream.INFRARED, Stream.DEPTH)
    film = rewritten(face, tmp_path / "film", lambda _stream, _i, pixels: pixels, without=gone)
    with pytest.raises(CalibrationError, match="wanted a session with depth") as raised:
        verify(film, true)
    assert str(raised.value).endswith(str(film.path))


def test_the_command_prints_a_line_per_camera_writes_the_page_and_exits_by_the_verdict(
    face: Session, true: Calibration, tmp_path: Path
) -> None:
    good, bad, page = tmp_path / "good.toml", tmp_path / "bad.toml", tmp_path / "page.html"
    write_calibration(good, true)
    write_calibration(bad, knocked(true, "thermal", turn_deg=(0.5, 0.0, 0.0)))
    app = command_line()
    few = ["--moments", "6"]
    agrees = CliRunner().invoke(app, ["calibrate", "verify", str(good), str(face.path), *few])
    assert agrees.exit_code == 0, agrees.output
    assert "color: agrees" in agrees.stdout
    arguments = ["calibrate", "verify", str(bad), str(face.path), *few, "--json", "--out", str(page)]
    wrong = CliRunner().invoke(app, arguments)
    assert wrong.exit_code == 1
    facts = json.loads(wrong.stdout)
    assert facts["verdict"] == facts["cameras"]["thermal"]["verdict"] == "knocked"
    assert facts["cameras"]["color"]["verdict"] == "agrees"
    html = page.read_text()
    assert html.count("<img") == 6
    assert html.count("<svg") == 2
    assert "http://" not in html.replace("http://www.w3.org", "")
    refused = CliRunner().invoke(app, arguments)
    assert isinstance(refused.exception, OutputError)
