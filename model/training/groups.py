"""The second stage of DSAN's training: a run's network is trained on, on each demographic group by itself.

A reading of Fan, Li and Lam (IEEE TAFFC 2020), whose abstract tells of two stages that use race, gender and
age: stage one is `train` on all subjects, with the attributes as a second task where they are asked for;
stage two starts from its weights, once per group, at a lower learning rate. Groups of few subjects keep the
weights of stage one. Any network can take part. Test subjects are never read here.
"""

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomlkit

from ...errors import DatasetError, ModelError
from ...output import new_folder, require_folder_free
from ...preprocess.dataset.clips import Dataset, open_dataset, sha256_of_file
from ..card import write_card
from ..checkpoint import (
    HISTORY_NAME,
    RUN_NAME,
    WEIGHTS_NAME,
    RunRecord,
    learned_from,
    path_from,
    read_run_record,
)
from ..data.attributes import Attributes, read_attributes
from .config import TrainConfig
from .groups_file import GROUPS_NAME, STAGE_ONE, GroupRecord, GroupsRecord, write_groups
from .recipe import recipe_of
from .train import train

LR_SHARE = 0.1
LENGTH_SHARE = 0.25
"""Of stage one's learning rate and of its length: readings, for the paper is not at hand."""
MIN_SUBJECTS = 3


@dataclass(frozen=True, slots=True)
class Group:
    """The subjects of one value of an attribute, in the training and the validation split."""

    value: str
    subjects: tuple[str, ...]
    validation_subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupsReport:
    """What fine-tuning came to; `runs` holds the record of each group that was trained on."""

    path: Path
    record: GroupsRecord
    runs: Mapping[str, RunRecord]


