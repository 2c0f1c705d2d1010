import os
import sys

import pytest

from mavfer.capture.producers import CTI_VARIABLE, FOLDERS_VARIABLE, find_producers
from mavfer.errors import CameraError


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path):
    for name in (CTI_VARIABLE, FOLDERS_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def cti(folder, name="some.cti"):
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text("")
    return file


def paths(setting=None):
    return [producer.path for producer in find_producers(setting)]


def refusal(setting=None):
    with pytest.raises(CameraError) as told:
        find_producers(setting)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_none_at_all_says_where_to_get_one():
    line = refusal()
    assert line.startswith("wanted a GenTL producer (.cti), found none; install Teledyne Spinnaker")
    assert "`mavfer gentl build`" in line
    assert "eBUS" in line


def test_the_rig_file_comes_first_then_the_variable_then_the_folders(monkeypatch, tmp_path):
    named, variable, listed = cti(tmp_path / "a"), cti(tmp_path / "b"), cti(tmp_path / "c")
    monkeypatch.setenv(FOLDERS_VARIABLE, str(listed.parent))
    assert paths() == [listed]
    monkeypatch.setenv(CTI_VARIABLE, str(variable))
    assert paths() == [variable]
    assert paths(str(named)) == [named]
    assert find_producers(str(named))[0].source == "cti in the rig file"
    assert find_producers()[0].source == CTI_VARIABLE


def test_the_folders_are_searched_in_their_order_and_each_file_is_tried_once(monkeypatch, tmp_path):
    last, first = cti(tmp_path / "a"), cti(tmp_path / "z")
    second = cti(tmp_path / "z", "zebra.cti")
    folders = [str(tmp_path / "z"), str(tmp_path / "absent"), "", str(tmp_path / "a"), str(tmp_path / "z")]
    monkeypatch.setenv(FOLDERS_VARIABLE, os.pathsep.join(folders))
    assert paths() == [first, second, last]


@pytest.mark.skipif(sys.platform != "linux", reason="the project's own producer is for Linux")
def test_the_projects_own_comes_last(monkeypatch, tmp_path):
    from mavfer.capture.gentl.build import _cached

    own = _cached()
    own.parent.mkdir(parents=True)
    own.write_text("")
    assert paths() == [own]
    listed = cti(tmp_path / "a")
    monkeypatch.setenv(FOLDERS_VARIABLE, str(listed.parent))
    assert paths() == [listed, own]


def test_a_relative_path_is_refused(monkeypatch, tmp_path):
    monkeypatch.chdir(cti(tmp_path / "a").parent)
    line = refusal("some.cti")
    assert line == (
        "cti in the rig file wants the absolute path of a GenTL producer on this machine, found a relative "
        "one: some.cti"
    )
    monkeypatch.setenv(CTI_VARIABLE, "some.cti")
    assert refusal().startswith(f"{CTI_VARIABLE} wants the absolute path")


@pytest.mark.skipif(sys.platform == "win32", reason="there it is an absolute path")
def test_a_path_of_windows_is_told_as_one_of_another_system():
    assert "found one of another system" in refusal("C:\\Program Files\\Teledyne\\Spinnaker_GenTL_v140.cti")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert "found nothing there" in refusal(str(tmp_path / "absent.cti"))
    assert "found a folder" in refusal(str(tmp_path))
    assert refusal(str(tmp_path)).endswith(str(tmp_path))


def test_folders_without_a_producer_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path))
    assert f"found none in {FOLDERS_VARIABLE} = {tmp_path}" in refusal()
