"""What a TrainConfig comes to with nothing left open: the network's options, its inputs, and the numbers."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...config import complaints
from ...errors import ModelError
from ..data.features import read_feature_record
from ..data.inputs import InputOptions
from ..families import family
from ..family import Family
from ..network import CHANNELS, Network, NetworkOptions
from .config import Precision, TrainConfig

DECIDED = {
    "modalities": "--modalities",
    "n_outputs": "--dimensions or --classes",
    "feature_sizes": "--features",
}
"""Options of a network that are not set by name, and what they follow from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A TrainConfig with nothing left open; where `epochs` is None, training takes `steps` steps."""

    model: str
    options: NetworkOptions
    inputs: InputOptions
    epochs: int | None
    steps: int
    batch: int
    accumulate: int
    lr: float
    loss: str
    optimizer: str
    precision: Precision
    patience: int | None
    modality_dropout: float


def recipe_of(config: TrainConfig, *, n_classes: int = 0) -> Recipe:
    """Return what `config` comes to.

    Parameters
    ----------
    n_classes : how many classes `config.classes` came to, where it is given

    Raises
    ------
    ModelError
        The options contradict each other, such as URAN with thermal, or the model has no such option.
    DatasetError
        A feature set that it names is none.
    """
    kind = family(config.model)
    preset = kind.presets[config.size]
    if config.classes is not None:
        preset = replace(preset, **preset.for_classes)
    modalities = _modalities(config, kind)
    table: dict[str, Any] = {**preset.options, "modalities": modalities}
    table["n_outputs"] = n_classes if config.classes is not None else len(config.dimensions)
    if config.classes is not None:
        table["output"] = "classes"
    if config.n_frames is not None:
        table["n_frames"] = config.n_frames
    _require_free(config)
    if kind.of_features:
        table["feature_sizes"] = {
            n: read_feature_record(Path(config.features[n])).n_values for n in modalities
        }
    options = network_options(config.model, table | config.set)
    inputs = dict(preset.inputs)
    if config.preset == "faithful":
        if kind.faithful is not None:
            options = network_options(config.model, table | kind.faithful(options) | config.set)
        inputs |= kind.faithful_inputs
    if options.sees_landmarks:
        inputs["landmarks"] = True
    return Recipe(
        model=config.model,
        options=options,
        inputs=InputOptions(
            modalities=modalities,
            n_frames=options.n_frames,
            size_px=options.size_px,
            features={name: str(Path(folder).resolve()) for name, folder in config.features.items()},
            **inputs,
        ),
        epochs=None if config.steps is not None else config.epochs or preset.epochs,
        steps=config.steps or preset.steps,
        batch=config.batch or preset.batch,
        accumulate=config.accumulate,
        lr=config.lr or preset.lr,
        loss="cross entropy" if config.classes is not None else config.loss or preset.loss,
        optimizer=preset.optimizer,
        precision=config.precision,
        patience=config.patience,
        modality_dropout=config.modality_dropout,
    )


def network_options(model: str, table: dict[str, Any]) -> NetworkOptions:
    """Return `table` as the options of `model`; raises ModelError where it has no such option or value."""
    kind = family(model)
    try:
        return kind.options.model_validate(table)
    except ValidationError as error:
        raise ModelError(f"options of {model}: {complaints(error, kind.options)}") from error


def new_network(model: str, options: NetworkOptions) -> Network:
    """Return a network with fresh weights, drawn from torch's generator."""
    return family(model).new(options)


def _require_free(config: TrainConfig) -> None:
    """Raise where an option of the network is set that what is asked for elsewhere decides."""
    for name, where in DECIDED.items():
        if name in config.set:
            raise ModelError(f"option {name!r} follows from {where}: leave it out of --set")
    output = config.set.get("output")
    if output is not None and (output == "classes") != (config.classes is not None):
        raise ModelError(
            f"output 'classes' goes with --classes and with it alone, found --set output={output} "
            f"{'without' if config.classes is None else 'with'} it"
        )


def _modalities(config: TrainConfig, kind: Family) -> tuple[str, ...]:
    if kind.of_features:
        modalities = config.modalities or tuple(config.features)
        missing = [name for name in modalities if name not in config.features]
        if missing or not modalities:
            raise ModelError(
                f"{config.model} sees feature sets, found {', '.join(config.features) or 'none'}; "
                f"make one with `mavfer features` and pass --features NAME=FOLDER"
            )
        return modalities
    if config.features:
        raise ModelError(f"{config.model} sees pixels, found feature sets {', '.join(config.features)}")
    modalities = config.modalities or kind.modalities
    if kind.color_only and modalities != ("color",):
        raise ModelError(f"{config.model} sees ('color',) alone, found modalities {modalities!r}")
    unknown = [name for name in modalities if name not in CHANNELS]
    if unknown:
        raise ModelError(f"wanted modalities of {', '.join(CHANNELS)}, found {unknown[0]!r}")
    return modalities
