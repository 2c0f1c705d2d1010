"""What an interrupted forgetting leaves, so that the next call finishes it: one small file in each place.

It goes when all is done. It names things by path and by inode: what is new under an old name is left alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..output import new_file
from .person import Person
from .plan import Item, Plan

BEGIN, END = ".forgetting-", ".json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Journal:
    """What interrupted calls have found and meant to do.

    Attributes
    ----------
    names, sessions : of the subject
    items : what they were to remove or rewrite, as tables
    files : where this was read, to be removed when all is done
    """

    names: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()
    items: tuple[dict[str, Any], ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def begun(self) -> bool:
        """Whether a call was interrupted."""
        return bool(self.files)

    def paths(self, *kinds: str) -> frozenset[Path]:
        """Return the things of some kinds that were to be changed."""
        return frozenset(Path(str(one["path"])) for one in self.items if one["kind"] in kinds)


def is_journal(path: Path) -> bool:
    """Whether a file is one."""
    return path.name.startswith(BEGIN) and path.name.endswith(END)


def name_of(subject: str) -> str:
    """Return the name of a subject's journal, which does not say who it is."""
    return f"{BEGIN}{hashlib.sha256(subject.casefold().encode()).hexdigest()[:16]}{END}"


def read_journals(roots: Iterable[Path], subject: str) -> Journal:
    """Return what interrupted calls for a subject have left in some places, joined."""
    names: set[str] = set()
    sessions: set[str] = set()
    items: dict[tuple[str, str], dict[str, Any]] = {}
    files: list[Path] = []
    for folder in _folders(roots):
        path = folder / name_of(subject)
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            names |= set(table["names"])
            sessions |= set(table["sessions"])
            for one in table["items"]:
                items.setdefault((one["kind"], one["path"]), one)
            files.append(path)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it was never written, or by somebody else
    return Journal(frozenset(names), frozenset(sessions), tuple(items.values()), tuple(files))


def _folders(roots: Iterable[Path]) -> list[Path]:
    whole = [root.resolve() for root in roots]
    return list(dict.fromkeys(folder for root in whole for folder in (root, root.parent)))


def plan_left(plan: Plan, journal: Journal) -> None:
    """Plan the removal of what an interrupted call was to remove and is there still, the same as it was."""
    for item in journal.items:
        left = [
            Path(str(path)) for path, device, inode in item.get("remove", ()) if _is_same(path, device, inode)
        ]
        left = [path for path in left if not plan.goes(path)]
        if left:
            path = Path(str(item["path"]))
            plan.add(Item(kind="leftover", path=path, what=str(item["what"]), remove=tuple(left)))


def _is_same(path: str, device: int, inode: int) -> bool:
    try:
        status = Path(path).lstat()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (device, inode)


def write_journals(plan: Plan, person: Person, journal: Journal) -> list[Path]:
    """Write down what is about to be done and return where; earlier journals' items stay in it."""
    items = {(one["kind"], one["path"]): one for one in journal.items}
    for item in plan.items:
        key = (item.kind, str(item.path))
        if key not in items:
            items[key] = {
                "kind": item.kind,
                "path": str(item.path),
                "action": item.action,
                "what": item.what,
                "n_files": item.n_files,
                "n_bytes": item.n_bytes,
                "remove": [_known(path) for path in item.remove],
            }
    table = {
        "kind": "forgetting",
        "schema_version": SCHEMA_VERSION,
        "names": sorted(person.names),
        "sessions": sorted(person.sessions),
        "items": list(items.values()),
    }
    written = []
    for root in plan.places.roots:
        folder = root.parent if plan.goes(root) else root
        path = folder / name_of(person.asked)
        with new_file(path, overwrite=True) as temporary:
            temporary.write_text(json.dumps(table) + "\n", encoding="utf-8")
        written.append(path)
    return written


def _known(path: Path) -> list[Any]:
    status = path.lstat()
    return [str(path), status.st_dev, status.st_ino]
