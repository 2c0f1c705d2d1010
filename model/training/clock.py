"""How much of a training is over: by its steps or epochs, and by the time that it may take."""

import time

import lightning_fabric

from .recipe import Recipe
from .schedule import share_done
from .state import Position


def steps_share(position: Position, recipe: Recipe, n_of_epoch: int) -> float:
    """Return how much of the training is over; epochs have more steps or fewer, as their clips fall."""
    if recipe.epochs is None:
        return position.step / recipe.steps
    return (len(position.history) + position.batches_done / n_of_epoch) / recipe.epochs


class Clock:
    """The time spent, of all sittings together; of several processes the first one's counts."""

    def __init__(self, fabric: lightning_fabric.Fabric, before: float, max_seconds: float | None) -> None:
        self._fabric = fabric
        self._max_seconds = max_seconds
        self._started = time.monotonic() - before

    @property
    def seconds(self) -> float:
        """Seconds spent so far."""
        return time.monotonic() - self._started

    def share_done(self, steps_share: float) -> float:
        """Return how much of the training is over, by steps or by time; all processes get one answer."""
        share = share_done(steps_share, self.seconds, self._max_seconds)
        if self._fabric.world_size == 1 or self._max_seconds is None:
            return share
        return float(self._fabric.broadcast(share))
