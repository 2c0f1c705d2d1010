"""Where a trained network looks: its attention cube over one clip (the paper's Fig. 10), or over many."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...errors import ModelError
from ...preprocess.dataset.clips import DatasetSession
from ..checkpoint import Run, open_run
from ..data.source import ClipIndex, ClipSource
from ..network import Network

Maps = Callable[[dict[str, Tensor]], Tensor]
"""{stream: (B, T, C, S, S)} -> (B, T, H, W), a weight per place."""


def has_attention(network: Network) -> bool:
    """Return whether a network says where it looks, as MRAN and URAN do."""
    return callable(getattr(type(network), "attention", None))


def attention_maps(run: Run | Path, session: DatasetSession, start: int) -> NDArray[np.float32]:
    """Return the attention over the frames of the clip that begins at `start`.

    Reads the session's streams; hand in an opened run, and `maps_of_clips`, to look at many clips.

    Returns
    -------
    (T, S, S) float32 at the size of the session's crops; every frame has mean 1, so 2 means twice the
    attention of a uniform map.

    Raises
    ------
    ModelError
        The network has no attention, or the clip does not fit into the session.
    """
    opened = open_run(run) if isinstance(run, Path) else run
    maps = attention_of(opened)
    n_frames = opened.record.inputs.n_frames
    if not 0 <= start <= session.n_frames - n_frames:
        raise ModelError(
            f"wanted a clip of {n_frames} frames from frame {start}, "
            f"session {session.id!r} has {session.n_frames}: {session.path}"
        )
    source = ClipSource([session], options=opened.record.inputs, dimensions=())
    return next(maps_of_clips(maps, source, [ClipIndex(0, start)]))


def attention_of(run: Run) -> Maps:
    """Return what gives a network's own attention over a batch of clips.

    Raises
    ------
    ModelError
        The network has no attention.
    """
    if not has_attention(run.network):
        raise ModelError(
            f"wanted a network with attention such as mran or uran, {run.record.model} has none: {run.path}"
        )
    attention: Maps = run.network.attention  # pyright: ignore[reportAssignmentType]

    def maps(inputs: dict[str, Tensor]) -> Tensor:
        with torch.inference_mode():
            return attention(inputs)

    return maps


def maps_of_clips(
    maps: Maps, source: ClipSource, clips: Sequence[ClipIndex], *, device: torch.device | str = "cpu"
) -> Iterator[NDArray[np.float32]]:
    """Yield one map per clip, (T, S, S) float32 at the size of the crops, every frame of mean 1.

    A frame whose weights are all zero says nothing, and counts as a uniform map.
    """
    for clip in clips:
        size_px = source.sessions[clip.session].read("color", clip.start, clip.start + 1).shape[1]
        found = maps(source.inputs([clip], device)).float()  # (1, T, H, W)
        if found.shape[-1] != size_px:
            found = functional.interpolate(found, size=(size_px, size_px), mode="bilinear")
        mean = found.mean((-2, -1), keepdim=True)
        even = torch.where(mean > 0, found / mean.clamp(min=1e-30), 1.0)
        yield even[0].cpu().numpy()
