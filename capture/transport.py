"""When frames were exposed: the camera's clock, read beside the host's, says it better than their arrival."""

import itertools
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .frame_times import FrameTimes

NEAR_NS = 30_000_000_000
"""A reading says nothing of frames that are farther away in time."""
LONGEST_NS = 500_000_000
"""A camera whose frames seem to travel longer, or to come before they were exposed, reads another clock."""


def without_transport(
    times: FrameTimes, device_ns: NDArray[np.int64], readings: NDArray[np.int64]
) -> tuple[FrameTimes, float]:
    """Return the frames' times moved from arrival back to exposure, and by how many ms (nan: not known).

    Between two steps of either clock the camera's times are brought to the host's clock by its readings,
    along straight lines from one to the next; of the readings only the quicker half is used. An answer may
    have been made at any moment between its two host times: that is the error, half a round trip at most.
    Frames that no reading is near to are moved by what the others travelled in the median.

    Parameters
    ----------
    device_ns : (N,) int64, the frames' times on the camera's clock
    readings : (M, 3) int64, as `Session.clock_readings` has them
    """
    if not len(readings) or not len(device_ns):
        return times, float("nan")
    round_trip_ns = readings[:, 2] - readings[:, 1]
    offset_ns = readings[:, 1] + round_trip_ns // 2 - readings[:, 0]
    frame = _nearest(times.host_ns, readings[:, 0] + offset_ns)
    travel_ns = times.host_ns[frame] - device_ns[frame] - offset_ns
    of_this_clock = (travel_ns >= -round_trip_ns) & (travel_ns <= LONGEST_NS)
    exposed_ns = times.host_ns.copy()
    told = np.zeros(len(device_ns), bool)
    for start, stop in itertools.pairwise(sorted({0, *(s.n_before for s in times.steps), len(device_ns)})):
        mine = np.flatnonzero(of_this_clock & (frame >= start) & (frame < stop))
        if not len(mine):
            continue
        mine = mine[round_trip_ns[mine] <= np.median(round_trip_ns[mine])]
        mine = mine[np.argsort(readings[mine, 0], kind="stable")]
        read, base_ns = readings[mine, 0], offset_ns[mine[0]]  # floats are exact enough for what is left
        device = device_ns[start:stop]
        left_ns = np.interp(device, read, offset_ns[mine] - base_ns)
        near = np.abs(device - read[_nearest(read, device)]) <= NEAR_NS
        exposed_ns[start:stop][near] = (device + base_ns + np.rint(left_ns).astype(np.int64))[near]
        told[start:stop] = near
    if not np.any(told):
        return times, float("nan")
    usual_ns = float(np.median(times.host_ns[told] - exposed_ns[told]))
    exposed_ns[~told] -= round(usual_ns)
    return replace(times, host_ns=exposed_ns), usual_ns / 1e6


def _nearest(sorted_ns: NDArray[np.int64], wanted_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each of (N,) times, the number of the nearest of the (M,) sorted ones."""
    after = np.clip(np.searchsorted(sorted_ns, wanted_ns), min(1, len(sorted_ns) - 1), len(sorted_ns) - 1)
    before = np.maximum(after - 1, 0)
    closer = np.abs(wanted_ns - sorted_ns[before]) <= np.abs(sorted_ns[after] - wanted_ns)
    return np.where(closer, before, after)
