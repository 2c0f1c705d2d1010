"""Whoever stands at the machine: told what to do, asked what is seen."""

import contextlib
import os
import sys
from pathlib import Path
from typing import Literal, Protocol

Answer = Literal["yes", "no", "skip"]
WORDS: dict[str, Answer] = {"y": "yes", "yes": "yes", "n": "no", "no": "no", "s": "skip", "skip": "skip"}


class Person(Protocol):
    """Somebody, or nobody, at the machine."""

    @property
    def present(self) -> bool:
        """Whether there is anyone to ask."""
        ...

    def tell(self, line: str) -> None:
        """Say something that needs no answer."""
        ...

    def ready(self, instruction: str) -> bool:
        """Say what to do and wait for Enter; False to skip."""
        ...

    def ask(self, question: str) -> Answer:
        """Ask what only eyes can tell."""
        ...

    def number(self, question: str) -> float | None:
        """Ask for a number; None to skip."""
        ...


class Nobody:
    """An unattended run: everything that a person would do is skipped."""

    present = False

    def tell(self, line: str) -> None:
        """Say it to nobody."""

    def ready(self, instruction: str) -> bool:  # noqa: ARG002 - nobody hears it
        """Skip."""
        return False

    def ask(self, question: str) -> Answer:  # noqa: ARG002
        """Skip."""
        return "skip"

    def number(self, question: str) -> float | None:  # noqa: ARG002
        """Skip."""
        return None


class AtTerminal:
    """A person at the terminal; where the input ends, there is nobody any more."""

    def __init__(self) -> None:
        self._here = True

    @property
    def present(self) -> bool:
        """Whether the terminal's input is still open."""
        return self._here

    def tell(self, line: str) -> None:
        """Print a line on stderr."""
        print(line, file=sys.stderr, flush=True)

    def ready(self, instruction: str) -> bool:
        """Print what to do; Enter goes on, s skips."""
        answer = self._answer(f"\n> {instruction}\n  [Enter] when you are ready, [s] to skip: ")
        return answer is not None and WORDS.get(answer) not in ("skip", "no")

    def ask(self, question: str) -> Answer:
        """Ask until the answer is one."""
        while (answer := self._answer(f"> {question} [y]es, [n]o, [s]kip: ")) is not None:
            if answer in WORDS:
                return WORDS[answer]
            self.tell("  say y, n or s")
        return "skip"

    def number(self, question: str) -> float | None:
        """Ask until the answer is a number, or nothing."""
        while answer := self._answer(f"> {question} (Enter to skip): "):
            with contextlib.suppress(ValueError):
                return float(answer.replace(",", "."))
            if WORDS.get(answer) == "skip":
                return None
            self.tell("  say a number, such as 35.2, or press Enter to skip")
        return None

    def _answer(self, prompt: str) -> str | None:
        if not self._here:
            return None
        print(prompt, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            self._here = False
            print(file=sys.stderr)
            return None
        return line.strip().lower()


def show_picture(path: Path) -> None:
    """Open a picture in the desktop's viewer where there is a desktop; harmless where there is none."""
    import subprocess

    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            os.startfile(path)
        elif sys.platform == "darwin":
            subprocess.Popen(["open", str(path)])
        elif os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
            quiet = subprocess.DEVNULL
            subprocess.Popen(["xdg-open", str(path)], stdout=quiet, stderr=quiet)
