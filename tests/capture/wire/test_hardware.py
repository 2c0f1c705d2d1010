"""The checklist at a camera on the wire: nodes, drift, another program, unplugged and back, a NUC."""

import json
import os
import subprocess
import sys

RIG = """
[recorders.thermal]
camera = "flir-a65"
[recorders.thermal.flir_a65]
serial = "65000001"
warm_up_min = 0
"""
DEEDS = {"Unplug it now": "vanish", "Plug it in again": "return"}


def checked(wire, producer, device, tmp_path, *, answers: list[str], seconds: float):
    """Run the checklist in the wire's network and do to the device what it asks for.

    Returns what report.json has of the camera, its steps by key, and the report's folder.
    """
    rig, out, said = tmp_path / "rig.toml", tmp_path / "out", tmp_path / "answers"
    rig.write_text(RIG, encoding="utf-8")
    said.write_text("\n".join(answers) + "\n", encoding="utf-8")
    words = [
        "mavfer",
        "rig",
        "check",
        rig,
        "--hardware",
        "--out",
        out,
        "--seconds",
        seconds,
        "--countdown",
        0,
    ]
    with (
        said.open() as stdin,
        (tmp_path / "lines").open("w+") as lines,
        subprocess.Popen(
            [*wire.inside, sys.executable, "-m", *map(str, words)],
            stdin=stdin,
            stdout=lines,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "MAVFER_GENTL_CTI": str(producer)},
        ) as process,
    ):
        assert process.stderr is not None
        for line in process.stderr:
            for word, command in DEEDS.items():
                if word in line:
                    device.tell(command)
    assert process.returncode in (0, 1), (tmp_path / "lines").read_text()
    (camera,) = json.loads((out / "report.json").read_text(encoding="utf-8"))["cameras"]
    return camera, {one["key"]: one for one in camera["steps"]}, out


def test_the_checklist_finds_its_way_around_a_camera_on_the_wire(wire, producer, tmp_path):
    device = wire.simulated_a65("--address", "127.0.0.1", "--serial", "65000001")
    # mirror, hand and black body skipped; the correction and the cable done; no vendor's program
    answers = ["s", "s", "s", "", "", "s"]
    camera, steps, out = checked(wire, producer, device, tmp_path, answers=answers, seconds=8)
    assert camera["simulated"] is True
    assert steps["open"]["verdict"] == "ok", steps["open"]
    assert steps["nodes"]["verdict"] == "ok", steps["nodes"]
    assert "<" in (out / "thermal" / "genicam.xml").read_text(encoding="utf-8")
    assert json.loads((out / "thermal" / "nodes.json").read_text(encoding="utf-8"))["simulated"] is True
    assert steps["streams"]["measured"]["thermal_unit"] == "0.04 K"
    assert steps["clock_readings"]["measured"]["n_readings"] >= 3
    assert (out / "thermal" / "clock_readings.csv").is_file()

    nuc = steps["nuc"]["measured"]
    assert nuc["n_nuc"] > 0, steps["nuc"]
    assert nuc["n_held"] > 0
    assert nuc["n_held_unflagged"] == 0, steps["nuc"]

    gone = steps["unplug"]
    assert gone["verdict"] == "ok", gone
    assert gone["measured"]["named_gone"] is True
    kinds = [one["kind"] for one in camera["events"]]
    assert "gone" in kinds
    assert "back" in kinds[kinds.index("gone") :]

    second = steps["second_program"]["measured"]
    assert (second["opened"], second["said_busy"], second["stream_went_on"]) == (False, True, True)
    assert steps["open_again"]["verdict"] != "failed", steps["open_again"]
    assert steps["close"]["verdict"] == "ok"


def test_rig_check_tells_the_producer_and_which_camera_answers(wire, producer, tmp_path):
    device = wire.simulated_a65("--address", "127.0.0.1", "--serial", "65000001")
    rig = tmp_path / "rig.toml"
    rig.write_text(RIG, encoding="utf-8")
    environment = {**os.environ, "MAVFER_GENTL_CTI": str(producer)}
    words = (sys.executable, "-m", "mavfer", "rig", "check", rig, "--folder", tmp_path / "sessions")
    (one,) = json.loads(wire.run(*words, "--json", env=environment).stdout)["recorders"]
    assert one["problem"] == ""
    assert one["producers"] == [f"{producer} (MAVFER_GENTL_CTI)"]
    assert one["nodes"]["simulated"] is True
    assert not any("no real A65" in line for line in one["doubts"])  # this one is none
    told = wire.run(*words, env=environment).stdout
    assert f"thermal: GenTL producer {producer} (MAVFER_GENTL_CTI)" in told
    for word in (
        "serial 65000001",
        "model FLIR AX5 A65",
        "DeviceVersion",
        "PixelFormat Mono14",
        "more (--json",
    ):
        assert word in told
    assert device.tell("vanish").startswith("ok")
