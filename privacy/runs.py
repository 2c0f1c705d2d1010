"""A subject out of what was made with networks: runs, evaluations, cards, features, predictions, pages.

A network cannot unlearn. Its run stays, with `forgotten-1` in the name's place, unless it is to go whole.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomlkit

from ..errors import MavferError, OutputError
from ..output import new_file
from .exported import plan_exported
from .found import EVALUATION_NAME, GROUPS_EVALUATION_NAME, LISTS, Found, names_in
from .person import MASK, Person
from .plan import Item, Plan, require_alone

RUN_NAME, CARD_NAMES = "run.toml", ("model-card.md", "model-card.html")
LEARNED_FROM = ("training_subjects", "pretrained_subjects")
WORDS = {"run.toml": "run", "groups.toml": "run", "features.toml": "features", "fusion.toml": "run"}


def plan_runs(
    plan: Plan, found: Found, person: Person, *, again: Collection[Path] = (), runs_too: bool = False
) -> None:
    """Plan that the subject leaves every run; with `runs_too`, that runs which learned from them go whole.

    Parameters
    ----------
    again : run folders that an interrupted call was to change
    """
    learned = [
        path.parent
        for path, table in found.networks.items()
        if path.name == RUN_NAME
        and any(person.is_named(one) for key in LEARNED_FROM for one in table.get(key, ()))
    ]
    plan_exported(plan, learned, runs_too=runs_too)
    if runs_too:
        for folder in sorted(learned):
            if not plan.goes(folder):
                require_alone(plan.places, folder, also=learned)
                plan.add(
                    Item(kind="run", path=folder, what="a network that learned from them", remove=(folder,))
                )
    _plan_predictions(plan, found, person)
    _plan_explanations(plan, found, person)
    folders = {path.parent for path in (*found.networks, *found.evaluations)}
    for folder in sorted(folders):
        if not plan.goes(folder):
            _plan_folder(plan, found, person, folder, again=folder in again)
    for folder in plan.places.folders:
        if folder.name.endswith(".unfinished") and (folder / "state.pt") in plan.places.files:
            plan.stay(
                folder,
                "a training that has not ended; whom it learns from does not stand in it",
                "end and remove it, or let it end and call again",
            )


def _plan_folder(plan: Plan, found: Found, person: Person, folder: Path, *, again: bool) -> None:
    tables = {
        path: table
        for name in WORDS
        if (table := found.networks.get(path := folder / name)) is not None
        and (any(person.is_named(one) for one in names_in(table)))
    }
    run = found.networks.get(folder / RUN_NAME, {})
    page = found.evaluations.get(folder / EVALUATION_NAME, {})
    seen = [one for one in page.get("sessions", ()) if person.is_seen(one.get("subject"), one.get("session"))]
    fitted = str((page.get("postprocessing") or {}).get("fitted_on", ""))
    scored = bool(seen) or person.masked(fitted) != fitted
    vectors = _vectors(plan, found, person, folder)
    if not (tables or scored or vectors or again):
        return
    evaluation = folder / EVALUATION_NAME
    none_left = scored and len(seen) == len(page["sessions"])
    cards = [folder / name for name in CARD_NAMES if (folder / name) in plan.places.files]
    has_card = bool(cards) or (again and bool(run))
    remove = [*vectors, *cards, *([evaluation] if none_left else [])]
    plan.add(
        Item(
            kind="features" if "features.toml" in {path.name for path in tables} or vectors else "run",
            path=folder,
            what=_words(run, seen, person, n_vectors=len(vectors)),
            remove=tuple(remove),
            rewrite=lambda: _rewrite(tables, evaluation if scored and not none_left else None, person),
            rewritten=(*tables, *([evaluation] if scored and not none_left else [])),
            finish=(lambda: _card(folder)) if has_card and run else None,
        )
    )
    if any(person.is_named(one) for key in LEARNED_FROM for one in run.get(key, ())):
        plan.stay(
            folder,
            "trained on the subject: a network cannot unlearn, and its weights stay",
            "pass --runs-too to remove it, and train another on the dataset as it is then",
        )
    elif any(person.is_named(one) for one in run.get("validation_subjects", ())):
        plan.stay(
            folder,
            "its epoch was chosen by the subject's scores; its weights never saw them",
            "train another on the dataset as it is then, if even that is too much",
        )


def _words(run: Mapping[str, Any], seen: Collection[object], person: Person, *, n_vectors: int) -> str:
    told = []
    for key, words in (
        ("training_subjects", "trained on"),
        ("pretrained_subjects", "started from weights or features that saw"),
        ("validation_subjects", "chosen by"),
    ):
        if any(person.is_named(one) for one in run.get(key, ())):
            told.append(f"{words} the subject")
    if seen:
        told.append(f"scores of {len(seen)} sessions, and what pools them made anew")
    if n_vectors:
        told.append(f"features of {n_vectors} sessions")
    return "; ".join(told) or "the name in its records and its model card"


def _vectors(plan: Plan, found: Found, person: Person, folder: Path) -> list[Path]:
    """Return the feature files of the subject's sessions in a feature set."""
    if folder / "features.toml" not in found.networks:
        return []
    return [
        path
        for path in plan.places.beside(folder)
        if path.suffix == ".npy" and person.is_filmed_in(path.stem)
    ]


