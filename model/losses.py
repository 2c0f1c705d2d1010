"""What training minimises, each a function of predictions and targets of shape (B, n_outputs)."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor

LossName = Literal["mse", "l1", "ccc", "mix"]


def mse(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error, as the paper's text says (section III-C)."""
    return (predicted - target).square().mean()


def l1(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the mean absolute error, which is the unsquared norm that Eq. 5 prints for a scalar."""
    return (predicted - target).abs().mean()


def ccc(predicted: Tensor, target: Tensor) -> Tensor:
    """Return 1 - CCC (Eq. 8) over the batch, averaged over outputs; noisy for batches below about 16.

    At high learning rates it drives tanh into saturation; stay at or below 5e-4 with it.
    """
    p_mean, t_mean = predicted.mean(0), target.mean(0)
    covariance = ((predicted - p_mean) * (target - t_mean)).mean(0)
    spread = (predicted - p_mean).square().mean(0) + (target - t_mean).square().mean(0)
    agreement = 2 * covariance / (spread + (p_mean - t_mean).square() + 1e-8)
    return 1 - agreement.mean()


def mix(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error plus half of 1 - CCC: the first keeps small batches calm."""
    return mse(predicted, target) + 0.5 * ccc(predicted, target)


LOSSES: dict[LossName, Callable[[Tensor, Tensor], Tensor]] = {"mse": mse, "l1": l1, "ccc": ccc, "mix": mix}
