"""Scores on the validation subjects after an epoch: pooled over the whole set, never over batches."""

import math
from collections.abc import Sequence

import numpy as np
import torch

from ...errors import ModelError
from ..data.source import ClipIndex, ClipSource
from ..evaluation.metrics import scores
from ..evaluation.predicting import predict_clips
from ..network import Network

PINNED = 0.999
"""A score from which on tanh is at its end and lets no gradient through."""


def can_validate(source: ClipSource, clips: Sequence[ClipIndex]) -> bool:
    """Return whether `validate` finds something to score: clips, and labels of each dimension or a class."""
    if not clips:
        return False
    if source.classes is not None:
        return bool((source.targets(clips) >= 0).any())
    return bool(np.isfinite(np.concatenate(source.labels)).any(0).all())


def validate(
    network: Network,
    source: ClipSource,
    clips: Sequence[ClipIndex],
    *,
    batch: int,
    device: torch.device | str,
) -> tuple[float, dict[str, float]]:
    """Return one number to choose an epoch by, and all scores by name; NaN and none where nothing is known.

    The number is the mean over dimensions of the CCC over all frames, or, of classes, the share of clips
    that are told right.

    Raises
    ------
    ModelError
        Training diverged: every score is at an end of tanh, from where no gradient leads back.
    """
    if not clips:
        return math.nan, {}
    predicted = predict_clips(network, source, clips, batch=batch, device=device)
    if source.classes is not None:
        wanted = source.targets(clips).numpy()
        known = wanted >= 0
        if not known.any():
            return math.nan, {}
        accuracy = float((predicted[known].argmax(1) == wanted[known]).mean())
        return accuracy, {"validation_accuracy": accuracy}
    if network.options.output == "tanh" and (np.abs(predicted) > PINNED).all():
        raise ModelError(
            "training diverged: wanted scores between -1 and 1, found every one on the validation subjects "
            "at an end; lower --lr"
        )
    series = np.concatenate(source.frame_predictions(clips, predicted))
    truth = np.concatenate(source.labels)
    row: dict[str, float] = {}
    for k, name in enumerate(source.dimensions):
        if not (np.isfinite(series[:, k]) & np.isfinite(truth[:, k])).any():
            return math.nan, {}
        row |= {f"validation_{name}_{n}": v for n, v in scores(series[:, k], truth[:, k]).items()}
    return float(np.mean([row[f"validation_{name}_ccc"] for name in source.dimensions])), row
