"""A film, which is pictures with times, becomes a color-only session.

What a film is read from has a module of its own: video.py a video file, picture_files.py single pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..output import new_folder
from .payload import utc_now
from .place import require_place
from .session import RECORD_NAME, RecorderRecord, SessionRecord, require_pseudonym, write_record
from .session_writer import SessionWriter
from .simulated.truth import truth_path
from .streams import Frame, Stream, StreamSpec
from .trigger import Plan

RECORDER = "video"
EARLY_NS = 1_000_000
"""A picture may be so much too early and still begin its period: time stamps are rounded."""


@dataclass(frozen=True, slots=True)
class VideoPicture:
    """One picture of a film: its time since the first, and a way to its pixels."""

    t_ns: int
    pixels: Callable[[], NDArray[np.uint8]]


class Film(Protocol):
    """Pictures with times, read once from the beginning.

    Attributes
    ----------
    spec : size of all pictures
    n_out_of_order : pictures left out so far, for they are not later than the one before
    """

    spec: StreamSpec
    n_out_of_order: int

    @property
    def fps(self) -> float:
        """The average rate, pictures per second."""
        ...

    @property
    def n_expected(self) -> int:
        """How many pictures there are; may be a guess."""
        ...

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return what the film tells of itself."""
        ...

    def pictures(self) -> Iterator[VideoPicture]:
        """Yield all pictures in order of time."""
        ...


def store_film(
    film: Film,
    *,
    out: Path,
    subject: str,
    overwrite: bool = False,
    notes: str = "",
    max_fps: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Make a color-only session of a film and return its folder; memory does not grow with the film.

    The pictures keep their own size and times; they are stored as JPEG of quality 95. Bound by decoding and
    encoding: about 10 ms a picture of 1080 lines.

    Parameters
    ----------
    subject : pseudonym of who is filmed
    notes : free words for the session's record
    max_fps : keep the first picture of every 1 / max_fps seconds and no other; None keeps all
    on_progress : told (pictures read, pictures in all)

    Raises
    ------
    SessionError
        The film breaks off.
    OutputError
        `out` exists and `overwrite` is False.
    UsageError
        `subject` is no pseudonym.
    """
    out = Path(out).absolute()
    require_place(out, overwrite=overwrite)
    require_pseudonym(subject)
    fps = film.fps if max_fps is None else min(film.fps, max_fps)
    recorder = RecorderRecord(
        camera="video", boot_id="", fps=fps, streams=(Stream.COLOR,), nodes=film.nodes()
    )
    record = SessionRecord(
        id=out.name,
        subject=subject,
        rig="video",
        simulated=False,
        state="complete",
        started_utc=utc_now(),
        notes=notes,
        plan=Plan(first_tick_ns=0, fps=None, n_ticks=0),
        software={"mavfer": __version__},
        recorders={RECORDER: recorder},
    )
    with new_folder(out, marker=RECORD_NAME, overwrite=overwrite) as folder:
        n_frames, files = _store(film, folder, record, max_fps, on_progress)
        lost = {"order": film.n_out_of_order} if film.n_out_of_order else {}
        counts = {"files": files, "frames_kept": n_frames, "frames_lost": lost}
        record = record.model_copy(
            update={
                "plan": record.plan.model_copy(update={"n_ticks": n_frames}),
                "recorders": {RECORDER: recorder.model_copy(update=counts)},
            }
        )
        write_record(folder, record)
    truth_path(out).unlink(missing_ok=True)  # of a simulated session that stood here
    return out


def _store(
    film: Film,
    folder: Path,
    record: SessionRecord,
    max_fps: float | None,
    on_progress: Callable[[int, int], None] | None,
) -> tuple[int, tuple[str, ...]]:
    """Write the pictures of a film; return their number and the names of the files."""
    writer = SessionWriter(folder, recorder=RECORDER, specs=(film.spec,))
    n_read, n_frames, n_expected = 0, 0, film.n_expected
    last_period = -1
    try:
        writer.begin({"session": record.model_dump(mode="json")}, now_ns=0)
        for picture in film.pictures():
            n_read += 1
            period = n_read if max_fps is None else int((picture.t_ns + EARLY_NS) * max_fps / 1e9)
            if period > last_period:
                last_period = period
                frame = Frame(Stream.COLOR, picture.pixels(), picture.t_ns, picture.t_ns, n_frames)
                writer.append((frame,))
                n_frames += 1
            if on_progress is not None:
                on_progress(n_read, max(n_read, n_expected))
        if on_progress is not None:
            on_progress(n_read, n_read)
    finally:
        files = writer.finish()
    return n_frames, files
