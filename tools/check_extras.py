"""Prove each extra of a wheel in an environment of its own: the wheel, what the extra asks for, nothing else.

    python tools/check_extras.py dist/mavfer-0.1.0-py3-none-any.whl
    python tools/check_extras.py WHEEL onnx --work /tmp/extras     this one; what the others made lies there

The commands of `_extra_trials.py` run in each environment. Packages are linked from the environment that
runs this (`_linked_environment.py`); --pip NAME has pip fetch and install them for that extra instead.
Prints a line for each extra and exits 1 if one of them lacks something.
"""

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import _linked_environment
from _extra_trials import NOT_FOR_USERS, PREPARED, TRIALS, Trial

ROOT = Path(__file__).resolve().parents[1]
TRIAL_TIMEOUT_S = 300


class Failed(Exception):
    """A trial did not end as it should."""


def main() -> None:
    """Try the extras that are named, or all; exit 1 if one fails."""
    parser = argparse.ArgumentParser(description="Prove each extra of a wheel in an environment of its own.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("extras", nargs="*", help="which extras, 'none' for none; all if not said")
    parser.add_argument(
        "--pip", action="append", default=[], metavar="NAME", help="install this one with pip"
    )
    parser.add_argument("--work", type=Path, help="keep sessions, datasets and runs in this folder")
    asked = parser.parse_args()
    every = ["none", *_linked_environment.extras_of(asked.wheel)]
    wanted = asked.extras or [name for name in TRIALS if name in every]
    failed = [name for name in every if name not in TRIALS and name not in NOT_FOR_USERS]
    for name in failed:
        print(f"{name}: no trial; write one in tools/_extra_trials.py")
    with tempfile.TemporaryDirectory(prefix="mavfer-extras-") as scratch:
        work = (asked.work or Path(scratch) / "work").resolve()
        work.mkdir(parents=True, exist_ok=True)
        for name, text in PREPARED.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(text)
        for name in wanted:
            begun, before_s = time.monotonic(), processor_s()
            try:
                extra = "" if name == "none" else name
                if name in asked.pip:
                    commands = installed(Path(scratch) / name, asked.wheel, extra)
                else:
                    commands = _linked_environment.make(Path(scratch) / name, asked.wheel, extra)
                made_s = time.monotonic() - begun
                for trial in TRIALS[name]:
                    run(trial, commands, work)
            except (Failed, _linked_environment.NotHere) as error:
                failed.append(name)
                print(f"{name}: FAILED: {error}", flush=True)
                continue
            tried_s = time.monotonic() - begun - made_s
            computed_s = processor_s() - before_s
            print(
                f"{name}: made in {made_s:.1f} s, {len(TRIALS[name])} trials in {tried_s:.1f} s, "
                f"{computed_s:.1f} s of processor time",
                flush=True,
            )
    sys.exit(1 if failed else 0)


def processor_s() -> float:
    """Return the processor time of this process and of those that it has waited for, seconds."""
    return sum(os.times()[:4])


def installed(folder: Path, wheel: Path, extra: str) -> Path:
    """Make an environment and have pip install the wheel and an extra; return where its commands are."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    wanted = f"{wheel.resolve()}[{extra}]" if extra else str(wheel.resolve())
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    constraints = ["-c", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, "install", *constraints, wanted], check=True)
    subprocess.run([*pip, "check"], check=True)
    return folder / "bin"


def run(trial: Trial, commands: Path, work: Path) -> None:
    """Run a trial's command in the environment; raise Failed where it ends otherwise than it should."""
    words = shlex.split(trial.command)
    words[0] = str(commands / words[0])
    if trial.serves:
        _look_at(words, commands, work)
        return
    ended = subprocess.run(
        words,
        cwd=work,
        env=_variables(commands),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=TRIAL_TIMEOUT_S,
    )
    said = ended.stdout + ended.stderr
    expected = (0, 1) if trial.status is None else (trial.status,)
    if ended.returncode not in expected or trial.says not in " ".join(said.split()):
        raise Failed(
            f"wanted exit {trial.status} and {trial.says!r}, found exit {ended.returncode}: "
            f"{trial.command}\n{said[-3000:]}"
        )
    if trial.status != 0 and "Traceback" in said:
        raise Failed(f"wanted one line, found a traceback: {trial.command}\n{said[-3000:]}")


def _look_at(words: list[str], commands: Path, work: Path) -> None:
    """Start a command that serves a page, open the link that it prints, and end it as Ctrl-C does."""
    served = subprocess.Popen(
        words,
        cwd=work,
        env=_variables(commands),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said: list[str] = []
    too_long = threading.Timer(TRIAL_TIMEOUT_S, served.kill)
    too_long.start()
    try:
        assert served.stdout is not None
        link = None
        for line in served.stdout:
            said.append(line)
            if found := re.search(r"http://\S+", line):
                link = found[0]
                break
        if link is None:
            raise Failed(f"wanted a link, found none: {words}\n{''.join(said)}")
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        with opener.open(link, timeout=60) as answer:
            if b"<html" not in answer.read():
                raise Failed(f"wanted a page behind the link, found none: {words}")
        served.send_signal(signal.SIGINT)
        said.append(served.stdout.read())
        if served.wait() not in (0, 130):
            raise Failed(f"wanted exit 0 or 130, found {served.returncode}: {words}\n{''.join(said)[-3000:]}")
    finally:
        too_long.cancel()
        if served.poll() is None:
            served.kill()
            served.wait()


def _variables(commands: Path) -> dict[str, str]:
    """Return the environment's variables: its own folder first, and no Python settings from outside."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    return kept | {"PATH": f"{commands}{os.pathsep}{kept.get('PATH', '')}", "COLUMNS": "300", "NO_COLOR": "1"}


if __name__ == "__main__":
    main()
