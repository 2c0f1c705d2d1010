"""Sessions become a dataset: each is built on its own, then all are split and recorded.

A session that cannot be built does not stop the others: its fate and its error stand in `dataset.toml`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .. import __version__
from ..calibrate.calibration_file import read_calibration
from ..errors import DatasetError, MavferError
from ..output import new_folder, require_folder_free
from .clips import sha256_of_file
from .faces import BOX_POLICY
from .pool import Progress, Result, build_sessions
from .record import RECORD_NAME, SCHEMA_VERSION, ClipConfig, DatasetRecord, Part, SessionRecord, write_record
from .session_file import SessionJob, prepare_job
from .splits import split_in_time, split_subjects

TOO_FEW_ALIGNED = 0.9
ENOUGH_LABELLED = 0.9


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build made.

    Attributes
    ----------
    path : the dataset
    record : the content of its `dataset.toml`
    warnings : what the user must know about the result
    """

    path: Path
    record: DatasetRecord
    warnings: tuple[str, ...]

    @property
    def built(self) -> tuple[SessionRecord, ...]:
        """The sessions that are in the dataset."""
        return tuple(session for session in self.record.sessions if session.fate == "built")

    @property
    def failed(self) -> tuple[SessionRecord, ...]:
        """The sessions that could not be built; each says why."""
        return tuple(session for session in self.record.sessions if session.fate == "failed")

    @property
    def n_frames(self) -> int:
        """Rows over all sessions."""
        return sum(session.n_frames for session in self.built)

    @property
    def aligned_share(self) -> float:
        """Share of all rows that show an aligned face."""
        return sum(session.aligned_share * session.n_frames for session in self.built) / max(1, self.n_frames)

    @property
    def aligned_shares(self) -> dict[str, float]:
        """The same per session."""
        return {session.id: session.aligned_share for session in self.built}

    @property
    def reasons(self) -> dict[str, dict[str, int]]:
        """Frames per stream and reason, over all sessions; each stream's counts sum to its sessions' rows."""
        total: dict[str, Counter[str]] = {}
        for session in self.built:
            for stream, counts in session.reasons.items():
                total.setdefault(stream, Counter()).update(counts)
        return {stream: dict(counts) for stream, counts in total.items()}


def build_dataset(
    sessions: Sequence[Path],
    *,
    calibration: Path | None,
    traces: Path | None,
    out: Path,
    config: ClipConfig,
    overwrite: bool = False,
    n_workers: int = 2,
    on_progress: Progress | None = None,
) -> BuildReport:
    """Write the dataset of `sessions` to the folder `out` and return how each session fared.

    Parameters
    ----------
    calibration : file; None where all sessions have color alone
    traces : folder of the raters' traces; None leaves all labels NaN
    n_workers : processes; sessions are shared out among them
    on_progress : told (frames done, frames in all)

    Raises
    ------
    SessionError, CalibrationError, TraceError, DatasetError
        An input is missing, damaged, or belongs to something else; found before any picture is decoded.
    FaceError and the like
        Not one session could be built: the first one's error.
    """
    require_folder_free(out, marker=RECORD_NAME, overwrite=overwrite)
    if not sessions:
        raise DatasetError(f"wanted at least one session to build, found none: {out}")
    solved = None if calibration is None else read_calibration(calibration)
    with new_folder(out, marker=RECORD_NAME, overwrite=overwrite) as folder:
        jobs = [
            prepare_job(
                path, solved, calibration_path=calibration, traces=traces, config=config, folder=folder
            )
            for path in sessions
        ]
        _require_distinct(jobs)
        assign_parts([(job.subject, job.n_frames) for job in jobs], config)  # too few subjects: said now
        results = build_sessions(jobs, n_workers=n_workers, on_progress=on_progress)
        entries = _entries(jobs, results, config)
        record = DatasetRecord(
            schema_version=SCHEMA_VERSION,
            software=f"mavfer {__version__}",
            simulated=any(entry.simulated for entry in entries if entry.fate == "built"),
            split_by=_split_by([entry.subject for entry in entries if entry.fate == "built"], config),
            box_policy=BOX_POLICY,
            calibration_sha256=None if calibration is None else sha256_of_file(calibration),
            config=config,
            sessions=entries,
        )
        write_record(folder, record)
    return BuildReport(out, record, _warnings(record))


