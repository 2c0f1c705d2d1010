"""Steering a simulated camera from another process: lines in, one answer each, and counters at the end."""

import json
import os
import sys
import threading
from contextlib import suppress

from .gige import SimulatedA65Device

WORDS = "nuc, vanish, return, scene NS, drop P, counters"


def obey(device: SimulatedA65Device, line: str) -> str:
    """Do what a line says and return the answer, one line that begins with "ok" or "error".

    `scene NS` is a time of the host's monotonic clock, `drop P` a share of 0 to 1. The answer to `return`
    tells the new clock, that to `counters` is JSON.
    """
    match line.split():
        case ["nuc"]:
            device.correct()
        case ["vanish"]:
            device.vanish()
        case ["return"]:
            device.come_back()
            return f"ok return clock_start_ns={device.clock.start_ns}"
        case ["scene", text] if text.lstrip("-").isdigit():
            device.set_scene(int(text))
        case ["drop", text] if _is_share(text):
            device.set_drop(float(text))
        case ["counters"]:
            return f"ok counters {json.dumps(device.counters())}"
        case _:
            return f"error: wanted one of {WORDS}, found {line.strip()!r}"
    return f"ok {line.strip()}"


def ready_line(device: SimulatedA65Device) -> str:
    """Return what is said once the camera answers."""
    return (
        f"ready {device.address} {device.serial} clock_start_ns={device.clock.start_ns} "
        f"scene_start_ns={device.scene_start_ns}"
    )


class Console(threading.Thread):
    """Reads lines from standard input and answers on standard output; sets `ended` at the input's end."""

    def __init__(self, device: SimulatedA65Device) -> None:
        super().__init__(name="console", daemon=True)
        self.ended = threading.Event()
        self._device = device

    def run(self) -> None:
        """Obey line by line."""
        with suppress(OSError):  # whoever steered it is gone
            self._obey_all()
        self.ended.set()

    def _obey_all(self) -> None:
        rest = b""
        # os.read, not sys.stdin: a thread that waits in a buffered reader would hold up the interpreter's end
        while sys.stdin is not None and (chunk := os.read(sys.stdin.fileno(), 4096)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                print(obey(self._device, line.decode(errors="replace")), flush=True)


def _is_share(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False
