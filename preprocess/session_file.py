"""One recorded session becomes one HDF5 file; pure per session, so that sessions can be built anywhere."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..annotate.trace import Trace, read_traces
from ..calibrate.calibration import Calibration, require_rig
from ..capture.session import RECORD_NAME, Session, open_session
from ..capture.streams import Stream, StreamSpec
from ..capture.synchronize import Synchronized, synchronize
from ..errors import CalibrationError, DatasetError, FaceError, SessionError
from .clips import FRAMES_PER_CHUNK, SessionWriter, sha256_of_file
from .cut import RowCutter
from .labels import labels_at
from .record import ClipConfig, Reason, SessionRecord

NOT_A_TICK = -1


@dataclass(frozen=True, slots=True)
class SessionJob:
    """One session to build: all that a process needs, cheap to pickle.

    Attributes
    ----------
    path : the recorded session
    calibration : of its rig; None for a session of color alone
    out : the HDF5 file to write
    n_frames : rows that it will have
    """

    path: Path
    id: str
    subject: str
    simulated: bool
    calibration: Calibration | None
    traces: tuple[Trace, ...]
    config: ClipConfig
    out: Path
    n_frames: int


def prepare_job(
    path: Path,
    solved: Calibration | None,
    *,
    calibration_path: Path | None,
    traces: Path | None,
    config: ClipConfig,
    folder: Path,
) -> SessionJob:
    """Return the job of one session, after checking that its inputs belong together; nothing is decoded.

    Raises
    ------
    SessionError, CalibrationError, TraceError, DatasetError
        The session is none, its rig is not the calibrated one, nobody rated it, or its rate is too low.
    """
    session = open_session(path)
    if Path(session.id).name != session.id:
        raise SessionError(
            f"wanted a session whose id can name a file, found {session.id!r}; mend session.toml: {path}"
        )
    if Stream.COLOR not in session.streams:
        raise SessionError(
            f"wanted a color stream to find the face in, found {', '.join(session.streams)}: {path}"
        )
    if len(session.streams) > 1:
        _require_calibrated(session, solved, calibration_path)
    tick, _ = clip_grid(synchronize(session).time_s, fps=config.fps, path=path)
    rated = () if traces is None else read_traces(traces, session.id)
    return SessionJob(
        path=path,
        id=session.id,
        subject=session.record.subject,
        simulated=session.record.simulated or any(trace.simulated for trace in rated),
        calibration=solved if len(session.streams) > 1 else None,
        traces=rated,
        config=config,
        out=folder / f"{session.id}.h5",
        n_frames=len(tick),
    )


def build_session(job: SessionJob, on_frames: Callable[[int], None]) -> SessionRecord:
    """Write one session's HDF5 file and return how it fared; `on_frames` is told how many more are done.

    Rows are worked out and written in blocks of one chunk, so memory does not grow with the session. Bound
    by decoding color (JPEG) and by the face detector.

    Raises
    ------
    FaceError
        No frame of the session shows a face.
    """
    config = job.config
    session = open_session(job.path)
    synchronized = synchronize(session)
    tick, time_s = clip_grid(synchronized.time_s, fps=config.fps, path=job.path)
    specs = [session.spec(stream) for stream in session.streams]
    cutter = RowCutter(specs, job.calibration, size_px=config.size_px, mode=config.align)
    labels = labels_at(job.traces, time_s, lag_s=config.rater_lag_s)
    reasons = {stream: Counter[str]() for stream in session.streams}
    with SessionWriter(
        job.out, n_frames=len(tick), size_px=config.size_px, streams=session.streams
    ) as writer:
        for start in range(0, len(tick), FRAMES_PER_CHUNK):
            stop = min(start + FRAMES_PER_CHUNK, len(tick))
            rows = []
            for i in range(start, stop):
                pictures = tick_pictures(session, synchronized, int(tick[i]))
                rows.append(cutter.row(pictures, time_s=float(time_s[i])))
                on_frames(1)
            block = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
            block["tick"] = tick[start:stop].astype(np.int32)
            block |= {dimension: values[start:stop] for dimension, values in labels.value.items()}
            writer.write(start, block)
            for stream, counts in reasons.items():
                counts.update(Reason(reason).name.lower() for reason in block[f"reason_{stream}"].tolist())
        for dimension, values in labels.per_rater.items():
            writer.write_raters(dimension, labels.raters[dimension], values)
    n_aligned = reasons[Stream.COLOR]["ok"]
    if n_aligned == 0:
        raise FaceError(
            f"wanted a face, found none in {len(tick)} frames; it must look at the camera and be at least "
            f"40 pixels wide in a small video, 80 in one of 1080 lines: {job.path}"
        )
    return SessionRecord(
        id=job.id,
        subject=job.subject,
        simulated=job.simulated,
        fate="built",
        file=job.out.name,
        sha256=sha256_of_file(job.out),
        source_sha256=sha256_of_session(session),
        traces_sha256=sha256_of_traces(job.traces),
        n_ticks=len(synchronized.time_s),
        n_frames=len(tick),
        fps=config.fps or frame_rate(time_s, config.fps),
        streams=session.streams,
        raters=labels.all_raters,
        labelled={name: int(np.isfinite(values).sum()) for name, values in labels.value.items()},
        aligned_share=n_aligned / len(tick),
        region_share=cutter.n_region / n_aligned,
        reasons={stream.value: dict(sorted(counts.items())) for stream, counts in reasons.items()},
    )


def clip_grid(
    tick_s: NDArray[np.float64], *, fps: float, path: Path
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each frame of the clip rate the nearest tick (F,) and the time of that tick (F,) seconds.

    Frames lie at k / fps from the first tick to the last. Where the nearest tick is more than half a period
    away, or is taken already (a gap in a video), the frame has NOT_A_TICK and its own time. `fps` 0 keeps
    every tick.
    """
    if len(tick_s) == 0:
        raise SessionError(
            f"wanted a session with ticks, found none; `mavfer check-session` says more: {path}"
        )
    if fps == 0:
        return np.arange(len(tick_s)), np.asarray(tick_s, np.float64)
    recorded_fps = frame_rate(tick_s, fps)
    if fps > 1.01 * recorded_fps:
        raise DatasetError(
            f"wanted clips at {fps:g} frames per second, the session has {recorded_fps:.3g}; ask for at most "
            f"that, or for every tick with --fps 0: {path}"
        )
    frame_s = np.arange(int(np.floor((tick_s[-1] + 1e-6) * fps)) + 1) / fps
    right = np.clip(np.searchsorted(tick_s, frame_s), 1, max(1, len(tick_s) - 1))
    right = np.minimum(right, len(tick_s) - 1)
    left = np.maximum(right - 1, 0)
    tick = np.where(frame_s - tick_s[left] <= tick_s[right] - frame_s + 1e-9, left, right)
    far = np.abs(tick_s[tick] - frame_s) > 0.5 / fps + 1e-9
    tick = np.where(far, NOT_A_TICK, tick)
    taken = np.concatenate([[False], np.diff(tick) == 0])
    tick = np.where(taken, NOT_A_TICK, tick)
    return tick, np.where(tick == NOT_A_TICK, frame_s, tick_s[tick])


def frame_rate(time_s: NDArray[np.float64], fps: float) -> float:
    """Return the median rate of frames at `time_s`; `fps` where there are fewer than two."""
    return float(1 / np.median(np.diff(time_s))) if len(time_s) > 1 else fps


def tick_pictures(session: Session, synchronized: Synchronized, tick: int) -> dict[Stream, NDArray]:
    """Return the pixels of every stream that has a frame at a tick; only these are decoded."""
    if tick == NOT_A_TICK:
        return {}
    index = {stream: int(frames[tick]) for stream, frames in synchronized.index.items()}
    return {stream: session.frame(stream, i).pixels for stream, i in index.items() if i >= 0}


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
        digest.update(trace.stem.encode() + trace.time_s.tobytes() + trace.value.tobytes())
    return digest.hexdigest()


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
