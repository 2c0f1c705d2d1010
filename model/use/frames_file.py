"""The files of a prediction: `frames.csv`, one line per row, and `prediction.toml`, what it was made from."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

import numpy as np
import tomlkit

from ...config import StrictModel
from .scores import RowScores, words_of_face

RECORD_NAME = "prediction.toml"
FRAMES_NAME = "frames.csv"
FILM_NAME = "overlay.mp4"


class PredictionRecord(StrictModel):
    """What `prediction.toml` holds.

    Attributes
    ----------
    recording, subject : of whom; the subject is "video" where a video file does not say
    simulated : whether the run learned from simulated sessions, or the recording is one
    names : what is scored; dimensions in [-1, 1], or probabilities of classes
    trained_on : whether the run has seen this subject: its scores then say nothing of strangers
    clip_fps, n_rows, n_clips : rows per second, rows, and clips that cover them
    cut_assumed : whether the crops' size and place had to be assumed, for want of the run's dataset
    covered_share : of the rows, those that a clip covers; the others are interpolated
    """

    schema_version: Literal[1] = 1
    software: str
    model: str
    run: str
    recording: str
    subject: str
    simulated: bool
    names: tuple[str, ...]
    trained_on: bool
    clip_fps: float
    n_rows: int
    n_clips: int
    cut_assumed: bool
    covered_share: float
    remarks: tuple[str, ...] = ()


def write_frames(path: Path, scores: RowScores) -> None:
    """Write one line per row: its time, its scores, how its face was found, and what the score rests on."""
    fields = ["time_s", *scores.names, "face", "why_not", "score_from"]
    fields += ["class"] * _tells_classes(scores)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(fields)
        for i, told_from in enumerate(scores.told_from):
            values = [f"{value:.5f}" for value in scores.scores[i]]
            row = [f"{scores.time_s[i]:.4f}", *values]
            row += [*words_of_face(scores.found[i], scores.reason[i]), told_from]
            if _tells_classes(scores):
                row.append(scores.names[int(np.argmax(scores.scores[i]))])
            writer.writerow(row)


def write_prediction_record(path: Path, record: PredictionRecord) -> None:
    """Write `prediction.toml`."""
    path.write_text(tomlkit.dumps(record.model_dump(mode="json", exclude_none=True)), encoding="utf-8")


def _tells_classes(scores: RowScores) -> bool:
    return not set(scores.names) <= {"valence", "arousal"}
