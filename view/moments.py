"""What happened in a session and when, as a list to jump through: markers, steps, events, missing frames."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..capture.export.frames import Moment
from ..capture.session import MASTER, Session
from ..capture.steps import SOURCE as PROTOCOL
from ..capture.synchronize import NONE, Synchronized, runs_of
from .timebase import Timebase

MomentKind = Literal["marker", "event", "missing"]
MAX_GAPS = 500
"""Runs of missing frames that are listed one by one; the timeline shows all."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One moment of a session.

    Attributes
    ----------
    time_s : since the first tick
    kind : a marker that somebody or the protocol set, an event that a recorder told, ticks without a frame
    text, source : what, and who said so
    """

    time_s: float
    kind: MomentKind
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """One step of the protocol, from `start_s` to `stop_s`; `text` is what the subject was told."""

    start_s: float
    stop_s: float
    name: str
    text: str


def happenings(
    session: Session, synchronized: Synchronized, time: Timebase
) -> tuple[tuple[Happening, ...], tuple[Stretch, ...]]:
    """Return the session's moments in the order of time, and the steps of its protocol."""
    markers = [
        Moment(marker.t_ns - time.first_ns, marker.label, marker.source) for marker in session.markers()
    ]
    found = [Happening(one.time_ns / 1e9, "marker", one.label, one.source) for one in markers]
    found += _events(session, time)
    found += _gaps(synchronized)
    found.sort(key=lambda one: one.time_s)
    return tuple(found), _steps(session, markers, end_s=_end_s(synchronized))


def _events(session: Session, time: Timebase) -> list[Happening]:
    names = [*session.record.recorders, *([MASTER] if session.record.master is not None else [])]
    found = []
    for name in names:
        for event in session.events(name):
            t_ns = event.get("t_ns")
            if isinstance(t_ns, int):
                words = str(event.get("text", "")) or str(event.get("kind", ""))
                found.append(Happening(time.seconds(t_ns, of=name), "event", words, name))
    return found


def _gaps(synchronized: Synchronized) -> list[Happening]:
    """Return runs of ticks without a frame; runs that are the same in several streams are one moment."""
    runs: dict[tuple[int, int], list[str]] = {}
    for stream, index in synchronized.index.items():
        for run in runs_of(index == NONE):
            runs.setdefault(run, []).append(stream.value)
    found = []
    for (first, n_ticks), streams in sorted(runs.items())[:MAX_GAPS]:
        ticks = "tick has" if n_ticks == 1 else "ticks have"
        text = f"{n_ticks} {ticks} no frame"
        found.append(Happening(float(synchronized.time_s[first]), "missing", text, ", ".join(streams)))
    return found


def _steps(session: Session, markers: list[Moment], *, end_s: float) -> tuple[Stretch, ...]:
    protocol = session.record.protocol
    words = {step.name: step.text for step in protocol.steps} if protocol is not None else {}
    bounds: list[tuple[float, str]] = []
    for one in markers:
        change = re.fullmatch(r"step: (.*) (begins|ends)", one.label)
        if one.source == PROTOCOL and change:
            bounds.append((one.time_ns / 1e9, change[1] if change[2] == "begins" else ""))
    ends = [*(start for start, _ in bounds[1:]), end_s]
    return tuple(
        Stretch(start, max(start, stop), name, words.get(name, ""))
        for (start, name), stop in zip(bounds, ends, strict=False)
        if name
    )


def _end_s(synchronized: Synchronized) -> float:
    time_s = synchronized.time_s
    if len(time_s) == 0:
        return 0.0
    return float(time_s[-1] + (np.median(np.diff(time_s)) if len(time_s) > 1 else 0.0))
