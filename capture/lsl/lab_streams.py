"""Lab Streaming Layer around the takes of one master: what the rig file asks for, or nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...errors import RecordError
from ..rig import Rig
from ..status import Marker
from ..take_log import TakeLog
from ..trigger import Plan

FOUND_WITHIN_S = 5.0
"""Streams answer a search within a second, on a busy network or machine within a few."""
LOOK_EVERY_S = 0.1


class LabStreams:
    """The master's ticks and markers as LSL streams, and the lab's streams into the master's file."""

    def __init__(self, rig: Rig) -> None:
        from .publisher import LslPublisher
        from .recorder import LslRecorder

        settings = rig.lsl
        self._require = settings.require
        self._publisher = LslPublisher(rig.name) if settings.publish and not rig.is_virtual else None
        ignore = self._publisher.source_ids if self._publisher is not None else ()
        self._recorder = LslRecorder(settings.record, ignore=ignore) if settings.record else None

    def require(self, listen: Callable[[float], object], *, timeout_s: float = FOUND_WITHIN_S) -> None:
        """Return once all streams that the rig insists on are connected; one that just began is looked for.

        Parameters
        ----------
        listen : called again and again with the seconds that it may take, until then

        Raises
        ------
        RecordError
            A stream was not found within `timeout_s`.
        """
        if self._recorder is None or not self._require:
            return
        end_s = time.monotonic() + timeout_s
        while missing := self._recorder.missing():
            if time.monotonic() > end_s:
                raise RecordError(
                    f"wanted LSL streams that match {'; '.join(missing)}, found none on the network within "
                    f"{timeout_s:g} s; start them, or drop lsl.require from the rig file"
                )
            listen(LOOK_EVERY_S)

    def begin(self, log: TakeLog, session: str, plan: Plan, *, tick: int) -> None:
        """Record into the master's file, and publish the plan from its tick number `tick` on."""
        if self._recorder is not None:
            self._recorder.begin(log.writer.add_message)
        if self._publisher is not None:
            self._publisher.begin(session, plan, tick=tick)

    def mark(self, marker: Marker) -> None:
        """Publish a marker."""
        if self._publisher is not None:
            self._publisher.mark(marker)

    def end(self) -> tuple[str, ...]:
        """End the take's streams, before its files are closed; return what went wrong, one line each."""
        if self._publisher is not None:
            self._publisher.end()
        if self._recorder is None:
            return ()
        self._recorder.end()
        return tuple(self._recorder.complaints)

    def problems(self) -> tuple[str, ...]:
        """Return what an operator must see now, one line each."""
        statuses = self._recorder.statuses() if self._recorder is not None else ()
        return tuple(status.problem for status in statuses if status.problem)

    def close(self) -> None:
        """Let the streams go."""
        if self._recorder is not None:
            self._recorder.close()
        if self._publisher is not None:
            self._publisher.close()


@contextmanager
def lab_streams(rig: Rig) -> Iterator[LabStreams | None]:
    """Yield the rig's LSL streams for as long as the master lives; None where it wants none.

    Raises
    ------
    RecordError
        pylsl is not installed.
    """
    if not rig.lsl.wanted:
        yield None
        return
    streams = LabStreams(rig)
    try:
        yield streams
    finally:
        streams.close()
