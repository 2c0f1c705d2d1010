"""The machine as the probes read it: files below a root, programs with a time limit, modules one at a time.

The root is "/" but in tests, which draw another machine's /proc and /sys into a folder.
"""

import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

_importing = threading.Lock()


class Untold(Exception):
    """A probe came to nothing; the words say why. It ends in a finding, never outside this folder."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where facts are read.

    Attributes
    ----------
    root : the folder in which /proc, /sys, /etc and /dev lie
    platform : as `sys.platform` has it
    wait_s : how long a program that is asked may take
    """

    root: Path = Path("/")
    platform: str = sys.platform
    wait_s: float = 4.0

    def path(self, name: str) -> Path:
        """Return where a file of the machine lies: "/proc/cpuinfo" below the root."""
        return self.root / name.lstrip("/")

    def text(self, name: str) -> str:
        """Return a small file's text without the space around it, "" where it cannot be read."""
        try:
            return self.path(name).read_text(encoding="utf-8", errors="replace").strip()
        except (OSError, ValueError):
            return ""

    def number(self, name: str) -> int | None:
        """Return the whole number in a file, None where there is none."""
        try:
            return int(self.text(name))
        except ValueError:
            return None

    def words(self, name: str) -> tuple[str, ...]:
        """Return the words in a file."""
        return tuple(self.text(name).split())

    def run(self, command: Sequence[str], *, python: bool = False) -> str:
        """Return what a program prints, run in English and without a window.

        Parameters
        ----------
        python : the words are those of this Python, which imports nothing from the working folder

        Raises
        ------
        Untold
            It is not there, fails, or takes longer than `wait_s`.
        """
        words = [sys.executable, "-P", *command] if python else list(command)
        name = "Python" if python else words[0]
        try:
            done = subprocess.run(
                words,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=self.wait_s,
                check=False,
                env=os.environ | {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except subprocess.TimeoutExpired as late:
            raise Untold(f"{name}: no answer within {self.wait_s:g} s") from late
        except OSError as error:
            raise Untold(f"{name}: {error.strerror or error}") from error
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).decode(errors="replace").splitlines()
            how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit status {done.returncode}"
            raise Untold(f"{name} ended with {how}{f': {said[-1].strip()}' if said else ''}")
        return done.stdout.decode(errors="replace")


def load(name: str) -> Any:
    """Return a module of mavfer (".capture.disk"); sections ask side by side, imports go one by one."""
    with _importing:
        return import_module(name, "mavfer")


def this_python() -> str:
    """Return how this Python is called in a command to copy: `python` where that is what runs."""
    own = Path(sys.executable)
    for name in ("python", "python3"):
        there = shutil.which(name)
        if there is not None and Path(there).absolute() == own.absolute():
            return name
    return quoted(str(own), called=True)


def quoted(word: str, *, called: bool = False) -> str:
    """Return a word as a shell takes it: PowerShell on Windows, where a quoted program is `called` by &."""
    if sys.platform != "win32":
        return shlex.quote(word)
    if all(letter.isalnum() or letter in r"\/:._-" for letter in word):
        return word
    literal = word.replace("'", "''")
    return f"{'& ' if called else ''}'{literal}'"


def pairs(text: str, sign: str) -> dict[str, str]:
    """Return what stands on either side of a sign, line by line."""
    split = [line.partition(sign) for line in text.splitlines()]
    return {name.strip(): value.strip() for name, _, value in split}


def system_install(machine: Machine, *packages: str) -> str:
    """Return the command that installs packages by their names in Debian; "" on other systems."""
    told = pairs(machine.text("/etc/os-release"), "=")
    kinds = f"{told.get('ID', '')} {told.get('ID_LIKE', '')}".replace('"', "").split()
    if "debian" in kinds or "ubuntu" in kinds:
        return f"sudo apt install {' '.join(packages)}"
    return ""
