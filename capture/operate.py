"""Take after take from one desk: the cameras stay open and are seen between takes."""

import time
from collections.abc import Callable
from pathlib import Path

from ..errors import MavferError, OutputError, RecordError
from .crew import Crew
from .desk import Desk, Quit, Start
from .lsl.lab_streams import lab_streams
from .master import new_record, require_idle, with_master
from .now import monotonic_ns
from .place import require_place
from .protocol import Consent, Protocol
from .rig import Rig
from .status import TakeStatus
from .take import Take
from .take_opening import open_cameras
from .take_report import TakeFailed, TakeReport, TakeStopped, told

LOOK_EVERY_S = 0.1
OPEN_AGAIN_S = 3.0

MetadataOf = Callable[[Start], tuple[Consent | None, Protocol | None, str, str]]


def operate(
    folder: Path, *, rig: Rig, desk: Desk, metadata: MetadataOf, seconds: float | None = None
) -> list[TakeReport]:
    """Take after take as the desk asks for them, in folders `SUBJECT-001`, ...; return their reports.

    The cameras stay open between takes and show what they see. A take that is refused or fails is told on the
    desk, and the next can be asked for.

    Parameters
    ----------
    metadata : makes consent, protocol, operator and notes of a request; raises MavferError to refuse it
    seconds : length of a take whose request and protocol do not say
    """
    folder = Path(folder).absolute()
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"wanted a folder for the sessions, found a file: {folder}")
    reports: list[TakeReport] = []
    with lab_streams(rig) as lab, Crew(rig, desk=desk) as crew:
        notice, bad = "", False
        while True:
            try:
                start = _Pause(crew, rig, desk, folder).wait(notice, bad=bad)
            except KeyboardInterrupt:  # between takes it costs nothing
                start = None
            if start is None:
                return reports
            try:
                consent, protocol, operator, notes = metadata(start)
                length_s = start.seconds or (protocol.seconds if protocol else None) or seconds
                if length_s is None:
                    raise RecordError("wanted the length of the take in seconds, found none")
                path = next_session(folder, start.subject)
                record = new_record(
                    path,
                    rig=rig,
                    subject=start.subject,
                    seconds=length_s,
                    consent=consent,
                    protocol=protocol,
                    operator=operator,
                    notes=notes,
                )
                require_place(path, overwrite=False)
                record = with_master(record, crew)
                take = Take(
                    path, record, crew, desk=desk, seconds=length_s, previews=True, last=False, lab=lab
                )
                reports.append(take.run(overwrite=False))
                notice, bad = f"{path.name} {told(reports[-1])}", reports[-1].has_gaps
                if take.told_to_quit:
                    return reports
            except TakeStopped as stopped:
                reports.append(stopped.report)
                return reports
            except MavferError as error:
                reports += [error.report] if isinstance(error, TakeFailed) else []
                notice, bad = str(error), True
            crew.revive()


class _Pause:
    """The time between two takes, in which the cameras are seen and the next take is asked for."""

    def __init__(self, crew: Crew, rig: Rig, desk: Desk, folder: Path) -> None:
        self._crew = crew
        self._rig = rig
        self._desk = desk
        self._folder = folder
        self._opened = False
        self._refusal = ""
        self._open_s = 0.0

    def wait(self, notice: str, *, bad: bool) -> Start | None:
        """Show what the cameras see until a take is asked for; None when the end is.

        Parameters
        ----------
        notice, bad : what is to be told of the last take
        """
        while True:
            self._crew.listen(LOOK_EVERY_S)
            trouble = self._trouble()
            self._desk.show(
                TakeStatus(
                    state="ready" if self._opened else "gathering",
                    now_ns=monotonic_ns(),
                    rig=self._rig.name,
                    session=self._folder,
                    recorders=self._crew.statuses(),
                    beside=(notice,) if bad else (),
                    notice=trouble or notice,
                    notice_is_bad=bad or bool(trouble),
                    can_start=self._opened,
                )
            )
            for request in self._desk.take_requests():
                if isinstance(request, Quit):
                    return None
                if isinstance(request, Start) and self._opened:
                    return request
                if isinstance(request, Start):
                    notice, bad = (
                        f"a take cannot start now: {trouble or 'the cameras are being opened'}",
                        True,
                    )

    def _trouble(self) -> str:
        """Bring everyone to the point where a take may start; return why that is not so, or ""."""
        missing = self._crew.missing()
        gone = [f"{one.name}: {one.gone}" for one in self._crew.members() if one.gone]
        if missing or gone:
            self._opened = False
            self._crew.revive()
            waiting = f"waiting for {', '.join(missing)} at {self._crew.address}" if missing else ""
            return "; ".join([*gone, *([waiting] if waiting else [])])
        if not self._opened and time.monotonic() >= self._open_s:
            try:
                require_idle(self._crew)
                place = self._folder / "preview"  # while nobody's take is known yet; nothing is made there
                open_cameras(self._crew, self._rig, place, subject="S01", seconds=60, previews=True)
                self._opened, self._refusal = True, ""
            except MavferError as error:
                self._refusal, self._open_s = str(error), time.monotonic() + OPEN_AGAIN_S
        return self._refusal


def next_session(folder: Path, subject: str) -> Path:
    """Return the first of `SUBJECT-001`, `SUBJECT-002`, ... after all that stand in the folder."""
    numbers = [0]
    for path in folder.glob(f"{subject}-*"):
        number = path.name.removeprefix(f"{subject}-").split(".")[0]
        numbers += [int(number)] if number.isdecimal() else []
    return folder / f"{subject}-{max(numbers) + 1:03d}"
