"""Which frames to look at: the least sharp, the most turned, the farthest jumps, those not cut as usual."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ..dataset.record import Reason
from .drawing import LOOKS
from .faces import measured
from .rows import SessionRows

N_SHOWN = 6
MOST_PER_SESSION = 2
"""Of one kind, where there are sessions enough to show N_SHOWN."""
ODD_REASONS = (Reason.OCCLUDED, Reason.FILLED, Reason.PLANE)
APART_S = 2.0
"""Two frames of one session that are shown for the same reason lie at least so far apart."""


@dataclass(frozen=True, slots=True)
class Odd:
    """One frame to look at, and why."""

    session: SessionRows
    row: int
    words: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of frames to look at.

    Attributes
    ----------
    title, text : what it is and what to look for
    score : of each row of a session, (F,); the highest are shown, NaN never
    words : what is said beside a row of a session
    streams : which pictures show it
    before : whether the row before is shown beside it
    """

    title: str
    text: str
    score: Callable[[SessionRows], NDArray[np.float64]]
    words: Callable[[SessionRows, int], str]
    streams: tuple[Stream, ...] = (Stream.COLOR,)
    before: bool = False


def oddest(kind: Kind, sessions: Sequence[SessionRows]) -> list[Odd]:
    """Return the frames of one kind to look at, the worst first."""
    most = max(MOST_PER_SESSION, -(-N_SHOWN // max(1, len(sessions))))
    candidates = []
    for k, session in enumerate(sessions):
        score = kind.score(session)
        for row in _apart(score, session.time_s, most):
            candidates.append((-float(score[row]), k, row))
    return [Odd(sessions[k], row, kind.words(sessions[k], row)) for _, k, row in sorted(candidates)[:N_SHOWN]]


def _apart(score: NDArray[np.float64], time_s: NDArray[np.float64], most: int) -> list[int]:
    """Return the rows with the highest scores, `most` of them and APART_S from one another."""
    order = np.argsort(-np.where(np.isfinite(score), score, -np.inf), kind="stable")
    chosen: list[int] = []
    for row in order.tolist():
        if not np.isfinite(score[row]) or len(chosen) == most:
            break
        if all(abs(time_s[row] - time_s[other]) >= APART_S for other in chosen):
            chosen.append(row)
    return chosen


def _column(name: str, *, sign: float = 1.0) -> Callable[[SessionRows], NDArray[np.float64]]:
    return lambda session: sign * measured(session, name)


def _value(name: str, form: str) -> Callable[[SessionRows, int], str]:
    return lambda session, row: form.format(measured(session, name)[row])


def _turned(session: SessionRows) -> NDArray[np.float64]:
    return np.maximum(np.abs(measured(session, "yaw")), np.abs(measured(session, "pitch")))


def _turned_words(session: SessionRows, row: int) -> str:
    return f"yaw {measured(session, 'yaw')[row]:.0f}°, pitch {measured(session, 'pitch')[row]:.0f}°"


def _with_reason(*pairs: tuple[Stream, Reason]) -> Callable[[SessionRows], NDArray[np.float64]]:
    """Score rows where a stream has a reason: the middle of the longest run first."""

    def score(session: SessionRows) -> NDArray[np.float64]:
        hit = np.zeros(session.entry.n_frames, bool)
        for stream, reason in pairs:
            if stream in session.reason:
                hit |= session.reason[stream] == reason
        edges = np.flatnonzero(np.diff(np.concatenate([[0], hit.astype(np.int8), [0]])))
        found = np.full(len(hit), np.nan)
        for first, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            found[(first + stop) // 2] = stop - first
        return found

    return score


def _reason_words(session: SessionRows, row: int) -> str:
    found = {stream: Reason(int(reasons[row])) for stream, reasons in session.reason.items()}
    odd = {stream: reason for stream, reason in found.items() if reason in ODD_REASONS}
    if len(set(odd.values())) == 1 and len(odd) == len(found):
        return LOOKS[next(iter(odd.values()))].word
    return ", ".join(f"{stream} {LOOKS[reason].word}" for stream, reason in odd.items())


def _several(session: SessionRows) -> NDArray[np.float64]:
    n_faces = session.column["n_faces"].astype(np.float64)
    return np.where(session.has_face & (n_faces > 1), n_faces, np.nan)


KINDS = (
    Kind(
        "Something before the face",
        "Taken for occluded: is something there?",
        _with_reason((Stream.COLOR, Reason.OCCLUDED)),
        _reason_words,
        streams=(Stream.COLOR, Stream.DEPTH),
    ),
    Kind(
        "Filled in",
        "No face was found here; cut at landmarks between those around the gap. Does the cut fit?",
        _with_reason((Stream.COLOR, Reason.FILLED)),
        _reason_words,
    ),
    Kind(
        "Cut without depth",
        "Thermal or infrared was cut at a guessed distance. Does it show the same face as color?",
        _with_reason((Stream.THERMAL, Reason.PLANE), (Stream.INFRARED, Reason.PLANE)),
        _reason_words,
        streams=(Stream.COLOR, Stream.THERMAL, Stream.INFRARED),
    ),
    Kind(
        "Farthest jumps",
        "The landmarks moved most from the row before (left) to this one (right). Is it the same person?",
        lambda session: session.jump,
        lambda session, row: f"{session.jump[row]:.2f} of the eyes' distance",
        before=True,
    ),
    Kind(
        "Several faces in view",
        "Is this the subject's?",
        _several,
        lambda session, row: f"{session.column['n_faces'][row]} faces in view",
    ),
    Kind(
        "Least sharp",
        "Blurred by motion, or out of focus?",
        _column("sharpness", sign=-1.0),
        _value("sharpness", "sharpness {:.3g}"),
    ),
    Kind("Most turned", "Do the landmarks still lie on the face?", _turned, _turned_words),
    Kind(
        "Darkest",
        "Can anything be seen?",
        _column("brightness", sign=-1.0),
        _value("brightness", "brightness {:.0f}"),
    ),
    Kind(
        "Smallest",
        "Few pixels on the face.",
        _column("eye_distance_px", sign=-1.0),
        _value("eye_distance_px", "{:.0f} px between the eyes"),
    ),
)
"""Every kind of frames to look at, the most telling first."""
