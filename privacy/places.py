"""What lies under the folders that are asked for. No file is read, and no link is followed."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UsageError

ASIDE = ".forgotten-"
"""How a folder begins into which things are moved before they are deleted."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the file system says of a file: bytes, and who it is, whatever its name."""

    n_bytes: int
    device: int
    inode: int
    n_names: int

    @property
    def identity(self) -> tuple[int, int]:
        """The same for all hard links of one file, and for no other file."""
        return self.device, self.inode


@dataclass(slots=True)
class Places:
    """The folders that are gone through, and what was found in them.

    Attributes
    ----------
    roots : without links, none within another
    files : every file, sorted by path;  folders : every folder below the roots and the roots
    links : symbolic links, none of which is followed
    aside : folders that an interrupted forgetting has left
    unreadable : folders that may not be listed, with the reason
    """

    roots: tuple[Path, ...]
    files: dict[Path, FileFacts] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)
    aside: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    _sorted: list[str] = field(default_factory=list)

    def named(self, *names: str) -> list[Path]:
        """Return the files with one of these names."""
        return [path for path in self.files if path.name in names]

    def within(self, folder: Path) -> Iterator[Path]:
        """Yield the files below a folder, at any depth."""
        start = f"{folder}{os.sep}"
        at = bisect_left(self._sorted, start)
        while at < len(self._sorted) and self._sorted[at].startswith(start):
            yield Path(self._sorted[at])
            at += 1

    def beside(self, folder: Path) -> Iterator[Path]:
        """Yield the files that lie in a folder itself."""
        return (path for path in self.within(folder) if path.parent == folder)

    def holds(self, path: Path) -> bool:
        """Whether a path lies in one of the places."""
        return any(root == path or root in path.parents for root in self.roots)


def look(roots: Sequence[Path]) -> Places:
    """Return what lies under `roots`; about 5 microseconds per file.

    Raises
    ------
    UsageError
        One of them is no folder.
    """
    whole: list[Path] = []
    for root in roots:
        if not root.is_dir():
            what = "a file" if root.exists() else "nothing"
            raise UsageError(f"wanted a folder to go through, found {what}: {root}")
        whole.append(root.resolve())
    kept = {root for root in whole if not any(other in root.parents for other in whole)}
    places = Places(tuple(sorted(kept)))
    found: dict[str, FileFacts] = {}
    for root in places.roots:
        if root.name.startswith(ASIDE):
            raise UsageError(f"wanted a folder to go through, found what a forgetting left: {root}")
        _walk(root, places, found)
    places._sorted = sorted(found)
    places.files = {Path(name): found[name] for name in places._sorted}
    return places


def _walk(root: Path, places: Places, found: dict[str, FileFacts]) -> None:
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        places.folders.append(folder)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            places.unreadable.append((folder, error.strerror or str(error)))
            continue
        for entry in entries:
            path = Path(entry.path)
            if _leads_elsewhere(entry):
                places.links.append(path)
            elif entry.is_dir(follow_symlinks=False):
                (places.aside if entry.name.startswith(ASIDE) else waiting).append(path)
            elif entry.is_file(follow_symlinks=False):
                try:
                    status = path.stat() if os.name == "nt" else entry.stat(follow_symlinks=False)
                except OSError as error:
                    places.unreadable.append((path, error.strerror or str(error)))
                    continue
                if not os.access(path, os.R_OK):
                    places.unreadable.append((path, "it may not be read"))
                found[entry.path] = FileFacts(status.st_size, status.st_dev, status.st_ino, status.st_nlink)


def _leads_elsewhere(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a symbolic link, or on Windows a junction."""
    return entry.is_symlink() or bool(getattr(entry, "is_junction", bool)())


def head_of(path: Path, n_bytes: int) -> bytes:
    """Return the first bytes of a file; none of one that may not be read, or has just gone."""
    try:
        with path.open("rb") as file:
            return file.read(n_bytes)
    except OSError:
        return b""