def fine_tune(
    run: Path,
    *,
    by: str,
    out: Path,
    dataset: Path | None = None,
    min_subjects: int = MIN_SUBJECTS,
    changes: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> GroupsReport:
    """Train the network of `run` on, once per group of training subjects, and write the folder `out`.

    Parameters
    ----------
    by : a column of DATASET/subjects.csv, such as "sex"
    dataset : where the dataset lies that the run learned from; None: where it lay
    min_subjects : training subjects that a group must have to be trained on
    changes : of the run's `TrainConfig`, such as {"steps": 100}; else a quarter of its length and a tenth
        of its learning rate
    on_progress : called with the steps done and the steps planned, over all groups

    Raises
    ------
    DatasetError
        The dataset is missing or does not say who belongs where, or no group is large enough.
    ModelError
        The run is damaged or learned from another dataset, or training diverged.
    """
    say = on_message or (lambda _line: None)
    require_folder_free(out, marker=GROUPS_NAME, overwrite=overwrite)
    record = read_run_record(run)
    path = dataset if dataset is not None else (run / record.dataset).resolve()
    data = open_dataset(path, split_name=record.config.split, fold=record.config.fold)
    if not learned_from(record, data):
        raise ModelError(
            f"wanted the dataset and split that the run learned from, found others; train it again: {path}"
        )
    groups, unknown = groups_of(data, _attributes(path, by), by)
    _require_large_group(groups, by, min_subjects, path)
    config = _stage_two(run, record, changes or {})
    large = [group for group in groups if len(group.subjects) >= min_subjects]
    trained: dict[str, RunRecord] = {}
    listed: list[GroupRecord] = []
    with new_folder(out, marker=GROUPS_NAME, overwrite=overwrite) as folder:
        _copy_run(run, folder / STAGE_ONE, final=out / STAGE_ONE, record=record, dataset=path)
        for group, name in zip(groups, _folder_names(groups), strict=True):
            if group in large:
                subjects = (*group.subjects, *group.validation_subjects)
                say(f"{by} {group.value}: trained on with {', '.join(group.subjects)}")
                report = train(
                    path,
                    config=config.model_copy(update={"subjects": subjects}),
                    out=folder / name,
                    on_progress=_counted(on_progress, done=len(trained), of=len(large)),
                    on_message=lambda line, value=group.value: say(f"{by} {value}: {line}"),
                )
                trained[group.value] = report.record
            listed.append(_listed(group, name if group in large else STAGE_ONE))
        groups_record = GroupsRecord(
            by=by,
            min_subjects=min_subjects,
            groups=tuple(listed),
            unknown=unknown,
            started_from=f"{run.resolve().name}, sha256 {sha256_of_file(run / WEIGHTS_NAME)}",
            simulated=record.simulated or data.record.simulated,
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        write_groups(folder, groups_record)
    return GroupsReport(out, groups_record, trained)


def groups_of(data: Dataset, attributes: Attributes, by: str) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """Return the groups that have training subjects, by value, and the training subjects of unknown value."""
    training = sorted({session.subject for session in data.split("train")})
    validation = sorted({session.subject for session in data.split("validation")})
    groups = []
    for value in attributes.classes(by):
        own = tuple(subject for subject in training if attributes.value(subject, by) == value)
        chosen_by = tuple(subject for subject in validation if attributes.value(subject, by) == value)
        if own:
            groups.append(Group(value, own, chosen_by))
    return tuple(groups), tuple(subject for subject in training if attributes.value(subject, by) is None)


def _attributes(dataset: Path, by: str) -> Attributes:
    try:
        return read_attributes(dataset, (by,))
    except DatasetError as error:
        raise DatasetError(f"groups want to know each subject's {by!r}; {error}") from error


def _require_large_group(groups: Sequence[Group], by: str, min_subjects: int, dataset: Path) -> None:
    found = ", ".join(f"{group.value} {len(group.subjects)}" for group in groups)
    if len(groups) < 2:
        raise DatasetError(
            f"wanted training subjects of two groups by {by!r} or more, found {found or 'none'}: {dataset}"
        )
    if all(len(group.subjects) < min_subjects for group in groups):
        raise DatasetError(
            f"wanted a group by {by!r} of at least {min_subjects} training subjects, found {found}; "
            f"pass a lower --min-subjects: {dataset}"
        )


def _stage_two(run: Path, record: RunRecord, changes: Mapping[str, Any]) -> TrainConfig:
    """Return what each group is trained with: the run's network and inputs, from the run's weights."""
    config = record.config
    recipe = recipe_of(config, n_classes=len(record.classes))
    now = recipe.options.model_dump(mode="json")
    then = record.network_options.model_dump(mode="json")
    options = {name: value for name, value in then.items() if now[name] != value}
    if "attribute_weight" in then:
        options["attribute_weight"] = 0.0  # within a group the attribute is known
    length: dict[str, Any] = {"steps": max(1, round(LENGTH_SHARE * recipe.steps)), "epochs": None}
    if recipe.epochs is not None:
        length = {"steps": None, "epochs": max(1, round(LENGTH_SHARE * recipe.epochs))}
    if changes.get("steps") or changes.get("epochs"):
        length = {"steps": None, "epochs": None}
    table = config.model_dump() | {
        "set": config.set | options,
        "weights": str(run),
        "lr": LR_SHARE * recipe.lr,
        "max_minutes": None,
        "devices": 1,
        "logs": (),
        **length,
        **changes,
    }
    return TrainConfig.model_validate(table)


def _listed(group: Group, run: str) -> GroupRecord:
    return GroupRecord(
        value=group.value,
        run=run,
        fine_tuned=run != STAGE_ONE,
        subjects=group.subjects,
        validation_subjects=group.validation_subjects,
    )


def _folder_names(groups: Sequence[Group]) -> list[str]:
    """Return a folder name for each group: its value in plain letters, with a number where two are alike."""
    names: list[str] = []
    for group in groups:
        plain = re.sub(r"[^\w.-]+", "-", group.value.casefold(), flags=re.ASCII).strip(".-") or "group"
        taken = plain in (*names, STAGE_ONE, GROUPS_NAME)
        names.append(f"{plain}-{len(names) + 1}" if taken else plain)
    return names


def _copy_run(run: Path, to: Path, *, final: Path, record: RunRecord, dataset: Path) -> None:
    """Copy a run's files into the folder `to`, which will be `final`; its dataset is found from there."""
    to.mkdir()
    for name in (WEIGHTS_NAME, HISTORY_NAME):
        if (run / name).is_file():
            shutil.copy2(run / name, to / name)
    moved = record.model_copy(update={"dataset": path_from(final, dataset)})
    table = moved.model_dump(mode="json", exclude_none=True)
    (to / RUN_NAME).write_text(tomlkit.dumps(table), encoding="utf-8")
    write_card(to)


def _counted(
    on_progress: Callable[[int, int], None] | None, *, done: int, of: int
) -> Callable[[int, int], None] | None:
    """Return what is told of one group's steps, as part of all groups'."""
    if on_progress is None:
        return None
    return lambda step, steps: on_progress(done * steps + step, of * steps)
