"""Seconds since a session's first tick, for whatever clock a moment was stamped on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..capture.epochs import RecorderTimes, recorder_times
from ..capture.session import MASTER, Session


@dataclass(frozen=True, slots=True)
class Timebase:
    """Where time 0 of a session is, and how its recorders' clocks lie to the master's.

    Attributes
    ----------
    session : Session
    first_ns : of the first tick, on the master's clock
    times : of all frames, by recorder
    """

    session: Session
    first_ns: int
    times: dict[str, RecorderTimes]

    def seconds(self, t_ns: int, *, of: str) -> float:
        """Return when a moment of a recorder's clock was, by the frame that came nearest to it.

        The master's own moments need none. A recorder without frames counts as on the master's clock.
        """
        if of == MASTER:
            return (t_ns - self.first_ns) / 1e9
        for stream, master_ns in self.times[of].master_ns.items():
            host_ns = self.session.index(stream).host_time_ns
            if len(host_ns):
                nearest = int(np.abs(host_ns - t_ns).argmin())
                return (t_ns - int(host_ns[nearest]) + int(master_ns[nearest]) - self.first_ns) / 1e9
        return (t_ns - self.first_ns) / 1e9


def timebase_of(session: Session) -> Timebase:
    """Return the time of a session: 0 is its first tick, or an imported video's first frame."""
    times = {name: recorder_times(session, name) for name in session.record.recorders}
    if session.record.plan.fps is not None or not session.streams:
        return Timebase(session, session.record.plan.first_tick_ns, times)
    stream = session.streams[0]
    frames_ns = times[session.recorder_of(stream)].master_ns[stream]
    return Timebase(session, int(frames_ns[0]) if len(frames_ns) else 0, times)
