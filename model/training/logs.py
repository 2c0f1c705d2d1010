"""Where a training's history goes while it runs: history.csv, TensorBoard, Weights & Biases."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import ModelError
from ..checkpoint import HISTORY_NAME, write_history
from .config import Logger, TrainConfig

TENSORBOARD_NAME = "tensorboard"
STEPS_PER_POINT = 10
"""Of the curves over steps: one point in ten steps draws them well enough."""
PACKAGES: dict[Logger, str] = {"tensorboard": "tensorboard", "wandb": "wandb"}

Write = Callable[[int, dict[str, float]], None]
"""(step, values by name)"""


class Logs:
    """What the loop tells, handed to every place that wants it."""

    def __init__(self, folder: Path, writes: Sequence[Write]) -> None:
        self._folder, self._writes = folder, writes

    def on_step(self, step: int, loss: float, lr: float) -> None:
        """Note a step's loss and learning rate."""
        if step % STEPS_PER_POINT == 0:
            for write in self._writes:
                write(step, {"step_loss": loss, "lr": lr})

    def on_epoch(self, history: Sequence[dict[str, float]]) -> None:
        """Write the rows of all epochs so far to history.csv, and the last one elsewhere."""
        write_history(self._folder / HISTORY_NAME, history)
        row = {name: value for name, value in history[-1].items() if name != "step"}
        for write in self._writes:
            write(int(history[-1]["step"]), row)


@contextmanager
def open_logs(
    folder: Path, *, loggers: Sequence[Logger], config: TrainConfig, from_step: int = 0
) -> Iterator[Logs]:
    """Yield the logs of a training whose files go into `folder`, where TensorBoard's lie in `tensorboard/`.

    Raises
    ------
    ModelError
        A logger is asked for that is not installed.
    """
    require_installed(loggers)
    with ExitStack() as stack:
        writes: list[Write] = []
        if "tensorboard" in loggers:
            writes.append(_tensorboard(folder / TENSORBOARD_NAME, stack, from_step))
        if "wandb" in loggers:
            writes.append(_wandb(folder, stack, config))
        yield Logs(folder, writes)


def require_installed(loggers: Sequence[Logger]) -> None:
    """Raise ModelError where a logger's package is missing."""
    for name in loggers:
        if find_spec(PACKAGES[name]) is None:
            install = "'mavfer[logs]'" if name == "tensorboard" else PACKAGES[name]
            raise ModelError(
                f"wanted the package {PACKAGES[name]!r} for --log {name}, found none; "
                f"run `pip install {install}`"
            )


def _tensorboard(folder: Path, stack: ExitStack, from_step: int) -> Write:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder), purge_step=from_step + 1 if from_step else None)
    stack.callback(writer.close)

    def write(step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)

    return write


def _wandb(folder: Path, stack: ExitStack, config: TrainConfig) -> Write:
    wandb: Any = importlib.import_module("wandb")
    run = wandb.init(dir=str(folder), config=config.model_dump(mode="json"), project="mavfer")
    stack.callback(run.finish)

    def write(step: int, values: dict[str, float]) -> None:
        run.log(values, step=step)

    return write
