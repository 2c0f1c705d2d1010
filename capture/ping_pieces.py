"""A recorder's pings in order of storage, cut where its clock stepped: one straight line per piece."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .clock import ClockMap, ping_bounds, ping_offsets, solve_clock
from .device_clock import MAX_DRIFT

PIECE_PINGS = 3
"""Fewer pings that contradict those around them are wrong themselves, and are left out."""


@dataclass(frozen=True, slots=True)
class ClockPiece:
    """A stretch of a recorder's clock without a step.

    Attributes
    ----------
    clock : ClockMap, to the master's clock
    first_ns, last_ns : int, when its first ping left and its last came back, on the recorder's clock
    step_ns : int, how far the recorder's clock jumped where the piece begins; 0 for the first
    """

    clock: ClockMap
    first_ns: int
    last_ns: int
    step_ns: int


def clock_pieces(pings: NDArray[np.int64]) -> tuple[ClockPiece, ...]:
    """Return the pieces of a recorder's clock that its pings (N, 4) of one epoch show; none without pings.

    A ping proves that the offset lies between two bounds, and a clock drifts by MAX_DRIFT at most. Where the
    next pings' bounds are beyond that, the clock has stepped; no late message can look like it.
    """
    pings = np.asarray(pings, np.int64).reshape(-1, 4)
    pings = pings[ping_offsets(pings)[0] >= 0]  # a clock that steps while the ping is under way
    while True:
        piece_of = _cut(pings)
        n_pings = np.bincount(piece_of, minlength=1)
        wrong = n_pings < min(PIECE_PINGS, n_pings.max())
        if not wrong.any():
            break
        pings = pings[~wrong[piece_of]]
    pieces: list[ClockPiece] = []
    for number in range(len(n_pings) if len(pings) else 0):
        mine = pings[piece_of == number]
        clock, first_ns, last_ns = solve_clock(mine), int(mine[0, 0]), int(mine[-1, 3])
        step_ns = 0
        if pieces:
            before = pieces[-1]
            ahead_ns = before.clock.at(before.last_ns) - before.last_ns
            step_ns = ahead_ns - (clock.at(first_ns) - first_ns)
        pieces.append(ClockPiece(clock, first_ns, last_ns, step_ns))
    return tuple(pieces)


def _cut(pings: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of the piece that each ping (N,) belongs to."""
    least, most = ping_bounds(pings)
    piece_of = np.zeros(len(pings), np.int64)
    low = high = end_ns = 0
    rows = zip(least.tolist(), most.tolist(), pings[:, 0].tolist(), pings[:, 3].tolist(), strict=True)
    for i, (low_here, high_here, sent_ns, back_ns) in enumerate(rows):
        piece_of[i] = piece_of[i - 1] if i else 0
        drift_ns = round(MAX_DRIFT * max(0, back_ns - end_ns))
        if i == 0 or low_here > high + drift_ns or high_here < low - drift_ns:
            piece_of[i] += i > 0
            low, high = low_here, high_here
        else:
            low, high = max(low - drift_ns, low_here), min(high + drift_ns, high_here)
        end_ns = back_ns if back_ns > sent_ns else end_ns
    return piece_of