def _plan_predictions(plan: Plan, found: Found, person: Person) -> None:
    for path, table in sorted(found.predictions.items()):
        folder = path.parent
        if not plan.goes(folder) and person.is_seen(table.get("subject"), table.get("recording")):
            require_alone(plan.places, folder)
            plan.add(
                Item(
                    kind="prediction",
                    path=folder,
                    what=f"what a network says of session {table.get('recording')}",
                    remove=(folder,),
                )
            )


def _plan_explanations(plan: Plan, found: Found, person: Person) -> None:
    """Plan that explanations and scores by group that show the subject go: their figures pool everybody's."""
    for path, table in sorted(found.explanations.items()):
        if plan.goes(path):
            continue
        by_groups = path.name == GROUPS_EVALUATION_NAME
        names = _names_of_groups(table) if by_groups else _names_explained(table)
        pictures = any(
            person.mentioned(one.name.encode()) for one in plan.places.beside(path.parent) if not by_groups
        )
        if not (pictures or any(person.is_named(one) or person.is_filmed_in(one) for one in names)):
            continue
        if not by_groups:
            require_alone(plan.places, path.parent)
        again = "mavfer evaluate-groups" if by_groups else "mavfer explain"
        plan.add(
            Item(
                kind="evaluation" if by_groups else "explanation",
                path=path if by_groups else path.parent,
                what=f"figures and pictures that pool the subject's with others'; `{again}` makes them anew",
                remove=(path if by_groups else path.parent,),
            )
        )


def _names_explained(table: Mapping[str, Any]) -> list[object]:
    by_dimension = table.get("subjects", {})
    rows = [one for found in by_dimension.values() for one in found] if isinstance(by_dimension, dict) else []
    worst = table.get("worst", [])
    names: list[object] = [one.get("name") for one in rows if isinstance(one, dict)]
    return names + [one.get("session") for one in worst if isinstance(one, dict)]


def _names_of_groups(table: object) -> list[object]:
    if isinstance(table, dict):
        own = table.get("subjects", [])
        return [
            *(own if isinstance(own, list) else []),
            *(n for one in table.values() for n in _names_of_groups(one)),
        ]
    return [name for one in table for name in _names_of_groups(one)] if isinstance(table, list) else []


def _rewrite(tables: Collection[Path], evaluation: Path | None, person: Person) -> None:
    if evaluation is not None and evaluation.is_file():
        _rewrite_evaluation(evaluation, person)
    for path in tables:
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
        plain = document.unwrap()
        taken = {one for one in names_in(plain) if re.fullmatch(rf"{MASK}-[0-9]+", one)}
        free = next(f"{MASK}-{k}" for k in range(1, len(taken) + 2) if f"{MASK}-{k}" not in taken)
        _mask(document, person, free)
        with new_file(path, overwrite=True) as temporary:
            temporary.write_text(tomlkit.dumps(document), encoding="utf-8")


def _mask(table: Any, person: Person, mask: str) -> None:
    """Put `mask` in the place of every name of the subject in the lists of subjects of a table."""
    if isinstance(table, dict):
        for key, value in table.items():
            if key in LISTS and isinstance(value, list) and all(isinstance(one, str) for one in value):
                for i, one in enumerate(value):
                    if person.is_named(str(one)):
                        value[i] = mask
            else:
                _mask(value, person, mask)
    elif isinstance(table, list):
        for one in table:
            _mask(one, person, mask)


def _rewrite_evaluation(path: Path, person: Person) -> None:
    """Write an evaluation without the subject's sessions, everything that pools them computed anew.

    Where that cannot be done - no session has a label any more, or this machine has no torch - it goes.
    """
    import json

    folder = path.parent
    try:
        from ..model.evaluation.evaluate import summed_up
        from ..model.evaluation.evaluation_file import read_evaluation, write_evaluation

        page = json.loads(path.read_text(encoding="utf-8"))
        old = read_evaluation(folder)
        kept = tuple(one for one in old.sessions if not person.is_seen(one.subject, one.session))
        n_frames = sum(len(one.time_s) for one in kept)
        new = replace(old, sessions=kept, n_frames=n_frames, fitted_on=person.masked(old.fitted_on))
        write_evaluation(
            summed_up(new) if len(kept) < len(old.sessions) else new,
            dataset=str(page["dataset"]),
            dataset_sha256=str(page["dataset_sha256"]),
        )
    except OutputError:
        raise
    except (ImportError, MavferError, ValueError, KeyError):
        path.unlink()


def _card(folder: Path) -> None:
    """Write a run's model card anew; without torch it stays away until `mavfer model-card` is called."""
    with suppress(ImportError):
        from ..model.card import write_card

        write_card(folder)
