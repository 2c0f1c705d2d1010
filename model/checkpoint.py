"""A RUN folder: `run.toml` (what was trained, on what), `model.pt` (weights), `history.csv` (per epoch)."""

import csv
import hashlib
import os
import pickle
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tomlkit
import torch
from torch import Tensor, nn

from ..config import StrictModel, read_toml
from ..errors import ConfigError, ModelError
from .data import InputOptions
from .mran import MranOptions
from .presets import Dimension, ModelName, TrainConfig, new_network

SCHEMA_VERSION = 1
RUN_NAME = "run.toml"
WEIGHTS_NAME = "model.pt"
HISTORY_NAME = "history.csv"


class RunRecord(StrictModel):
    """What `run.toml` holds.

    Attributes
    ----------
    simulated : whether any training session was simulated; every score of the run then says so
    split_by : "subject", or "time" where all splits show the same subject
    training_means : per dimension, the mean training label: the constant predictor
    validation_ccc : mean over dimensions at the epoch kept; None without a validation split
    """

    schema_version: Literal[1] = 1
    model: ModelName
    options: MranOptions
    inputs: InputOptions
    dimensions: tuple[Dimension, ...]
    config: TrainConfig
    n_parameters: int
    dataset: str
    dataset_sha256: str
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


def sha256_of_dataset(path: Path) -> str:
    """Return the sha256 of the dataset's record, which itself holds the hash of every file."""
    return hashlib.sha256((path / "dataset.toml").read_bytes()).hexdigest()
