from types import SimpleNamespace

import pytest
from rich.text import Text
from typer.testing import CliRunner

from mavfer.__main__ import command_line
from mavfer.capture.commands import _counters, change_scene
from mavfer.capture.rig import Rig, read_rig
from mavfer.capture.session import open_session, read_record, write_record
from mavfer.capture.streams import Stream
from mavfer.errors import ConfigError, MavferError


def run(*words):
    """Run a command; return its exit code, what it printed, and the error it would have told."""
    result = CliRunner().invoke(command_line(words[0]), [str(word) for word in words])
    told = result.exception if isinstance(result.exception, MavferError) else None
    if result.exception is not None and told is None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, told


def test_rig_new_writes_a_rig_that_reads_and_does_not_replace_one(tmp_path):
    file = tmp_path / "rig.toml"
    code, out, _ = run("rig", "new", "--out", file, "--name", "lab", "--fps", "5")
    assert code == 0
    assert str(file) in out
    assert (read_rig(file).name, read_rig(file).fps) == ("lab", 5)
    assert "pass --overwrite" in str(run("rig", "new", "--out", file)[2])
    assert run("rig", "new", "--out", file, "--overwrite")[0] == 0


def test_a_rig_that_could_not_be_read_back_is_not_written(tmp_path):
    _, _, told = run("rig", "new", "--out", tmp_path / "rig.toml", "--name", "")
    assert "name" in str(told)
    assert list(tmp_path.iterdir()) == []


def test_check_session_prints_streams_and_skew_of_a_complete_session(make_session):
    code, out, _ = run("check-session", make_session(shift_ns={"thermal": 4_000_000}))
    assert code == 0
    for word in ("subject S01", "20 ticks at 10 fps", "color-thermal", "4.00", "complete"):
        assert word in out


def test_check_session_exits_1_and_names_what_is_missing(make_session):
    whole, torn = make_session("whole"), make_session("torn", skip={"thermal": [3, 4]})
    code, out, _ = run("check-session", whole, torn)
    assert code == 1
    assert "thermal: 2 of 20 ticks have no frame (3-4)" in out
    assert out.index("whole") < out.index("torn")


def test_check_session_of_no_session_is_one_line(tmp_path):
    _, _, told = run("check-session", tmp_path)
    assert "wanted a session folder" in str(told)
    assert "\n" not in str(told)


def test_recover_says_what_was_lost(make_session):
    path = make_session()
    file = path / "thermal.0000.mcap"
    file.write_bytes(file.read_bytes()[:-2000])
    code, out, _ = run("recover", path)
    assert code == 0
    assert "kinect.0000.mcap: whole, 42 messages" in out
    assert "thermal.0000.mcap: mended" in out
    assert "torn files are kept" in out
    assert run("check-session", path)[0] in (0, 1)
    assert len(open_session(path).index(Stream.THERMAL)) > 10


def test_import_video_makes_a_session(tmp_path, make_video):
    code, out, _ = run(
        "import-video", make_video(times_ms=(0, 40, 90)), "--out", tmp_path / "s", "--subject", "S07"
    )
    assert code == 0
    assert out.startswith("3 frames, left out 0")
    assert open_session(tmp_path / "s").record.subject == "S07"
    assert run("check-session", tmp_path / "s")[0] == 0


def test_record_makes_a_session_and_says_what_it_holds(tmp_path, make_video):
    rig = tmp_path / "rig.toml"
    video = make_video()
    rig.write_text(
        f'[recorders.cam]\ncamera = "video"\npath = "{video.name}"\n[simulated]\nclock = "virtual"\n',
        encoding="utf-8",
    )
    words = ("record", tmp_path / "take", "--rig", rig, "--subject", "S01", "--seconds", "2")
    code, out, _ = run(*words, "--consent", "C-12", "--protocol", "relax")
    assert code == 0
    assert out.startswith("complete: 20 ticks, kept cam 20, lost 0")
    record = open_session(tmp_path / "take").record
    assert (record.consent, record.protocol) == ("C-12", "relax")
    assert "pass --overwrite" in str(run(*words)[2])


@pytest.mark.parametrize(
    "words",
    [
        ("record", "take", "--subject", "S01", "--seconds", "1"),
        ("record", "take", "--rig", "rig.toml", "--subject", "S01", "--seconds", "-1"),
        ("record", "take", "--rig", "rig.toml", "--subject", "S01", "--seconds", "1", "--scene", "cat"),
        ("check-session",),
        ("recorder", "kinect"),
    ],
)
def test_misuse_exits_2(words):
    assert run(*words)[0] == 2


def test_a_recorder_that_the_rig_does_not_name_is_refused(tmp_path):
    run("rig", "new", "--out", tmp_path / "rig.toml")
    _, _, told = run("recorder", "webcam", "--rig", tmp_path / "rig.toml", "--master", "tcp://127.0.0.1:9")
    assert "wanted one of the rig's recorders kinect, thermal, found 'webcam'" in str(told)


SIMULATED = Rig.model_validate({"recorders": {"thermal": {"camera": "simulated_a65"}}})


def test_the_scene_can_be_changed_for_one_take():
    rig = change_scene(SIMULATED, {"clock": "virtual", "target": "board", "seed": 7, "light": 0.2}, where="x")
    assert rig.is_virtual
    assert (rig.scene.target, rig.scene.seed, rig.scene.light) == ("board", 7, 0.2)
    assert change_scene(SIMULATED, {}, where="x") is SIMULATED


def test_a_scene_out_of_range_is_refused():
    with pytest.raises(ConfigError, match=r"light: .*less than or equal to 1 .*the command line"):
        change_scene(SIMULATED, {"light": 3.0}, where="x")


def test_a_rig_of_real_cameras_has_no_scene_to_change(tmp_path):
    rig = Rig.model_validate({"recorders": {"cam": {"camera": "video", "path": str(tmp_path)}}})
    with pytest.raises(ConfigError, match=r"seed can be set for a simulated rig only.*rig\.toml"):
        change_scene(rig, {"seed": 1}, where="rig.toml")


def test_a_take_that_failed_is_told_by_check_session(make_session):
    path = make_session()
    write_record(path, read_record(path).model_copy(update={"state": "failed"}))
    code, out, _ = run("check-session", path)
    assert code == 1
    assert "the take failed before its end" in out


def test_a_rig_may_have_any_name(tmp_path):
    file, name = tmp_path / "rig.toml", 'the "left" \\ rig\n[/b]'
    assert run("rig", "new", "--out", file, "--name", name, "--fps", "29.97003")[0] == 0
    assert (read_rig(file).name, read_rig(file).fps) == (name, 29.97003)


def test_check_session_prints_names_as_they_are(make_session):
    path = make_session()
    write_record(path, read_record(path).model_copy(update={"id": "take[a]", "rig": "[/b]"}))
    code, out, _ = run("check-session", path)
    assert code == 0
    assert "take[a]" in out
    assert "rig '[/b]'" in out


def test_what_goes_wrong_with_a_recorder_can_be_shown_whatever_it_is():
    status = SimpleNamespace(
        name="cam", kept=1, lost={}, gone="ended by itself (exit 1: [/dev/sda1] [Errno 28])"
    )
    assert "[/dev/sda1] [Errno 28]" in Text.from_markup(_counters(status)).plain


def test_a_problem_stays_on_one_line(make_session):
    path = make_session(skip={"thermal": [1, 3, 5, 7, 9, 11, 13]})
    write_record(path, read_record(path).model_copy(update={"id": "x" * 90}))
    _, out, _ = run("check-session", path)
    assert any(line.startswith("x" * 90 + "  subject") for line in out.splitlines())
