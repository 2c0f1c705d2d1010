"""What `dataset.toml` holds: the configuration of a build, how each session fared, and the splits.

record_v1.py brings records of schema 1 up to this one.
"""

from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, Literal, Self

import tomlkit
from pydantic import Field, model_validator

from ...capture.streams import Stream
from ...config import StrictModel, read_toml
from ...errors import ConfigError, DatasetError
from ...output import new_file
from .record_v1 import from_schema_1

SCHEMA_VERSION = 2
RECORD_NAME = "dataset.toml"
REPORT_NAME = "report.html"
DEFAULT_SPLIT = "default"

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Align(StrEnum):
    """How a face is laid onto the crop; see `align`."""

    POINTS51 = "points51"
    EYES_NOSE = "eyes-nose"


class Smoothing(StrEnum):
    """How landmarks are smoothed over time before the face is cut; see `faces.track`."""

    NONE = "none"
    ONE_EURO = "one-euro"
    SAVITZKY_GOLAY = "savitzky-golay"


class Compression(StrEnum):
    """How pixels are stored; see `compression`. `benchmarks/clips.py` measures them."""

    NONE = "none"
    LZF = "lzf"
    GZIP = "gzip"
    BLOSC2 = "blosc2"


class Reason(IntEnum):
    """Why one stream of one frame is as it is.

    OK and PLANE are valid. OCCLUDED and FILLED have pixels and are not valid; all others are zeros.
    """

    OK = 0
    NOT_RECORDED = 1
    NO_FACE = 2
    NO_DEPTH = 3
    OUT_OF_VIEW = 4
    PLANE = 5
    """Cut with the face taken as a plane at a distance guessed from its size, for want of depth."""
    OCCLUDED = 6
    """Something stands before the face."""
    UNSYNCHRONISED = 7
    """The stream's frame is not of the moment of color's: too far in time, or a repeated picture."""
    DAMAGED = 8
    """Stored, and cannot be decoded."""
    FILLED = 9
    """No face was found; cut at landmarks interpolated between those of the frames around the gap."""
    NOT_SAMPLED = 10
    """Of ticks only: recorded, and between two frames of the clip rate."""


VALID = (Reason.OK, Reason.PLANE)
HAS_PIXELS = (*VALID, Reason.OCCLUDED, Reason.FILLED)


class ClipConfig(StrictModel):
    """How sessions become frames of a dataset; two builds with other values give other files."""

    fps: float = Field(default=4.0, ge=0, le=120, description="frames per second of the clips; 0: every tick")
    size_px: int = Field(default=96, ge=32, le=512)
    margin: float = Field(default=0.0, ge=0, le=1, description="more of the surroundings, share of the crop")
    align: Align = Align.POINTS51
    smoothing: Smoothing = Smoothing.NONE
    fill_gaps_s: float = Field(default=0.0, ge=0, le=5, description="longest gap to cut by interpolation")
    max_skew_ms: float = Field(default=50.0, gt=0, le=1000, description="most time between streams of a row")
    rater_lag_s: float = Field(default=0.0, ge=0, le=10, description="how long raters take to react")
    max_label_gap_s: float = Field(default=5.0, ge=0, le=60, description="longest gap in a rating to bridge")
    compression: Compression = Compression.NONE
    verify_moments: int = Field(default=12, ge=0, le=200, description="of the rig's self-check; 0: none")


class SplitConfig(StrictModel):
    """Which subjects are held out; counts of subjects, absent for the paper's shares."""

    n_test_subjects: int | None = Field(default=None, ge=0, description="absent: 5 in 17, as the paper")
    n_validation_subjects: int | None = Field(default=None, ge=0, description="absent: about one in six")
    seed: int = Field(default=0, ge=0)


class Part(StrictModel):
    """A range of a session's frames that belongs to one split; `stop` is not in it."""

    split: Split
    start: int = Field(ge=0)
    stop: int = Field(ge=0)

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.stop < self.start:
            raise ValueError(f"wanted a range of frames, found {self.start} to {self.stop}")
        return self


