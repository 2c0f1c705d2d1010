"""The command as a person runs it, on this machine."""

import json
import socket
from pathlib import Path

import pytest

from .conftest import findings

RIG = """
name = "lab"
[master]
host = "127.0.0.1"
port = {port}
[recorders.thermal]
camera = "flir-a65"
flir_a65 = {{ address = "{address}", cti = "{cti}" }}
"""
METADATA = """Metadata-Version: 2.1
Name: mavfer
Version: 9.9.9
Requires-Python: >=3.11
Requires-Dist: numpy>=2.0
Requires-Dist: rich<2
Provides-Extra: record
Requires-Dist: a-package-that-nobody-has==1.4.3; extra == "record"
Provides-Extra: train
Requires-Dist: another-that-nobody-has; extra == "train"
"""
STATES = {"ok", "warn", "fail", "not needed", "unknown"}


def test_the_answer_is_one_json_object_whose_status_is_the_exit_status(doctor):
    answer = doctor("--json")
    assert (answer.stderr, answer.stdout.count("\n")) == ("", 1)
    told = json.loads(answer.stdout)
    assert set(told) == {"mavfer", "system", "for", "taken_s", "counts", "sections"}
    every = [finding for section in told["sections"] for finding in section["findings"]]
    assert all(set(one) == {"name", "state", "found", "wanted", "mend", "advice"} for one in every)
    assert {one["state"] for one in every} <= STATES
    assert sum(told["counts"].values()) == len(every)
    assert answer.returncode == (1 if told["counts"]["fail"] else 0)
    for one in every:
        assert "\n" not in one["found"]
        assert one["state"] not in ("warn", "fail") or one["mend"] or one["advice"], one
    by_name = {one["name"]: one for one in every}
    for name in (
        "Python",
        "packages of mavfer",
        "extra record",
        "H.264",
        "landmark model",
        "compiled packages",
    ):
        assert by_name[name]["state"] == "ok", by_name[name]
    assert by_name["GenICam cameras"]["state"] == "not needed"
    assert told["counts"]["unknown"] == 0, [one for one in every if one["state"] == "unknown"]


def test_a_text_of_eighty_columns_comes_whatever_the_language_is(doctor, tmp_path: Path):
    folder = tmp_path / "größe 東京"
    answer = doctor("--for", "rate", "--at", folder, env={"PYTHONIOENCODING": "ascii", "COLUMNS": "80"})
    assert "Traceback" not in answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[0] == "Python and packages"
    assert "\x1b" not in answer.stdout
    titles = [line for line in lines if line and not line.startswith(" ")]
    assert titles[:3] == ["Python and packages", "Disk", "Processor and memory"]
    idle = "not needed here: drivers, cameras and usb, network, clock, graphics card"
    assert idle in lines
    assert any(line.startswith("  warn language") and "output ascii" in line for line in lines)
    assert "       export LC_ALL=C.UTF-8" in lines
    assert not folder.exists()


def test_a_rig_that_this_machine_cannot_film_fails_with_what_mends_it(doctor, tmp_path: Path):
    cti = tmp_path / "gone.cti"
    folder = tmp_path / "packages" / "mavfer-9.9.9.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(METADATA)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = min(taken.getsockname()[1], 65_532)
        rig = tmp_path / "rig.toml"
        rig.write_text(RIG.format(port=port, address="127.0.0.1", cti=cti))
        answer = doctor("--json", "--for", "record", "--rig", rig, env={"PYTHONPATH": str(folder.parent)})
    assert answer.returncode == 1
    found = findings(answer)
    assert found["extra record"]["state"] == "fail"
    assert "a-package-that-nobody-has==1.4.3" in found["extra record"]["found"]
    assert found["extra record"]["mend"].endswith("'mavfer[record]'")
    assert found["extra train"]["state"] == "not needed"
    assert found["packages of mavfer"]["state"] == "fail"
    assert "wanted <2" in found["packages of mavfer"]["found"]
    assert (found["GenTL producer"]["state"], found["camera 127.0.0.1"]["state"]) == ("fail", "ok")
    assert found["ports of the master"]["state"] == "fail"
    assert f"sport = :{port}" in found["ports of the master"]["mend"]
    assert found["Kinect v2 driver"]["state"] == "not needed"


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("--rig", "no-such-rig.toml"), 1, "error: wanted a TOML file"),
        (("--for", "cook"), 2, "'cook' is not one of"),
        (("--wait", "0"), 2, "greater than or equal to 0.1"),
        (("--at",), 2, "requires an argument"),
        (("rig.toml",), 2, "unexpected extra argument"),
    ],
)
def test_misuse_is_one_line(doctor, words, status, told):
    answer = doctor(*words)
    assert answer.returncode == status
    assert told in " ".join(answer.stderr.replace("│", " ").split())
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""
