"""Feature sets: per-frame vectors of a dataset's sessions, in a folder of their own.

`features.toml` says what they are; SESSION.npy is (F, D) float32, one row per frame of the session's file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import tomlkit
from numpy.typing import NDArray
from pydantic import Field

from ...config import StrictModel, read_toml
from ...errors import ConfigError, DatasetError
from ...preprocess.dataset.clips import DatasetSession

RECORD_NAME = "features.toml"


class FeatureRecord(StrictModel):
    """What `features.toml` holds.

    Attributes
    ----------
    made_by : the run, or the words of whoever wrote the files
    subjects_seen : subjects that the maker was trained on or chosen by; a run on these features has seen them
    n_values : D
    """

    schema_version: Literal[1] = 1
    made_by: str
    subjects_seen: tuple[str, ...] = ()
    n_values: int = Field(ge=1)
    simulated: bool = False


def read_feature_record(folder: Path) -> FeatureRecord:
    """Return the record of the feature set at `folder`.

    Raises
    ------
    DatasetError
        There is none, or it is damaged.
    """
    if not (folder / RECORD_NAME).is_file():
        raise DatasetError(
            f"wanted a feature set with {RECORD_NAME}, found none; run `mavfer features`: {folder}"
        )
    try:
        return read_toml(folder / RECORD_NAME, FeatureRecord)
    except ConfigError as error:
        raise DatasetError(f"wanted a readable {RECORD_NAME}, found: {error}") from error


def write_features(folder: Path, record: FeatureRecord, sessions: Mapping[str, NDArray[np.float32]]) -> None:
    """Write a feature set: {session id: (F, D)} and its record, into the folder `folder`, which exists."""
    for session, values in sessions.items():
        np.save(folder / f"{session}.npy", values.astype(np.float32))
    table = record.model_dump(mode="json", exclude_none=True)
    (folder / RECORD_NAME).write_text(tomlkit.dumps(table), encoding="utf-8")


def read_features(session: DatasetSession, sets: Mapping[str, str]) -> dict[str, NDArray[np.float32]]:
    """Return {feature set: (n_frames, D) float32} of one session.

    Raises
    ------
    DatasetError
        A set lacks the session, or has another number of frames or values, or values that are not finite.
    """
    found = {}
    for name, folder in sets.items():
        path = Path(folder) / f"{session.session_id}.npy"
        n_values = read_feature_record(Path(folder)).n_values
        if not path.is_file():
            raise DatasetError(f"wanted features {name!r} of session {session.id!r}, found none: {path}")
        try:
            values = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise DatasetError(f"wanted an .npy file, could not read it ({error}): {path}") from error
        stop = session.start + session.n_frames
        if values.ndim != 2 or values.shape[1] != n_values or len(values) < stop:
            raise DatasetError(
                f"wanted at least {stop} frames of {n_values} values, found {values.shape}; "
                f"make the features again from this dataset: {path}"
            )
        part = np.ascontiguousarray(values[session.start : stop], np.float32)
        if not np.isfinite(part).all():
            raise DatasetError(f"wanted finite features, found others: {path}")
        found[name] = part
    return found
