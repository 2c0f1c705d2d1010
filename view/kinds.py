"""What a folder is, told by the file that marks it: a session, a dataset or a run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from ..capture.session import RECORD_NAME as SESSION_RECORD
from ..errors import ConfigError
from ..preprocess.dataset.record import RECORD_NAME as DATASET_RECORD

RUN_RECORD = "run.toml"
FUSED_RECORD = "fusion.toml"
"""As in model/checkpoint.py, which takes a second to import and is not needed to tell what a folder is."""
N_NAMED = 5


class Kind(StrEnum):
    """What can be looked at."""

    SESSION = "session"
    DATASET = "dataset"
    RUN = "run"


MARKS = {
    SESSION_RECORD: Kind.SESSION,
    DATASET_RECORD: Kind.DATASET,
    RUN_RECORD: Kind.RUN,
    FUSED_RECORD: Kind.RUN,
}


def kind_of(path: Path) -> Kind:
    """Return what stands at `path`.

    Raises
    ------
    ConfigError
        It is no folder, or none of the three; the message names those that lie in it.
    """
    found = _marked(path)
    if found is not None:
        return found
    wanted = f"wanted a session ({SESSION_RECORD}), a dataset ({DATASET_RECORD}) or a run ({RUN_RECORD})"
    if not path.is_dir():
        raise ConfigError(f"{wanted}, found {'a file' if path.exists() else 'nothing'}: {path}")
    inside = sorted(one.name for one in path.iterdir() if one.is_dir() and _marked(one) is not None)
    if inside:
        more = f" and {len(inside) - N_NAMED} more" if len(inside) > N_NAMED else ""
        raise ConfigError(
            f"{wanted}, found a folder that holds {', '.join(inside[:N_NAMED])}{more}; "
            f"name one of them: {path}"
        )
    raise ConfigError(f"{wanted}, found a folder with none of these files: {path}")


def _marked(path: Path) -> Kind | None:
    return next((kind for name, kind in MARKS.items() if (path / name).is_file()), None)
