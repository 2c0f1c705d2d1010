"""Browser, films, landmark model, database, ports, drivers and packages that load: told as they are found."""

import os
import socket
import sys
from pathlib import Path

import pytest

from mavfer.doctor import drivers, loading, ports, programs
from mavfer.doctor.asked import Asked
from mavfer.doctor.machine import Machine, Untold

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="read as Linux lists it")


def test_a_browser_without_a_screen_opens_elsewhere(drawn):
    seen = programs.check_browser(programs.Browser("firefox"), machine=drawn.machine)
    assert (seen.state, seen.found) == ("ok", "firefox")
    blind = programs.check_browser(programs.Browser("firefox", False), machine=drawn.machine)
    assert (blind.state, "ssh -L" in blind.found) == ("not needed", True)
    none = programs.check_browser(programs.Browser(), machine=drawn.machine)
    assert (none.state, none.mend) == ("warn", "sudo apt install chromium")


def test_the_browser_that_is_named_comes_first(tmp_path, monkeypatch):
    for name in ("mine", "firefox"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("BROWSER", raising=False)
    assert programs.read_browser(Machine(platform="linux")) == programs.Browser("firefox")
    monkeypatch.setenv("BROWSER", "mine --new-window %s")
    assert programs.read_browser(Machine(platform="linux")) == programs.Browser("mine")


def test_films_want_an_encoder_that_pyav_has():
    assert programs.check_h264("14.2.0 aac libx264", needed=True).state == "ok"
    assert "without sound" in programs.check_h264("14.2.0 libx264", needed=True).found
    without = programs.check_h264("14.2.0 aac", needed=True)
    assert (without.state, "--only-binary av" in without.mend) == ("fail", True)
    assert programs.check_h264("14.2.0", needed=False).state == "warn"


def test_a_landmark_model_that_was_cut_short_is_no_model(tmp_path):
    def judged(path, n_bytes, needed=True):
        return programs.check_landmarks(path, n_bytes, needed=needed, mend="pip install it").state

    assert judged(tmp_path, 99_693_937) == "ok"
    assert judged(tmp_path, 1000) == "fail"
    assert judged(None, 0) == "fail"
    assert judged(None, 0, needed=False) == "not needed"


def test_the_password_of_a_database_is_never_told(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # bound, and nobody listens
        monkeypatch.setenv("MAVFER_DATABASE", f"postgresql://lab:s3cret-word@127.0.0.1:{port}/study")
        asked = Asked(use="rate", machine=Machine(wait_s=100))
        found = next(c for c in programs.checks(asked) if c.name == "study's database").look()
    assert found.state == "fail"
    assert "127.0.0.1, study" in found.found
    assert "refused" in found.found
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("url", "told", "state"),
    [
        (None, "", "not needed"),
        ("sqlite:////srv/study.db", "", "ok"),
        ("postgresql://u:p@db/study", "ok 16.2", "ok"),
        ("postgresql://u:p@db/study", "no route", "warn"),
    ],
)
def test_a_database_matters_where_one_is_named(url, told, state):
    assert programs.check_database(url, told, needed=False).state == state


@LINUX
def test_a_port_that_a_program_has_is_told_with_the_program():
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        assert ports.is_free("127.0.0.1", port) is False
        told = ports.holder(Machine(), port)
        assert told.endswith(f"({os.getpid()})")
        master = ports.checks(Asked(use="record", master=("127.0.0.1", port)))[0].look()
        assert (master.state, f"{port} by " in master.found) == ("fail", True)
        assert master.mend == f"ss -ltnp 'sport = :{port}'"
    assert ports.is_free("127.0.0.1", port) is True
    assert ports.holder(Machine(), port) == ""


def test_a_master_at_an_address_of_another_machine_fails():
    assert ports.is_free("192.0.2.1", 5570) is None
    found = ports.checks(Asked(use="record", master=("192.0.2.1", 5570)))[0].look()
    assert (found.state, "no address of this machine" in found.found) == ("fail", True)


def test_without_a_rig_file_the_default_ports_are_looked_at_and_none_of_them_fails():
    found = {check.name: check.look() for check in ports.checks(Asked())}
    assert (
        "5570 to 5573" in found["ports of the master"].found or found["ports of the master"].state == "warn"
    )
    assert found["port of the study"].state in ("ok", "warn")


def test_drivers_that_are_there_and_broken_are_told_apart():
    none, broken = drivers.KinectDrivers(), drivers.KinectDrivers(broken=("pylibfreenect2: no libusb",))
    there = drivers.KinectDrivers(("pylibfreenect2 0.1.4",), broken.broken)

    def judged(found, absent, platform="linux"):
        return drivers.check_kinect_drivers(found, platform=platform, absent=absent)

    assert judged(there, "fail").state == "ok"
    assert judged(broken, "not needed").state == "warn"
    assert judged(none, "fail").state == "fail"
    assert "kinect-next" in judged(none, "fail", "win32").mend


def test_a_producer_is_built_where_there_is_none(drawn):
    def judged(absent, **facts):
        found = drivers.check_producers(drivers.Producers(**facts), machine=drawn.machine, absent=absent)
        return {one.name: one for one in found}

    bare = judged("fail", problem="none", lacks="no C compiler")["GenTL producer"]
    assert bare.mend.splitlines()[-1] == "mavfer gentl build"
    assert bare.mend.startswith("sudo apt install gcc")
    assert judged("fail", problem="none", tools="0.8.26")["GenTL producer"].mend == "mavfer gentl build"
    own = judged("warn", found=("mavfer_gentl.cti (x)",), own_only=True, tools="0.8.26")
    assert (own["GenTL producer"].state, own["gentl build"].state) == ("warn", "ok")
    vendor = judged("fail", found=("FLIR_GenTL.cti (x)",), lacks="no C compiler")
    assert (vendor["GenTL producer"].state, vendor["gentl build"].state) == ("ok", "not needed")


def test_a_producer_that_a_rig_file_names_and_that_is_gone_fails(tmp_path):
    asked = Asked(kinds=("flir_a65",), cti=(str(tmp_path / "gone.cti"),), machine=Machine(wait_s=100))
    found = next(c for c in drivers.checks(asked) if c.name == "GenTL producer").look()
    assert (found[0].state, "nothing there" in found[0].found) == ("fail", True)


def test_modules_that_do_not_load_or_end_python_are_told_apart(tmp_path, monkeypatch, drawn):
    (tmp_path / "whole.py").write_text("")
    (tmp_path / "bare.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    (tmp_path / "deadly.py").write_text("import os; os.kill(os.getpid(), 4)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = loading.read_loading(("whole", "bare", "deadly", "never"), timeout_s=100)
    assert found.loaded == ("whole",)
    assert [name for name, _ in found.broken] == ["bare", "deadly"]
    assert found.broken[1][1] == "it ends Python with signal 4"
    first, second, third = loading.check_loading(found, n_wanted=4, machine=drawn.machine)
    assert (first.state, second.state, third.state) == ("ok", "fail", "fail")
    assert second.mend == "sudo apt install libgl1"
    assert "pip install --force-reinstall deadly" in third.mend


def test_modules_that_take_too_long_are_not_held_against_the_machine(tmp_path, monkeypatch, drawn):
    (tmp_path / "whole.py").write_text("")
    (tmp_path / "slow.py").write_text("import time; time.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(Untold, match="nothing loaded within"):
        loading.read_loading(("slow",), timeout_s=1)
    found = loading.parse_loading("begun whole\nloaded whole\nbegun slow\n", status=None)
    (one,) = loading.check_loading(found, n_wanted=3, machine=drawn.machine)
    assert (one.state, "2 more" in one.found) == ("ok", True)


def test_the_compiled_packages_of_this_environment_load():
    (check,) = loading.checks(Asked(machine=Machine(wait_s=100)))
    assert [one.state for one in check.look()] == ["ok"]


def test_no_landmark_model_of_another_size_ships():
    path = programs._model_path()
    assert path is not None
    assert Path(path).stat().st_size > programs.MODEL_BYTES
