"""Starting a network from weights: files of others in the layouts of `layouts`, or a run of this house."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..preprocess.dataset.clips import sha256_of_file
from .checkpoint import PRETRAINED, RUN_NAME, WEIGHTS_NAME, RunRecord, read_run_record
from .data.inputs import COLOR_SCALE
from .frame_network import ColorInput
from .layouts import LAYOUTS, Layout
from .network import Network
from .resnet import ResNetTrunk
from .vgg import VggTrunk
from .weight_files import published_as, read_tensors, read_weight_file
from .weight_name import parted

GRAY = 127.5
COUNTER = "num_batches_tracked"
"""Of batch norm; older files lack it, and nothing here uses it."""

NOT_PRETRAINED = "head."
"""The layer that a pre-training does not train, but draws: each training draws its own."""
LEAST_SHARE = 0.5
"""Of a network's tensors that a run must fill for it to be the same kind of network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedWeights:
    """What became of a file of weights.

    Attributes
    ----------
    path, sha256 : the file
    layout : a name of `layouts.LAYOUTS`, or "run"
    about : whose weights they are
    loaded, fresh : layers of the network that come from the file; layers that are as they were drawn
    unused : layers of the file that the network does not have
    subjects : whom a run has seen; none of them may be tested on
    remarks : what to know about it, one line each
    """

    path: Path
    sha256: str
    layout: str
    about: str
    loaded: tuple[str, ...]
    fresh: tuple[str, ...]
    unused: tuple[str, ...]
    subjects: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def started_from(self) -> str:
        """The file's name and hash, as `RunRecord.started_from` keeps them."""
        name = f"{self.path.name}/{WEIGHTS_NAME}" if self.layout == "run" else self.path.name
        return f"{name} sha256:{self.sha256}"

    @property
    def report(self) -> tuple[str, ...]:
        """What was loaded and what was not, in lines to print."""
        lines = [f"{len(self.loaded)} layers from {self.about} ({self.layout}): {self.path}"]
        if self.fresh:
            lines.append(f"left as drawn: {', '.join(self.fresh)}")
        if self.unused:
            lines.append(f"not used: {', '.join(self.unused)}")
        return (*lines, *self.remarks)


def load_weights(
    network: Network, path: Path, *, layout: str | None = None, color_reference: str = "session"
) -> LoadedWeights:
    """Fill `network`, which is changed in place, with the weights at `path`; its head is left as drawn.

    The network's `ColorInput` is set so that its first convolution sees the range of color that the weights
    were trained on; where they want blue first, the convolution's channels are turned around instead.

    Parameters
    ----------
    path : a .pt, .pth or .safetensors file of others, or a run folder; LAYOUT=FILE names the layout too
    layout : a name of `layouts.LAYOUTS`; None: told by the names of the layers
    color_reference : `InputOptions.color_reference` of what the network will see

    Raises
    ------
    ModelError
        The file is none, is damaged or holds code, is of another network, or lacks a layer; or a layer has
        another shape. The network is then as it was.
    """
    named, path = parted(path)
    layout = named or layout
    if (path / RUN_NAME).is_file():
        return _load_run(network, path)
    if path.is_dir():
        raise ModelError(f"wanted a file of weights or a run folder with {RUN_NAME}, found neither: {path}")
    return _load_file(network, path, layout=layout, color_reference=color_reference)


def _load_file(network: Network, path: Path, *, layout: str | None, color_reference: str) -> LoadedWeights:
    prefix, trunk = _trunk_of(network, path)
    table = read_weight_file(path)
    name = _layout_of(trunk, table, path) if layout is None else layout
    found = _layout_named(name, trunk, path)
    state, wanted = {}, trunk.state_dict()
    for key, old in wanted.items():
        layer, _, kind = key.rpartition(".")
        if not found.knows(layer):
            continue
        file_key = f"{found.layers.get(layer, layer)}.{kind}"
        if file_key not in table and kind == COUNTER:
            continue
        if file_key not in table:
            raise ModelError(f"wanted {file_key!r} for layer {layer!r}, found no such layer: {path}")
        state[key] = _fitting(table[file_key], old, layer=f"{prefix}{layer}", path=path)
    first = f"{found.first}.weight"
    if found.bgr:
        state[first] = state[first].flip(1)
    trunk.load_state_dict(wanted | state)
    remarks = _set_color_input(network, found, color_reference=color_reference)
    sha256 = sha256_of_file(path)
    used = {f"{found.layers.get(layer, layer)}" for layer in _layers(state)}
    return LoadedWeights(
        path=path,
        sha256=sha256,
        layout=name,
        about=published_as(sha256) or found.about,
        loaded=tuple(prefix + layer for layer in _layers(state)),
        fresh=tuple(
            layer
            for layer in _layers(dict(network.named_parameters()))
            if not layer.startswith(prefix) or layer.removeprefix(prefix) not in _layers(state)
        ),
        unused=tuple(layer for layer in _layers(table) if layer not in used),
        remarks=remarks,
    )


