"""A master of its own process that says what its operator sees: a line of JSON for every status.

`python watched_master.py SESSION RIG SECONDS` records, `python watched_master.py SESSION` takes a take over.
What comes in is marked, a line a label. The last line is the report, or the error.
"""

import json
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from mavfer.capture.control import ControlServer
from mavfer.capture.desk import Desk
from mavfer.capture.master import record, rejoin
from mavfer.capture.protocol import Protocol, Step
from mavfer.capture.rig import read_rig
from mavfer.errors import MavferError

PROTOCOL = Protocol(
    name="two steps", steps=(Step(name="first", seconds=0.5), Step(name="second", seconds=600))
)


def tell(**line: object) -> None:
    """Write a line."""
    print(json.dumps(line, default=str), flush=True)


def watch(desk: Desk, over: threading.Event) -> None:
    """Write every status."""
    seen = 0
    while not over.is_set():
        before, seen = seen, desk.wait(seen, 0.1)
        if seen > before:
            status = desk.status()
            tell(**asdict(status), problems=status.problems)


def mark(desk: Desk) -> None:
    """Mark what comes in."""
    for line in sys.stdin:
        desk.mark(line.strip())


def main(session: str, *words: str) -> None:
    """Record, or take over."""
    desk, over = Desk(), threading.Event()
    watcher = threading.Thread(target=watch, args=(desk, over))
    watcher.start()
    threading.Thread(target=mark, args=(desk,), daemon=True).start()
    control = ControlServer(desk)
    try:
        if words:
            rig, seconds = read_rig(Path(words[0])), float(words[1])
            report = record(
                Path(session),
                rig=rig,
                subject="S01",
                seconds=seconds,
                desk=desk,
                protocol=PROTOCOL,
                previews=True,
            )
        else:
            report = rejoin(Path(session), desk=desk)
        last = asdict(report) | {"error": ""}
    except MavferError as error:
        last = {"error": str(error)}
    over.set()
    watcher.join()
    control.close()
    tell(**last)


if __name__ == "__main__":
    main(*sys.argv[1:])
