"""What a person asks of a training, and what it comes to: networks, sizes and their learning rates."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

from pydantic import Field
from torch import nn

from ..config import StrictModel
from ..errors import ModelError
from .baselines import EarlyFusion
from .data import InputOptions
from .losses import LossName
from .mran import MRAN, URAN, MranOptions

ModelName = Literal["mran", "uran", "early-fusion"]
SizeName = Literal["full", "small"]
Precision = Literal["fp32", "bf16"]
Dimension = Literal["valence", "arousal"]
MODELS: tuple[ModelName, ...] = get_args(ModelName)


class TrainConfig(StrictModel):
    """What to train and how; what is None comes from the preset of the model and its size.

    Attributes
    ----------
    model : "mran", "uran" (color alone) or "early-fusion" (a 3D-CNN over all streams stacked)
    size : "full" is Table I; "small" has a quarter of its channels and sees frames of 48 px, so that it
        trains in minutes on a CPU
    split, fold : which of the dataset's splits says who is trained on; the fold, for a split in folds
    dimensions : what is predicted, together; the paper trains one network per dimension
    epochs, batch, lr : passes over the training clips, clips per step, Adam's peak learning rate; the
        presets train for a number of steps, whatever the size of the dataset
    seed : one seed gives one result on one device with one thread count
    precision : "bf16" computes convolutions in bfloat16
    loss : "mse", "l1", "ccc" or "mix"
    faithful : attention, gates and color input as printed, however badly they learn
    modalities : streams to use, color first
    max_minutes : the learning rate is brought to its end, and training ends, within this time
    threads : CPU threads; None leaves torch's own choice
    device : "auto" takes a GPU where there is one
    """

    model: ModelName = "mran"
    size: SizeName = "full"
    split: str = "default"
    fold: int | None = Field(default=None, ge=0)
    dimensions: tuple[Dimension, ...] = Field(default=("valence", "arousal"), min_length=1, max_length=2)
    epochs: int | None = Field(default=None, ge=1)
    batch: int | None = Field(default=None, ge=1)
    lr: float | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0)
    precision: Precision | None = None
    loss: LossName = "mse"
    faithful: bool = False
    modalities: tuple[str, ...] | None = None
    max_minutes: float | None = Field(default=None, gt=0)
    threads: int | None = Field(default=None, ge=1)
    device: Literal["auto", "cpu"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A TrainConfig with nothing left open; where `epochs` is None, training takes `steps` steps."""

    options: MranOptions
    inputs: InputOptions
    epochs: int | None
    steps: int
    batch: int
    lr: float
    precision: Precision


def recipe_of(config: TrainConfig) -> Recipe:
    """Return what `config` comes to.

    Raises
    ------
    ModelError
        The options contradict each other, such as URAN with thermal.
    """
    modalities = config.modalities or (
        ("color",) if config.model == "uran" else ("color", "depth", "thermal")
    )
    if len(set(config.dimensions)) != len(config.dimensions):
        raise ModelError(f"wanted each dimension once, found {config.dimensions!r}")
    full = config.size == "full"
    options = MranOptions(
        modalities=modalities,
        width=1.0 if full else 0.25,
        size_px=96 if full else 48,
        n_outputs=len(config.dimensions),
        dropout=0.5 if full else 0.2,
    )
    if config.faithful:
        forget_input = "paper" if "thermal" in modalities else "color"
        options = replace(
            options,
            attention_scale="none",
            temperature=1.0,
            forget_input=forget_input,
            xavier_gain="one",
        )
    return Recipe(
        options=options,
        inputs=InputOptions(
            modalities=modalities,
            n_frames=options.n_frames,
            size_px=options.size_px,
            color_reference="gray" if config.faithful else "session",
        ),
        epochs=config.epochs,
        steps=6000 if full else 800,
        batch=config.batch or (8 if full and config.model == "uran" else 4),
        lr=config.lr or (1e-4 if full else 7e-4),
        precision=config.precision or "fp32",
    )


def new_network(model: ModelName, options: MranOptions) -> nn.Module:
    """Return a network with fresh weights."""
    if model == "early-fusion":
        return EarlyFusion(options)
    return URAN(options) if model == "uran" else MRAN(options)
