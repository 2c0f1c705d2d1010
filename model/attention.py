"""Where a trained network looks: its attention cube over one clip (the paper's Fig. 10)."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import ModelError
from ..preprocess.dataset.clips import DatasetSession
from .checkpoint import Run, open_run
from .data import ClipIndex, ClipSource
from .mran import MRAN


def attention_maps(run: Run | Path, session: DatasetSession, start: int) -> NDArray[np.float32]:
    """Return the attention over the frames of the clip that begins at `start`.

    Reads the session's streams; hand in an opened run to look at many clips.

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
    network, record = opened.network, opened.record
    if not isinstance(network, MRAN):
        raise ModelError(f"wanted mran or uran, {record.model} has no attention: {opened.path}")
    n_frames = record.inputs.n_frames
    if not 0 <= start <= session.n_frames - n_frames:
        raise ModelError(
            f"wanted a clip of {n_frames} frames from frame {start}, "
            f"session {session.id!r} has {session.n_frames}: {session.path}"
        )
    source = ClipSource([session], options=record.inputs, dimensions=record.dimensions)
    size_px = session.read("color", start, start + 1).shape[1]
    with torch.inference_mode():
        maps = network.attention(source.inputs([ClipIndex(0, start)]))  # (1, T, H, W)
        maps = torch.nn.functional.interpolate(maps, size=(size_px, size_px), mode="bilinear")[0]
        return (maps / maps.mean((-2, -1), keepdim=True)).numpy()
