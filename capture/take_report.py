"""What became of a take: its report, the errors that carry it, and what in a status ends a take."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import RecordError
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
    complaints : what went wrong, one line each
    elsewhere : folders on other machines that hold files of the session, by recorder
    """

    path: Path
    state: str
    n_ticks: int
    frames_kept: dict[str, int]
    frames_lost: dict[str, dict[str, int]]
    complaints: tuple[str, ...]
    elsewhere: dict[str, str]

    @property
    def n_lost(self) -> int:
        """Moments lost by all recorders, for whatever reason."""
        return sum(sum(reasons.values()) for reasons in self.frames_lost.values())


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


def told(report: TakeReport) -> str:
    """Return a take's report in one line."""
    kept = ", ".join(f"{name} {n}" for name, n in report.frames_kept.items())
    return f"{report.state}: {report.n_ticks} ticks, kept {kept}, lost {report.n_lost}"


def last_common_tick(statuses: tuple[RecorderStatus, ...]) -> int:
    """Return the last tick that all recorders at work have settled; where none is, the last of any.

    On a virtual clock each recorder is as far as it can render, so that one may be minutes ahead.
    """
    at_work = [status.tick for status in statuses if not status.finished and not status.gone]
    return min(at_work) if at_work else max(status.tick for status in statuses)


def ends_take(status: RecorderStatus) -> bool:
    """Whether a recorder is in a state in which going on is of no use: gone, at an early end, disk full."""
    return bool(status.gone) or status.failed or "disk" in status.lost
