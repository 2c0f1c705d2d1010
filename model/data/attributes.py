"""Demographic attributes of subjects (sex, age group, skin tone), from a table beside the dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DatasetError
from .classes import read_table

TABLE_NAME = "subjects.csv"
"""A column `subject`, and one per attribute; empty cells are unknown."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """{attribute: {subject, case folded: value}}; values are words, such as "female" or "30-39"."""

    values: Mapping[str, Mapping[str, str]]

    def classes(self, name: str) -> tuple[str, ...]:
        """Return the values that the attribute takes, sorted."""
        return tuple(sorted(set(self.values[name].values())))

    def value(self, subject: str, name: str) -> str | None:
        """Return what is known of a subject, or None."""
        return self.values[name].get(subject.casefold())

    def codes(self, subject: str, names: Sequence[str]) -> list[int]:
        """Return the number of each attribute's value among its `classes`, -1 where unknown."""
        found = [(self.value(subject, name), self.classes(name)) for name in names]
        return [-1 if value is None else classes.index(value) for value, classes in found]


def read_attributes(dataset: Path, names: Sequence[str]) -> Attributes:
    """Return the attributes `names` of a dataset's subjects, from DATASET/subjects.csv.

    Raises
    ------
    DatasetError
        There is no table or no such column, or a subject stands twice.
    """
    tables = {name: read_table(dataset / TABLE_NAME, key="subject", column=name) for name in names}
    for table in tables.values():
        folded = [subject.casefold() for subject in table]
        if twice := next((one for one in table if folded.count(one.casefold()) > 1), None):
            raise DatasetError(
                f"wanted each subject once, found {twice!r} again in other letters: {dataset / TABLE_NAME}"
            )
    return Attributes({n: {s.casefold(): value for s, value in t.items()} for n, t in tables.items()})
