"""Networks written for other programs (`mavfer export-model`): found by the weights that they were made of.

They name nobody. Their metadata holds the SHA-256 of the run's weights, so that they are known again where
the run is among the places.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from .places import head_of
from .plan import Item, Plan

WEIGHTS_NAME = "model.pt"
BEGINNINGS = (b"PK", b"\x08")
"""How they begin: a torch.export program is a zip archive, an ONNX file has its version's number first."""
CHUNK = 1 << 22


def plan_exported(plan: Plan, learned: Sequence[Path], *, runs_too: bool) -> None:
    """Plan that networks exported from runs that learned from the subject are named, or go with `runs_too`.

    Parameters
    ----------
    learned : folders of those runs
    """
    runs = {
        _sha256(path): folder for folder in learned if (path := folder / WEIGHTS_NAME) in plan.places.files
    }
    if not runs:
        return
    for path in plan.places.files:
        if plan.goes(path) or path in plan.known or path.parent in learned:
            continue
        run = _run_of(path, runs)
        if run is None:
            continue
        if runs_too:
            what = f"a network for other programs, exported from {run}, which learned from them"
            plan.add(Item(kind="run", path=path, what=what, remove=(path,)))
        else:
            plan.stay(
                path,
                f"exported from a run that was trained on the subject: a network cannot unlearn: {run}",
                "pass --runs-too to remove it with the run, and export one that is trained anew",
            )
            plan.known.add(path)


def _run_of(path: Path, runs: Mapping[str, Path]) -> Path | None:
    """Return the run that a file says it was exported from; None where it is no such network."""
    if not head_of(path, 2).startswith(BEGINNINGS):
        return None
    before = b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                text = before + chunk
                for digest, run in runs.items():
                    if digest.encode() in text:
                        return run
                before = text[-64:]
    except OSError:
        return None
    return None


def _sha256(path: Path) -> str:
    """Return the hash of a file; of one that cannot be read, a text that is in no other."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return f"unreadable: {path}"