def _load_run(network: Network, path: Path) -> LoadedWeights:
    record = read_run_record(path)
    if not (path / WEIGHTS_NAME).is_file():
        raise ModelError(f"wanted the weights {WEIGHTS_NAME}, found none: {path}")
    table = read_tensors(path / WEIGHTS_NAME)
    if not isinstance(table, dict):
        raise ModelError(f"wanted tensors by name, found {type(table).__name__}: {path / WEIGHTS_NAME}")
    wanted = network.state_dict()
    shared = [key for key in wanted if key in table]
    if len(shared) < LEAST_SHARE * len(wanted):
        raise ModelError(
            f"wanted weights of the same kind of network, found a run of {record.model} "
            f"that has {len(shared)} of {len(wanted)} tensors: {path}"
        )
    state = {
        key: _fitting(table[key], wanted[key], layer=key.rpartition(".")[0], path=path)
        for key in shared
        if not _other_head(table[key], wanted[key], network, record)
        and not (record.loss == PRETRAINED and key.startswith(NOT_PRETRAINED))
    }
    network.load_state_dict(wanted | state)
    loaded = _layers(state)
    return LoadedWeights(
        path=path,
        sha256=sha256_of_file(path / WEIGHTS_NAME),
        layout="run",
        about=f"a run of {record.model}",
        loaded=loaded,
        fresh=tuple(layer for layer in _layers(dict(network.named_parameters())) if layer not in loaded),
        unused=tuple(layer for layer in _layers(table) if layer not in loaded),
        subjects=tuple(
            sorted({*record.training_subjects, *record.validation_subjects, *record.pretrained_subjects})
        ),
    )


def _trunk_of(network: nn.Module, path: Path) -> tuple[str, VggTrunk | ResNetTrunk]:
    """Return the network's trunk and what its names start with in the network's state."""
    for name, module in network.named_modules():
        if isinstance(module, VggTrunk | ResNetTrunk):
            return (f"{name}." if name else ""), module
    raise ModelError(
        f"wanted a run folder, since no layout of others fits {type(network).__name__}, found a file: {path}"
    )


def _kind(trunk: VggTrunk | ResNetTrunk) -> str:
    return "vgg" if isinstance(trunk, VggTrunk) else f"resnet-{trunk.depth}"


def _layout_of(trunk: VggTrunk | ResNetTrunk, table: Mapping[str, Tensor], path: Path) -> str:
    """Return the first layout that fits the trunk and whose convolutions the file names."""
    wanted = {name: one for name, one in LAYOUTS.items() if one.trunk == _kind(trunk)}
    convolutions = [name for name, layer in trunk.named_modules() if isinstance(layer, nn.Conv2d)]
    for name, one in wanted.items():
        known = [layer for layer in convolutions if one.knows(layer)]
        if all(f"{one.layers.get(layer, layer)}.weight" in table for layer in known):
            return name
    first = ", ".join(repr(name) for name in list(table)[:3])
    raise ModelError(
        f"wanted weights of {_kind(trunk)} named like {' or '.join(wanted)}, found {first}, ...: {path}"
    )


def _layout_named(name: str, trunk: VggTrunk | ResNetTrunk, path: Path) -> Layout:
    fitting = [one for one, layout in LAYOUTS.items() if layout.trunk == _kind(trunk)]
    if name not in fitting:
        raise ModelError(f"wanted a layout of {', '.join(fitting) or 'none'}, found {name!r}: {path}")
    return LAYOUTS[name]


def _fitting(found: object, wanted: Tensor, *, layer: str, path: Path) -> Tensor:
    """Return a tensor of the file as the network wants it; raise where its shape is another."""
    if not isinstance(found, Tensor) or found.shape != wanted.shape:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ModelError(
            f"wanted layer {layer!r} with weights of shape {tuple(wanted.shape)}, found {shape}; "
            f"take the size, the modalities and the options that the weights were trained with: {path}"
        )
    return found.to(wanted.dtype)


def _other_head(found: object, wanted: Tensor, network: Network, record: RunRecord) -> bool:
    """Return whether a tensor belongs to a last layer that differs from the run's in outputs or inputs."""
    return (
        isinstance(found, Tensor)
        and found.shape != wanted.shape
        and found.shape[:1] == (record.options.get("n_outputs"),)
        and wanted.shape[:1] == (network.options.n_outputs,)
    )


def _set_color_input(network: nn.Module, layout: Layout, *, color_reference: str) -> tuple[str, ...]:
    """Lead from our color to the layout's, and return what is to be said about it.

    Color counted from the session's mean face is taken for color counted from the layout's mean color.
    """
    inputs = [module for module in network.modules() if isinstance(module, ColorInput)]
    if not inputs:
        return ("the network takes color as it comes, not in the range that these weights were trained on",)
    mean, std = torch.tensor(layout.mean), torch.tensor(layout.std)
    from_session = color_reference == "session"
    for module in inputs:
        module.scale.copy_((COLOR_SCALE if from_session else GRAY) / std)
        module.shift.copy_(torch.zeros(3) if from_session else (GRAY - mean) / std)
    if from_session:
        return (
            "color is counted from the session's mean face, these weights were trained on whole faces; "
            "--preset faithful shows them",
        )
    return ()


def _layers(names: Iterable[str]) -> tuple[str, ...]:
    """Return the layers that tensors of these names belong to, in order."""
    return tuple(dict.fromkeys(name.rpartition(".")[0] for name in names))
