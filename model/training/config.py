"""What a person asks of a training, in the words of the command line and of `run.toml`."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, FieldSerializationInfo, field_serializer, model_validator

from ...config import StrictModel
from ..families import NAMES

SizeName = Literal["full", "small"]
Precision = Literal["fp32", "bf16"]
Dimension = Literal["valence", "arousal"]
LossName = Literal["mse", "l1", "ccc", "mix"]
Logger = Literal["tensorboard", "wandb"]
SIZES: tuple[SizeName, ...] = ("full", "small")


def without_none(options: dict[str, Any]) -> dict[str, Any]:
    """Return `options` as TOML can hold them, which has no None."""
    return {name: value for name, value in options.items() if value is not None}


def _known(name: object) -> object:
    if name not in NAMES:
        raise ValueError(f"wanted one of {', '.join(NAMES)}, found {name!r}")
    return name


ModelName = Annotated[str, BeforeValidator(_known)]


class TrainConfig(StrictModel):
    """What to train and how; what is None comes from the preset of the model and its size.

    Attributes
    ----------
    model : a name of `families.LISTED`
    size : "full" is the paper's; "small" has fewer channels and smaller frames: minutes on a CPU
    preset : "faithful" takes the paper to the letter, however badly it learns
    set : options of the network by name, over the preset's
    split, fold : which of the dataset's splits says who is trained on; the fold, for a split in folds
    subjects : whom of the training and validation splits to keep, as fine-tuning on a group does; None: all
    dimensions : what is predicted, together; the paper trains one network per dimension
    classes : "quadrants" or a column of DATASET/classes.csv: predict a class, with cross entropy
    modalities : streams to use; the first one carries the features, the others guide
    features : {modality: folder of a feature set}, for networks of features
    n_frames : frames per clip
    epochs, steps, batch, lr : passes over the training clips, or steps; clips per step; peak learning rate
    accumulate : batches whose gradients make one step
    patience : end after so many epochs without a better validation score; None: never
    seed : one seed gives one result on one device with one thread count
    precision : "bf16" computes convolutions in bfloat16, where the gradients agree with fp32
    loss : "mse", "l1", "ccc" or "mix"; of dimensions only
    modality_dropout : share of clips in which a stream other than the first is blanked, each by itself
    weights : a file of weights, or a run, to start from
    max_minutes : the learning rate is brought to its end, and training ends, within this time
    threads : CPU threads; None leaves torch's own choice
    device : "auto" takes a GPU where there is one;  devices : processes of one machine
    logs : where else the history goes, beside history.csv
    """

    model: ModelName = "mran"
    size: SizeName = "full"
    preset: Literal["default", "faithful"] = "default"
    set: dict[str, Any] = Field(default_factory=dict)
    split: str = "default"
    fold: int | None = Field(default=None, ge=0)
    subjects: tuple[str, ...] | None = Field(default=None, min_length=1)
    dimensions: tuple[Dimension, ...] = Field(default=("valence", "arousal"), min_length=1, max_length=2)
    classes: str | None = None
    modalities: tuple[str, ...] | None = None
    features: dict[str, str] = Field(default_factory=dict)
    n_frames: int | None = Field(default=None, ge=4, le=512)
    epochs: int | None = Field(default=None, ge=1)
    steps: int | None = Field(default=None, ge=1)
    batch: int | None = Field(default=None, ge=1)
    accumulate: int = Field(default=1, ge=1)
    lr: float | None = Field(default=None, gt=0)
    patience: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    precision: Precision = "fp32"
    loss: LossName | None = None
    modality_dropout: float = Field(default=0.0, ge=0, lt=1)
    weights: str | None = None
    max_minutes: float | None = Field(default=None, gt=0)
    threads: int | None = Field(default=None, ge=1, le=1024)
    device: Literal["auto", "cpu"] = "auto"
    devices: int = Field(default=1, ge=1)
    logs: tuple[Logger, ...] = ()

    @field_serializer("set")
    def _set_without_none(self, options: dict[str, Any], info: FieldSerializationInfo) -> dict[str, Any]:
        return without_none(options) if info.exclude_none else options

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.epochs is not None and self.steps is not None:
            raise ValueError("wanted epochs or steps, found both")
        if len(set(self.dimensions)) != len(self.dimensions):
            raise ValueError(f"wanted each dimension once, found {', '.join(self.dimensions)}")
        if self.classes is not None and self.loss is not None:
            raise ValueError(f"classes are learned by cross entropy, found loss {self.loss!r}")
        return self
