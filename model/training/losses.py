"""What training minimises, each a function of predictions and targets of one shape, (B, n) or (B, T, n).

Frames of clips that are scored frame by frame count like clips: moments are taken over all of them.
"""

from torch import Tensor
from torch.nn import functional

from ..network import Loss

CROSS_ENTROPY = "cross entropy"
"""What runs that tell classes minimise; no choice of `TrainConfig.loss`."""


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
    predicted, target = predicted.flatten(0, -2), target.flatten(0, -2)
    p_mean, t_mean = predicted.mean(0), target.mean(0)
    covariance = ((predicted - p_mean) * (target - t_mean)).mean(0)
    spread = (predicted - p_mean).square().mean(0) + (target - t_mean).square().mean(0)
    agreement = 2 * covariance / (spread + (p_mean - t_mean).square() + 1e-8)
    return 1 - agreement.mean()


def mix(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error plus half of 1 - CCC: the first keeps small batches calm."""
    return mse(predicted, target) + 0.5 * ccc(predicted, target)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross entropy of (B, n_classes) logits and (B,) int64 classes; -1 is unknown."""
    return functional.cross_entropy(logits, target, ignore_index=-1)


LOSSES: dict[str, Loss] = {
    "mse": mse,
    "l1": l1,
    "ccc": ccc,
    "mix": mix,
    CROSS_ENTROPY: cross_entropy,
}
