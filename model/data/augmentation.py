"""Augmentation: what a training clip may look like too, drawn once per clip."""

from collections.abc import Mapping

import torch
from torch import Tensor

from .inputs import LIMIT

MIRRORED = (
    *range(16, -1, -1),  # jaw
    *range(26, 16, -1),  # brows
    *range(27, 31),  # bridge of the nose
    *range(35, 30, -1),  # its tip
    *(45, 44, 43, 42, 47, 46),  # left eye, then right
    *(39, 38, 37, 36, 41, 40),
    *range(54, 47, -1),  # outer lips
    *range(59, 54, -1),
    *range(64, 59, -1),  # inner lips
    *range(67, 64, -1),
)
"""Of each of the 68 landmarks the one on the other side of the face."""


def augment(
    inputs: Mapping[str, Tensor], generator: torch.Generator, *, part: slice | None = None, of: int = 0
) -> dict[str, Tensor]:
    """Return `inputs` flipped, and with other light on the color stream, by chance.

    A clip's flip is shared by its frames and streams. Contrast, brightness and color gains are drawn once
    per clip and touch color alone: depth and temperature are measurements. Feature sets stay as they are.

    Parameters
    ----------
    part, of : which clips of a batch of `of` these are, where several processes share a batch: each draws
        for all of it, so that a clip looks the same whoever has it
    """
    batch = dict(inputs)
    first = next(iter(inputs.values()))
    if first.ndim != 5:
        return batch
    n, to = of or len(first), first.device
    kept = part or slice(None)
    gain = (1 + 0.2 * (2 * torch.rand(n, 1, 3, 1, 1, generator=generator) - 1) * 0.5)[kept]
    contrast = (1 + 0.3 * (2 * torch.rand(n, 1, 1, 1, 1, generator=generator) - 1))[kept]
    brightness = (0.2 * (2 * torch.rand(n, 1, 1, 1, 1, generator=generator) - 1))[kept]
    flip = (torch.rand(n, generator=generator) < 0.5)[kept].to(to)
    if "color" in batch:
        lit = batch["color"] * (contrast * gain).to(to) + brightness.to(to)
        batch["color"] = lit.clamp(-LIMIT, LIMIT)
    return {name: _flipped(name, x, flip) for name, x in batch.items()}


def drop_modalities(
    inputs: Mapping[str, Tensor],
    *,
    share: float,
    generator: torch.Generator,
    part: slice | None = None,
    of: int = 0,
) -> dict[str, Tensor]:
    """Return `inputs` in which each stream but the first is neutral in `share` of the clips, by chance.

    `part` and `of` are as for `augment`.
    """
    first, *others = [name for name in inputs if name != "landmarks"]
    batch = dict(inputs)
    for name in others:
        drawn = torch.rand(of or len(inputs[first]), generator=generator)[part or slice(None)]
        kept = (drawn >= share).to(inputs[name])
        batch[name] = inputs[name] * kept.view(-1, *[1] * (inputs[name].ndim - 1))
    return batch


def _flipped(name: str, x: Tensor, flip: Tensor) -> Tensor:
    if name == "landmarks":
        turned = torch.stack([1 - x[..., 0], x[..., 1]], dim=-1)[:, :, list(MIRRORED)]
        return torch.where(flip[:, None, None, None], turned, x)
    return torch.where(flip[:, None, None, None, None], x.flip(-1), x)
