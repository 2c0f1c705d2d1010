"""The cameras that a GenTL producer finds, where it may be asked, by `mavfer gentl list`.

A producer asks everybody on all networks unless it is told addresses, so it is asked only on request.
"""

import subprocess
import sys

from .asked import Asked
from .drivers import A65
from .finding import Check, Finding, State
from .machine import Untold

ASK_S = 20.0
"""A vendor's producer takes seconds to load, and to wait for answers on each card."""


def read_cameras(addresses: tuple[str, ...], cti: str | None) -> tuple[tuple[str, ...], str]:
    """Return the lines of `mavfer gentl list`, and why there are none.

    Raises
    ------
    Untold
        The producer gave no answer in time, or ended the process.
    """
    words = [sys.executable, "-P", "-m", "mavfer", "gentl", "list"]
    words += ["--cti", cti] if cti else []
    words += ["--address", " ".join(addresses)] if addresses else []
    try:
        done = subprocess.run(
            words, capture_output=True, stdin=subprocess.DEVNULL, timeout=ASK_S, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise Untold(f"the producer gave no answer within {ASK_S:g} s") from late
    if done.returncode not in (0, 1):
        raise Untold(f"the producer ended `mavfer gentl list` with status {done.returncode}")
    said = done.stderr.decode(errors="replace").strip().splitlines()
    lines = tuple(filter(None, done.stdout.decode(errors="replace").splitlines()))
    return lines, (said[-1].removeprefix("error: ") if said else "")


def check_cameras(lines: tuple[str, ...], why: str, *, absent: State) -> list[Finding]:
    """Judge the cameras that were found; `absent` is the state of a machine that reaches none."""
    name = "GenICam camera"
    if not lines:
        advice = "see that the camera has power and a cable, and that its address is in a card's subnet"
        state: State = "warn" if absent == "not needed" else absent
        return [Finding(name, state, why or "none answers", "a camera that answers", advice=advice)]
    return [Finding(name, "ok", line) for line in lines]


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at: GenICam cameras, or that nobody has asked for them."""

    def look() -> list[Finding]:
        if not asked.asks_cameras:
            hint = "not asked for: with --cameras the producers are, by broadcast where no address is known"
            return [Finding("GenICam cameras", "not needed", hint)]
        lines, why = read_cameras(asked.addresses, asked.cti[0] if asked.cti else None)
        return check_cameras(lines, why, absent=asked.absent(A65))

    return [Check("GenICam cameras", look)]
