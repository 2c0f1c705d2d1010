"""What became of a take: its report, the errors that carry it, and what in a status ends a take."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import RecordError
from .session import RecorderRecord
from .session_writer import recorder_files
from .status import RecorderStatus


@dataclass(frozen=True, slots=True)
class TakeReport:
    """What became of a take.

    Attributes
    ----------
    path : the session folder
    state : "complete", "stopped" or "failed"
    n_ticks : ticks of the plan that was carried out
    frames_kept : moments stored, by recorder
    frames_lost : moments lost, by recorder and reason
    ticks_lacking : ticks without a frame, by recorder, where it keeps one for each tick
    complaints : what went wrong, one line each
    elsewhere : folders on other machines that hold files of the session, by recorder
    """

    path: Path
    state: str
    n_ticks: int
    frames_kept: dict[str, int]
    frames_lost: dict[str, dict[str, int]]
    ticks_lacking: dict[str, int]
    complaints: tuple[str, ...]
    elsewhere: dict[str, str]

    @property
    def n_lost(self) -> int:
        """Moments lost by all recorders, for whatever reason."""
        return sum(sum(reasons.values()) for reasons in self.frames_lost.values())

    @property
    def has_gaps(self) -> bool:
        """Whether frames were lost, or ticks have none."""
        return self.n_lost > 0 or bool(self.ticks_lacking)


class TakeStopped(KeyboardInterrupt):
    """The operator interrupted a take; it was ended in order and `report` says what was kept."""

    def __init__(self, report: TakeReport) -> None:
        super().__init__(str(report.path))
        self.report = report


class TakeFailed(RecordError):
    """A take began and did not reach its end; `report` says what was kept."""

    def __init__(self, report: TakeReport) -> None:
        far = "`mavfer collect` (the files of {} lie on their machines), ".format(", ".join(report.elsewhere))
        super().__init__(
            f"{'; '.join(report.complaints)}; what was recorded is kept, run "
            f"{far if report.elsewhere else ''}"
            f"`mavfer recover` and then `mavfer check-session` on it: {report.path}"
        )
        self.report = report


@dataclass(frozen=True, slots=True)
class RecorderOutcome:
    """What became of a recorder in a take: its record, what went wrong, and whether the take failed by it."""

    record: RecorderRecord
    complaints: tuple[str, ...]
    failed: bool


def outcome_of(
    status: RecorderStatus, known: RecorderRecord, path: Path, *, n_ticks: int, slack: int, stopped: bool
) -> RecorderOutcome:
    """Return what became of a recorder.

    Parameters
    ----------
    status : its last
    known : its record as the take began
    path : the session's folder
    n_ticks : of the plan as it was carried out
    slack : ticks that may lack at the end
    stopped : whether somebody ended the take, so that an early end is no failure
    """
    complaints = []
    files = status.files or (() if known.folder else recorder_files(path, status.name))
    if not status.finished:
        cause = status.gone or "did not close its files in time"
        complaints.append(f"recorder {status.name!r} {cause}")
    complaints += [f"recorder {status.name!r}: {line}" for line in status.complaints]
    done = status.tick + 1
    short = status.finished and not status.failed and done + slack < n_ticks
    if short:
        complaints.append(f"recorder {status.name!r} ended after {done} of {n_ticks} ticks")
    broken = not stopped and ends_take(status)
    update = {"files": files, "frames_kept": status.kept, "frames_lost": status.lost}
    return RecorderOutcome(
        known.model_copy(update=update),
        tuple(complaints),
        failed=short or broken or not status.finished or not status.files,
    )


def told(report: TakeReport) -> str:
    """Return a take's report in one line."""
    kept = ", ".join(f"{name} {n}" for name, n in report.frames_kept.items())
    lacking = "".join(f", {name} lacks {n} ticks" for name, n in report.ticks_lacking.items())
    return f"{report.state}: {report.n_ticks} ticks, kept {kept}, lost {report.n_lost}{lacking}"


def last_common_tick(statuses: tuple[RecorderStatus, ...]) -> int:
    """Return the last tick that all recorders at work have settled; where none is, the last of any.

    On a virtual clock each recorder is as far as it can render, so that one may be minutes ahead.
    """
    at_work = [status.tick for status in statuses if not status.finished and not status.gone]
    return min(at_work) if at_work else max(status.tick for status in statuses)


def ends_take(status: RecorderStatus) -> bool:
    """Whether a recorder is in a state in which going on is of no use: gone, at an early end, disk full."""
    return bool(status.gone) or status.failed or "disk" in status.lost
