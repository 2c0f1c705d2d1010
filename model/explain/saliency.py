"""Where a network without attention looks: gradient times input (Shrikumar 2016), summed over streams."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from ..checkpoint import Run
from ..network import Network
from .attention import Maps, attention_of, has_attention


def maps_of(run: Run) -> tuple[str, Maps]:
    """Return what says where a network looks, by name: its own "attention", or else the "gradient"."""
    if has_attention(run.network):
        return "attention", attention_of(run)
    return "gradient", saliency_of(run.network)


def saliency_of(network: Network) -> Maps:
    """Return what gives |gradient x input| of a network over a batch of clips, at the size of its inputs.

    Summed over channels, streams and outputs; of classes, the logit that is largest. Costs one pass forward
    and one back per output.
    """

    def maps(inputs: dict[str, Tensor]) -> Tensor:
        seen = {name: x.detach().clone().requires_grad_(x.ndim == 5) for name, x in inputs.items()}
        wanted = [x for x in seen.values() if x.requires_grad]
        # cuDNN has no way back through a recurrent layer that is in evaluation mode
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            scores = network(seen)
            told = _told(scores, classes=network.options.output == "classes")
            found = torch.zeros_like(wanted[0][:, :, 0])
            for number in range(told.shape[-1]):
                slopes = torch.autograd.grad(
                    told[:, number].sum(), wanted, retain_graph=True, allow_unused=True
                )
                for x, slope in zip(wanted, slopes, strict=True):
                    if slope is not None:
                        found = found + (slope * x).detach().abs().sum(2)
        return found

    return maps


def clip_scores(network: Network, inputs: Mapping[str, Tensor]) -> Tensor:
    """Return one vector per clip, (B, n_outputs): the mean over frames, or the classes' probabilities."""
    with torch.inference_mode():
        scores = network(dict(inputs)).float()
    if scores.ndim == 3:
        scores = scores.mean(1)
    return functional.softmax(scores, -1) if network.options.output == "classes" else scores


def _told(scores: Tensor, *, classes: bool) -> Tensor:
    if scores.ndim == 3:
        scores = scores.mean(1)
    return scores.max(-1, keepdim=True).values if classes else scores
