"""What a network says of clips: scores of dimensions, or probabilities of classes."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import ModelError
from ..data.source import ClipIndex, ClipSource
from ..network import Network


def predict_clips(
    network: Network,
    source: ClipSource,
    clips: Sequence[ClipIndex],
    *,
    batch: int,
    device: torch.device | str = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """Return what `network` says of `clips`; the network is left in its mode, and nothing is differentiated.

    Parameters
    ----------
    network : with its weights on `device`
    batch : clips per pass
    on_progress : called with the clips done and their number

    Returns
    -------
    (n_clips, n_outputs) float64, or (n_clips, T, n_outputs) of a network that scores each frame; of a network
    of classes their probabilities, (n_clips, n_classes). (0, n_outputs) without clips.

    Raises
    ------
    ModelError
        A score is not finite: left in, its frames would be missing from every measure without a word.
    """
    training = network.training
    network.eval()
    found: list[NDArray[np.float64]] = []
    try:
        with torch.inference_mode():
            for first in range(0, len(clips), batch):
                part = clips[first : first + batch]
                scores = network(source.inputs(part, device)).double()
                if network.options.output == "classes":
                    scores = scores.softmax(-1)
                found.append(_finite(scores.cpu().numpy(), part, source))
                if on_progress is not None:
                    on_progress(min(first + batch, len(clips)), len(clips))
    finally:
        network.train(training)
    return np.concatenate(found) if found else np.zeros((0, network.options.n_outputs))


def _finite(
    scores: NDArray[np.float64], clips: Sequence[ClipIndex], source: ClipSource
) -> NDArray[np.float64]:
    bad = ~np.isfinite(scores).reshape(len(scores), -1).all(1)
    if bad.any():
        clip = clips[int(bad.argmax())]
        session = source.sessions[clip.session]
        raise ModelError(
            f"wanted finite scores, the network gives others for frames {clip.start} to "
            f"{clip.start + source.options.n_frames} of session {session.id!r}; its training went astray: "
            f"train again with a lower --lr, or in fp32: {session.path}"
        )
    return scores
