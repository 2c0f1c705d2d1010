"""One change of the weights: gradients of a batch, their norm held, and a stop where they are no numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import lightning_fabric
import torch
from torch import Tensor, nn

from ...errors import ModelError
from ..network import Loss, Network
from .settings import autocast

GRADIENT_LIMIT = 1.0
"""Norm to which a step's gradient is clipped; steps of a healthy training stay below it after the warm-up."""
N_COMPARED = 50
"""Steps at the beginning, and now, whose mean losses are compared."""
RISE_LIMIT = 4.0
"""A mean loss so many times that of the beginning is no learning; tanh pinned at its ends comes to 6."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step is made of; where several make one step, each is a part of it.

    Attributes
    ----------
    attributes : (B, n) int64, or None; see `Network.training_loss`
    """

    inputs: dict[str, Tensor]
    targets: Tensor
    attributes: Tensor | None


def take_step(
    fabric: lightning_fabric.Fabric,
    model: Any,
    optimizer: Any,
    parts: Sequence[Callable[[], Batch]],
    *,
    loss: Loss,
    precision: str,
    step: int,
) -> float:
    """Change the weights by the mean gradient of `parts` and return their mean loss.

    Parameters
    ----------
    model, optimizer : as Fabric has set them up
    parts : each makes one batch when its turn comes, so that one lies in memory at a time
    step : how many were taken before, for the message

    Raises
    ------
    ModelError
        A loss or a gradient is no finite number: the layer is named.
    """
    optimizer.zero_grad()
    values: list[Tensor] = []
    for number, part in enumerate(parts):
        batch = part()
        last = number == len(parts) - 1
        with fabric.no_backward_sync(model, enabled=not last and fabric.world_size > 1):
            with autocast(fabric.device, precision):
                value = model.training_loss(batch.inputs, batch.targets, loss, batch.attributes)
            if len(parts) > 1:
                value = value / len(parts)
            fabric.backward(value)
        values.append(value.detach())
    parameters = [p for p in model.parameters() if p.grad is not None]
    norm = nn.utils.get_total_norm([p.grad for p in parameters])
    mean_loss, size = torch.stack([torch.stack(values).sum().float(), norm.float()]).tolist()
    if not (_finite(mean_loss) and _finite(size)):
        culprit = _culprit(model.module, parts[-1], loss, autocast(fabric.device, precision))
        raise ModelError(
            f"training diverged: wanted finite numbers, found others at step {step + 1} in {culprit}; "
            f"lower --lr{', or train with --precision fp32' if precision != 'fp32' else ''}"
        )
    nn.utils.clip_grads_with_norm_(parameters, GRADIENT_LIMIT, norm)
    optimizer.step()
    return mean_loss


def require_learning(losses: Sequence[float]) -> None:
    """Raise ModelError where the mean loss has risen to several times what it was at the beginning."""
    if len(losses) < 2 * N_COMPARED:
        return
    first = sum(losses[:N_COMPARED]) / N_COMPARED
    now = sum(losses[-N_COMPARED:]) / N_COMPARED
    if now > RISE_LIMIT * first > 0:
        raise ModelError(
            f"training diverged: wanted a loss that falls, found it risen from {first:.3g} to {now:.3g} "
            f"after {len(losses)} steps; lower --lr"
        )


def non_finite_layer(network: nn.Module) -> str | None:
    """Return the name of the first parameter whose gradient is not finite, or None."""
    for name, parameter in network.named_parameters():
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
            return name
    return None


def non_finite_output(network: nn.Module, forward: Callable[[], object]) -> str | None:
    """Return the name of the first layer, in the order of the computation, whose output is not finite."""
    found: list[str] = []

    def watch(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def look(_: nn.Module, __: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not found and not torch.isfinite(output).all():
                found.append(name)

        return look

    hooks = [
        layer.register_forward_hook(watch(name))
        for name, layer in network.named_modules()
        if not list(layer.children())
    ]
    try:
        with torch.no_grad():
            forward()
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else None


def _culprit(network: Network, part: Callable[[], Batch], loss: Loss, cast: torch.autocast) -> str:
    """Return where a number ceased to be one: in a layer's output, in its gradient, or in the loss."""
    gradient = non_finite_layer(network)
    broken = next((n for n, p in network.named_parameters() if not torch.isfinite(p).all()), None)
    if broken is not None:
        return f"the weights {broken!r}"
    batch = part()
    with cast:
        output = non_finite_output(network, lambda: network(batch.inputs))
    if output is not None:
        return f"the output of layer {output!r}"
    return f"layer {gradient!r}" if gradient is not None else f"the loss {loss.__name__!r}"  # type: ignore[attr-defined]


def _finite(value: float) -> bool:
    return value - value == 0.0
