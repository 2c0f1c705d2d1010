"""The loop: epochs of steps, a validation after each, the best weights kept, and all of it resumable.

Networks run as they are, without torch.compile: on a CPU it made a step of the small CNN 1.9 times slower
(one thread, batches of 4), and it had not compiled the small URAN, whose recurrence it unrolls, in 5 minutes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import lightning_fabric
import numpy as np
import torch
from torch import Tensor

from ...errors import DatasetError, ModelError
from ..data.source import ClipIndex, ClipSource
from ..network import Network
from .batches import Sharing, parts_of_step, steps_of_epoch
from .clock import Clock, steps_share
from .losses import LOSSES
from .memory import is_out_of_memory, out_of_memory
from .precision import compute_in_bf16
from .recipe import Recipe
from .saving import Saving
from .schedule import lr_share, optimizer_of
from .settings import RANK_SEEDS, new_fabric
from .state import Position, TrainingState
from .step import Batch, require_learning, take_step
from .validation import can_validate, validate


@dataclass(frozen=True, slots=True)
class Fitted:
    """The weights kept and how they came to be.

    Attributes
    ----------
    fp32_layers : layers that were computed in fp32 although bf16 was asked for
    """

    state: dict[str, Tensor]
    history: tuple[dict[str, float], ...]
    kept_epoch: int
    validation_score: float | None
    n_clips: int
    n_steps: int
    seconds: float
    device: str
    n_processes: int = 1
    fp32_layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """Whom the loop tells of its progress.

    Attributes
    ----------
    on_progress : called with the steps done and the steps planned
    on_step : called with the steps done, the loss and the learning rate
    on_epoch : called with the rows of all epochs so far
    on_message : called with a line for the person at the screen
    """

    on_progress: Callable[[int, int], None] = field(default=lambda _done, _planned: None)
    on_step: Callable[[int, float, float], None] = field(default=lambda _step, _loss, _lr: None)
    on_epoch: Callable[[Sequence[dict[str, float]]], None] = field(default=lambda _history: None)
    on_message: Callable[[str], None] = field(default=lambda _line: None)


def fit(
    network: Network,
    training: ClipSource,
    validation: ClipSource,
    *,
    recipe: Recipe,
    seed: int = 0,
    fabric: lightning_fabric.Fabric | None = None,
    max_seconds: float | None = None,
    saving: Saving | None = None,
    watching: Watching | None = None,
) -> Fitted:
    """Fit `network`, which is changed in place, and return the best weights seen.

    The weights kept are those of the epoch with the best validation score, or of the last epoch where
    nothing validates. One seed gives one result on one device with one thread count, if torch's own
    generator is seeded too, as `settings.torch_settings` does.

    Parameters
    ----------
    fabric : the device, and the other processes; None: one process on the CPU
    max_seconds : the learning rate is brought to its end, and training ends, within this time
    saving : where the state is written and taken up from; None: nowhere

    Raises
    ------
    DatasetError
        There is no clip to train on.
    ModelError
        Training diverged, memory did not suffice, or the state to go on from is another training's.
    """
    fabric = fabric or new_fabric("cpu")
    watching = watching or Watching()
    sharing = Sharing(recipe.batch, recipe.accumulate, fabric.world_size, fabric.global_rank)
    n_clips = len(training.training_clips(np.random.default_rng(seed)))
    if n_clips == 0:
        raise DatasetError(
            f"wanted labelled runs of at least {recipe.inputs.n_frames} frames to draw training clips from, "
            f"found none: {training.sessions[0].path.parent}"
        )
    validation_clips = validation.test_clips()
    if recipe.patience is not None and not can_validate(validation, validation_clips):
        raise ModelError(
            "wanted labelled validation clips to be patient with, found none; leave --patience out, or "
            f"choose a split that has validation subjects: {training.sessions[0].path.parent}"
        )
    if recipe.loss == "ccc" and not network.per_frame and sharing.fitting(n_clips).batch == 1:
        raise ModelError(
            "wanted batches of two clips or more for loss 'ccc', found one: a single score does not vary; "
            "raise --batch, or take --loss mse"
        )
    fp32_layers = compute_in_bf16(network, training, recipe=recipe, device=fabric.device, seed=seed)
    if fp32_layers:
        watching.on_message(
            f"bf16 gives wrong gradients here in {', '.join(fp32_layers)}: computed in fp32 instead"
        )
    model, optimizer = fabric.setup(network, optimizer_of(network, name=recipe.optimizer, lr=recipe.lr))
    model.mark_forward_method("training_loss")
    order, chance = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    position, kept = Position(phase=dict(order.bit_generator.state)), {}
    if fabric.global_rank:
        torch.manual_seed(seed + RANK_SEEDS * fabric.global_rank)
    if saving is not None and (state := saving.read()) is not None:
        position, kept = _go_on(state, network, optimizer, order, chance, rank=fabric.global_rank)
        watching.on_message(f"going on after step {position.step}")
    clock = Clock(fabric, position.seconds, max_seconds)

    def save(*, epoch_over: bool) -> None:
        if saving is not None and saving.is_due(fabric, epoch_over=epoch_over):
            position.seconds = clock.seconds
            saving.write(fabric, position, network=network, kept=kept, optimizer=optimizer, chance=chance)

    while position.share < 1:
        clips = training.training_clips(order)
        shares = sharing.fitting(len(clips))
        n_of_epoch = len(clips) // shares.n_clips
        for number, chosen in enumerate(steps_of_epoch(clips, shares.n_clips, order)):
            if number < position.batches_done:
                continue
            lr = recipe.lr * lr_share(position.step, position.share)
            for group in optimizer.param_groups:
                group["lr"] = lr
            parts = parts_of_step(
                training,
                chosen,
                shares,
                network=network,
                chance=chance,
                device=fabric.device,
                modality_dropout=recipe.modality_dropout,
            )

            def make(n: int, chosen: Sequence[ClipIndex] = chosen) -> Batch:
                return parts_of_step(
                    training,
                    chosen[:n],
                    Sharing(n),
                    network=network,
                    chance=torch.Generator(),
                    device=fabric.device,
                )[0]()

            loss = _step(
                fabric, model, optimizer, parts, make, network=network, recipe=recipe, sharing=shares,
                step=position.step,
            )  # fmt: skip
            position.losses.append(loss)
            position.step += 1
            position.batches_done = number + 1
            done = steps_share(position, recipe, n_of_epoch)
            position.share = clock.share_done(done)
            require_learning(position.losses)
            watching.on_step(position.step, loss, lr)
            if position.share < 1:
                save(epoch_over=False)
            watching.on_progress(position.step, round(position.step / done))
            if position.share >= 1:
                break
        kept = _end_epoch(
            network,
            validation,
            validation_clips,
            position,
            kept,
            fabric=fabric,
            recipe=recipe,
            clock=clock,
            order=order,
        )
        watching.on_epoch(position.history)
        if recipe.patience is not None and len(position.history) - position.kept_epoch >= recipe.patience:
            position.share = 1.0
        save(epoch_over=True)
    return Fitted(
        state=kept,
        history=tuple(position.history),
        kept_epoch=position.kept_epoch,
        validation_score=position.best,
        n_clips=n_clips,
        n_steps=position.step,
        seconds=round(clock.seconds, 3),
        device=str(fabric.device),
        n_processes=fabric.world_size,
        fp32_layers=fp32_layers,
    )


def _step(
    fabric: lightning_fabric.Fabric,
    model: Any,
    optimizer: Any,
    parts: Sequence[Callable[[], Batch]],
    make: Callable[[int], Batch],
    *,
    network: Network,
    recipe: Recipe,
    sharing: Sharing,
    step: int,
) -> float:
    """Take a step and return its loss; where memory does not suffice, say how many clips of `make` do fit."""
    loss = LOSSES[recipe.loss]
    try:
        return take_step(fabric, model, optimizer, parts, loss=loss, precision=recipe.precision, step=step)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    raise out_of_memory(  # outside of the block above, whose error holds the step's tensors
        network, make, sharing=sharing, loss=loss, precision=recipe.precision, device=fabric.device
    )


def _end_epoch(
    network: Network,
    validation: ClipSource,
    clips: Sequence[ClipIndex],
    position: Position,
    kept: dict[str, Tensor],
    *,
    fabric: lightning_fabric.Fabric,
    recipe: Recipe,
    clock: Clock,
    order: np.random.Generator,
) -> dict[str, Tensor]:
    """Add the epoch's row to the history and return the weights to keep: these, or those kept before."""
    network.eval()
    score, found = validate(network, validation, clips, batch=2 * recipe.batch, device=fabric.device)
    network.train()
    if fabric.world_size > 1:  # one word for all, where devices differ in the last bit
        score, found = fabric.broadcast((score, found))
    row = {"epoch": len(position.history) + 1, "step": position.step, "seconds": round(clock.seconds, 3)}
    row["train_loss"] = float(np.mean(position.losses[-position.batches_done :]))
    position.history.append(row | found)
    position.batches_done = 0
    position.phase = dict(order.bit_generator.state)
    if not math.isnan(score) and position.best is not None and score <= position.best:
        return kept
    position.best = None if math.isnan(score) else score
    position.kept_epoch = len(position.history)
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def _go_on(
    state: TrainingState,
    network: Network,
    optimizer: Any,
    order: np.random.Generator,
    chance: torch.Generator,
    *,
    rank: int,
) -> tuple[Position, dict[str, Tensor]]:
    """Put everything back to where it stood; return how far that was and the weights kept."""
    network.load_state_dict(state.network)
    optimizer.load_state_dict(state.optimizer)
    order.bit_generator.state = state.position.phase
    chance.set_state(state.generators["augmentation"])
    torch.random.set_rng_state(state.generators["cpu"][rank])
    if torch.cuda.is_available() and "cuda" in state.generators:
        torch.cuda.set_rng_state(state.generators["cuda"][rank])
    return state.position, state.kept
