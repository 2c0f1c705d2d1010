"""A RUN folder: `run.toml` (what was trained, on what), `model.pt` (weights), `history.csv` (per epoch)."""

import csv
import hashlib
import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args

import tomlkit
import torch
from pydantic import FieldSerializationInfo, field_serializer, model_validator
from torch import Tensor

from ..config import StrictModel, read_toml
from ..errors import ConfigError, ModelError
from ..preprocess.dataset.clips import Dataset, sha256_of_file
from ..preprocess.dataset.record import RECORD_NAME as DATASET_RECORD
from ..preprocess.dataset.record import ClipConfig, DatasetRecord
from .checkpoint_older import record_of_older
from .data.inputs import InputOptions
from .families import family
from .network import Network, NetworkOptions
from .training.config import Dimension, ModelName, Precision, TrainConfig, without_none
from .training.recipe import network_options, new_network
from .weight_files import DAMAGED

SCHEMA_VERSION = 3
RUN_NAME = "run.toml"
WEIGHTS_NAME = "model.pt"
HISTORY_NAME = "history.csv"
FUSION_NAME = "fusion.toml"
"""Of a folder of fused predictions, which is no run."""
PRETRAINED = "masked"
"""The loss of a run that was made by `mavfer pretrain`: no label was seen."""


class RunRecord(StrictModel):
    """What `run.toml` holds.

    Attributes
    ----------
    options : of the network, with nothing left open;  classes : names of its outputs, where it tells classes
    config : what was asked for; with the split and the fold that say who was trained on
    loss : what was minimised: "mse", "l1", "ccc", "mix" or "cross entropy"
    dataset, dataset_schema, dataset_sha256 : the path from the run's folder; its schema; `sha256_of_dataset`
    dataset_toml_sha256 : in its stead for runs of schema 1, the hash of the dataset's `dataset.toml`
    clip_config : how the dataset's frames were cut, with their rate; None in runs that do not say
    simulated : whether any training session was simulated; every score of the run then says so
    split_by : "subject", or "time" where all splits show the same subject
    pretrained_subjects : subjects seen, without labels or through features, before this training
    started_from : the weights it started from, by file name and hash
    training_means : per dimension, the mean training label: the constant predictor; of classes, their shares
    n_clips, n_steps, n_epochs : training clips, steps, and epochs that were begun
    kept_epoch : whose weights these are
    validation_score : mean CCC over dimensions, or accuracy, at that epoch; None without a validation split
    fp32_layers : layers that were computed in fp32 although `precision` is "bf16"
    """

    schema_version: Literal[3] = SCHEMA_VERSION
    model: ModelName
    options: dict[str, Any]
    inputs: InputOptions
    dimensions: tuple[Dimension, ...]
    classes: tuple[str, ...] = ()
    config: TrainConfig
    loss: str
    n_parameters: int
    dataset: str
    dataset_schema: int = 2
    dataset_sha256: str | None = None
    clip_config: ClipConfig | None = None
    dataset_toml_sha256: str | None = None
    simulated: bool
    split_by: Literal["subject", "time"]
    training_subjects: tuple[str, ...]
    validation_subjects: tuple[str, ...]
    pretrained_subjects: tuple[str, ...] = ()
    started_from: str | None = None
    training_means: dict[str, float]
    n_clips: int
    n_steps: int
    n_epochs: int
    kept_epoch: int
    validation_score: float | None = None
    seconds: float
    device: str
    n_processes: int = 1
    precision: Precision
    fp32_layers: tuple[str, ...] = ()
    software: dict[str, str]
    created_utc: str

    @property
    def network_options(self) -> NetworkOptions:
        """The options as the model's own class; TOML has no None, so what may be None and is not there is."""
        fields = family(self.model).options.model_fields.items()
        left_out = {name: None for name, field in fields if NoneType in get_args(field.annotation)}
        return network_options(self.model, left_out | self.options)

    @field_serializer("options")
    def _without_none(self, options: dict[str, Any], info: FieldSerializationInfo) -> dict[str, Any]:
        return without_none(options) if info.exclude_none else options

    @model_validator(mode="before")
    @classmethod
    def _from_older(cls, table: Any) -> Any:
        read = isinstance(table, dict) and isinstance(table.get("config"), dict)
        return record_of_older(table) if read else table


