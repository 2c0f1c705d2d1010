"""The command line as a person types it: which command is meant where a group is followed by none."""

import subprocess
import sys
from pathlib import Path

import pytest

from mavfer.__main__ import run, spelled_out
from mavfer.errors import DatasetError, UsageError


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("calibrate", "calibrate"),
        ("calibrate --help", "calibrate --help"),
        ("calibrate --help solve", "calibrate --help solve"),
        ("calibrate show c.toml", "calibrate show c.toml"),
        ("calibrate sessions/board", "calibrate solve sessions/board"),
        ("calibrate ./show", "calibrate solve ./show"),
        ("calibrate --out show board", "calibrate solve --out show board"),
        ("calibrate --live --help", "calibrate live --help"),
        ("calibrate --board 9x6x25mm --live --rig r.toml", "calibrate live --board 9x6x25mm --rig r.toml"),
        ("calibrate --board=9x6x25mm --rig r.toml --live", "calibrate live --board=9x6x25mm --rig r.toml"),
        ("calibrate -- show", "calibrate solve -- show"),
        ("calibrate -- --live", "calibrate solve -- --live"),
        ("calibrate --live -- --show", "calibrate live -- --show"),
        ("record --live", "record --live"),
        ("", ""),
    ],
)
def test_a_group_without_a_command_means_its_first_and_an_option_may_name_another(
    typed: str, meant: str
) -> None:
    assert spelled_out(typed.split()) == meant.split()


@pytest.mark.parametrize(
    ("typed", "status", "words"),
    [
        ("calibrate", 2, "Usage: mavfer calibrate [OPTIONS] COMMAND"),
        ("calibrate --help", 0, "Usage: mavfer calibrate [OPTIONS] COMMAND"),
        ("calibrate --live --help", 0, "Usage: mavfer calibrate live"),
        ("calibrate nowhere --help", 0, "Usage: mavfer calibrate solve"),
        ("calibrate ./show", 1, "error: "),
        ("calibrate show", 2, "CALIBRATION"),
    ],
)
def test_what_is_typed_reaches_the_command_that_is_meant(
    typed: str, status: int, words: str, tmp_path: Path
) -> None:
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "mavfer", *typed.split()],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=60,
    )
    assert ran.returncode == status
    assert words in " ".join((ran.stdout + ran.stderr).split())
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("fails", "status", "words"),
    [
        (DatasetError("wanted a dataset, found none: d"), 1, "error: wanted a dataset, found none: d\n"),
        (UsageError("wanted --a, found --b"), 2, "error: wanted --a, found --b\n"),
        (PermissionError(13, "Permission denied", "typed/below"), 1, "Permission denied: typed/below\n"),
        (OSError(36, "File name too long", "x" * 300), 1, "File name too long: xxx"),
        (RuntimeError("Symlink loop from 'typed'"), 1, "error: the path cannot be used: Symlink loop"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_what_stops_a_command_is_one_line_and_a_status(
    fails: BaseException,
    status: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fails

    monkeypatch.setattr("mavfer.preprocess.commands.dataset_tables.print_dataset", fail)
    assert run(["dataset", "info", "typed"]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "defect",
    [ValueError("what"), RuntimeError("what"), PermissionError(13, "Permission denied", "/nobody/typed/it")],
)
def test_a_defect_is_not_taken_for_a_mistake_of_who_typed(
    defect: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise defect

    monkeypatch.setattr("mavfer.preprocess.commands.dataset_tables.print_dataset", fail)
    with pytest.raises(type(defect)):
        run(["dataset", "info", "typed"])