class SplitScheme(StrictModel):
    """One way to divide the dataset: by subject, in folds of subjects, or in time within one subject.

    Attributes
    ----------
    name : how `--split` calls it; the build's own is DEFAULT_SPLIT
    subjects : by subject, the split of each
    folds : by fold, the fold (0 .. K - 1) in which each subject is tested; the next fold validates
    parts : in time, the ranges of each session's frames, by session id
    balanced_on : dimensions whose label distributions were made alike
    """

    name: str = Field(default=DEFAULT_SPLIT, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    by: Literal["subject", "fold", "time"]
    seed: int = Field(default=0, ge=0)
    balanced_on: tuple[str, ...] = ()
    subjects: dict[str, Split] = Field(default_factory=dict)
    folds: dict[str, int] = Field(default_factory=dict)
    parts: dict[str, tuple[Part, ...]] = Field(default_factory=dict)

    @property
    def n_folds(self) -> int:
        """How many folds there are; 0 where the scheme is not by fold."""
        return max(self.folds.values(), default=-1) + 1

    def require_fold(self, fold: int | None, *, path: Path | None = None) -> None:
        """Raise DatasetError unless `fold` is one of the scheme's, or None where it is not in folds."""
        where, last = "" if path is None else f": {path}", self.n_folds - 1
        if self.by != "fold":
            if fold is not None:
                raise DatasetError(f"wanted no fold for split {self.name!r}, found {fold}{where}")
        elif fold is None:
            raise DatasetError(f"split {self.name!r} is in folds: pass --fold 0 to {last}{where}")
        elif not 0 <= fold <= last:
            raise DatasetError(f"wanted a fold of 0 to {last} for split {self.name!r}, found {fold}{where}")


class SessionRecord(StrictModel):
    """How one session fared.

    Attributes
    ----------
    error : why it failed;  remarks : what the user must know of one that was built, one line each
    key : hash of all that determines the file: inputs, configuration, software
    sha256, source_sha256, traces_sha256, calibration_sha256 : of the file in the dataset, the recorded
        session, the raters' values, the calibration file
    n_ticks, n_frames : ticks of the session, rows of the file
    fps : frames per second (the median rate where the clip rate is "every tick")
    labelled : rows with a label, by dimension
    aligned_share, region_share : of the rows, those whose color is valid; of these, those whose box follows
        the box policy
    reasons : rows by stream and reason; each stream's counts sum to `n_frames`
    ticks : ticks by stream and reason; each stream's counts sum to `n_ticks`
    stored : frames that the session stores of each stream; those of them that lie at no tick
    subject_choice : how the subject's face was told from others
    geometry : verdict of `calibrate.verify` on this session, and its reason
    """

    id: str
    subject: str
    simulated: bool
    fate: Literal["built", "failed"]
    error: str | None = None
    remarks: tuple[str, ...] = ()
    file: str | None = None
    key: str | None = None
    sha256: str | None = None
    source_sha256: str | None = None
    traces_sha256: str | None = None
    calibration_sha256: str | None = None
    rig: str = ""
    n_ticks: int = Field(default=0, ge=0)
    n_frames: int = Field(default=0, ge=0)
    fps: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    streams: tuple[Stream, ...] = ()
    raters: tuple[str, ...] = ()
    labelled: dict[str, int] = Field(default_factory=dict)
    aligned_share: float = Field(default=0.0, ge=0, le=1)
    region_share: float = Field(default=0.0, ge=0, le=1)
    reasons: dict[str, dict[str, int]] = Field(default_factory=dict)
    ticks: dict[str, dict[str, int]] = Field(default_factory=dict)
    stored: dict[str, int] = Field(default_factory=dict)
    at_no_tick: dict[str, int] = Field(default_factory=dict)
    subject_choice: str = ""
    geometry: Literal["agrees", "knocked", "cannot tell", "not checked"] = "not checked"
    geometry_reason: str = ""


class NewerSchema(DatasetError):
    """A record of a schema that this mavfer does not know."""


class DatasetRecord(StrictModel):
    """What `dataset.toml` holds."""

    schema_version: Literal[2] = SCHEMA_VERSION
    software: str
    simulated: bool
    detector: str = "dlib HOG"
    box_policy: str
    config: ClipConfig
    splits: tuple[SplitScheme, ...]
    sessions: tuple[SessionRecord, ...]

    @model_validator(mode="before")
    @classmethod
    def _of_this_schema(cls, table: object) -> object:
        if not isinstance(table, dict):
            return table
        version = table.get("schema_version")
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise NewerSchema(version)
        return from_schema_1(table) if version == 1 else table

    @property
    def built(self) -> tuple[SessionRecord, ...]:
        """The sessions that are in the dataset."""
        return tuple(session for session in self.sessions if session.fate == "built")

    @property
    def failed(self) -> tuple[SessionRecord, ...]:
        """The sessions that could not be built; each says why."""
        return tuple(session for session in self.sessions if session.fate == "failed")

    def scheme(self, name: str = DEFAULT_SPLIT) -> SplitScheme:
        """Return the split called `name`; raises DatasetError if there is none."""
        for scheme in self.splits:
            if scheme.name == name:
                return scheme
        known = ", ".join(scheme.name for scheme in self.splits)
        raise DatasetError(
            f"wanted a split {name!r}, the dataset has {known}; make one with `mavfer dataset split`"
        )


def read_record(folder: Path) -> DatasetRecord:
    """Return the record of the dataset in `folder`, of this schema or an older one.

    Raises
    ------
    DatasetError
        There is no dataset, its record is damaged, or it is of a newer schema.
    """
    if not (folder / RECORD_NAME).is_file():
        raise DatasetError(
            f"wanted a dataset folder with {RECORD_NAME}, found none; run `mavfer build-dataset`: {folder}"
        )
    try:
        return read_toml(folder / RECORD_NAME, DatasetRecord)
    except NewerSchema as error:
        raise DatasetError(
            f"wanted dataset schema 1 to {SCHEMA_VERSION}, found {error}: made by a newer mavfer; "
            f"update this one: {folder}"
        ) from error
    except ConfigError as error:
        raise DatasetError(f"wanted a readable {RECORD_NAME}, found: {error}") from error


def write_record(folder: Path, record: DatasetRecord, *, overwrite: bool = False) -> None:
    """Write `dataset.toml` into `folder`, the last file of a build; it appears complete or not at all.

    Bytes of a path that are no text, as an error may name one, are written as question marks.
    """
    table: dict[str, Any] = record.model_dump(mode="json", exclude_none=True)
    with new_file(folder / RECORD_NAME, overwrite=overwrite) as temporary:
        temporary.write_bytes(tomlkit.dumps(table).encode("utf-8", "replace"))
