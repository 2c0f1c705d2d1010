"""The whole command as a lab runs it: simulated cameras, answers on standard input, a report in a folder."""

import json
import re
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mavfer.command_line import command_line
from mavfer.errors import ConfigError, UsageError

WAIT_S = 200
BOTH = '[recorders.kinect]\ncamera = "simulated_kinect"\n[recorders.thermal]\ncamera = "simulated_a65"\n'
SKEW = "[recorders.thermal.skew]\ndrift_ppm = 400\n"


def words(rig, out, *more):
    command = (sys.executable, "-m", "mavfer", "rig", "check", rig, "--hardware", "--out", out, *more)
    return [str(word) for word in command]


def write_rig(tmp_path, text=BOTH):
    file = tmp_path / "rig.toml"
    file.write_text(text, encoding="utf-8")
    return file


def steps_of(folder, recorder):
    table = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    (camera,) = [one for one in table["cameras"] if one["recorder"] == recorder]
    return {one["key"]: one for one in camera["steps"]}


def test_the_checklist_of_simulated_cameras_with_somebody_who_answers(tmp_path):
    answers = ["", "maybe", "y", "s", "", "", "36,0"]  # kinect: mirror; thermal: mirror, hand, black body
    done = subprocess.run(
        words(write_rig(tmp_path, BOTH + SKEW), tmp_path / "out", "--seconds", 6, "--countdown", 0),
        input="\n".join(answers) + "\n",
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    kinect, thermal = (steps_of(tmp_path / "out", name) for name in ("kinect", "thermal"))
    lines = done.stdout.splitlines()
    assert len(lines) == len(kinect) + len(thermal) + 1
    assert all(re.match(r"(kinect |thermal)  (ok|doubtful|failed|not done) +\S", line) for line in lines[:-1])
    assert lines[-1].endswith(str(tmp_path / "out" / "report.html"))

    assert kinect["mirror"]["verdict"] == "ok"
    assert kinect["streams"]["verdict"] == "ok"
    assert "color 1920x1080" in kinect["streams"]["found"]
    assert kinect["depth"]["verdict"] == "ok"
    assert kinect["drops"]["measured"]["n_absent"] == 0
    assert "unplug" not in kinect  # there is nothing to unplug

    assert thermal["mirror"]["verdict"] == "not done"
    assert thermal["hand"]["verdict"] in ("ok", "doubtful")
    assert thermal["hand"]["measured"]["warm_median_c"] == pytest.approx(33, abs=3)  # a rendered face
    assert thermal["black_body"]["measured"]["told_c"] == 36.0
    drift = thermal["drift"]["measured"]  # the device's own -9 ppm, and what the host's clock gains
    assert abs(drift["drift_ppm"] + 409) <= 2 * drift["uncertainty_ppm"]
    assert (tmp_path / "out" / "thermal" / "hand_thermal_16bit.png").is_file()

    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)\s*=\s*"(?!data:|#)[^"]*"', page) == []
    assert page.count("<svg") >= 4


def test_ctrl_c_at_a_question_leaves_a_report_and_exit_status_130(tmp_path):
    with subprocess.Popen(
        words(write_rig(tmp_path), tmp_path / "out", "--seconds", 2, "--recorder", "thermal"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stderr is not None
        seen = ""
        while "to skip: " not in seen:
            letter = process.stderr.read(1)
            assert letter, seen
            seen += letter
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert "not on this machine, or not asked for: kinect" in seen
    thermal = steps_of(tmp_path / "out", "thermal")
    assert thermal["drops"]["measured"]["n_frames"] >= 30
    assert thermal["mirror"]["found"] == "interrupted before"
    assert thermal["close"]["verdict"] == "ok"
    assert "interrupted before" in out
    assert (tmp_path / "out" / "report.html").is_file()


def test_where_the_input_ends_nobody_is_asked_any_more(tmp_path):
    done = subprocess.run(
        words(write_rig(tmp_path), tmp_path / "out", "--seconds", 2, "--recorder", "thermal"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    thermal = steps_of(tmp_path / "out", "thermal")
    asked = [one for one in thermal.values() if one["asks"]]
    assert len(asked) == 3
    assert {one["verdict"] for one in asked} == {"not done"}


def run(*given):
    result = CliRunner().invoke(command_line(), ["rig", "check", *map(str, given)])
    return result.exit_code, result.exception


def run_whole(*given):
    result = CliRunner().invoke(command_line(), ["rig", "check", *map(str, given)], env={"COLUMNS": "200"})
    return result.exit_code, result.stdout, result.stderr


def test_misuse_is_told_apart_from_failure(tmp_path):
    rig = write_rig(tmp_path)
    assert run(rig, "--hardware")[0] == 2
    for only in (
        ("--out", tmp_path / "out"),
        ("--unattended",),
        ("--no-pictures",),
        ("--overwrite",),
        ("--recorder", "kinect"),
        ("--seconds", 60),
        ("--countdown", 5),
        ("--patience", 60),
    ):
        code, _, told = run_whole(rig, *only)
        assert (code, told.count("means something with --hardware only")) == (2, 1), only
    for only in (("--json",), ("--wait", 10), ("--folder", tmp_path)):
        assert run(rig, "--hardware", "--out", tmp_path / "out", *only)[0] == 2, only
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "more", "complaint"),
    [
        (BOTH + '[simulated]\nclock = "virtual"\n', (), "wanted a rig in real time"),
        (
            'keys = "keys"\n[master]\n[recorders.far]\nhost = "192.0.2.1"\ncamera = "simulated_a65"\n',
            (),
            "camera is on this machine, found far on 192.0.2.1; run this there, or pass --recorder",
        ),
    ],
)
def test_what_cannot_be_checked_here_is_refused_in_one_line(tmp_path, text, more, complaint):
    code, told = run(write_rig(tmp_path, text), "--hardware", "--out", tmp_path / "out", *more)
    assert code == 1
    assert isinstance(told, ConfigError)
    assert not isinstance(told, UsageError)
    assert re.search(complaint, str(told))
    assert "\n" not in str(told)
    assert not (tmp_path / "out").exists()


def test_a_recorder_that_the_rig_does_not_have_is_misuse(tmp_path):
    _, told = run(write_rig(tmp_path), "--hardware", "--out", tmp_path / "out", "--recorder", "nope")
    assert isinstance(told, UsageError)
    assert "--recorder wants one of the rig's recorders kinect, thermal, found 'nope'" in str(told)


def test_rig_check_names_the_producer_that_is_missing(tmp_path):
    rig = write_rig(tmp_path, '[recorders.thermal]\ncamera = "flir-a65"\n')
    result = CliRunner().invoke(
        command_line(), ["rig", "check", str(rig), "--folder", str(tmp_path / "sessions"), "--json"]
    )
    assert result.exit_code == 1, result.exception
    (one,) = json.loads(result.stdout)["recorders"]
    assert "MAVFER_GENTL_CTI wants a GenTL producer (.cti), found nothing there" in one["problem"]
