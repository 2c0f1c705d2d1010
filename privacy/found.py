"""The records that lie in the places, each read once: who was filmed in which session.

A record that does not read is listed, so that it is not taken for one that says nothing of the subject.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..capture.recovery import SEGMENTS
from ..capture.session import RECORD_NAME as SESSION_NAME
from ..errors import MavferError
from ..preprocess.building.workplace import FINISHED
from ..preprocess.dataset.record import RECORD_NAME as DATASET_NAME
from ..preprocess.dataset.record import DatasetRecord, SessionRecord, read_record
from .places import Places, head_of

EVALUATION_NAME, GROUPS_EVALUATION_NAME = "evaluation.json", "evaluation-groups.json"
EXPLANATION_NAME, PREDICTION_NAME = "explain.json", "prediction.toml"
HEADER_BYTES = 1 << 16
"""Of a recorder's file: its header, which names the subject, lies at its beginning."""
LISTS = (
    "training_subjects",
    "validation_subjects",
    "pretrained_subjects",
    "subjects",
    "subjects_seen",
    "unknown",
    "fitted_on",
)
"""Keys of the TOML files about networks under which names of subjects stand, at any depth."""
ABOUT_NETWORKS = ("run.toml", "groups.toml", "features.toml", "fusion.toml")


@dataclass(frozen=True, slots=True)
class Sighting:
    """A session of a subject, as some record says: of a dataset with hashes of the recording and its file."""

    subject: str
    session: str
    hashes: frozenset[str] = frozenset()


@dataclass(slots=True)
class Found:
    """What was read.

    Attributes
    ----------
    sessions : by folder, (subject, id) of a recorded session
    elsewhere : by folder, where recorders on other machines keep files of it, in words
    datasets : by folder
    built : by path of a note in `.NAME.building/finished`
    evaluations, explanations, predictions, networks : by path, as the file has it
    doubtful : records that do not read, and why
    """

    places: Places
    sessions: dict[Path, tuple[str, str]] = field(default_factory=dict)
    elsewhere: dict[Path, str] = field(default_factory=dict)
    datasets: dict[Path, DatasetRecord] = field(default_factory=dict)
    built: dict[Path, SessionRecord] = field(default_factory=dict)
    evaluations: dict[Path, dict[str, Any]] = field(default_factory=dict)
    explanations: dict[Path, dict[str, Any]] = field(default_factory=dict)
    predictions: dict[Path, dict[str, Any]] = field(default_factory=dict)
    networks: dict[Path, dict[str, Any]] = field(default_factory=dict)
    doubtful: list[tuple[Path, str]] = field(default_factory=list)

    def sightings(self) -> Iterator[Sighting]:
        """Yield every session of every subject."""
        for subject, session in self.sessions.values():
            yield Sighting(subject, session)
        for entry in (
            *self.built.values(),
            *(one for data in self.datasets.values() for one in data.sessions),
        ):
            hashes = {one for one in (entry.source_sha256, entry.sha256) if one}
            yield Sighting(entry.subject, entry.id, frozenset(hashes))
        for page in self.evaluations.values():
            for one in page.get("sessions", ()):
                yield Sighting(str(one["subject"]), str(one["session"]))
        for page in self.predictions.values():
            yield Sighting(str(page.get("subject", "")), str(page.get("recording", "")))

    def names(self) -> Iterator[str]:
        """Yield every subject that is named somewhere, as often as it is."""
        yield from (one.subject for one in self.sightings())
        for data in self.datasets.values():
            for scheme in data.splits:
                yield from (*scheme.subjects, *scheme.folds)
        for page in self.networks.values():
            yield from names_in(page)


def names_in(table: Any) -> Iterator[str]:
    """Yield the names of subjects in a table about networks."""
    if isinstance(table, dict):
        for key, value in table.items():
            if key in LISTS and isinstance(value, list) and all(isinstance(one, str) for one in value):
                yield from (str(one) for one in value)
            else:
                yield from names_in(value)
    elif isinstance(table, list):
        for one in table:
            yield from names_in(one)


def read_all(places: Places) -> Found:
    """Return what the records in the places say."""
    found = Found(places)
    _read_sessions(found)
    for path in places.named(DATASET_NAME):
        try:
            found.datasets[path.parent] = read_record(path.parent)
        except MavferError as error:
            found.doubtful.append((path, str(error)))
    for path in places.files:
        if path.suffix == ".toml" and path.parent.name == FINISHED and not path.name.startswith("."):
            _read_note(path, found)
    for name, kept in (
        (EVALUATION_NAME, found.evaluations),
        (GROUPS_EVALUATION_NAME, found.explanations),
        (EXPLANATION_NAME, found.explanations),
    ):
        for path in places.named(name):
            _read(path, kept, found)
    for path in places.named(PREDICTION_NAME):
        _read(path, found.predictions, found)
    for path in places.named(*ABOUT_NETWORKS):
        _read(path, found.networks, found)
    return found


def _read_sessions(found: Found) -> None:
    for path in found.places.named(SESSION_NAME):
        _read_session(path, found)
    for folder in {path.parent for path in found.places.files if path.match(SEGMENTS)}:
        if folder not in found.sessions and folder.name != "torn":
            told = _told_by_headers(folder)
            if told is None:
                found.doubtful.append((folder, "its record and its files' headers do not say who was filmed"))
            else:
                found.sessions[folder] = told


def _read_session(path: Path, found: Found) -> None:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        found.sessions[path.parent] = str(table["subject"]), str(table["id"])
        far = [
            f"{one['folder']} on {one.get('host', 'another machine')}"
            for one in table.get("recorders", {}).values()
            if one.get("folder")
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # damaged: its recorders' files are asked
    if far:
        found.elsewhere[path.parent] = ", ".join(far)


def _told_by_headers(folder: Path) -> tuple[str, str] | None:
    """Return (subject, id) as the header of a recorder's file says, torn or not."""
    for path in sorted(folder.glob(SEGMENTS)):
        head = head_of(path, HEADER_BYTES)
        subject = re.search(rb'"subject"\s*:\s*"([A-Za-z0-9_.-]{1,64})"', head)
        name = re.search(rb'"id"\s*:\s*"([^"\\]{1,200})"', head)
        if subject is not None:
            return subject[1].decode(), name[1].decode(errors="replace") if name else folder.name
    return None


def _read_note(path: Path, found: Found) -> None:
    from ..config import read_toml

    try:
        found.built[path] = read_toml(path, SessionRecord)
    except MavferError as error:
        found.doubtful.append((path, str(error)))


def _read(path: Path, kept: dict[Path, dict[str, Any]], found: Found) -> None:
    try:
        text = path.read_text(encoding="utf-8")
        table = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        if not isinstance(table, dict):
            raise ValueError("it holds no table")
        for one in table.get("sessions", ()) if path.name == EVALUATION_NAME else ():
            _ = one["subject"], one["session"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        found.doubtful.append((path, f"it does not read ({error})"))
        return
    kept[path] = table
