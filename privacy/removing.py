"""A plan carried out: records are written anew, things are moved aside and deleted, reports are made anew.

Killed at any moment, the same call finishes it: what is moved aside is known, each step is harmless twice.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from ..errors import OutputError
from .places import ASIDE
from .plan import Plan

Progress = Callable[[int, int], None]


def hold_all(plan: Plan, stack: ExitStack) -> None:
    """Keep everybody else from what is about to change; raises before any change where one is at work."""
    held: set[Path] = set()
    for item in plan.items:
        if item.hold is not None and item.held is not None and item.held not in held:
            held.add(item.held)
            stack.enter_context(item.hold())


def carry_out(plan: Plan, *, on_progress: Progress | None = None) -> None:
    """Do what is planned, in an order in which nothing is left that names what is gone.

    First all records are written anew, then all that goes is moved aside, which takes a moment; only then is
    it deleted, and reports are made anew.

    Parameters
    ----------
    on_progress : told (bytes deleted, bytes in all)

    Raises
    ------
    OutputError
        The disk or the rights refuse; the same call goes on from there.
    """
    total = sum(item.n_bytes for item in plan.items)
    done = 0
    aside: list[tuple[Path, int]] = []
    for item in plan.items:
        for path in item.rewritten:
            _sweep(path)
        if item.rewrite is not None:
            item.rewrite()
    changed: set[Path] = set()
    for item in plan.items:
        moved = [_moved(path) for path in item.remove if path.is_symlink() or path.exists()]
        aside += [(path, item.n_bytes if i == 0 else 0) for i, path in enumerate(moved)]
        changed |= {path.parent for path in item.remove}
    _sync(changed)
    for path, n_bytes in aside:
        _delete(path)
        done += n_bytes
        if on_progress is not None:
            on_progress(done, max(total, 1))
    _sync(changed)
    for item in plan.items:
        if item.finish is not None and item.path.exists():
            item.finish()


def _sweep(path: Path) -> None:
    """Take away what an earlier attempt to write a file has left half-written."""
    for leftover in path.parent.glob(f".{_escaped(path.name)}.partial-*"):
        leftover.unlink(missing_ok=True)


def _escaped(name: str) -> str:
    return "".join(f"[{one}]" if one in "*?[" else one for one in name)


def _moved(path: Path) -> Path:
    """Return the folder beside `path` that it was moved into: the same file system, one rename."""
    if path.name.startswith(ASIDE):
        return path
    number = 0
    while True:
        folder = path.with_name(f"{ASIDE}{os.getpid()}-{number}")
        try:
            folder.mkdir()
            break
        except FileExistsError:
            number += 1
        except OSError as error:
            raise _refused(error, path) from error
    try:
        path.replace(folder / path.name)
    except OSError as error:
        folder.rmdir()
        raise _refused(error, path) from error
    return folder


def _delete(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise _refused(error, path) from error


def _refused(error: OSError, path: Path) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(
        f"cannot remove it: {reason}; mend that, and call again, which goes on from here: {path}"
    )


def _sync(folders: Iterable[Path]) -> None:
    """Have the disk know that names are gone; Windows does so by itself."""
    if sys.platform == "win32":
        return
    for folder in folders:
        try:
            handle = os.open(folder, os.O_RDONLY)
        except OSError:
            continue
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
