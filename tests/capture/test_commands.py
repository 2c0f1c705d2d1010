import json
import socket
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mavfer.capture.rig import Rig, change_scene, read_rig
from mavfer.capture.session import open_session, read_record
from mavfer.command_line import command_line
from mavfer.errors import ConfigError, MavferError


def run(*words):
    """Run a command; return its exit code, what it printed, and the error it would have told."""
    result = CliRunner().invoke(command_line(), [str(word) for word in words])
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


def write_rig(tmp_path, video, *, head="", tail=""):
    file = tmp_path / "rig.toml"
    file.write_text(
        f'{head}[recorders.cam]\ncamera = "video"\npath = "{video.name}"\n{tail}', encoding="utf-8"
    )
    return file


VIRTUAL = '[simulated]\nclock = "virtual"\n'
PROTOCOL = """
name = "interview-1"
operator = "OP3"
[consent]
required = true
scope = ["analysis"]
[[steps]]
name = "rest"
seconds = 1
[[steps]]
name = "talk"
seconds = 1
"""


def test_record_makes_a_session_and_says_what_it_holds(tmp_path, make_video):
    rig = write_rig(tmp_path, make_video(), tail=VIRTUAL)
    words = ("record", tmp_path / "take", "--rig", rig, "--subject", "S01", "--seconds", "2")
    code, out, _ = run(*words, "--consent", "C-12", "--operator", "MK", "--notes", "left lamp is off")
    assert code == 0
    assert out.startswith("complete: 20 ticks, kept cam 20, lost 0")
    record = open_session(tmp_path / "take").record
    assert record.consent is not None
    assert (record.consent.reference, record.operator, record.notes) == ("C-12", "MK", "left lamp is off")
    assert {"mavfer", "python", "numpy"} <= set(record.software)
    assert "pass --overwrite" in str(run(*words)[2])


def test_a_take_is_told_as_json_also_where_it_failed(tmp_path, make_video):
    rig = write_rig(tmp_path, make_video(), tail=VIRTUAL)
    words = ("record", "--rig", rig, "--subject", "S01", "--seconds", "2", "--json")
    code, out, _ = run(*words, tmp_path / "take")
    told = json.loads(out)
    assert (code, told["state"], told["n_ticks"]) == (0, "complete", 20)
    assert (told["session"], told["frames_kept"]) == (str(tmp_path / "take"), {"cam": 20})
    assert (told["n_lost"], told["complaints"], told["elsewhere"]) == (0, [], {})
    code, out, error = run(*words, tmp_path / "failed", "--seconds", "10")  # the film lasts 4 s
    told = json.loads(out)
    kept = read_record(tmp_path / "failed").recorders["cam"].frames_kept
    assert (code, told["state"], told["frames_kept"]) == (1, "failed", {"cam": kept})
    assert told["complaints"]
    assert all(complaint in str(error) for complaint in told["complaints"])


def test_a_protocol_gives_the_take_its_length_its_words_and_its_markers(tmp_path, make_video):
    (tmp_path / "protocol.toml").write_text(PROTOCOL, encoding="utf-8")
    rig = write_rig(tmp_path, make_video())
    words = ("record", tmp_path / "take", "--rig", rig, "--subject", "S01")
    words += ("--protocol", tmp_path / "protocol.toml")
    assert "wants the reference of the signed consent form" in str(run(*words)[2])
    assert not (tmp_path / "take").exists()
    code, out, _ = run(*words, "--consent", "C-12")
    assert code == 0
    assert out.startswith("complete: 20 ticks")
    session = open_session(tmp_path / "take")
    record = session.record
    assert record.protocol is not None
    assert [step.name for step in record.protocol.steps] == ["rest", "talk"]
    assert record.operator == "OP3"
    begun_s = [(one.t_ns - record.plan.first_tick_ns) / 1e9 for one in session.markers()]
    assert [one.label for one in session.markers()][:2] == ["step: rest begins", "step: talk begins"]
    assert begun_s[:2] == [0.0, 1.0]


