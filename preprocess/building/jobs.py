"""One session to build: what is sent to whoever builds it, and what is checked there before any decoding.

A `SessionTask` is made from `session.toml` alone and sent to a process or a machine; there `prepare_job`
opens the session, checks that its inputs belong together, and returns the `SessionJob`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...annotate.fusion.gold_file import GoldFile
from ...annotate.trace import Trace
from ...calibrate.calibration import Calibration, require_rig
from ...capture.session import RECORD_NAME, Session, open_session
from ...capture.streams import StreamSpec
from ...capture.synchronize import synchronize
from ...errors import CalibrationError
from ..dataset.clips import sha256_of_file
from ..dataset.record import ClipConfig, SessionRecord
from ..labels.fused import as_traces, sha256_of_gold
from ..labels.gold import check_lengths
from ..rows.clip_grid import clip_grid
from .fingerprint import build_key, fingerprint_of_session


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was built before, and its record: good as long as the record's key holds."""

    file: Path
    record: SessionRecord


@dataclass(frozen=True, slots=True)
class SessionTask:
    """One session that is to be in the dataset: all that a process or a machine must be told of it.

    Attributes
    ----------
    path : the recorded session
    n_frames : rows that it will have if its plan was carried out, for the progress alone
    calibrations : of the rig that its record names, by file; none for a session of color alone
    calibration_sha256 : of that file
    yunet : the file of a YuNet detector to find faces with; None for dlib's HOG detector
    yunet_sha256 : of that file
    folder : where the build works
    software : versions of all that shapes the file; a worker with others refuses
    kept : files that may do without a build
    gold : gold standards of the session that are fused already, in place of traces
    """

    path: Path
    id: str
    subject: str
    simulated: bool
    n_frames: int
    calibration: Calibration | None
    calibration_path: Path | None
    calibration_sha256: str | None
    traces: tuple[Trace, ...]
    config: ClipConfig
    yunet: Path | None
    yunet_sha256: str | None
    folder: Path
    software: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[Kept, ...] = ()
    gold: tuple[GoldFile, ...] = ()

    @property
    def file(self) -> str:
        """The name of the HDF5 file in the dataset."""
        return f"{self.id}.h5"


@dataclass(frozen=True, slots=True)
class SessionJob:
    """One session to build, its inputs checked.

    Attributes
    ----------
    path : the recorded session
    calibration : of its rig; None for a session of color alone
    calibration_sha256 : of its file
    yunet : the file of a YuNet detector to find faces with; None for dlib's HOG detector
    out : the HDF5 file to write
    n_frames : rows that it will have
    key : hash of all that determines the file
    gold : gold standards of the session that are fused already, in place of traces
    """

    path: Path
    id: str
    subject: str
    simulated: bool
    calibration: Calibration | None
    calibration_sha256: str | None
    traces: tuple[Trace, ...]
    config: ClipConfig
    yunet: Path | None
    out: Path
    n_frames: int
    key: str = ""
    gold: tuple[GoldFile, ...] = ()

    @property
    def ratings_sha256(self) -> str | None:
        """One hash over the traces or the gold standards; None where there are none."""
        return sha256_of_ratings(self.traces, self.gold)


def prepare_job(task: SessionTask, *, out: Path | None = None) -> SessionJob:
    """Return the job of one session, after checking that its inputs belong together; nothing is decoded.

    Raises
    ------
    SessionError, CalibrationError, TraceError, DatasetError
        The session is none, its rig is not the calibrated one, a trace is another session's, or the
        session's rate is too low.
    """
    session = open_session(task.path)
    calibrated = len(session.streams) > 1
    if calibrated:
        _require_calibrated(session, task.calibration, task.calibration_path)
    time_s = synchronize(session).time_s
    tick, _ = clip_grid(time_s, fps=task.config.fps, path=task.path)
    rated = (*task.traces, *as_traces(task.gold))
    check_lengths(rated, duration_s=float(time_s[-1]), lag_s=task.config.rater_lag_s, path=task.path)
    calibration_sha256 = task.calibration_sha256 if calibrated else None
    return SessionJob(
        path=task.path,
        id=task.id,
        subject=task.subject,
        simulated=task.simulated,
        calibration=task.calibration if calibrated else None,
        calibration_sha256=calibration_sha256,
        traces=task.traces,
        config=task.config,
        yunet=task.yunet,
        out=out or task.folder / task.file,
        n_frames=len(tick),
        key=build_key(
            fingerprint_of_session(session),
            traces_sha256=sha256_of_ratings(task.traces, task.gold),
            calibration_sha256=calibration_sha256,
            detector_sha256=task.yunet_sha256,
            config=task.config,
            versions=task.software,
        ),
        gold=task.gold,
    )


def sha256_of_session(session: Session) -> str:
    """Return one hash over a recorded session's record and all of its files."""
    names = [
        RECORD_NAME,
        *(name for recorder in session.record.recorders.values() for name in recorder.files),
    ]
    lines = [f"{sha256_of_file(session.path / name)}  {name}\n" for name in sorted(names)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def sha256_of_traces(traces: Sequence[Trace]) -> str | None:
    """Return one hash over the names and values of the traces, or None where there are none."""
    if not traces:
        return None
    digest = hashlib.sha256()
    for trace in sorted(traces, key=lambda trace: trace.stem):
        kind = b"simulated" if trace.simulated else b""
        digest.update(trace.stem.encode() + kind + trace.time_s.tobytes() + trace.value.tobytes())
    return digest.hexdigest()


def sha256_of_ratings(traces: Sequence[Trace], gold: Sequence[GoldFile]) -> str | None:
    """Return one hash over what the labels are made of: gold standards, else traces; None without either."""
    return sha256_of_gold(gold) or sha256_of_traces(traces)


def _require_calibrated(session: Session, solved: Calibration | None, calibration_path: Path | None) -> None:
    """Raise CalibrationError unless the session's streams can be brought together."""
    if solved is None or calibration_path is None:
        raise CalibrationError(
            f"wanted a calibration of rig {session.record.rig!r} to bring its {len(session.streams)} streams "
            f"together, found none; pass --calibration FILE, made by `mavfer calibrate`: {session.path}"
        )
    require_rig(solved, session.record.rig, calibration_path)
    for stream in session.streams:
        camera, spec = solved.camera_of(stream), session.spec(stream)
        if spec.shape[:2] != (camera.height, camera.width):
            raise CalibrationError(_size_complaint(spec, (camera.height, camera.width), calibration_path))


def _size_complaint(spec: StreamSpec, calibrated: tuple[int, int], path: Path) -> str:
    return (
        f"wanted a calibration for {spec.stream.value} of {spec.shape[1]}x{spec.shape[0]} pixels, found one "
        f"for {calibrated[1]}x{calibrated[0]}; calibrate from a board session of the same rig: {path}"
    )
