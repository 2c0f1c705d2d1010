"""What of a dataset is exported, and what an export says of itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...capture.streams import Stream
from ...errors import DatasetError
from ..dataset.clips import Dataset, DatasetSession
from ..dataset.record import SPLITS, Split

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written.

    Attributes
    ----------
    path : the folder
    n_sessions, n_frames, n_clips : sessions, frames and clips in it; no clips in an export of frames
    n_files : pictures, or shards
    """

    path: Path
    n_sessions: int
    n_frames: int
    n_clips: int
    n_files: int


def selected_sessions(dataset: Dataset, parts: Sequence[Split]) -> list[DatasetSession]:
    """Return the sessions of the asked parts, all where none is named, in the record's order.

    Raises
    ------
    DatasetError
        There is none, or one has an id that cannot name a folder.
    """
    wanted = parts or SPLITS
    found = [session for session in dataset.sessions if session.split in wanted]
    if not found:
        raise DatasetError(
            f"wanted sessions of {', '.join(wanted)}, found none in this split; see `mavfer dataset info`: "
            f"{dataset.path}"
        )
    for session in found:
        name = session.session_id
        if Path(name).name != name or name in (".", ".."):
            raise DatasetError(f"wanted a session id that can name a folder, found {name!r}: {dataset.path}")
    return found


def selected_streams(sessions: Sequence[DatasetSession], asked: Sequence[Stream], path: Path) -> list[Stream]:
    """Return the asked streams, all that a session has where none is asked for, in their usual order.

    Raises
    ------
    DatasetError
        No session has a stream that was asked for.
    """
    present = [stream for stream in Stream if any(stream in session.streams for session in sessions)]
    missing = [stream for stream in asked if stream not in present]
    if missing:
        raise DatasetError(f"wanted stream {missing[0].value!r}, found {', '.join(present)}: {path}")
    return [stream for stream in present if not asked or stream in asked]
