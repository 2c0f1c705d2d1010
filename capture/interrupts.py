"""Signals while something must not be interrupted."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

if sys.platform == "win32":
    ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
else:
    ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What tells a program to end: Ctrl-C, `kill`, and a terminal that is closed (on Windows Ctrl-Break)."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let no signal come between the counts and the session's final record; a second of work."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
