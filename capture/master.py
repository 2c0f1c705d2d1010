"""One operator's process: arm the recorders, send one plan, watch, stop, and close the session."""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..config import parse
from ..errors import RecordError
from ..output import require_free
from .crew import Crew, RecorderStatus
from .payload import utc_now
from .place import Place, require_place
from .rig import Rig
from .session import RecorderRecord, SessionRecord, require_pseudonym, require_text, write_record
from .session_writer import recorder_files
from .simulated.truth import truth_path
from .trigger import LEAD_NS, Plan

STEP_TIMEOUT_S = 60.0
OPEN_TIMEOUT_S = 240.0
"""A simulated camera compiles its renderer the first time that it is opened on a machine."""
STOP_TIMEOUT_S = 30.0
LONGEST_TAKE_S = 86_400
WATCH_EVERY_S = 0.1

OnStatus = Callable[[tuple[RecorderStatus, ...]], None]
OnProgress = Callable[[int, int], None]


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
    """

    path: Path
    state: str
    n_ticks: int
    frames_kept: dict[str, int]
    frames_lost: dict[str, dict[str, int]]
    complaints: tuple[str, ...]

    @property
    def n_lost(self) -> int:
        """Moments lost by all recorders, for whatever reason."""
        return sum(sum(reasons.values()) for reasons in self.frames_lost.values())


class TakeStopped(KeyboardInterrupt):
    """The operator interrupted a take; it was ended in order and `report` says what was kept."""

    def __init__(self, report: TakeReport) -> None:
        super().__init__(str(report.path))
        self.report = report


def record(
    path: Path,
    *,
    rig: Rig,
    subject: str,
    seconds: float,
    overwrite: bool = False,
    consent: str | None = None,
    protocol: str | None = None,
    on_progress: OnProgress | None = None,
    on_status: OnStatus | None = None,
) -> TakeReport:
    """Record a session with a rig whose recorders all run on this machine.

    Returns when every recorder has closed its files. The folder exists from the start of the take on, marked
    as unfinished, so that a crash leaves what was recorded to `mavfer recover`.

    Parameters
    ----------
    path : the session folder to make
    subject : a pseudonym: letters, digits, "_", "-" and "."
    seconds : length of the take
    on_progress : called with the ticks settled and the ticks planned
    on_status : called about ten times a second with the state of every recorder

    Raises
    ------
    RecordError
        A recorder did not start, or was lost; what was recorded until then is kept.
    OutputError
        `path` holds something and `overwrite` is False, or holds something that is no session.
    TakeStopped
        Ctrl-C; the take was ended in order.
    """
    path = Path(path).absolute()
    require_pseudonym(subject)
    if not seconds <= LONGEST_TAKE_S:
        raise RecordError(f"wanted a take of at most {LONGEST_TAKE_S} seconds, found {seconds!r}")
    n_ticks = round(seconds * rig.fps)
    if n_ticks < 1:
        raise RecordError(f"wanted at least one tick at {rig.fps:g} fps, found {seconds!r} seconds")
    remote = [
        name for name, settings in rig.recorders.items() if settings.host not in ("127.0.0.1", "localhost")
    ]
    if remote:
        raise RecordError(
            f"this version records on 127.0.0.1 only, found another host for: {', '.join(remote)}"
        )
    record = parse(
        {
            "id": path.name,
            "subject": subject,
            "rig": rig.name,
            "simulated": rig.is_simulated,
            "state": "recording",
            "started_utc": utc_now(),
            "consent": consent,
            "protocol": protocol,
            "plan": {"first_tick_ns": 0, "fps": rig.fps, "n_ticks": n_ticks},
            "n_ticks_planned": n_ticks,
            "software": {"mavfer": __version__, "python": platform.python_version()},
            "recorders": {},
            "settings": rig,
        },
        SessionRecord,
        where=f"the session to record at {path}",
    )
    require_text(record)
    require_place(path, overwrite=overwrite)
    if record.simulated:
        require_free(truth_path(path), overwrite=overwrite)
    with Crew(rig) as crew:
        return _Take(path, record, crew, seconds).run(
            overwrite=overwrite, on_progress=on_progress, on_status=on_status
        )


class _Take:
    """The steps of one take; each either succeeds for all recorders or raises."""

    def __init__(self, path: Path, record: SessionRecord, crew: Crew, seconds: float) -> None:
        self._path = path
        self._record = record
        self._crew = crew
        self._seconds = seconds
        self._n_planned = record.plan.n_ticks
        self._state = "complete"
        self._complaints: list[str] = []

    def run(
        self, *, overwrite: bool, on_progress: OnProgress | None, on_status: OnStatus | None
    ) -> TakeReport:
        """Carry the take out; see `record`."""
        self._open()
        place = Place(self._path, overwrite=overwrite)
        place.make()
        try:
            write_record(self._path, self._record)
            self._crew.command_all("arm", {"folder": str(self._path)}, timeout_s=STEP_TIMEOUT_S)
            self._start()
        except BaseException:
            try:
                self._crew.end()
            finally:
                place.undo()
            raise
        stopped = self._watch(place, on_progress, on_status)
        report = self._close()
        place.keep()
        self._write_truth()
        if stopped:
            raise TakeStopped(report)
        if report.state == "failed":
            raise RecordError(
                f"{'; '.join(report.complaints)}; what was recorded is kept, run `mavfer recover` "
                f"and then `mavfer check-session` on it: {self._path}"
            )
        return report

    def _open(self) -> None:
        """Wait for all recorders and open their cameras."""
        self._crew.wait_for_all(timeout_s=STEP_TIMEOUT_S)
        subject = {"subject": self._record.subject, "seconds": self._seconds}
        answers = self._crew.command_all(
            "open", {**subject, "ping_address": self._crew.ping_address}, timeout_s=OPEN_TIMEOUT_S
        )
        settings = self._record.settings
        recorders = {
            name: {
                "camera": settings.recorders[name].camera if settings else "",
                "host": settings.recorders[name].host if settings else "",
                **{key: answer[key] for key in ("streams", "fps", "nodes", "boot_id")},
            }
            for name, answer in answers.items()
        }
        seen: dict[str, str] = {}
        for name, recorder in recorders.items():
            for stream in recorder["streams"]:
                if stream in seen:
                    raise RecordError(
                        f"a session holds each stream once, found {stream!r} from "
                        f"{seen[stream]!r} and {name!r}"
                    )
                seen[stream] = name
        self._record = self._record.model_copy(
            update={
                "recorders": {
                    name: parse(table, RecorderRecord, where=f"the answer of recorder {name!r}")
                    for name, table in recorders.items()
                }
            }
        )

    def _start(self) -> None:
        """Send the plan, once, ahead of its first tick."""
        first_tick_ns = time.monotonic_ns() + LEAD_NS
        plan = self._record.plan.model_copy(update={"first_tick_ns": first_tick_ns})
        self._record = self._record.model_copy(update={"plan": plan})
        body = {"plan": plan.model_dump(), "session": self._record.model_dump(mode="json")}
        self._crew.command_all("start", body, timeout_s=STEP_TIMEOUT_S, deadline_ns=first_tick_ns)
        write_record(self._path, self._record)

    def _watch(self, place: Place, on_progress: OnProgress | None, on_status: OnStatus | None) -> bool:
        """Let the old session go and wait for the end of the take; return whether the operator stopped it."""
        n_ticks = self._record.plan.n_ticks
        try:
            place.keep()
            truth_path(self._path).unlink(missing_ok=True)
            while not self._crew.all_finished:
                self._crew.listen(WATCH_EVERY_S)
                statuses = self._crew.statuses()
                if on_status is not None:
                    on_status(statuses)
                if on_progress is not None:
                    on_progress(min(n_ticks, min(status.tick for status in statuses) + 1), n_ticks)
                if any(_ends_take(status, n_ticks) for status in statuses):
                    self._stop()
                    return False
        except KeyboardInterrupt:
            self._state = "stopped"
            self._stop()
            return True
        return False

    def _stop(self) -> None:
        """End the plan with the tick that is due, and wait until the files of all that answer are closed."""
        plan: Plan = self._record.plan
        if self._record.settings is not None and self._record.settings.is_virtual:
            n_ticks = last_common_tick(self._crew.statuses()) + 1
        else:
            n_ticks = plan.nearest_tick(time.monotonic_ns()) + 1
        self._record = self._record.model_copy(update={"plan": plan.cut(n_ticks)})
        self._crew.command_living("stop", {"n_ticks": self._record.plan.n_ticks})
        end_s = time.monotonic() + STOP_TIMEOUT_S
        while not self._crew.all_finished and time.monotonic() < end_s:
            self._crew.listen(WATCH_EVERY_S)

    def _close(self) -> TakeReport:
        """Bring the counts home, write the session's final record, and let the recorders go."""
        recorders: dict[str, RecorderRecord] = {}
        state = self._state
        for status in self._crew.statuses():
            files = status.files or recorder_files(self._path, status.name)
            if not status.finished:
                cause = status.gone or "did not close its files in time"
                self._complaints.append(f"recorder {status.name!r} {cause}")
            self._complaints += [f"recorder {status.name!r}: {line}" for line in status.complaints]
            recorders[status.name] = self._record.recorders[status.name].model_copy(
                update={"files": files, "frames_kept": status.kept, "frames_lost": status.lost}
            )
            ended_early = self._state != "stopped" and _ends_take(status, self._n_planned)
            if ended_early or not status.finished or not status.files:
                state = "failed"
        update: dict[str, Any] = {"state": state, "recorders": recorders}
        self._record = self._record.model_copy(update=update)
        write_record(self._path, self._record)
        self._crew.command_living("quit", {})
        return TakeReport(
            path=self._path,
            state=state,
            n_ticks=self._record.plan.n_ticks,
            frames_kept={name: recorder.frames_kept for name, recorder in recorders.items()},
            frames_lost={name: recorder.frames_lost for name, recorder in recorders.items()},
            complaints=tuple(self._complaints),
        )

    def _write_truth(self) -> None:
        settings = self._record.settings
        if not self._record.simulated or settings is None:
            return
        import numpy as np

        from .simulated.truth import write_truth

        write_truth(
            truth_path(self._path),
            scene=settings.scene,
            subject=self._record.subject,
            seconds=self._seconds,
            tick_s=np.arange(self._record.plan.n_ticks) / settings.fps,
        )


def last_common_tick(statuses: tuple[RecorderStatus, ...]) -> int:
    """Return the last tick that all recorders at work have settled; where none is, the last of any.

    On a virtual clock each recorder is as far as it can render, so that one may be minutes ahead.
    """
    at_work = [status.tick for status in statuses if not status.finished and not status.gone]
    return min(at_work) if at_work else max(status.tick for status in statuses)


def _ends_take(status: RecorderStatus, n_ticks: int) -> bool:
    """Whether a recorder is in a state in which going on is of no use: gone, at an early end, disk full."""
    early = status.finished and bool(status.complaints) and status.tick < n_ticks - 1
    return bool(status.gone) or early or "disk" in status.lost
