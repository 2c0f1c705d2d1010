"""One take, or a take that another master left behind; operate.py makes many from one desk."""

import platform
import time
from pathlib import Path

from ..config import parse
from ..errors import RecordError
from ..output import require_free
from .clock import boot_id
from .crew import Crew
from .desk import Desk
from .lsl.lab_streams import lab_streams
from .payload import utc_now
from .place import require_place
from .protocol import Consent, Protocol
from .rejoining import require_no_master
from .rig import Rig, require_other_session
from .session import SessionRecord, read_record, require_pseudonym, require_text
from .simulated.truth import truth_path
from .software import software_versions
from .take import OnProgress, OnStatus, Take
from .take_report import TakeReport

GATHER_TIMEOUT_S = 60.0
REJOIN_TIMEOUT_S = 6.0
"""Recorders take half of it to find their master silent."""
LONGEST_TAKE_S = 86_400
LOOK_EVERY_S = 0.1


def record(
    path: Path,
    *,
    rig: Rig,
    subject: str,
    seconds: float,
    overwrite: bool = False,
    consent: Consent | None = None,
    protocol: Protocol | None = None,
    operator: str = "",
    notes: str = "",
    desk: Desk | None = None,
    previews: bool = False,
    on_progress: OnProgress | None = None,
    on_status: OnStatus | None = None,
    gather_timeout_s: float = GATHER_TIMEOUT_S,
) -> TakeReport:
    """Record a session with a rig; recorders of this machine are started, those of others must be waiting.

    Returns when every recorder has closed its files. The folder exists from the start of the take on, marked
    as unfinished, so that a crash leaves what was recorded to `rejoin` or `mavfer recover`.

    Parameters
    ----------
    path : the session folder to make
    subject : a pseudonym: letters, digits, "_", "-" and "."
    seconds : length of the take
    desk : where the take is shown, and asked for marks and its end
    previews : let the recorders show what they see, on the desk
    on_progress : called with the ticks settled and the ticks planned
    on_status : called about ten times a second with the state of every recorder

    Raises
    ------
    RecordError
        A recorder is missing, its disk cannot take the take, it did not start, or was lost; what was recorded
        until then is kept, and of a take that did not start nothing is left.
    OutputError
        `path` holds something and `overwrite` is False, or holds something that is no session.
    TakeStopped
        Ctrl-C; the take was ended in order.
    """
    path = Path(path).absolute()
    start = new_record(
        path,
        rig=rig,
        subject=subject,
        seconds=seconds,
        consent=consent,
        protocol=protocol,
        operator=operator,
        notes=notes,
    )
    require_place(path, overwrite=overwrite)
    if start.simulated:
        require_free(truth_path(path), overwrite=overwrite)
    with lab_streams(rig) as lab, Crew(rig, desk=desk) as crew:
        crew.gather(timeout_s=gather_timeout_s)
        require_idle(crew)
        take = Take(
            path,
            with_master(start, crew),
            crew,
            desk=desk or Desk(),
            seconds=seconds,
            previews=previews,
            lab=lab,
            on_progress=on_progress,
            on_status=on_status,
        )
        return take.run(overwrite=overwrite)


def rejoin(
    path: Path,
    *,
    desk: Desk | None = None,
    on_progress: OnProgress | None = None,
    on_status: OnStatus | None = None,
    timeout_s: float = REJOIN_TIMEOUT_S,
) -> TakeReport:
    """Take over a take whose master died: watch its recorders to the end, and close the session.

    Raises
    ------
    RecordError
        The session is not unfinished, was begun on another machine or before a reboot, its master still
        runs, or a recorder that is gone left a torn file.
    """
    path = Path(path).absolute()
    settings, address = _orphan(path)[1:]
    with lab_streams(settings) as lab, Crew(settings, desk=desk, address=address) as crew:
        record, settings, _ = _orphan(path)  # who listens there is the one master: another may have ended it
        crew.take = record.id
        end_s = time.monotonic() + timeout_s
        while crew.missing() and time.monotonic() < end_s:
            crew.listen(LOOK_EVERY_S)
        take = Take(
            path,
            record,
            crew,
            desk=desk or Desk(),
            seconds=record.plan.n_ticks / settings.fps,
            lab=lab,
            on_progress=on_progress,
            on_status=on_status,
        )
        return take.take_over()


def _orphan(path: Path) -> tuple[SessionRecord, Rig, str]:
    """Return the record of a take without a master, its rig, and the address that its recorders know.

    Raises
    ------
    RecordError
        It is no such take.
    """
    record = read_record(path)
    if record.state != "recording":
        raise RecordError(f"wanted a take that nobody ended, found one that is {record.state}: {path}")
    require_no_master(path)
    if record.master is None or record.settings is None or not record.plan.first_tick_ns:
        raise RecordError(f"the take never began; run `mavfer recover` on it: {path}")
    if record.master.boot_id != boot_id():
        raise RecordError(
            f"the take was begun on {record.master.host!r}, or before this machine was booted; "
            f"run `mavfer recover` on it: {path}"
        )
    return record, record.settings, record.master.address


def new_record(
    path: Path,
    *,
    rig: Rig,
    subject: str,
    seconds: float,
    consent: Consent | None = None,
    protocol: Protocol | None = None,
    operator: str = "",
    notes: str = "",
) -> SessionRecord:
    """Return the record of a take that is to be; raises ConfigError or RecordError where it cannot be."""
    require_pseudonym(subject)
    require_other_session(rig, path)
    if not seconds <= LONGEST_TAKE_S:
        raise RecordError(f"wanted a take of at most {LONGEST_TAKE_S} seconds, found {seconds!r}")
    n_ticks = round(seconds * rig.fps)
    if n_ticks < 1:
        raise RecordError(f"wanted at least one tick at {rig.fps:g} fps, found {seconds!r} seconds")
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
            "operator": operator,
            "notes": notes,
            "plan": {"first_tick_ns": 0, "fps": rig.fps, "n_ticks": n_ticks},
            "n_ticks_planned": n_ticks,
            "software": software_versions(),
            "recorders": {},
            "settings": rig.without_secrets(),
        },
        SessionRecord,
        where=f"the session to record at {path}",
    )
    require_text(record)
    return record


def require_idle(crew: Crew) -> None:
    """Raise RecordError if a recorder still works on a take of another master."""
    for member in crew.members():
        doing = member.beat or member.hello
        if doing is not None and doing.state == "recording":
            raise RecordError(
                f"recorder {member.name!r} still records {doing.session!r}; wait for its end, take it over "
                f"with `mavfer record --rejoin SESSION`, or end it with `mavfer rig stop RIG`"
            )


def with_master(record: SessionRecord, crew: Crew) -> SessionRecord:
    master = {"address": crew.address, "boot_id": boot_id(), "host": platform.node()}
    return SessionRecord.model_validate(record.model_dump() | {"master": master})