def assign_parts(sessions: Sequence[tuple[str, int]], config: ClipConfig) -> list[tuple[Part, ...]]:
    """Return for each session, given as (subject, frames), which of its frames belong to which split.

    Whole subjects, or, where all sessions are of one subject and no number is asked for, ranges of time.
    """
    subjects = [subject for subject, _ in sessions]
    asked = config.n_test_subjects, config.n_validation_subjects
    if _split_by(subjects, config) == "time":
        return [split_in_time(n_frames) for _, n_frames in sessions]
    split_of = split_subjects(subjects, n_test=asked[0], n_validation=asked[1], seed=config.seed)
    return [(Part(split=split_of[subject], start=0, stop=n_frames),) for subject, n_frames in sessions]


def _entries(
    jobs: Sequence[SessionJob], results: Sequence[Result], config: ClipConfig
) -> tuple[SessionRecord, ...]:
    """Return the sessions' records with their parts; raise the first error where all have failed."""
    built = [result for result in results if isinstance(result, SessionRecord)]
    errors = [result for result in results if isinstance(result, MavferError)]
    if not built:
        raise errors[0]
    parts = assign_parts([(entry.subject, entry.n_frames) for entry in built], config)
    parts_of = {entry.id: part for entry, part in zip(built, parts, strict=True)}
    entries = []
    for job, result in zip(jobs, results, strict=True):
        if isinstance(result, SessionRecord):
            entries.append(result.model_copy(update={"parts": parts_of[job.id]}))
        else:
            entries.append(
                SessionRecord(
                    id=job.id, subject=job.subject, simulated=job.simulated, fate="failed", error=str(result)
                )
            )
    return tuple(entries)


def _require_distinct(jobs: Sequence[SessionJob]) -> None:
    seen: dict[str, Path] = {}
    for job in jobs:
        if job.id in seen:
            raise DatasetError(
                f"wanted sessions with different names, found {job.id!r} twice; the other is {seen[job.id]}: "
                f"{job.path}"
            )
        seen[job.id] = job.path


def _split_by(subjects: Sequence[str], config: ClipConfig) -> Literal["subject", "time"]:
    asked = config.n_test_subjects, config.n_validation_subjects
    alone = len({subject.casefold() for subject in subjects}) == 1
    return "time" if alone and asked == (None, None) else "subject"


def _warnings(record: DatasetRecord) -> tuple[str, ...]:
    warnings = []
    built = [entry for entry in record.sessions if entry.fate == "built"]
    if record.split_by == "time":
        warnings.append(
            f"one subject only ({built[0].subject}): split in time; scores on this dataset do not say how "
            "well a network does on people it has not seen"
        )
    for entry in built:
        if entry.aligned_share < TOO_FEW_ALIGNED:
            warnings.append(f"session {entry.id!r}: only {entry.aligned_share:.0%} of the frames show a face")
        for dimension, n_labelled in entry.labelled.items():
            if entry.raters and n_labelled < ENOUGH_LABELLED * entry.n_frames:
                warnings.append(
                    f"session {entry.id!r}: only {n_labelled} of {entry.n_frames} frames have a {dimension} "
                    "label; a trace's time_s counts seconds from the first frame to the last"
                )
    spelled = {entry.subject.casefold(): entry.subject for entry in built}
    for entry in built:
        if entry.subject != (first := spelled[entry.subject.casefold()]):
            warnings.append(f"subjects {entry.subject!r} and {first!r} are taken for one person")
    if not any(entry.raters for entry in built):
        warnings.append("no traces: the dataset has no labels, so nothing can be trained on it")
    return tuple(warnings)
