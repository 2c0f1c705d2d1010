"""The terminal and the language settings that mavfer prints through."""

import locale
import os
import sys
from dataclasses import dataclass

from .asked import Asked
from .finding import Check, Finding
from .machine import Machine

NARROW = 80


@dataclass(frozen=True, slots=True)
class Encodings:
    """In which encodings texts, file names and output are written."""

    text: str
    file_names: str
    output: str


@dataclass(frozen=True, slots=True)
class Screen:
    """What the terminal is; `columns` 0 where output goes to none."""

    columns: int
    kind: str = ""
    colors_off: bool = False


def check_encodings(found: Encodings, *, platform: str) -> Finding:
    """Judge the encodings: names of people and folders want UTF-8."""
    named = {"text": found.text, "file names": found.file_names, "output": found.output}
    other = [f"{what} {name}" for what, name in named.items() if name.lower().replace("-", "") != "utf8"]
    if not other:
        return Finding("language", "ok", "UTF-8")
    mend = "setx PYTHONUTF8 1" if platform == "win32" else "export LC_ALL=C.UTF-8"
    return Finding("language", "warn", ", ".join(other), "UTF-8", mend=mend)


def check_screen(found: Screen) -> Finding:
    """Judge the terminal."""
    if not found.columns:
        return Finding("terminal", "not needed", "output goes to a file or a program: no colors, no progress")
    words = f"{found.columns} columns{f', {found.kind}' if found.kind else ''}"
    words += ", colors off (NO_COLOR)" if found.colors_off else ""
    if found.columns >= NARROW:
        return Finding("terminal", "ok", words)
    return Finding("terminal", "warn", words, f"{NARROW} columns", advice="widen its window: tables wrap")


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at: encodings and the terminal."""
    machine: Machine = asked.machine

    def encodings() -> Finding:
        text = locale.getpreferredencoding(False)
        output = getattr(sys.stdout, "encoding", None) or text
        return check_encodings(
            Encodings(text, sys.getfilesystemencoding(), output), platform=machine.platform
        )

    def screen() -> Finding:
        try:
            columns = os.get_terminal_size(sys.__stdout__.fileno()).columns if sys.__stdout__ else 0
        except (OSError, ValueError):
            columns = 0
        return check_screen(Screen(columns, os.environ.get("TERM", ""), bool(os.environ.get("NO_COLOR"))))

    return [Check("language", encodings), Check("terminal", screen)]
