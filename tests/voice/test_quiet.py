"""Colors, bars and escape codes: on a terminal, where they are wanted, and nowhere else."""

import json
import math
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from mavfer.capture.streams import Stream
from mavfer.facts import plain

BAR = """
import time
from mavfer.progress import bar
with bar("working") as show:
    for k in range(3):
        show(k, 3)
        time.sleep(0.15)
"""


def on_a_terminal(words: list[str], **environment: str) -> str:
    """Return what a program prints on a terminal of its own."""
    parent, child = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    told = {**clean, "TERM": "xterm-256color", "COLUMNS": "80", **environment}
    process = subprocess.Popen(words, stdin=child, stdout=child, stderr=child, env=told, close_fds=True)
    os.close(child)
    said = b""
    while select.select([parent], [], [], 60)[0]:
        try:
            piece = os.read(parent, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said += piece
    os.close(parent)
    process.wait(60)
    return said.decode()


def colored(said: str) -> bool:
    """Return whether a text has colors: SGR codes of 30 to 37, 90 to 97, or of 256."""
    codes = {code for part in said.split("\x1b[")[1:] for code in part.partition("m")[0].split(";")}
    return any(code.isdigit() and (30 <= int(code) <= 38 or 90 <= int(code) <= 97) for code in codes)


@pytest.mark.skipif(sys.platform == "win32", reason="no pty")
@pytest.mark.parametrize(
    ("words", "environment", "colors"),
    [
        (["--help"], {}, True),
        (["--help"], {"NO_COLOR": "1"}, False),
        (["--no-color", "--help"], {}, False),
        (["dataset", "--help", "--no-color"], {}, False),
    ],
)
def test_colors_are_for_a_terminal_and_off_when_asked(
    words: list[str], environment: dict[str, str], colors: bool
) -> None:
    said = on_a_terminal([sys.executable, "-P", "-m", "mavfer", *words], **environment)
    assert "Usage" in said
    assert colored(said) is colors


def test_in_a_pipe_there_is_no_color(typed: Callable) -> None:
    for words in ("--help", "train --help", "train"):
        said = typed(*words.split())
        assert "\x1b" not in said.out + said.err


@pytest.mark.skipif(sys.platform == "win32", reason="no pty")
def test_a_bar_moves_on_a_terminal_tells_what_is_left_and_is_silent_elsewhere() -> None:
    words = [sys.executable, "-P", "-c", BAR]
    seen = on_a_terminal(words)
    assert "working" in seen
    assert "2/3" in seen
    assert "0:00:00" in seen or "-:--:--" in seen
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    assert ran.stdout + ran.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="no pty")
@pytest.mark.parametrize("while_it", ["bar('working') as show", "waiting('working')"])
def test_what_is_printed_beside_a_bar_goes_into_the_file_that_stdout_is(
    while_it: str, tmp_path: Path
) -> None:
    code = f"from mavfer.progress import bar, waiting\nwith {while_it}:\n"
    code += "    show(1, 2)\n" * ("show" in while_it) + "    print('a result')\n"
    into = 'exec "$@" > out.txt'
    seen = on_a_terminal(["sh", "-c", f"cd {tmp_path} && {into}", "sh", sys.executable, "-P", "-c", code])
    assert (tmp_path / "out.txt").read_text() == "a result\n"
    assert "working" in seen
    assert "a result" not in seen


def test_no_color_may_stand_anywhere_but_behind_two_dashes(typed: Callable) -> None:
    assert typed("dataset", "info", "--no-color", "nowhere").status == 1
    assert "--no-color" in typed("dataset", "info", "--", "--no-color").err


def test_a_line_break_or_an_escape_code_in_a_path_is_spelled_out(typed: Callable) -> None:
    said = typed("dataset", "info", "no\nwhere\x1b[31m")
    assert said.status == 1
    assert said.err.count("\n") == 1
    assert r"no\nwhere\x1b[31m" in said.err


@dataclass
class Fact:
    path: Path
    values: np.ndarray
    share: float


def test_facts_are_json_whatever_they_are_made_of() -> None:
    fact = Fact(PurePosixPath("a/b"), np.array([1.0, np.nan]), math.inf)
    told = plain({Stream.COLOR: fact, "n": np.int64(3), "who": {"b", "a"}, "none": None, "yes": True})
    assert json.loads(json.dumps(told, allow_nan=False)) == {
        "color": {"path": "a/b", "values": [1.0, None], "share": None},
        "n": 3,
        "who": ["a", "b"],
        "none": None,
        "yes": True,
    }
    with pytest.raises(TypeError, match="no JSON is known for object"):
        plain(object())
