"""A subject's recorded sessions, whole, with the simulated truth beside them; and their ratings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..annotate.trace import DIMENSIONS
from ..capture.session_writer import being_written
from .found import Found
from .person import Person
from .places import head_of
from .plan import ForgetError, Item, Plan, require_alone

RATED = re.compile(rf"(?P<session>.+)\.[A-Za-z0-9_-]+\.(?:{'|'.join((*DIMENSIONS, 'both'))})(?:\.events)?")
"""The stem of a trace, a gold standard, or the raw events of a take."""
HEAD = 600
"""Bytes of a header in which its kind and its session stand."""
RATINGS = ("trace", "gold", "trace events")


def plan_sessions(plan: Plan, found: Found, person: Person) -> None:
    """Plan the removal of every recorded session of the subject."""
    theirs = [folder for folder, (subject, _) in found.sessions.items() if person.is_named(subject)]
    for folder in sorted(theirs):
        if plan.goes(folder):
            continue
        require_alone(plan.places, folder, also=theirs)
        truth = folder.with_name(f"{folder.name}.truth.npz")
        beside = truth.is_file() and not truth.is_symlink()
        outside = beside and truth not in plan.places.files  # the session's folder is the place itself
        _, name = found.sessions[folder]
        plan.add(
            Item(
                kind="session",
                path=folder,
                what=f"session {name}, as recorded",
                remove=(folder, truth) if beside else (folder,),
                n_files=int(outside),
                n_bytes=truth.stat().st_size if outside else 0,
                hold=lambda folder=folder: _not_recorded(folder),
            )
        )
        if folder in found.elsewhere:
            plan.stay(
                found.elsewhere[folder],
                f"recorders of session {name} kept their files on their own machines",
                "delete them there; `mavfer collect` would bring them back",
            )
    for folder in set(found.sessions) - set(theirs):
        plan.strangers |= set(plan.places.beside(folder))
    for path in plan.places.files:
        name = path.name.removesuffix(".truth.npz")
        orphan = path.name.endswith(".truth.npz") and path.with_name(name) not in found.sessions
        if orphan and not plan.goes(path) and person.is_filmed_in(name):
            plan.add(Item(kind="truth", path=path, what=f"simulated truth of session {name}", remove=(path,)))


@contextmanager
def _not_recorded(folder: Path) -> Iterator[None]:
    if folder.is_dir() and (file := being_written(folder)) is not None:
        raise ForgetError(f"a recorder still writes into the session; stop it first: {file}")
    yield


def plan_ratings(plan: Plan, person: Person) -> None:
    """Plan the removal of traces, gold standards and raw events of the subject's sessions."""
    by_folder: dict[Path, list[Path]] = {}
    for path in plan.places.files:
        if path.suffix not in (".csv", ".json") or plan.goes(path):
            continue
        session = _session_rated(path)
        if session is not None and person.is_filmed_in(session):
            by_folder.setdefault(path.parent, []).append(path)
        elif session in person.sessions:
            plan.stay(
                path,
                f"it rates session {session}, and a session of another subject has that id too",
                f"pass --session {session} if it is this subject's",
            )
            plan.known.add(path)
    for folder, paths in sorted(by_folder.items()):
        sessions = sorted({str(_session_rated(path)) for path in paths})
        plan.add(
            Item(
                kind="ratings",
                path=folder,
                what=f"ratings of {', '.join(sessions)}: traces, events, gold standards",
                remove=tuple(sorted(paths)),
            )
        )


def _session_rated(path: Path) -> str | None:
    """Return the session that a rating is of: as its header says, or else its name; None of other files."""
    by_name = RATED.fullmatch(path.name.removesuffix(path.suffix))
    named = by_name["session"] if by_name is not None else None
    start = head_of(path if path.suffix == ".json" else path.with_suffix(".json"), HEAD)
    kind = re.search(rb'"kind"\s*:\s*"([a-z ]+)"', start)
    session = re.search(rb'"session"\s*:\s*("(?:[^"\\]|\\.)*")', start)
    if kind is None or kind[1].decode() not in RATINGS or session is None:
        return named
    try:
        return str(json.loads(session[1]))
    except ValueError:
        return named
