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
    batch : clips per pass; fewer where memory ends, which changes no score
    on_progress : called with the clips done and their number

    Returns
    -------
    (n_clips, n_outputs) float64, or (n_clips, T, n_outputs) of a network that scores each frame; of a network
    of classes their probabilities, (n_clips, n_classes). (0, n_outputs) without clips.

    Raises
    ------
    ModelError
        A score is not finite: left in, its frames would be missing from every measure without a word. Or not
        even one clip fits into memory.
    """
    training = network.training
    network.eval()
    found: list[NDArray[np.float64]] = []
    try:
        with torch.inference_mode():
            done = 0
            while done < len(clips):
                part = clips[done : done + batch]
                try:
                    scores = network(source.inputs(part, device)).double()
                except (RuntimeError, MemoryError) as error:
                    batch = _smaller(len(part), error, device)
                    continue
                if network.options.output == "classes":
                    scores = scores.softmax(-1)
                found.append(_finite(scores.cpu().numpy(), part, source))
                done += len(part)
                if on_progress is not None:
                    on_progress(done, len(clips))
    finally:
        network.train(training)
    return np.concatenate(found) if found else np.zeros((0, network.options.n_outputs))


def _smaller(n_clips: int, error: RuntimeError | MemoryError, device: torch.device | str) -> int:
    """Return half as many clips after a pass that found no memory; raise what else was wrong."""
    from ..training.memory import is_out_of_memory

    if not is_out_of_memory(error):
        raise error
    if n_clips == 1:
        raise ModelError(
            f"wanted memory for one clip, found too little; take --device cpu, or a run of --size small or "
            f"of fewer frames: device {device}"
        ) from error
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
    return n_clips // 2


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
