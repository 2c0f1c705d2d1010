"""What GenTL asks of a producer, tried on its every function; the laws stand in laws_of_*.py."""

import ast
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OF_MEMORY = "opening_and_closing_leaves_nothing_behind"  # sanitizers keep what is freed


def laws():
    """Return (file, law) of every function that a law's file shows."""
    for file in sorted(HERE.glob("laws_of_*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.name != OF_MEMORY:
                yield pytest.param(file.name, node.name, id=node.name)


@pytest.mark.usefixtures("a65", "fake")
@pytest.mark.parametrize(("file", "law"), tuple(laws()))
def test_law_holds_and_no_byte_is_touched_that_is_not_ours(lab, sanitized, sanitizers, file, law):
    fatal = {"G_DEBUG": "fatal-criticals"}  # what GLib and aravis only complain of
    lab.run(sys.executable, HERE / file, sanitized, law, **sanitizers, **fatal)


@pytest.mark.usefixtures("a65", "fake")
def test_opening_and_closing_twenty_times_leaves_no_file_and_no_memory_behind(lab, cti):
    lab.run(sys.executable, HERE / "laws_of_handles.py", cti, OF_MEMORY)


@pytest.mark.usefixtures("a65", "fake")
def test_a_consumer_in_c_leaves_no_memory_behind_and_would_be_seen_to(lab, client):
    words = (client, "65000001", "D314", "D318", 640 * 512)
    lab.run(*words)
    leaking = lab.try_to(*words, "leak", ASAN_OPTIONS="symbolize=0")
    assert leaking.returncode != 0
    assert "leaked" in leaking.stderr
