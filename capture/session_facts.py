"""What `mavfer check-session` knows of a session, as values: gathered here, shown by commands/sessions.py."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import MavferError
from .file_check import FileCheck, check_files, missing_files
from .lsl.offsets import LslReport, lsl_offsets
from .session import MASTER, Session, SessionRecord, open_session, read_record
from .synchronize import SyncReport, synchronize


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """Everything about one session.

    Attributes
    ----------
    path : as it was given
    record : None where it does not read
    report : None where the session does not open
    events : (recorder or "master", kind, text) as they were told while recording
    flags : by stream, how many frames the camera flagged with which word
    n_markers : moments that were named
    lsl : the streams of Lab Streaming Layer that were recorded beside the cameras
    missing : files that are not in the folder, one line each
    files : what a deep check found, None without one
    error : why the session does not open, or ""
    """

    path: Path
    record: SessionRecord | None = None
    report: SyncReport | None = None
    events: tuple[tuple[str, str, str], ...] = ()
    flags: dict[str, dict[str, int]] = field(default_factory=dict)
    n_markers: int = 0
    lsl: tuple[LslReport, ...] = ()
    missing: tuple[str, ...] = ()
    files: FileCheck | None = None
    error: str = ""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, one line each."""
        found = [*self.missing]
        if self.error and not self.missing:
            found.append(self.error)
        if self.report is not None:
            found += self.report.problems
        found += [line for stream in self.lsl for line in stream.problems]
        if self.files is not None:
            found += map(str, self.files.damages)
        return tuple(found)

    def table(self) -> dict[str, Any]:
        """Return the facts as JSON takes them; what was not measured is null."""
        record, report = self.record, self.report
        facts: dict[str, Any] = {"path": str(self.path), "complete": not self.problems}
        if record is not None:
            names = {"id", "subject", "rig", "simulated", "state", "started_utc", "software"}
            facts |= record.model_dump(mode="json", include=names)
        if report is not None:
            facts |= asdict(report)
        if self.files is not None:
            facts["files"] = asdict(self.files)
        facts["lsl"] = [asdict(stream) for stream in self.lsl]
        facts |= {
            "events": self.events,
            "flags": self.flags,
            "n_markers": self.n_markers,
            "problems": self.problems,
        }
        return _json_ready(facts)


def session_facts(
    path: Path, *, deep: bool = False, on_progress: Callable[[int, int], None] | None = None
) -> SessionFacts:
    """Return what is known of the session at `path`; whatever is wrong with it is one of the facts."""
    try:
        record = read_record(path)
    except MavferError as error:
        files = check_files(path, on_progress=on_progress) if deep and path.is_dir() else None
        return SessionFacts(path, files=files, error=str(error))
    missing = missing_files(path, record)
    files = check_files(path, on_progress=on_progress) if deep else None
    try:
        session = open_session(path)
        report = synchronize(session).report
        events, flags, n_markers = _events(session), _flags(session), len(session.markers())
        lsl = lsl_offsets(session)
    except MavferError as error:
        return SessionFacts(path, record, missing=missing, files=files, error=str(error))
    return SessionFacts(path, record, report, events, flags, n_markers, lsl, missing, files)


def _flags(session: Session) -> dict[str, dict[str, int]]:
    counts = {
        stream.value: Counter(flag for flags in session.flags(stream).values() for flag in flags)
        for stream in session.streams
    }
    return {stream: dict(sorted(count.items())) for stream, count in counts.items() if count}


def _events(session: Session) -> tuple[tuple[str, str, str], ...]:
    names = [*session.record.recorders, *([MASTER] if session.record.master is not None else [])]
    return tuple(
        (name, str(event.get("kind", "")), str(event.get("text", "")))
        for name in names
        for event in session.events(name)
    )


def _json_ready(value: Any) -> Any:
    """Return nested values with words for keys, and None for what is not a number."""
    if isinstance(value, dict):
        return {str(key): _json_ready(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json_ready(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
