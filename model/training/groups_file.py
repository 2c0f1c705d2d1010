"""A GROUPS folder: `groups.toml` (who belongs where), and a RUN folder for stage one and for each group."""

from pathlib import Path
from typing import Literal

import tomlkit
from pydantic import Field

from ...config import StrictModel, read_toml
from ...errors import ConfigError, ModelError

GROUPS_NAME = "groups.toml"
STAGE_ONE = "stage-one"
"""The folder of the run that all groups start from, and that subjects without a group of their own get."""


class GroupRecord(StrictModel):
    """One group of subjects.

    Attributes
    ----------
    value : of the attribute, such as "female"
    run : the folder of its network, from the folder of `groups.toml`
    fine_tuned : False where the group has too few subjects, so that its network is that of stage one
    subjects, validation_subjects : of the group, in the dataset's training and validation splits
    """

    value: str
    run: str
    fine_tuned: bool
    subjects: tuple[str, ...]
    validation_subjects: tuple[str, ...] = ()


class GroupsRecord(StrictModel):
    """What `groups.toml` holds.

    Attributes
    ----------
    by : the attribute, a column of DATASET/subjects.csv
    min_subjects : training subjects that a group must have to be fine-tuned
    unknown : training subjects of whom the attribute is not known; stage one alone has learned from them
    started_from : name of the run of stage one and the hash of its weights
    """

    schema_version: Literal[1] = 1
    by: str
    min_subjects: int = Field(ge=1)
    groups: tuple[GroupRecord, ...]
    unknown: tuple[str, ...] = ()
    started_from: str
    simulated: bool
    created_utc: str

    def run_of(self, value: str | None) -> str:
        """Return the folder of the network for subjects whose attribute has `value`, None where unknown."""
        return next((group.run for group in self.groups if group.value == value), STAGE_ONE)


def write_groups(folder: Path, record: GroupsRecord) -> None:
    """Write `groups.toml` into `folder`."""
    table = record.model_dump(mode="json", exclude_none=True)
    (folder / GROUPS_NAME).write_text(tomlkit.dumps(table), encoding="utf-8")


def read_groups(path: Path) -> GroupsRecord:
    """Return the record of the networks by group at `path`.

    Raises
    ------
    ModelError
        There is none, it is damaged, or one of its runs lies elsewhere.
    """
    if not (path / GROUPS_NAME).is_file():
        raise ModelError(
            f"wanted a folder with {GROUPS_NAME}, found none; make one with `mavfer fine-tune`: {path}"
        )
    try:
        record = read_toml(path / GROUPS_NAME, GroupsRecord)
    except ConfigError as error:
        raise ModelError(f"wanted a readable {GROUPS_NAME}, found: {error}") from error
    for group in record.groups:
        if Path(group.run).name != group.run:
            raise ModelError(
                f"wanted a folder beside {GROUPS_NAME}, found run {group.run!r}: {path / GROUPS_NAME}"
            )
    return record
