"""What is to be done, before any of it is: things to remove, files to rewrite, and what stays and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..errors import MavferError
from .places import Places

Kind = Literal[
    "session",
    "truth",
    "ratings",
    "study",
    "dataset",
    "build",
    "features",
    "run",
    "evaluation",
    "explanation",
    "prediction",
    "table",
    "shards",
    "page",
    "leftover",
    "other",
]


class ForgetError(MavferError):
    """A subject is not known, or cannot be forgotten as things stand; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that is removed or rewritten.

    Attributes
    ----------
    path : the thing;  what : what becomes of it, in words
    remove : files and folders that go, after `rewrite`, so that nothing names what is gone
    rewrite : writes files of it anew, each whole or not at all; harmless when done twice
    rewritten : those files
    finish : what is made anew when all is removed, such as a dataset's report; harmless when done twice
    hold : keeps others from it while all of this happens, or raises where somebody is at work on it
    held : what `hold` holds, where that is not `path`: it is held once for all items that name it
    n_files, n_bytes : that go or are rewritten, and what goes
    """

    kind: Kind
    path: Path
    what: str
    remove: tuple[Path, ...] = ()
    rewrite: Callable[[], None] | None = None
    rewritten: tuple[Path, ...] = ()
    finish: Callable[[], None] | None = None
    hold: Callable[[], AbstractContextManager[None]] | None = None
    held: Path | None = None
    n_files: int = 0
    n_bytes: int = 0

    @property
    def action(self) -> str:
        """ "removed" where the thing itself goes, "rewritten" where it stays without the subject."""
        return "removed" if self.rewrite is None and not self.rewritten else "rewritten"


@dataclass(frozen=True, slots=True)
class Stay:
    """One thing that stays although it has to do with the subject: why, and what can be done."""

    path: str
    why: str
    do: str


@dataclass(slots=True)
class Plan:
    """What is to be done, in order.

    Attributes
    ----------
    known : files that an item removes or rewrites, or of which it was said why they stay
    strangers : files that a record says are somebody else's, whatever bytes they hold
    """

    places: Places
    items: list[Item] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    known: set[Path] = field(default_factory=set)
    strangers: set[Path] = field(default_factory=set)
    _gone: set[Path] = field(default_factory=set)

    def add(self, item: Item) -> None:
        """Add an item, counted: its files, and the bytes of those that go."""
        remove = tuple(path for path in item.remove if not self.goes(path))
        going = set(self.files_of(remove))
        rewritten = [path for path in item.rewritten if not self.goes(path) and path not in going]
        self.known |= going | set(rewritten)
        self._gone |= set(remove)
        facts = self.places.files
        self.items.append(
            Item(
                kind=item.kind,
                path=item.path,
                what=item.what,
                remove=remove,
                rewrite=item.rewrite,
                rewritten=tuple(rewritten),
                finish=item.finish,
                hold=item.hold,
                held=item.held or item.path,
                n_files=len(going) + len(rewritten) + item.n_files,
                n_bytes=sum(facts[path].n_bytes for path in going if path in facts) + item.n_bytes,
            )
        )

    def stay(self, path: Path | str, why: str, do: str) -> None:
        """Add something that stays."""
        self.stays.append(Stay(str(path), why, do))

    def goes(self, path: Path) -> bool:
        """Whether a path, or a folder that it lies in, is removed."""
        return path in self._gone or any(parent in self._gone for parent in path.parents)

    def files_of(self, paths: Iterable[Path]) -> Iterable[Path]:
        """Yield the files at or below paths."""
        for path in paths:
            if path in self.places.files:
                yield path
            else:
                yield from self.places.within(path)

    @property
    def going(self) -> set[Path]:
        """Every file that goes."""
        return {path for item in self.items for path in self.files_of(item.remove)}


MARKS = ("session.toml", "study.toml", "dataset.toml", "run.toml")


def require_alone(places: Places, folder: Path, *, also: Iterable[Path] = ()) -> None:
    """Raise ForgetError where a folder that is to go holds a session, study, dataset or run of others.

    Parameters
    ----------
    also : folders that go as well
    """
    going = {folder, *also}
    for path in places.within(folder):
        if path.name in MARKS and path.parent not in going:
            raise ForgetError(
                f"wanted a folder with nothing in it but the subject's, found {path.relative_to(folder)} "
                f"in it, which may be others'; move it out and call again: {folder}"
            )
