"""The report of a dataset, `report.html`: one page that says what came out and what to look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...errors import DatasetError
from ...report import Page
from ..dataset.record import DatasetRecord, SessionRecord, read_record
from .cards import add_cards, cards_of
from .crops import Sample, sample_session
from .drawing import count
from .faces import add_faces
from .looks import add_mean_faces, add_oddities
from .losses import add_losses
from .making import add_making
from .outcome import add_outcome
from .ratings import add_ratings
from .rows import SessionRows, read_session, report_scheme

N_OVERVIEWS = 3
"""Sections with plots of all sessions together."""


def dataset_page(folder: Path, *, on_progress: Callable[[int, int], None] | None = None) -> Page:
    """Return the report of the dataset in `folder`, finished or still under its building name.

    Every small column is read once, pixels only of some rows: about 0.1 ms per row, and up to a second per
    session for its pictures and plots. A session whose file cannot be read is named on the page like one
    that failed.

    Parameters
    ----------
    on_progress : called with the parts done and their number: overviews, and sessions with a card

    Raises
    ------
    DatasetError
        There is no dataset in `folder`, or its record is damaged or of a newer schema.
    """
    record = read_record(folder)
    scheme = report_scheme(record)
    sessions: list[SessionRows] = []
    samples: dict[str, Sample] = {}
    unreadable: list[tuple[SessionRecord, str]] = []
    for entry in record.built:
        try:
            rows = read_session(folder, entry, scheme)
            samples[entry.id] = sample_session(rows)
            sessions.append(rows)
        except DatasetError as error:
            unreadable.append((entry, str(error)))
    page = Page(f"Dataset {_name(folder)}", _subtitle(record, sessions), mark=_mark(record))
    add_outcome(page, record, sessions, unreadable, scheme)
    if sessions:
        tell = on_progress or (lambda *_: None)
        n_parts = N_OVERVIEWS + len(cards_of(sessions))
        tell(0, n_parts)
        add_losses(page, sessions)
        tell(1, n_parts)
        add_ratings(page, sessions)
        tell(2, n_parts)
        add_faces(page, sessions, record.config)
        add_mean_faces(page, sessions, samples)
        add_oddities(page, sessions)
        add_cards(page, sessions, samples, tell=lambda done: tell(N_OVERVIEWS + done, n_parts))
    add_making(page, record)
    return page


def _name(folder: Path) -> str:
    """Return the dataset's name, also while it is being built in `.NAME.building`."""
    name = folder.resolve().name
    return name.removeprefix(".").removesuffix(".building") if name.endswith(".building") else name


def _mark(record: DatasetRecord) -> str:
    if not record.simulated:
        return ""
    built = record.built or record.sessions
    return "simulated" if all(entry.simulated for entry in built) else "partly simulated"


def _subtitle(record: DatasetRecord, sessions: list[SessionRows]) -> str:
    n_frames = sum(rows.entry.n_frames for rows in sessions)
    streams = list(dict.fromkeys(str(stream) for rows in sessions for stream in rows.entry.streams))
    seen = f"{' and '.join([', '.join(streams[:-1]), streams[-1]] if len(streams) > 1 else streams)}"
    simulated = "simulated " if _mark(record) == "simulated" else ""
    return (
        f"{count(n_frames)} {simulated}frames of aligned faces in {seen}, {record.config.size_px} pixels wide"
        if sessions
        else "No session is in this dataset."
    )
