"""Ctrl-C where it may end something, and kept until then where it must not cost what was measured."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from ..interrupts import ENDING


class Stopping:
    """While it is entered, what ends a program is a KeyboardInterrupt inside `stoppable` and nowhere else."""

    def __init__(self) -> None:
        self.stopped = False
        """Whether the program was told to end."""
        self._open = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._stop) for number in ENDING}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """Let KeyboardInterrupt come in this block, once; at once if it was wanted before."""
        self._open = True
        try:
            if self.stopped:
                raise KeyboardInterrupt
            yield
        finally:
            self._open = False

    def _stop(self, *_: object) -> None:
        self.stopped = True
        if self._open:
            self._open = False
            raise KeyboardInterrupt
