"""Where a training stands, on disk, so that one that was killed goes on as if it had not been.

The file holds the weights, the best weights so far, the optimizer, every random generator, the order of the
epoch's clips and the place in it. It is replaced whole: a kill in the midst leaves the one before.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import ModelError
from ...output import new_file
from ..weight_files import DAMAGED

STATE_NAME = "state.pt"
SCHEMA_VERSION = 1


@dataclass(slots=True)
class Position:
    """How far a training has come.

    Attributes
    ----------
    step, share : steps taken, and how much of the training they are
    seconds : time spent, of all sittings together
    batches_done : steps of the epoch that is under way
    phase : the state of the generator of the clips' order when that epoch began
    losses : of every step;  history : a row per epoch
    best, kept_epoch : validation score of the weights kept, None without one, and whose they are
    """

    step: int = 0
    share: float = 0.0
    seconds: float = 0.0
    batches_done: int = 0
    phase: dict[str, Any] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    best: float | None = None
    kept_epoch: int = 0


@dataclass(frozen=True, slots=True)
class TrainingState:
    """All that a training needs to go on.

    Attributes
    ----------
    asked : what the training was asked for; one that was asked for something else does not go on from here
    network, kept : state dicts of the weights now, and of the best epoch, empty before the first
    optimizer : its state dict
    generators : states of torch's generators, (n_processes, n) uint8 each: "augmentation", "cpu", "cuda"
    """

    position: Position
    asked: dict[str, Any]
    network: dict[str, Tensor]
    kept: dict[str, Tensor]
    optimizer: dict[str, Any]
    generators: dict[str, Tensor]


def write_state(path: Path, state: TrainingState) -> None:
    """Write `state` to the file `path`, in the place of the one before."""
    table = {
        "schema_version": SCHEMA_VERSION,
        "position": json.dumps(asdict(state.position)),
        "asked": json.dumps(state.asked, sort_keys=True),
        "network": state.network,
        "kept": state.kept,
        "optimizer": state.optimizer,
        "generators": state.generators,
    }
    with new_file(path, overwrite=True) as temporary:
        torch.save(table, temporary)


def read_state(path: Path, *, asked: dict[str, Any]) -> TrainingState:
    """Return the state at `path`; it is read without running any code that it might hold.

    Raises
    ------
    ModelError
        It is damaged, of another schema, or of a training that was asked for something else.
    """
    try:
        table = torch.load(path, map_location="cpu", weights_only=True)
        if table["schema_version"] != SCHEMA_VERSION:
            raise ModelError(
                f"wanted a state of schema {SCHEMA_VERSION}, found {table['schema_version']!r}; "
                f"begin again with --overwrite: {path}"
            )
        was_asked = json.loads(table["asked"])
        state = TrainingState(
            position=Position(**json.loads(table["position"])),
            asked=was_asked,
            network=table["network"],
            kept=table["kept"],
            optimizer=table["optimizer"],
            generators=table["generators"],
        )
    except DAMAGED as error:
        raise ModelError(
            f"wanted the state of an unfinished training, found a damaged file ({type(error).__name__}); "
            f"begin again with --overwrite: {path}"
        ) from error
    now = json.loads(json.dumps(asked))
    changed = sorted(key for key in now | was_asked if now.get(key) != was_asked.get(key))
    if changed:
        key = changed[0]
        raise ModelError(
            f"wanted to go on with {key} {was_asked.get(key)!r} as before, found {now.get(key)!r}; "
            f"ask for the same, or begin again with --overwrite: {path}"
        )
    return state
