"""A run as the JSON of the commands that train one: what it is, what it learned from, how good it is."""

from pathlib import Path
from typing import Any

from ..checkpoint import RunRecord


def run_facts(path: Path, record: RunRecord) -> dict[str, Any]:
    """Return what a run's record tells; all of it stands in RUN/run.toml, its epochs in RUN/history.csv.

    Parameters
    ----------
    path : the run's folder
    """
    config, score = record.config, record.validation_score
    return {
        "run": path,
        "model": record.model,
        "size": config.size,
        "n_parameters": record.n_parameters,
        "modalities": record.inputs.modalities,
        "n_frames": record.inputs.n_frames,
        "dimensions": record.dimensions,
        "classes": record.classes,
        "split": config.split,
        "fold": config.fold,
        "seed": config.seed,
        "loss": record.loss,
        "n_clips": record.n_clips,
        "n_steps": record.n_steps,
        "n_epochs": record.n_epochs,
        "kept_epoch": record.kept_epoch,
        "validation_measure": None if score is None else "accuracy" if record.classes else "ccc",
        "validation_score": score,
        "training_subjects": record.training_subjects,
        "validation_subjects": record.validation_subjects,
        "pretrained_subjects": record.pretrained_subjects,
        "simulated": record.simulated,
        "duration_s": record.seconds,
        "device": record.device,
        "precision": record.precision,
    }
