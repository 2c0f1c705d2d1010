"""The trigger: when frames are recorded. One plan, T0 + n / fps, sent once; no message per frame.

A recorder drains every frame of its sensor and asks `NearestPerTick` which of them to keep.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..config import StrictModel
from ..errors import RecordError

LEAD_NS = 1_000_000_000
"""How far ahead of T0 a plan is sent; the worst one-way delay measured on a loaded machine was 178 ms."""

Item = TypeVar("Item")


class Plan(StrictModel):
    """Ticks at `first_tick_ns + n / fps`, n = 0 .. n_ticks - 1.

    Attributes
    ----------
    first_tick_ns : int, on the clock of whoever holds the plan (in a session file: the master's)
    fps : ticks per second; None where frames came at their own times (an imported video)
    n_ticks : int
    """

    first_tick_ns: int = Field(ge=0)
    fps: float | None = Field(default=None, gt=0)
    n_ticks: int = Field(ge=0)

    @property
    def period_ns(self) -> float:
        """Nanoseconds between ticks."""
        if self.fps is None:
            raise RecordError("a plan without fps has no ticks")
        return 1e9 / self.fps

    def tick_ns(self, n: int) -> int:
        """Return the time of tick `n`; each is rounded by itself, so that errors do not add up."""
        return self.first_tick_ns + round(n * self.period_ns)

    def ticks_ns(self) -> NDArray[np.int64]:
        """Return the times of all ticks, (n_ticks,) int64."""
        return self.first_tick_ns + np.rint(np.arange(self.n_ticks) * self.period_ns).astype(np.int64)

    def nearest_tick(self, t_ns: int) -> int:
        """Return the number of the tick nearest to `t_ns`; negative or >= n_ticks outside the plan."""
        return round((t_ns - self.first_tick_ns) / self.period_ns)

    @property
    def end_ns(self) -> int:
        """When the last tick's half period is over and no frame can be nearest to a tick any more."""
        return self.first_tick_ns + round((self.n_ticks - 0.5) * self.period_ns)

    def shifted(self, offset_ns: int) -> "Plan":
        """Return the same plan on a clock that reads `offset_ns` more."""
        return self.model_copy(update={"first_tick_ns": self.first_tick_ns + offset_ns})

    def cut(self, n_ticks: int) -> "Plan":
        """Return the plan ended after at most `n_ticks` ticks."""
        return self.model_copy(update={"n_ticks": max(0, min(n_ticks, self.n_ticks))})


@dataclass(frozen=True, slots=True)
class Kept(Generic[Item]):
    """A frame that the plan keeps, and its tick."""

    tick: int
    item: Item


class NearestPerTick(Generic[Item]):
    """Keep, of frames in order of time, the one nearest to each tick of a plan.

    A frame belongs to one tick only, the nearest; a tick to which no frame is nearest stays empty.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._best: tuple[int, int, Item] | None = None  # tick, distance in ns, frame
        self.n_kept = 0

    def retime(self, plan: Plan) -> None:
        """Take the plan anew, its ticks moved by a little or its end cut; what was kept already stays."""
        self._plan = plan

    def push(self, t_ns: int, item: Item) -> Iterator[Kept[Item]]:
        """Take a frame; yield the frame of an earlier tick that this one shows to be settled."""
        tick = self._plan.nearest_tick(t_ns)
        if self._best is not None and tick > self._best[0]:
            yield from self.flush()
        if not 0 <= tick < self._plan.n_ticks:
            return
        distance = abs(t_ns - self._plan.tick_ns(tick))
        if self._best is None or (tick == self._best[0] and distance < self._best[1]):
            self._best = (tick, distance, item)

    def flush(self) -> Iterator[Kept[Item]]:
        """Yield the last tick's frame, if there is one."""
        if self._best is not None:
            tick, _, item = self._best
            self._best = None
            if tick < self._plan.n_ticks:
                self.n_kept += 1
                yield Kept(tick, item)
