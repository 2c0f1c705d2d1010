"""The report's plots: time between frames, the two clocks, the device's temperatures."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...report import AMBER, BLUE, GREEN, ROSE, SKY, SOFT, VERMILION
from .stamps import Drift, Stamps
from .steps import signed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INTERVALS_IN, CLOCK_IN, TEMPERATURES_IN = (10, 2.8), (10, 2.8), (10, 2.4)
MOST_POINTS = 3000


def interval_plot(figure: Figure, stamps: Stamps, fps: float) -> None:
    """Draw the time between frames that follow each other by number, by either clock."""
    axis = figure.subplots()
    follows = np.diff(stamps.frame_id) == 1
    at_s = stamps.elapsed_s[1:][follows]
    axis.plot(*thinned(at_s, np.diff(stamps.host_ns)[follows] / 1e6), color=BLUE, lw=0.9, label="arrivals")
    if stamps.tells_device_time:
        device_ms = np.diff(stamps.device_ns)[follows] / 1e6
        axis.plot(*thinned(at_s, device_ms), color=VERMILION, lw=1.2, label="device")
    axis.axhline(1e3 / fps, color=SOFT, lw=1, ls="--", label="announced")
    axis.set_xlabel("seconds since the first frame")
    axis.set_ylabel("between frames, ms")
    axis.set_ylim(min(0.0, axis.get_ylim()[0]), 1.3 * axis.get_ylim()[1])
    axis.legend(loc="upper right", ncols=3)


def clock_plot(figure: Figure, stamps: Stamps, drift: Drift) -> None:
    """Draw arrival minus device time and the line through its floor."""
    axis = figure.subplots()
    x_s = stamps.elapsed_s[drift.used]
    delay_ns = stamps.host_ns[drift.used] - stamps.device_ns[drift.used]
    y_ms = (delay_ns - delay_ns.min()) / 1e6
    axis.plot(*thinned(x_s, y_ms), color=BLUE, lw=0.8, label="frames")
    axis.plot(x_s, y_ms - drift.late_ms, color=VERMILION, lw=1.6, label=f"{signed(drift.ppm)} ppm")
    axis.set_xlabel("seconds since the first frame")
    axis.set_ylabel("arrival minus device, ms")
    axis.set_ylim(top=1.25 * axis.get_ylim()[1])
    axis.legend(loc="upper right", ncols=2)


def temperature_plot(figure: Figure, health: Sequence[tuple[float, dict[str, float]]]) -> None:
    """Draw what the device tells in degrees Celsius."""
    axis = figure.subplots()
    keys = sorted({key for _, told in health for key in told if key.endswith("_c")})
    for key, color in zip(keys, (BLUE, VERMILION, GREEN, AMBER, SKY, ROSE), strict=False):
        told = [(at_s, one[key]) for at_s, one in health if key in one]
        axis.plot(*zip(*told, strict=True), color=color, label=key.removesuffix("_c").replace("_", " "))
    axis.set_xlabel("seconds since the first step")
    axis.set_ylabel("°C")
    axis.legend(loc="best", ncols=3)


def thinned(x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
    """Return at most about 3000 points of a line; of each stretch the least and the largest value stay."""
    if len(x) <= MOST_POINTS:
        return x, y
    edges = np.linspace(0, len(x), MOST_POINTS // 2 + 1).astype(int)
    kept: list[int] = []
    for start, stop in itertools.pairwise(edges.tolist()):
        kept += sorted({start + int(np.argmin(y[start:stop])), start + int(np.argmax(y[start:stop]))})
    return x[kept], y[kept]