@dataclass(frozen=True, slots=True)
class Run:
    """A trained network and its record; the network is in evaluation mode, on the CPU."""

    path: Path
    record: RunRecord
    network: Network


def write_run(
    folder: Path, *, record: RunRecord, state: dict[str, Tensor], history: Sequence[dict[str, float]]
) -> None:
    """Write the three files of a run into `folder`, which `output.new_folder` made; its mark comes last."""
    torch.save(state, folder / WEIGHTS_NAME)
    write_history(folder / HISTORY_NAME, history)
    table = record.model_dump(mode="json", exclude_none=True)
    (folder / RUN_NAME).write_text(tomlkit.dumps(table), encoding="utf-8")


def write_history(path: Path, history: Sequence[dict[str, float]]) -> None:
    """Write a row per epoch as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)


def read_run_record(path: Path) -> RunRecord:
    """Return the record of the run at `path`.

    Raises
    ------
    ModelError
        There is no run, its record is damaged, or it has another schema version.
    """
    if (path / FUSION_NAME).is_file():
        raise ModelError(
            f"wanted a run with a network, found fused predictions, which have none; name one of the runs in "
            f"{FUSION_NAME}: {path}"
        )
    if not (path / RUN_NAME).is_file():
        raise ModelError(f"wanted a run folder with {RUN_NAME}, found none; run `mavfer train`: {path}")
    try:
        return read_toml(path / RUN_NAME, RunRecord)
    except ConfigError as error:
        raise ModelError(f"wanted a readable {RUN_NAME}, found: {error}") from error


def open_run(path: Path, *, scoring: bool = True) -> Run:
    """Return the trained network at `path`; weights are read without running any code they might hold.

    Parameters
    ----------
    scoring : whether its scores are wanted, which a network that is only pre-trained does not have

    Raises
    ------
    ModelError
        There is no run, its record or weights are damaged, or the weights are another network's; or it is
        only pre-trained.
    """
    record = read_run_record(path)
    if scoring and record.loss == PRETRAINED:
        raise ModelError(
            f"wanted a run that predicts something, found one that is only pre-trained; "
            f"start from it with `mavfer train --weights`: {path}"
        )
    network = new_network(record.model, record.network_options)
    try:
        state = torch.load(path / WEIGHTS_NAME, map_location="cpu", weights_only=True)
        network.load_state_dict(state)
    except FileNotFoundError as error:
        raise ModelError(f"wanted the weights {WEIGHTS_NAME}, found none: {path}") from error
    except DAMAGED as error:
        raise ModelError(
            f"wanted weights of {record.model} as {RUN_NAME} describes it, found others or a damaged file "
            f"({_reason(error)}); train again: {path / WEIGHTS_NAME}"
        ) from error
    return Run(path, record, network.eval())


def _reason(error: Exception) -> str:
    """Return what torch says is wrong, in at most 120 letters: its first line, or what that announces."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    telling = lines[1] if lines[0].endswith(":") and len(lines) > 1 else lines[0]
    return textwrap.shorten(telling.rstrip(" .:"), 120, placeholder=" ...")


def path_from(folder: Path, target: Path) -> str:
    """Return how `target` is reached from `folder`: the two may be moved together."""
    try:
        return Path(os.path.relpath(target.resolve(), folder.resolve())).as_posix()
    except ValueError:  # Windows: on another drive
        return target.resolve().as_posix()


def sha256_of_dataset(data: Dataset) -> str:
    """Return one hash over what a network learns from: the sessions' files and the split that is in use.

    Splits that are not in use, remarks and the like leave it as it is.
    """
    of_file = {entry.id: entry.sha256 for entry in data.record.built}
    lines = [
        f"{one.session_id} {of_file[one.session_id]} {one.split} {one.start} {one.n_frames}\n"
        for one in data.sessions
    ]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def clip_config_of_dataset(record: DatasetRecord) -> ClipConfig:
    """Return how a dataset's frames were cut; where every tick was kept, with the sessions' median rate."""
    config, rates = record.config, sorted(session.fps for session in record.built)
    return config if config.fps or not rates else config.model_copy(update={"fps": rates[len(rates) // 2]})


def learned_from(record: RunRecord, data: Dataset) -> bool:
    """Return whether a run was trained on these files under this split."""
    if record.dataset_sha256 is not None:
        return sha256_of_dataset(data) == record.dataset_sha256
    return sha256_of_file(data.path / DATASET_RECORD) == record.dataset_toml_sha256
