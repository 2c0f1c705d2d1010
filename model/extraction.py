"""Per-frame features of a dataset from a trained network: what it makes of a frame before it scores it.

They are what networks of features, such as MuSe's, are trained on. The layer is a choice; a family has one
that stands for it: an encoder per stream, or what the last layer sees of each frame.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError
from ..output import new_folder
from ..preprocess.dataset.clips import Dataset, DatasetSession, open_dataset, sha256_of_file
from .checkpoint import WEIGHTS_NAME, open_run
from .data.features import RECORD_NAME, FeatureRecord, write_features
from .data.opening import require_schema
from .data.source import ClipIndex, ClipSource
from .network import Network

GRID = 3
"""Places along a side to which maps are averaged: a mouth is not an eye."""


@dataclass(frozen=True, slots=True)
class Tap:
    """Where a network's features are taken: layers by name, `*` for any, and which side of them."""

    layers: str
    side: Literal["input", "output"] = "output"


TAPS: Mapping[str, Tap] = {
    "mran": Tap("encoders.*"),
    "uran": Tap("encoders.*"),
    "mran-se": Tap("encoders.*"),
    "mran-2d": Tap("fc2", "input"),
    "mran-3d": Tap("recognition.convs.2"),
    "early-fusion": Tap("recognition.convs.2"),
    "dsan": Tap("branches.*.scores", "input"),
    "cnn": Tap("frame"),
    "cnn-rnn": Tap("frame"),
}
"""By model; networks with a method `frame_features`, (B, T, D) from inputs, say it themselves."""


@dataclass(frozen=True, slots=True)
class FeatureReport:
    """What came out; `empty` names sessions with no clip, whose features are 0."""

    path: Path
    record: FeatureRecord
    n_sessions: int
    n_frames: int
    empty: tuple[str, ...]


def extract_features(
    run: Path,
    dataset: Path,
    *,
    out: Path,
    layer: str | None = None,
    grid: int = GRID,
    overwrite: bool = False,
    device: torch.device | str = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
) -> FeatureReport:
    """Write what the network of `run` makes of every frame of `dataset` to the feature set `out`.

    Frames are read in clips that overlap by half; a frame of two clips gets the mean of both, one of none is
    interpolated. One session is in memory at a time.

    Parameters
    ----------
    layer : the layer to take, a name of `network.named_modules()`; the family's own choice where None
    on_progress : called with the sessions done and their number

    Raises
    ------
    ModelError
        The run is damaged, sees features itself, or has no such layer, or the layer has no output per frame;
        or it learned from a dataset of another schema.
    DatasetError
        The dataset is missing, or lacks a stream.
    """
    opened = open_run(run, scoring=False)
    record = opened.record
    if record.inputs.features:
        raise ModelError(f"wanted a run that sees streams, found one of feature sets, {record.model}: {run}")
    tap = tap_of(opened.network, record.model, layer=layer)
    data = open_dataset(dataset)
    require_schema(record, data)
    network = opened.network.to(device)
    sessions = whole_sessions(data)
    empty, n_frames, n_values = [], 0, 0
    with new_folder(out, marker=RECORD_NAME, overwrite=overwrite) as folder:
        for number, session in enumerate(sessions):
            source = ClipSource([session], options=record.inputs, dimensions=())
            values = _session_features(network, source, tap=tap, grid=grid, device=device)
            if values is None:
                empty.append(session.id)
            else:
                n_values = values.shape[1]
                np.save(folder / f"{session.session_id}.npy", values)
            n_frames += session.n_frames
            if on_progress is not None:
                on_progress(number + 1, len(sessions))
        if n_values == 0:
            raise ModelError(
                f"wanted runs of at least {record.inputs.n_frames} usable frames, found none in any session: "
                f"{dataset}"
            )
        blank = {
            s.session_id: np.zeros((s.n_frames, n_values), np.float32) for s in sessions if s.id in empty
        }
        weights = sha256_of_file(run / WEIGHTS_NAME)[:12]
        where = "" if tap is None else f", {tap.side} of {tap.layers}"
        seen = {*record.training_subjects, *record.validation_subjects, *record.pretrained_subjects}
        made = FeatureRecord(
            made_by=f"{record.model} of seed {record.config.seed}, weights {weights}{where}",
            subjects_seen=tuple(sorted(seen)),
            n_values=n_values,
            simulated=record.simulated or data.record.simulated,
        )
        write_features(folder, made, blank)
    return FeatureReport(out, made, len(sessions), n_frames, tuple(empty))


