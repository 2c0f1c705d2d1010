"""A RUN folder: `run.toml` (what was trained, on what), `model.pt` (weights), `history.csv` (per epoch)."""

import csv
import hashlib
import os
import pickle
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tomlkit
import torch
from pydantic import model_validator
from torch import Tensor, nn

from ..config import StrictModel, read_toml
from ..errors import ConfigError, ModelError
from ..preprocess.dataset.clips import Dataset, sha256_of_file
from ..preprocess.dataset.record import RECORD_NAME as DATASET_RECORD
from .data import InputOptions
from .mran import MranOptions
from .presets import Dimension, ModelName, TrainConfig, new_network

SCHEMA_VERSION = 2
RUN_NAME = "run.toml"
WEIGHTS_NAME = "model.pt"
HISTORY_NAME = "history.csv"


class RunRecord(StrictModel):
    """What `run.toml` holds.

    Attributes
    ----------
    config : what was asked for; with the split and the fold that say who was trained on
    dataset, dataset_sha256 : the path from the run's folder; `sha256_of_dataset`
    dataset_toml_sha256 : in its stead for runs of schema 1, the hash of the dataset's `dataset.toml`
    simulated : whether any training session was simulated; every score of the run then says so
    split_by : "subject", or "time" where all splits show the same subject
    training_means : per dimension, the mean training label: the constant predictor
    validation_ccc : mean over dimensions at the epoch kept; None without a validation split
    """

    schema_version: Literal[2] = SCHEMA_VERSION
    model: ModelName
    options: MranOptions
    inputs: InputOptions
    dimensions: tuple[Dimension, ...]
    config: TrainConfig
    n_parameters: int
    dataset: str
    dataset_sha256: str | None = None
    dataset_toml_sha256: str | None = None
    simulated: bool
    split_by: Literal["subject", "time"]
    training_subjects: tuple[str, ...]
    validation_subjects: tuple[str, ...]
    training_means: dict[Dimension, float]
    n_clips: int
    n_steps: int
    n_epochs: int
    kept_epoch: int
    validation_ccc: float | None = None
    seconds: float
    device: str
    precision: Literal["fp32", "bf16"]
    software: dict[str, str]
    created_utc: str

    @model_validator(mode="before")
    @classmethod
    def _from_schema_1(cls, table: Any) -> Any:
        if not isinstance(table, dict) or table.get("schema_version") != 1:
            return table
        kept = {key: value for key, value in table.items() if key != "dataset_sha256"}
        return kept | {"schema_version": 2, "dataset_toml_sha256": table.get("dataset_sha256")}


@dataclass(frozen=True, slots=True)
class Run:
    """A trained network and its record; the network is in evaluation mode, on the CPU."""

    path: Path
    record: RunRecord
    network: nn.Module


def write_run(
    folder: Path, *, record: RunRecord, state: dict[str, Tensor], history: Sequence[dict[str, float]]
) -> None:
    """Write the three files of a run into `folder`."""
    torch.save(state, folder / WEIGHTS_NAME)
    with (folder / HISTORY_NAME).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
    table = record.model_dump(mode="json", exclude_none=True)
    (folder / RUN_NAME).write_text(tomlkit.dumps(table), encoding="utf-8")


def read_run_record(path: Path) -> RunRecord:
    """Return the record of the run at `path`.

    Raises
    ------
    ModelError
        There is no run, its record is damaged, or it has another schema version.
    """
    if not (path / RUN_NAME).is_file():
        raise ModelError(f"wanted a run folder with {RUN_NAME}, found none; run `mavfer train`: {path}")
    try:
        return read_toml(path / RUN_NAME, RunRecord)
    except ConfigError as error:
        raise ModelError(f"wanted a readable {RUN_NAME}, found: {error}") from error


def open_run(path: Path) -> Run:
    """Return the trained network at `path`; weights are read without running any code they might hold.

    Raises
    ------
    ModelError
        There is no run, its record or weights are damaged, or the weights are another network's.
    """
    record = read_run_record(path)
    network = new_network(record.model, record.options)
    try:
        state = torch.load(path / WEIGHTS_NAME, map_location="cpu", weights_only=True)
        network.load_state_dict(state)
    except FileNotFoundError as error:
        raise ModelError(f"wanted the weights {WEIGHTS_NAME}, found none: {path}") from error
    except (RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile, EOFError, TypeError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"wanted weights of {record.model} as {RUN_NAME} describes it, found others or a damaged file "
            f"({reason:.120}); train again: {path / WEIGHTS_NAME}"
        ) from error
    return Run(path, record, network.eval())


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


def learned_from(record: RunRecord, data: Dataset) -> bool:
    """Return whether a run was trained on these files under this split."""
    if record.dataset_sha256 is not None:
        return sha256_of_dataset(data) == record.dataset_sha256
    return sha256_of_file(data.path / DATASET_RECORD) == record.dataset_toml_sha256
