"""Stdout and stderr that take nothing more: a full disk, and a reader that has gone. Real processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mavfer import __version__

HELP = ("--help", "train --help", "dataset")
INSIDE = """
import sys
from pathlib import Path
from mavfer.__main__ import main
from mavfer.output import new_file
import mavfer.preprocess.commands.dataset_tables as tables
def print_dataset(path, *, split_name):
    with new_file(Path("result.txt")) as temporary:
        temporary.write_text("half")
        for _ in range(1000):
            print("a line of many")
tables.print_dataset = print_dataset
sys.argv = ["mavfer", "dataset", "info", "clips"]
main()
"""
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no /dev/full, and no pipes with an errno")


def command(words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "mavfer", *words.split()]


def into_full(words: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program whose stdout is a full disk."""
    with Path("/dev/full").open("w") as full:
        return subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=cwd)


def into_nobody(words: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program whose stdout is a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    try:
        return subprocess.run(words, stdout=write, stderr=subprocess.PIPE, text=True, check=False, cwd=cwd)
    finally:
        os.close(write)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("words", ["--version", "doctor --json", *HELP])
def test_a_full_disk_behind_stdout_is_one_line_and_a_failure(words: str, tmp_path: Path) -> None:
    ran = into_full(command(words), tmp_path)
    assert ran.returncode == 1
    assert ran.stderr == (
        "error: wanted to write to stdout, found: No space left on device; make room, or send it elsewhere\n"
    )


@pytest.mark.parametrize("words", ["--version", *HELP])
def test_a_reader_that_has_gone_ends_a_command_without_a_word(words: str, tmp_path: Path) -> None:
    ran = into_nobody(command(words), tmp_path)
    assert (ran.returncode, ran.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_result_under_way_is_not_kept_and_not_blamed(tmp_path: Path) -> None:
    words = [sys.executable, "-P", "-c", INSIDE]
    ran = into_full(words, tmp_path)
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: wanted to write to stdout")
    assert ran.stderr.count("\n") == 1
    ran = into_nobody(words, tmp_path)
    assert (ran.returncode, ran.stderr) == (141, "")
    assert list(tmp_path.iterdir()) == []
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True, cwd=tmp_path)
    assert (tmp_path / "result.txt").read_text() == "half"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize(("words", "status"), [("--version", 0), ("dataset", 2), ("dataset info nowhere", 1)])
def test_where_stderr_takes_nothing_the_status_still_tells(words: str, status: int, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            command(words), stdout=subprocess.PIPE, stderr=full, text=True, check=False, cwd=tmp_path
        )
    assert ran.returncode == status
    assert (ran.stdout == f"mavfer {__version__}\n") is (words == "--version")


@pytest.mark.parametrize("stream", [1, 2])
def test_a_stream_that_is_closed_is_no_reason_to_fail(stream: int, tmp_path: Path) -> None:
    ran = subprocess.run(
        ["sh", "-c", f'"$@" {stream}>&-', "sh", *command("train --help")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ran.returncode == 0
    assert (ran.stdout + ran.stderr == "") is (stream == 1)