def frame_features(
    network: Network, inputs: Mapping[str, Tensor], *, tap: Tap | None, grid: int = GRID
) -> Tensor:
    """Return (B, T, D) float32: what `network`, in evaluation mode, makes of each frame.

    Clips pass one by one: then it does not matter whether a layer puts time or clips first.

    Parameters
    ----------
    tap : None asks the network's own method `frame_features`
    grid : maps of more places along a side are averaged to this many

    Raises
    ------
    ModelError
        A layer's output is not one per frame.
    """
    found = []
    own: Any = getattr(network, "frame_features", None)
    n_clips, n_frames = next(iter(inputs.values())).shape[:2]
    with torch.inference_mode():
        for clip in range(n_clips):
            one = {name: x[clip : clip + 1] for name, x in inputs.items()}
            if tap is None:
                found.append(own(one).float())
                continue
            with _tapped(network, tap) as taken:
                network(one)
            if not taken:
                raise ModelError(f"wanted a layer {tap.layers!r}, the network ran without one")
            parts = [_per_frame(name, x, n_frames, volume=v, grid=grid) for name, x, v in taken]
            found.append(torch.cat(parts, dim=1)[None])
    return torch.cat(found)


def whole_sessions(data: Dataset) -> tuple[DatasetSession, ...]:
    """Return every recorded session with all its frames, also of a dataset that is split in time."""
    n_frames = {entry.id: entry.n_frames for entry in data.record.built}
    first = {session.session_id: session for session in reversed(data.sessions)}
    return tuple(
        replace(session, id=name, start=0, n_frames=n_frames[name]) for name, session in sorted(first.items())
    )


def tap_of(network: Network, model: str, *, layer: str | None = None) -> Tap | None:
    """Return where the features of a network called `model` are taken; None where it says so itself.

    Raises
    ------
    ModelError
        There is no such layer, or none is named and none stands for the network.
    """
    names = [name for name, _ in network.named_modules() if name]
    if layer is not None:
        if layer not in names:
            shown = ", ".join(name for name in names if "." not in name)
            raise ModelError(f"wanted a layer of {model} ({shown} and those inside), found {layer!r}")
        return Tap(layer)
    if hasattr(network, "frame_features"):
        return None
    if model not in TAPS:
        raise ModelError(f"{model} has no layer that stands for it; pass --layer")
    return TAPS[model]


def _session_features(
    network: Network, source: ClipSource, *, tap: Tap | None, grid: int, device: torch.device | str
) -> NDArray[np.float32] | None:
    """Return (F, D) float32 of the one session of `source`; None where it has no clip."""
    clips = source.test_clips()
    if not clips:
        return None

    def of(clip: ClipIndex) -> NDArray[np.float32]:
        return frame_features(network, source.inputs([clip], device), tap=tap, grid=grid)[0].cpu().numpy()

    return source.frame_predictions(clips, np.stack([of(clip) for clip in clips]))[0].astype(np.float32)


@contextmanager
def _tapped(network: nn.Module, tap: Tap) -> Iterator[list[tuple[str, Tensor, bool]]]:
    """Yield a list that fills with (layer, what was taken, whether it is a volume) when the network runs."""
    taken: list[tuple[str, Tensor, bool]] = []
    hooks = []
    for name, layer in network.named_modules():
        if not fnmatchcase(name, tap.layers) or name.count(".") != tap.layers.count("."):
            continue
        volume = any(isinstance(one, nn.Conv3d | nn.MaxPool3d) for one in layer.modules())

        def take(_: nn.Module, args: Any, output: Any, name: str = name, volume: bool = volume) -> None:
            x = args[0] if tap.side == "input" else output
            if not isinstance(x, Tensor):
                raise ModelError(f"wanted a layer that gives one tensor, layer {name!r} gives several")
            taken.append((name, x.float(), volume))

        hooks.append(layer.register_forward_hook(take))
    try:
        yield taken
    finally:
        for hook in hooks:
            hook.remove()


def _per_frame(name: str, x: Tensor, n_frames: int, *, volume: bool, grid: int) -> Tensor:
    """Return (T, D) of one clip from (T, ...), (1, T, ...) or (T, 1, ...), of a volume (1, C, T', H, W)."""
    shape = tuple(x.shape)
    if volume:
        x = x[0].transpose(0, 1)  # (T', C, H, W)
        x = x[torch.arange(n_frames, device=x.device) * len(x) // n_frames]
    elif shape[0] == 1:
        x = x[0]
    elif x.ndim in (3, 5) and shape[1] == 1:
        x = x[:, 0]
    if x.shape[0] != n_frames or x.ndim not in (2, 4):
        raise ModelError(
            f"wanted a layer with one vector or map for each of {n_frames} frames, {name!r} gives {shape}; "
            f"pass another --layer"
        )
    if x.ndim == 4 and max(x.shape[2:]) > grid:
        x = functional.adaptive_avg_pool2d(x, grid)
    return x.flatten(1)
