"""What `dataset.toml` holds: the configuration of a build, and how each session fared."""

from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Literal

import tomlkit
from pydantic import Field

from ..capture.streams import Stream
from ..config import StrictModel, read_toml
from ..errors import ConfigError, DatasetError

SCHEMA_VERSION = 1
RECORD_NAME = "dataset.toml"

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Align(StrEnum):
    """How a face is laid onto the crop; see `align`."""

    POINTS51 = "points51"
    EYES_NOSE = "eyes-nose"


class Reason(IntEnum):
    """Why one stream of one frame is as it is; OK and PLANE have pixels, the others are zeros."""

    OK = 0
    NOT_RECORDED = 1
    NO_FACE = 2
    NO_DEPTH = 3
    OUT_OF_VIEW = 4
    PLANE = 5
    """Cut with the face taken as a plane at a distance guessed from its size, for want of depth."""


class ClipConfig(StrictModel):
    """How sessions become frames of a dataset."""

    fps: float = Field(default=4.0, ge=0, description="frames per second of the clips; 0 keeps every tick")
    size_px: int = Field(default=96, ge=32, le=512)
    align: Align = Align.POINTS51
    rater_lag_s: float = Field(default=0.0, ge=0, le=10, description="how long raters take to react")
    n_test_subjects: int | None = Field(default=None, ge=0, description="absent: three in ten, as the paper")
    n_validation_subjects: int | None = Field(default=None, ge=0, description="absent: about one in six")
    seed: int = Field(default=0, ge=0)


class Part(StrictModel):
    """A range of a session's frames that belongs to one split; `stop` is not in it."""

    split: Split
    start: int = Field(ge=0)
    stop: int = Field(ge=0)


class SessionRecord(StrictModel):
    """How one session fared.

    `sha256` names the file in the dataset, `source_sha256` the recorded session, `traces_sha256` the
    raters' files. `reasons` counts frames per stream and reason; each stream's counts sum to `n_frames`.
    `labelled` counts the frames with a label, by dimension.
    """

    id: str
    subject: str
    simulated: bool
    fate: Literal["built", "failed"]
    error: str | None = None
    file: str | None = None
    sha256: str | None = None
    source_sha256: str | None = None
    traces_sha256: str | None = None
    n_ticks: int = 0
    n_frames: int = 0
    fps: float = 0.0
    streams: tuple[Stream, ...] = ()
    raters: tuple[str, ...] = ()
    labelled: dict[str, int] = Field(default_factory=dict)
    aligned_share: float = 0.0
    region_share: float = 0.0
    reasons: dict[str, dict[str, int]] = Field(default_factory=dict)
    parts: tuple[Part, ...] = ()


class DatasetRecord(StrictModel):
    """What `dataset.toml` holds."""

    schema_version: int
    software: str
    simulated: bool
    split_by: Literal["subject", "time"]
    box_policy: str
    calibration_sha256: str | None = None
    config: ClipConfig
    sessions: tuple[SessionRecord, ...]


def read_record(folder: Path) -> DatasetRecord:
    """Return the record of the dataset in `folder`.

    Raises
    ------
    DatasetError
        There is no dataset, its record is damaged, or it has another schema version.
    """
    if not (folder / RECORD_NAME).is_file():
        raise DatasetError(
            f"wanted a dataset folder with {RECORD_NAME}, found none; run `mavfer build-dataset`: {folder}"
        )
    try:
        record = read_toml(folder / RECORD_NAME, DatasetRecord)
    except ConfigError as error:
        raise DatasetError(f"wanted a readable {RECORD_NAME}, found: {error}") from error
    if record.schema_version != SCHEMA_VERSION:
        raise DatasetError(
            f"wanted dataset schema {SCHEMA_VERSION}, found {record.schema_version}; rebuild it: {folder}"
        )
    return record


def write_record(folder: Path, record: DatasetRecord) -> None:
    """Write `dataset.toml` into `folder`, the last file of a build."""
    table = record.model_dump(mode="json", exclude_none=True)
    (folder / RECORD_NAME).write_text(tomlkit.dumps(table), encoding="utf-8")
