"""Completion in a real shell: commands, groups, options and choices, from the table that imports nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BASH = shutil.which("bash")
ASK = """
eval "$(mavfer --show-completion 2>/dev/null || _MAVFER_COMPLETE=source_bash mavfer)"
COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
[[ "$1" == *" " ]] && COMP_WORDS+=("") && COMP_CWORD=$((COMP_CWORD + 1))
_mavfer_completion mavfer
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """Return a folder with `mavfer`, as this Python runs it."""
    command = tmp_path / "bin" / "mavfer"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m mavfer "$@"\n')
    command.chmod(0o755)
    return command.parent


@pytest.mark.skipif(BASH is None or sys.platform == "win32", reason="no bash")
@pytest.mark.parametrize(
    ("typed", "offered", "not_offered"),
    [
        ("mavfer ev", {"evaluate", "evaluate-groups"}, {"train"}),
        ("mavfer dataset ", {"info", "check", "split"}, {"train"}),
        ("mavfer dataset info --j", {"--json"}, {"--split"}),
        ("mavfer export --format ", {"mp4", "rrd"}, {"frames"}),
        ("mavfer --no", {"--no-color"}, {"--version"}),
    ],
)
def test_bash_completes(
    typed: str, offered: set[str], not_offered: set[str], bin_folder: Path, tmp_path: Path
) -> None:
    environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    ran = subprocess.run(
        [str(BASH), "--norc", "-c", ASK, "bash", typed],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        timeout=120,
        check=True,
    )
    found = set(ran.stdout.split())
    assert offered <= found, ran.stderr
    assert not not_offered & found


@pytest.mark.parametrize(
    ("shell", "wanted"),
    [
        ("bash", "complete -o default -F"),
        ("zsh", "#compdef mavfer"),
        ("fish", "complete --command mavfer"),
        ("powershell", "Register-ArgumentCompleter"),
    ],
)
def test_every_shell_gets_its_script(shell: str, wanted: str, tmp_path: Path) -> None:
    environment = {**os.environ, "_MAVFER_COMPLETE": f"source_{shell}", "HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "mavfer"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=True,
    )
    assert wanted in ran.stdout