def test_a_take_that_ends_before_the_protocols_last_step_is_warned_of(tmp_path, make_video):
    (tmp_path / "protocol.toml").write_text(PROTOCOL, encoding="utf-8")
    rig = write_rig(tmp_path, make_video(), tail=VIRTUAL)
    words = ("record", tmp_path / "take", "--rig", rig, "--subject", "S01", "--consent", "C-12")
    words += ("--protocol", tmp_path / "protocol.toml", "--seconds", "1.5")
    result = CliRunner().invoke(command_line(), [str(word) for word in words])
    assert result.exit_code == 0
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert line == (
        "warning: the protocol's steps take 2 s, the take ends after 1.5 s, in step 2 of 2: 'talk'"
    )


def test_rig_check_finds_every_recorder_and_leaves_nothing_behind(tmp_path, make_video):
    rig = write_rig(tmp_path, make_video())
    before = sorted(tmp_path.iterdir())
    code, out, _ = run("rig", "check", rig, "--folder", tmp_path / "sessions", "--json")
    (found,) = json.loads(out)["recorders"]
    assert (code, found["problem"], found["name"]) == (0, "", "cam")
    assert found["write_bytes_per_s"] > 1e5
    assert found["status"]["disk_free_bytes"] > 0
    assert found["status"]["n_pings"] >= 8
    assert found["software"]["mavfer"]
    assert sorted(tmp_path.iterdir()) == before
    assert "cam" in run("rig", "check", rig, "--folder", tmp_path)[1]


def test_rig_check_names_the_recorder_that_is_missing(tmp_path, make_video):
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    rig = write_rig(
        tmp_path, make_video(), head=f"[master]\nport = {min(port, 65_000)}\n", tail="spawn = false\n"
    )
    code, out, _ = run("rig", "check", rig, "--wait", "1", "--json")
    (found,) = json.loads(out)["recorders"]
    assert code == 1
    assert "run `mavfer recorder cam --rig RIG` there" in found["problem"]


def test_the_page_of_a_take_is_served_and_its_link_is_told_once(tmp_path, make_video):
    rig = write_rig(tmp_path, make_video())
    words = ["record", str(tmp_path / "take"), "--rig", str(rig), "--subject", "S01", "--seconds", "1"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mavfer", *words, "--monitor"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("monitor: http://127.0.0.1:") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("record", "take", "--subject", "S01", "--seconds", "1"),
        ("record", "take", "--rig", "rig.toml", "--subject", "S01", "--seconds", "-1"),
        ("record", "take", "--rig", "rig.toml", "--subject", "S01", "--seconds", "1", "--scene", "cat"),
        ("record", "take", "--rig", "rig.toml", "--seconds", "1"),
        ("record", "--rig", "rig.toml", "--subject", "S01", "--seconds", "1"),
        ("record", "take", "--rejoin", "take"),
        ("operate", "takes"),
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
    with pytest.raises(ConfigError, match=r"light: wanted at most 1, found .*the command line"):
        change_scene(SIMULATED, {"light": 3.0}, where="x")


def test_a_rig_of_real_cameras_has_no_scene_to_change(tmp_path):
    rig = Rig.model_validate({"recorders": {"cam": {"camera": "video", "path": str(tmp_path)}}})
    with pytest.raises(ConfigError, match=r"seed can be set for a simulated rig only.*rig\.toml"):
        change_scene(rig, {"seed": 1}, where="rig.toml")


def test_a_rig_may_have_any_name(tmp_path):
    file, name = tmp_path / "rig.toml", 'the "left" \\ rig\n[/b]'
    assert run("rig", "new", "--out", file, "--name", name, "--fps", "29.97003")[0] == 0
    assert (read_rig(file).name, read_rig(file).fps) == (name, 29.97003)
