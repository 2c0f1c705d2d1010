"""How long a camera has been on, and what its operator should know of that."""

STEP_MIN = 5
POWERED_AT_MOST_S = 400 * 86_400
"""A clock that says more counts from some other moment, such as 1970, and not from power-on."""


def warm_up_notice(*, wanted_min: float, device_ns: int | None, open_s: float) -> str | None:
    """Return what to say of a camera that is not warm yet, or None.

    The words change every five minutes only, since each new notice is told anew.

    Parameters
    ----------
    wanted_min : minutes that it takes
    device_ns : the camera's own clock, which GigE Vision starts at power-on; None where it cannot be read
    open_s : seconds since it was opened here
    """
    powered_s = device_ns / 1e9 if device_ns is not None else -1.0
    known = 0 <= powered_s <= POWERED_AT_MOST_S
    left_min = wanted_min - max(powered_s if known else 0.0, open_s) / 60
    if left_min <= 0:
        return None
    steps = int(-(-left_min // STEP_MIN))
    since = "it was switched on" if known else "it was opened; it may have been on before"
    return (
        f"the camera warms up, its readings drift: at most {min(steps * STEP_MIN, wanted_min):g} min left of "
        f"{wanted_min:g} since {since}"
    )
