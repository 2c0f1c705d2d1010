"""Where a training's state stands until it is done, when it is written, and how it is taken up."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning_fabric
import torch
from torch import Tensor

from ...errors import DatasetError, ModelError, OutputError
from ..network import Network
from .settings import own_rank
from .state import STATE_NAME, Position, TrainingState, read_state, write_state

EVERY_S = 30.0
COST_SHARE = 0.05
"""Of the time of a training that may go into writing its state."""


def unfinished(out: Path) -> Path:
    """Return where the training that is to become `out` keeps its state until it is done."""
    return out.with_name(f"{out.name}.unfinished")


@contextmanager
def working_folder(out: Path, *, overwrite: bool, resume: bool) -> Iterator[Path]:
    """Yield the folder of the unfinished training; it goes when the training is done or has failed.

    It stays where the training was interrupted and left a state.
    """
    work = unfinished(out)
    speaks = own_rank() == 0
    if speaks:
        if (work / STATE_NAME).is_file() and not resume:
            if not overwrite:
                raise OutputError(
                    "an unfinished training stands there; pass --resume to go on with it, "
                    f"or --overwrite to begin again: {work}"
                )
            shutil.rmtree(work)
        work.mkdir(parents=True, exist_ok=True)
    keep = True
    try:
        yield work
        keep = False
    except (ModelError, DatasetError):  # it would end here again
        keep = False
        raise
    finally:
        if speaks and not (keep and (work / STATE_NAME).is_file()):
            shutil.rmtree(work, ignore_errors=True)


@dataclass(slots=True)
class Saving:
    """The state of one training in a folder.

    Attributes
    ----------
    folder : exists
    asked : what the training is asked for; a state of another is not taken up
    every_s : least time between two states, longer where writing one takes more than a twentieth of it;
        0: one after every step
    resume : whether to go on from a state that is there
    """

    folder: Path
    asked: dict[str, Any]
    every_s: float = EVERY_S
    resume: bool = False
    _last_s: float = field(default_factory=time.monotonic)
    _cost_s: float = 0.0

    def read(self) -> TrainingState | None:
        """Return the state to go on from, or None where there is none or none is asked for."""
        path = self.folder / STATE_NAME
        return read_state(path, asked=self.asked) if self.resume and path.is_file() else None

    def is_due(self, fabric: lightning_fabric.Fabric, *, epoch_over: bool) -> bool:
        """Return whether it is time; several processes write after an epoch alone, and agree on it."""
        waited = time.monotonic() - self._last_s
        due = self.every_s == 0 or waited >= max(self.every_s, self._cost_s / COST_SHARE)
        if fabric.world_size == 1:
            return due
        return epoch_over and bool(fabric.broadcast(due))

    def write(
        self,
        fabric: lightning_fabric.Fabric,
        position: Position,
        *,
        network: Network,
        kept: dict[str, Tensor],
        optimizer: Any,
        chance: torch.Generator,
    ) -> None:
        """Write the state; the first process does, of the generators of all."""
        started = time.monotonic()
        generators = {
            "augmentation": chance.get_state(),
            "cpu": _of_all(fabric, torch.random.get_rng_state()),
        }
        if fabric.device.type == "cuda":
            generators["cuda"] = _of_all(fabric, torch.cuda.get_rng_state(fabric.device))
        if fabric.global_rank == 0:
            write_state(
                self.folder / STATE_NAME,
                TrainingState(
                    position=position,
                    asked=self.asked,
                    network=network.state_dict(),
                    kept=kept,
                    optimizer=optimizer.state_dict(),
                    generators=generators,
                ),
            )
        self._last_s = time.monotonic()
        self._cost_s = self._last_s - started


def _of_all(fabric: lightning_fabric.Fabric, state: Tensor) -> Tensor:
    """Return the states of all processes, (n_processes, n) uint8."""
    if fabric.world_size == 1:
        return state[None]
    gathered = fabric.all_gather(state.to(fabric.device))
    assert isinstance(gathered, Tensor)
    return gathered.cpu()
