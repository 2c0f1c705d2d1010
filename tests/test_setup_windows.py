"""The Windows set-up script and the page that explains it name the same switches; Windows reads it as it is.

It cannot run here: what it does to a system is on docs/setup-windows.md, with what was not tried.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "tools" / "setup_windows.ps1"
PAGE = ROOT / "docs" / "setup-windows.md"
OF_POWERSHELL = {"WhatIf", "ExecutionPolicy", "File"}


def switches() -> set[str]:
    parameters = SCRIPT.read_text(encoding="ascii").partition("param(")[2].partition("\n)")[0]
    return set(re.findall(r"^\s*\[(?:string|switch)\] \$(\w+)", parameters, re.MULTILINE))


def test_every_switch_that_changes_the_system_is_explained() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert {name for name in switches() if f"-{name}" not in page} <= {"Extras", "SkipPackages"}


def test_the_page_names_no_switch_that_the_script_lacks() -> None:
    page = PAGE.read_text(encoding="utf-8").splitlines()
    lines = [line for line in page if SCRIPT.name in line or "| `-" in line]
    named = set(re.findall(r"(?<![\w-])-([A-Z]\w+)", "\n".join(lines)))
    assert named - OF_POWERSHELL <= switches()
    assert "HighPerformance" in named


def test_every_change_notes_what_was_there_before_and_undo_knows_it() -> None:
    text = SCRIPT.read_text(encoding="ascii")
    noted = set(re.findall(r"Add-Note ['\"](\w+)", text))
    undone = set(re.findall(r"^            '(\w+)' \{", text.partition("function Undo-All")[2], re.MULTILINE))
    assert noted == undone | {"plan"}
    assert "$Known.plan" in text
