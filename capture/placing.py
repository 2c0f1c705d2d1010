"""Frames on the master's clock: steps that frames and pings show are matched, each stretch has its line."""

import numpy as np
from numpy.typing import NDArray

from .device_clock import STEP_NS, ClockStep
from .frame_times import FrameTimes
from .ping_pieces import ClockPiece

NEAR_NS = 30_000_000_000
"""So far apart frames and pings may show one step: the pause between two bursts, and a full queue."""


def place_frames(
    times: FrameTimes, pieces: tuple[ClockPiece, ...]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the frames' times (N,) on the master's clock, and what is doubtful about them.

    A step that frames and pings both show separates the pieces of both. One that only the frames show is
    taken out of their times; of several pieces that only the pings tell apart, a frame takes the nearest.
    """
    if not pieces:
        return _without_steps(times, range(len(times.host_steps))), ()
    partner = match_steps(times.host_steps, pieces)
    doubts = [
        f"its frames show that its clock stepped by {step.step_ns / 1e9:+.3f} s, its pings do not; "
        "the step is taken out of their times"
        for step, piece in zip(times.host_steps, partner, strict=True)
        if piece is None
    ]
    master_ns = np.empty(len(times.host_ns), np.int64)
    matched = [k for k, piece in enumerate(partner) if piece is not None]
    bounds = [0, *(partner[k] or 0 for k in matched), len(pieces)]
    group_of = np.searchsorted(np.array(matched, np.int64), times.n_steps, side="left")
    for group in range(len(matched) + 1):
        mine = np.flatnonzero(group_of == group)
        first = matched[group - 1] + 1 if group else 0
        last = matched[group] if group < len(matched) else len(partner)
        local_ns = _without_steps(times, range(first, last))[mine]
        choice = pieces[bounds[group] : bounds[group + 1]]
        nearest = _nearest_piece(local_ns, choice)
        for number, piece in enumerate(choice):
            master_ns[mine[nearest == number]] = piece.clock.apply(local_ns[nearest == number])
        doubts += [
            f"its pings show that its clock stepped by {piece.step_ns / 1e9:+.3f} s, its frames do not; "
            "they are placed by their times of arrival"
            for number, piece in enumerate(choice)
            if number and abs(piece.step_ns) > 2 * STEP_NS and {number - 1, number} <= set(nearest.tolist())
        ]
    return master_ns, tuple(doubts)


def match_steps(steps: tuple[ClockStep, ...], pieces: tuple[ClockPiece, ...]) -> list[int | None]:
    """Return for each step that frames show the piece that it begins; None where the pings show no such step.

    They are one step if they come in the same order, at about the same time, and are equally large.
    """
    found: list[int | None] = []
    after = 0
    for step in steps:
        apart = {
            number: abs(piece.first_ns - step.host_time_ns)
            for number, piece in enumerate(pieces)
            if number > after and abs(piece.step_ns - step.step_ns) < STEP_NS
        }
        nearest = min(apart, key=apart.__getitem__, default=None)
        if nearest is not None and apart[nearest] > NEAR_NS:
            nearest = None
        found.append(nearest)
        after = after if nearest is None else nearest
    return found


def _without_steps(times: FrameTimes, steps: range) -> NDArray[np.int64]:
    """Return the frames' times with the host's steps `steps` taken out of those that come after them."""
    host_ns = times.host_ns.copy()
    for number in steps:
        host_ns[times.n_steps > number] -= times.host_steps[number].step_ns
    return host_ns


def _nearest_piece(local_ns: NDArray[np.int64], pieces: tuple[ClockPiece, ...]) -> NDArray[np.int64]:
    """Return the number of the piece whose pings are nearest in time to each of (N,) local times."""
    apart = [
        np.maximum(np.maximum(piece.first_ns - local_ns, local_ns - piece.last_ns), 0) for piece in pieces
    ]
    return np.argmin(np.stack(apart), axis=0)
