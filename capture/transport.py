"""When frames were exposed: the camera's clock, read beside the host's, says it better than their arrival."""

import numpy as np
from numpy.typing import NDArray

NEAR_NS = 30_000_000_000
"""A reading says nothing of frames that are farther away in time."""
LONGEST_NS = 20_000_000_000
"""A camera whose frames seem to travel longer, or to come before they were exposed, reads another clock."""
STEP_NS = 100_000_000
MAX_DRIFT = 1e-3
"""Between two readings an offset changes by drift; where by STEP_NS more, one of the clocks jumped."""


def exposure_times(
    device_ns: NDArray[np.int64], host_ns: NDArray[np.int64], readings: NDArray[np.int64]
) -> tuple[NDArray[np.int64], float]:
    """Return when frames were exposed, (N,) on the host's clock, and how many ms they travelled at the least.

    The camera's times are brought to the host's clock along straight lines from reading to reading; between
    two jumps of either clock only the quicker half of the readings is used. An answer may have been made at
    any moment between its two host times: that is the error, half a round trip at most. However late a frame
    comes, its exposure is where it was. Frames that no reading tells of keep their arrival, less what the
    others travelled at the least; without any (nan ms) all keep it.

    Parameters
    ----------
    device_ns, host_ns : (N,) int64, the frames' times on the camera's clock, and when they arrived
    readings : (M, 3) int64, as `Session.clock_readings` has them
    """
    exposed_ns = host_ns.copy()
    apart_ns = np.full(len(host_ns), NEAR_NS)  # of the readings that tell of a frame
    told = np.zeros(len(host_ns), bool)
    for stretch in _stretches(readings):
        round_trip_ns = stretch[:, 2] - stretch[:, 1]
        first_ns, last_ns = stretch[0, 1], stretch[-1, 2]
        quick = stretch[round_trip_ns <= np.median(round_trip_ns)]
        quick = quick[np.argsort(quick[:, 0], kind="stable")]
        offset_ns = (quick[:, 1] + quick[:, 2]) // 2 - quick[:, 0]
        left_ns = np.interp(
            device_ns, quick[:, 0], offset_ns - offset_ns[0]
        )  # floats are exact enough for it
        found_ns = device_ns + offset_ns[0] + np.rint(left_ns).astype(np.int64)
        travel_ns = host_ns - found_ns
        away_ns = np.maximum(np.maximum(first_ns - host_ns, host_ns - last_ns), 0)
        mine = (travel_ns >= -np.max(round_trip_ns)) & (travel_ns <= LONGEST_NS) & (away_ns < apart_ns)
        exposed_ns[mine], apart_ns[mine], told[mine] = found_ns[mine], away_ns[mine], True
    if not np.any(told):
        return host_ns, float("nan")
    least_ns = float(np.percentile((host_ns - exposed_ns)[told], 5))
    exposed_ns[~told] -= round(least_ns)
    return exposed_ns, least_ns / 1e6


def _stretches(readings: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the readings (M, 3) in order of time, cut where one of the clocks jumped."""
    if not len(readings):
        return []
    ordered = readings[np.argsort(readings[:, 1], kind="stable")]
    offset_ns = (ordered[:, 1] + ordered[:, 2]) // 2 - ordered[:, 0]
    allowed_ns = STEP_NS + MAX_DRIFT * np.diff(ordered[:, 1])
    return np.split(ordered, np.flatnonzero(np.abs(np.diff(offset_ns)) > allowed_ns) + 1)
