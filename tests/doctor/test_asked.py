"""What a rig file makes of the questions: which cameras are wanted here, and who is elsewhere."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mavfer.doctor.asked import Asked, ask
from mavfer.errors import ConfigError

from .conftest import refuse

RIG = """
name = "lab"
keys = "keys"
reserve_mb = 5000
[master]
host = "127.0.0.1"
port = 6000
[recorders.kinect]
camera = "kinect-v2"
[recorders.thermal]
host = "{host}"
camera = "flir-a65"
flir_a65 = {{ address = "169.254.7.20" }}
[recorders.face]
camera = "webcam"
"""
SILENT = """
import json, socket, sys, time
from pathlib import Path
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))  # hears, and never answers
from mavfer.doctor.asked import ask
import mavfer.capture.rig, mavfer.capture.hardware.machine
begun_s = time.monotonic()
asked = ask(use="all", at=Path(), rig=Path("rig.toml"), asks_cameras=False, wait_s=2.0)
print(json.dumps([time.monotonic() - begun_s, asked.elsewhere, asked.kinds]), flush=True)
server.settimeout(30)
server.recvfrom(4096)  # it was asked
print("asked", flush=True)
import os
os._exit(0)
"""


def rig(folder: Path, host: str = "192.0.2.9") -> Path:
    """Write a rig file with a thermal camera on another machine."""
    path = folder / "rig.toml"
    path.write_text(RIG.format(host=host))
    return path


def asked_of(path: Path | None, use="all") -> Asked:
    """Return what is asked of this machine."""
    return ask(use=use, at=Path(), rig=path, asks_cameras=False, wait_s=20.0)


def test_only_the_cameras_of_this_machine_are_wanted_here(tmp_path):
    found = asked_of(rig(tmp_path))
    assert found.kinds == ("kinect_v2", "webcam")
    assert (found.elsewhere, found.addresses) == (("192.0.2.9",), ())
    assert (found.master, found.reserve_mb) == (("127.0.0.1", 6000), 5000)
    assert (found.wants("kinect_v2"), found.wants("flir_a65")) == (True, False)
    assert (found.absent("kinect_v2"), found.absent("flir_a65")) == ("fail", "not needed")


def test_a_camera_at_this_machine_is_asked_for_at_its_address(tmp_path):
    found = asked_of(rig(tmp_path, "localhost"))
    assert (found.kinds, found.addresses) == (("kinect_v2", "flir_a65", "webcam"), ("169.254.7.20",))
    assert found.elsewhere == ()


def test_without_a_rig_file_the_use_decides():
    assert [asked_of(None, use).absent("kinect_v2") for use in ("record", "all", "train")] == [
        "warn",
        "not needed",
        "not needed",
    ]


def test_a_rig_file_that_cannot_be_read_is_an_error_in_words(tmp_path):
    (tmp_path / "rig.toml").write_text("[recorders")
    with pytest.raises(ConfigError, match="syntax error"):
        asked_of(tmp_path / "rig.toml")


def test_a_name_server_that_never_answers_holds_nobody_up(tmp_path):
    if sys.platform != "linux" or not all(map(shutil.which, ("unshare", "ip"))):
        refuse("a network of the test's own wants unshare and ip on Linux")
    rig(tmp_path, "thermal-pc.lab")
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    script = 'ip link set lo up && mount --bind resolv.conf /etc/resolv.conf && exec "$0" -P -c "$1"'
    words = ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c", script]
    done = subprocess.run(
        [*words, sys.executable, SILENT],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told, heard = done.stdout.splitlines()
    taken_s, elsewhere, kinds = json.loads(told)
    assert heard == "asked"
    assert (elsewhere, kinds) == (["thermal-pc.lab"], ["kinect_v2", "webcam"])
    assert taken_s < 8  # the resolver itself takes 10 s
