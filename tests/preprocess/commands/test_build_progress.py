"""Laws of the progress: a line per session where no terminal is, speeds and what is left where one is."""

import io
from pathlib import Path

from rich.console import Console

from mavfer.errors import FaceError
from mavfer.preprocess.building.jobs import SessionTask
from mavfer.preprocess.commands.build_progress import BuildProgress
from mavfer.preprocess.dataset.record import ClipConfig, SessionRecord
from mavfer.preprocess.scheduling.attempt import Built, Failure


def task(name: str) -> SessionTask:
    """Return a task that nobody carries out."""
    return SessionTask(
        path=Path(name),
        id=name,
        subject="S",
        simulated=True,
        n_frames=40,
        calibration=None,
        calibration_path=None,
        calibration_sha256=None,
        traces=(),
        config=ClipConfig(),
        yunet=None,
        yunet_sha256=None,
        folder=Path(),
    )


def built(name: str, *, reused: bool = False) -> Built:
    """Return a session of 40 frames that was built."""
    record = SessionRecord(id=name, subject="S", simulated=True, fate="built", n_frames=40)
    return Built(record, Path(name), reused=reused)


def progress_of(*, terminal: bool) -> str:
    """Return what is shown of three sessions: one is built in 4 s, one was there, one fails."""
    shown = io.StringIO()
    seconds = iter([0.0, *[4.0] * 50])
    console = Console(file=shown, force_terminal=terminal, width=100)
    tasks = [task("a"), task("[b]"), task("c")]
    with BuildProgress(console=console, now=lambda: next(seconds)) as progress:
        progress.planned(tasks)
        progress.advanced(tasks[0], 0, 40)
        progress.advanced(tasks[0], 40, 40)
        progress.ended(tasks[0], built("a"))
        progress.ended(tasks[1], built("[b]", reused=True))
        progress.ended(tasks[2], Failure(FaceError("wanted a face, found none: c")))
    return shown.getvalue()


def test_without_a_terminal_each_session_is_a_line_as_it_ends() -> None:
    assert progress_of(terminal=False).splitlines() == [
        "built a (1 of 3): 40 frames, 10.0 frames/s",
        "unchanged [b] (2 of 3): 40 frames, built before",
        "not built: c: wanted a face, found none: c",
    ]


def test_a_terminal_shows_the_sessions_and_the_whole() -> None:
    shown = progress_of(terminal=True)
    for words in ("whole", "10.0 frames/s", "40/120", "1/3 sessions", "built a (1 of 3): 40 frames"):
        assert words in shown
