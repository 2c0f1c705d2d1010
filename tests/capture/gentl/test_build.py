"""Compiling the producer: once, whole, and in one line where something is missing."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mavfer
from mavfer.capture.gentl import build
from mavfer.capture.gentl.build import INSTALL, SOURCES, build_producer, built_producer
from mavfer.errors import CameraError, MavferError

linux = pytest.mark.skipif(sys.platform != "linux", reason="the producer is for Linux")


def built_under(cache, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


@linux
def test_what_was_compiled_is_used_again_until_the_sources_change(tmp_path, monkeypatch):
    built_under(tmp_path, monkeypatch)
    assert built_producer() is None
    made = build_producer()
    assert made.is_absolute()
    assert made.is_relative_to(tmp_path)
    written_ns = made.stat().st_mtime_ns
    assert build_producer() == built_producer() == made
    assert made.stat().st_mtime_ns == written_ns
    assert [path.name for path in made.parent.iterdir()] == [made.name]
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-DANOTHER"))
    assert built_producer() is None


@linux
def test_the_command_prints_the_path_of_a_producer_in_the_folder_it_was_given(tmp_path):
    command = [sys.executable, "-m", "mavfer", "gentl", "build", "--out", str(tmp_path / "new" / "folder")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed == f"{tmp_path / 'new' / 'folder' / 'mavfer_gentl.cti'}\n"
    assert Path(printed.strip()).is_file()


@linux
def test_a_producer_exports_the_functions_of_gentl_and_no_other_name(cti):
    listed = subprocess.run(["nm", "-D", "--defined-only", cti], capture_output=True, text=True, check=True)
    exported = {line.split()[-1] for line in listed.stdout.splitlines()}
    declared = set(re.findall(r"^GC_API (\w+)\(", (SOURCES / "gentl.h").read_text(), re.MULTILINE))
    assert exported == declared
    assert len(declared) > 50


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("CC", "no-such-compiler", "wanted a C compiler, found no 'no-such-compiler', which CC names"),
        ("CC", "no-such-cache gcc", "wanted a C compiler, found no 'no-such-cache', which CC names"),
        ("CC", "'gcc", 'wanted a C compiler in CC, found "\'gcc" (No closing quotation)'),
        ("PATH", "", "wanted a C compiler, found neither gcc, cc nor clang"),
        ("PKG_CONFIG_LIBDIR", "", "wanted aravis 0.8.20 or a later 0.8 with its headers; pkg-config says: "),
    ],
)
@linux
def test_what_is_missing_is_one_line_that_names_the_packages(tmp_path, monkeypatch, variable, value, said):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("PKG_CONFIG_PATH", raising=False)
    monkeypatch.setenv(variable, value or str(tmp_path))
    with pytest.raises(CameraError) as raised:
        build_producer(tmp_path / "out")
    assert str(raised.value).startswith(said)
    assert str(raised.value).endswith(INSTALL)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


@linux
def test_cc_may_call_the_compiler_through_another_program(tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "env gcc")
    assert build_producer(tmp_path).is_file()


@linux
def test_sources_that_do_not_compile_leave_no_file_and_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "FLAGS", ("-fno-such-flag",))
    with pytest.raises(CameraError, match=r"does not compile .*no-such-flag") as raised:
        build_producer(tmp_path)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


@linux
def test_a_folder_that_cannot_be_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MavferError, match="file"):
        build_producer(tmp_path / "file" / "folder")


def test_elsewhere_than_on_linux_a_vendors_producer_is_named(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(CameraError, match="is for Linux, this is win32; use a vendor's: Teledyne Spinnaker"):
        build_producer()
    assert built_producer() is None


def test_the_sources_ship_with_the_package():
    pyproject = tomllib.loads((Path(mavfer.__file__).parent / "pyproject.toml").read_text())
    shipped = pyproject["tool"]["setuptools"]["package-data"]["mavfer.capture.gentl"]
    assert {path.suffix for path in SOURCES.iterdir() if path.suffix in (".c", ".h")} == {
        Path(pattern).suffix for pattern in shipped
    }
