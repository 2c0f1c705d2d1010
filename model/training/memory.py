"""When memory ends: which batch would have fitted."""

from collections.abc import Callable
from typing import Any

import torch

from ...errors import ModelError
from ..network import Loss, Network
from .batches import Sharing
from .settings import autocast
from .step import Batch


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether a GPU's memory, or the machine's, did not suffice."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = str(error)
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in words or "not enough memory" in words or "out of memory" in words
    )


def lower_batch(n_clips: int, wanted: str, *, device: torch.device) -> ModelError:
    """Return what to say where memory did not suffice, and nobody has tried which batch would fit."""
    return ModelError(
        f"wanted memory for {wanted} {n_clips} clips, found too little; lower --batch, or take --size small: "
        f"device {device}"
    )


def out_of_memory(
    network: Network,
    make: Callable[[int], Batch],
    *,
    sharing: Sharing,
    loss: Loss,
    precision: str,
    device: torch.device,
) -> ModelError:
    """Return what to say when a step found no memory; halves of the batch are tried until one fits.

    A trial computes the loss and its gradient and changes no weight. The optimizer's own memory, two numbers
    per weight for Adam, is held back meanwhile.

    Parameters
    ----------
    make : returns a batch of so many clips, on `device`
    """
    where = "the GPU's memory" if device.type == "cuda" else "memory"
    fits = _largest_half(network, make, sharing.batch, loss=loss, precision=precision, device=device)
    if fits == 0:
        say = "a single clip does not fit either; take --size small, or fewer --modalities or frames"
    else:
        batch, times = evenly_shared(sharing.batch * sharing.accumulate, fits)
        verb = "fits" if fits == 1 else "fit"
        same = batch * times == sharing.batch * sharing.accumulate
        step = "the same step" if same else f"a step of {batch * times}"
        say = f"{fits} {verb}: pass --batch {batch} --accumulate {times} for {step}"
    return ModelError(
        f"wanted a step of {sharing.batch} clips, found {where} too small for it; {say}: device {device}"
    )


def evenly_shared(n_clips: int, most: int) -> tuple[int, int]:
    """Return the fewest batches of at most `most` clips that hold `n_clips`: (clips of each, batches)."""
    n_batches = -(-n_clips // most)
    return -(-n_clips // n_batches), n_batches


def _largest_half(
    network: Network,
    make: Callable[[int], Batch],
    batch: int,
    *,
    loss: Loss,
    precision: str,
    device: torch.device,
) -> int:
    held: list[torch.Tensor] = []
    fits = batch // 2
    while fits >= 1:
        network.zero_grad(set_to_none=True)
        held.clear()
        _free(device)
        try:
            held += [torch.zeros(2 * p.numel(), device=device) for p in network.parameters()]
            _try(network, make(fits), loss=loss, precision=precision, device=device)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            fits //= 2
            continue
        break
    network.zero_grad(set_to_none=True)
    held.clear()
    _free(device)
    return fits


def _try(network: Network, batch: Batch, *, loss: Loss, precision: str, device: torch.device) -> None:
    with autocast(device, precision):
        value: Any = network.training_loss(batch.inputs, batch.targets, loss, batch.attributes)
    value.backward()


def _free(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
