"""Categorical labels: of a whole session from a table beside the dataset, or quadrants of valence-arousal."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import DatasetError
from ...preprocess.dataset.clips import Dataset, DatasetSession

TABLE_NAME = "classes.csv"
QUADRANTS = ("high-positive", "high-negative", "low-negative", "low-positive")
"""Arousal, then valence, counterclockwise from the upper right."""


@dataclass(frozen=True, slots=True)
class Classes:
    """What a clip is said to show.

    Attributes
    ----------
    names : the classes, in the order of the network's outputs
    by_session : {session id: name}; empty where classes are the quadrants
    made_of : label columns that a clip's class is computed from
    """

    names: tuple[str, ...]
    by_session: Mapping[str, str] = field(default_factory=dict)
    made_of: tuple[str, ...] = ()

    def of_clip(self, session: DatasetSession, start: int, stop: int) -> int:
        """Return the class of the frames from `start` to `stop`, -1 where it is not known."""
        if not self.made_of:
            name = self.by_session.get(session.session_id)
            return -1 if name is None else self.names.index(name)
        valence, arousal = (float(np.mean(session.read(name, start, stop))) for name in self.made_of)
        if not (np.isfinite(valence) and np.isfinite(arousal)):
            return -1
        if arousal >= 0:
            return 0 if valence >= 0 else 1
        return 3 if valence >= 0 else 2


def read_classes(data: Dataset, column: str) -> Classes:
    """Return the classes that `column` of DATASET/classes.csv gives, or "quadrants" of valence and arousal.

    The table has a column `session` and one per kind of class; empty cells are unknown.

    Raises
    ------
    DatasetError
        There is no table or no such column, it names a session that is not in the dataset, or fewer than two
        classes.
    """
    if column == "quadrants":
        return Classes(QUADRANTS, made_of=("valence", "arousal"))
    path = data.path / TABLE_NAME
    rows = read_table(path, key="session", column=column)
    known = {session.session_id for session in data.sessions}
    strangers = sorted(set(rows) - known)
    if strangers:
        raise DatasetError(f"wanted sessions of the dataset, found {strangers[0]!r}: {path}")
    names = tuple(sorted(set(rows.values())))
    if len(names) < 2:
        raise DatasetError(f"wanted at least two classes in column {column!r}, found {len(names)}: {path}")
    return Classes(names, rows)


def read_table(path: Path, *, key: str, column: str) -> dict[str, str]:
    """Return {key: value} of a CSV file's columns `key` and `column`, rows with an empty value left out.

    Raises
    ------
    DatasetError
        There is no such file or column, or a key stands twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            fields = list(reader.fieldnames or ())
            rows = list(reader)
    except FileNotFoundError as error:
        raise DatasetError(f"wanted {path.name} with columns {key!r} and {column!r}: {path}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"wanted a readable table, found: {error}: {path}") from error
    if missing := [name for name in (key, column) if name not in fields]:
        raise DatasetError(f"wanted column {missing[0]!r}, found {', '.join(fields) or 'none'}: {path}")
    values: dict[str, str] = {}
    for row in rows:
        name, value = (row[key] or "").strip(), (row[column] or "").strip()
        if name in values:
            raise DatasetError(f"wanted each {key} once, found {name!r} twice: {path}")
        if name and value:
            values[name] = value
    return values
