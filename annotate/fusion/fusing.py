"""Every session and dimension of a folder of traces, fused one by one: what fails stops no other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ... import __version__
from ...errors import MavferError, TraceError
from ..trace import DIMENSIONS, Dimension, Trace
from .gold import fuse
from .gold_file import GoldFile, gold_file
from .recipe import Lag, Recipe
from .traces_given import Given, even_times, frame_times, read_reference, times_at

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fused:
    """What became of one session's ratings of one dimension: a gold standard, or why there is none."""

    session: str
    dimension: Dimension | None
    gold: GoldFile | None = None
    error: MavferError | None = None


def fuse_all(
    given: Mapping[str, Given],
    recipe: Recipe,
    *,
    fps: float,
    at: Sequence[Path] = (),
    reference: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Fused]:
    """Return the gold standard of each session and rated dimension, in the order of sessions.

    Parameters
    ----------
    given : by session, as `traces_given` finds it
    fps : of the gold standard, where `at` names nothing
    at : sessions, folders of them or studies whose frames' times are taken
    reference : folder with SESSION.csv, the signals that lags are estimated against
    on_progress : called with the sessions done and their number

    Raises
    ------
    TraceError, SessionError, StudyError
        A place in `at` holds no frame times.
    """
    places = frame_times(at)
    found = []
    for number, (session, one) in enumerate(given.items()):
        if on_progress is not None:
            on_progress(number, len(given))
        if one.error is not None:
            found.append(Fused(session, None, error=one.error))
            continue
        for dimension in DIMENSIONS:
            rated = [(trace, sha256) for trace, sha256 in one.traces if trace.dimension == dimension]
            if not rated:
                continue
            try:
                gold = _gold_of(
                    rated, recipe, fps=fps, place=_place(places, at, session), reference=reference
                )
                found.append(Fused(session, dimension, gold=gold))
            except MavferError as error:
                found.append(Fused(session, dimension, error=error))
    return found


def _gold_of(
    rated: Sequence[tuple[Trace, str]],
    recipe: Recipe,
    *,
    fps: float,
    place: Path | None,
    reference: Path | None,
) -> GoldFile:
    traces = sorted((trace for trace, _ in rated), key=lambda trace: trace.rater)
    sha256 = {trace.rater: digest for trace, digest in rated}
    session, dimension = traces[0].session, traces[0].dimension
    if place is None:
        time_s, times = even_times(traces, fps=fps, hold_s=recipe.max_hold_s), f"{fps:g} a second"
    else:
        time_s, times = times_at(place), f"the frames of {session}"
    signal, digest = None, None
    if recipe.lag is Lag.REFERENCE and reference is not None:
        path = reference / f"{session}.csv"
        signal = read_reference(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return gold_file(
        fuse(traces, time_s, recipe, reference=signal),
        time_s,
        recipe,
        session=session,
        dimension=dimension,
        simulated=any(trace.simulated for trace in traces),
        software=f"mavfer {__version__}",
        times=times,
        traces_sha256=[sha256[trace.rater] for trace in traces],
        reference_sha256=digest,
    )


def _place(places: Mapping[str, Path], at: Sequence[Path], session: str) -> Path | None:
    if at and session not in places:
        raise TraceError(f"wanted the frame times of session {session!r}, found none of it: {at[0]}")
    return places.get(session)
