"""Forgetting, killed (SIGKILL) at the n-th change of the file system, then called again: what is left of it.

Run as `python kill_points.py LAB SUBJECT N...`, in a process of its own, which forks. Prints a line per kill.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from mavfer.preprocess.dataset.checking import check_dataset
from mavfer.privacy.forget import Wishes, forget, plan_to_forget

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "sqlite3.connect", "shutil.rmtree"}


def in_child(lab: Path, subject: str, die_at: int | None) -> tuple[int, int]:
    """Return the status of a child that forgets, and how many changes it made."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def watch(event: str, _: object) -> None:
            nonlocal count
            if event in CHANGES:
                count += 1
                if count == die_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            forgetting = plan_to_forget(subject, [lab], Wishes())
            sys.addaudithook(watch)
            report = forget(forgetting)
            os.write(writing, f"{count} {report.n_files}".encode())
            os._exit(0)
        except BaseException as error:
            print(f"failed: {type(error).__name__}: {error}", flush=True)
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as told:
        words = told.read().split()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), int(words[0]) if words else 0


def left(lab: Path, subject: str) -> list[str]:
    """Return names and files that still hold the subject's name, and what a forgetting leaves."""
    word = re.compile(rf"(?<![A-Za-z0-9]){subject}(?![A-Za-z0-9])".encode())
    return [
        str(path.relative_to(lab))
        for path in lab.rglob("*")
        if word.search(path.name.encode())
        or path.name.startswith(".forg")
        or (path.is_file() and word.search(path.read_bytes()))
    ]


def main(source: Path, subject: str, shares: list[float]) -> None:
    """Kill at these shares of all changes, each time on a fresh copy of the lab."""
    with tempfile.TemporaryDirectory() as folder:
        lab = Path(folder) / "lab"
        shutil.copytree(source, lab)
        status, n = in_child(lab, subject, None)
        print(f"whole: exit {status}, {n} changes, left {left(lab, subject)}", flush=True)
        for share in shares:
            shutil.rmtree(lab)
            shutil.copytree(source, lab)
            at = max(1, round(share * n))
            killed, _ = in_child(lab, subject, at)
            again, _ = in_child(lab, subject, None)
            rest = left(lab, subject)
            problems = [*check_dataset(lab / "dataset").problems]
            problems += [] if (lab / "dataset" / "report.html").is_file() else ["no report"]
            print(
                f"killed at {at}: exit {killed}, then {again}, left {rest}, problems {problems}", flush=True
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], [float(one) for one in sys.argv[3:]])
