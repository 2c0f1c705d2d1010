"""How long frames travel: the camera's clock, read beside the host's, says when they were exposed."""

import itertools
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .frame_times import FrameTimes

NEAR_NS = 60_000_000_000
"""A reading says nothing of frames that are farther away in time."""
LONGEST_NS = 500_000_000
"""A camera whose frames seem to travel longer, or to come before they were exposed, reads another clock."""


def without_transport(
    times: FrameTimes, device_ns: NDArray[np.int64], readings: NDArray[np.int64]
) -> tuple[FrameTimes, float]:
    """Return the frames' times moved from arrival back to exposure, and by how many ms (nan: not known).

    Between two steps of either clock the travel is one number: the median, over the frames, of the time from
    the camera's own time, brought to the host's clock by the nearest reading, to the undelayed arrival. A
    reading's answer may have been made at any moment between its two host times: that is the error, half a
    round trip at most. Where no reading tells, as in a stretch shorter than the time between two, the median
    of the other stretches is taken.

    Parameters
    ----------
    device_ns : (N,) int64, the frames' times on the camera's clock
    readings : (M, 3) int64, as `Session.clock_readings` has them
    """
    if not len(readings) or not len(device_ns):
        return times, float("nan")
    middle_ns = (readings[:, 1] + readings[:, 2]) // 2
    host_from_device_ns = middle_ns - readings[:, 0]
    order = np.argsort(middle_ns, kind="stable")
    edges = sorted({0, *(step.n_before for step in times.steps), len(device_ns)})
    pieces = [slice(start, stop) for start, stop in itertools.pairwise(edges)]
    travels_ns: dict[int, float] = {}
    for number, piece in enumerate(pieces):
        nearest = order[_nearest(middle_ns[order], times.host_ns[piece])]
        near = np.abs(middle_ns[nearest] - times.host_ns[piece]) <= NEAR_NS
        travel_ns = times.host_ns[piece] - device_ns[piece] - host_from_device_ns[nearest]
        plausible = near & (travel_ns >= 0) & (travel_ns <= LONGEST_NS)
        if 2 * np.count_nonzero(plausible) > len(plausible):
            travels_ns[number] = float(np.median(travel_ns[plausible]))
    if not travels_ns:
        return times, float("nan")
    usual_ns = float(np.median(list(travels_ns.values())))
    exposed_ns = times.host_ns.copy()
    for number, piece in enumerate(pieces):
        exposed_ns[piece] -= round(travels_ns.get(number, usual_ns))
    return replace(times, host_ns=exposed_ns), usual_ns / 1e6


def _nearest(sorted_ns: NDArray[np.int64], wanted_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each of (N,) times, the number of the nearest of the (M,) sorted ones."""
    after = np.clip(np.searchsorted(sorted_ns, wanted_ns), 1, max(1, len(sorted_ns) - 1))
    after = np.minimum(after, len(sorted_ns) - 1)
    before = np.maximum(after - 1, 0)
    closer = np.abs(wanted_ns - sorted_ns[before]) <= np.abs(sorted_ns[after] - wanted_ns)
    return np.where(closer, before, after)
