"""One recorded session becomes one HDF5 file; pure per session, so that sessions can be built anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ...capture.session import Session, open_session
from ...capture.streams import Stream
from ...capture.synchronize import synchronize
from ...errors import FaceError, SessionError
from ..building.jobs import SessionJob, sha256_of_session
from ..dataset.clip_writer import SessionWriter
from ..dataset.clips import sha256_of_file
from ..dataset.record import VALID, Reason, SessionRecord, Smoothing
from ..faces.face import Found
from ..faces.hog import detector_named
from ..faces.track import LandmarkTrack
from ..labels.fused import labels_from
from ..labels.gold import Labels, labels_at
from .clip_grid import clip_grid, frame_rate
from .cut import RowCutter
from .moments import MomentReader, usable_at_ticks
from .row_maker import RowMaker
from .self_check import check_geometry, remarks_on_rows
from .subject import choose_subject
from .tick_account import account_for

KEPT = ("found",)  # beside the reasons: columns that the record is made from, kept for the whole session
NO_PICTURE = tuple(
    reason.name.lower() for reason in (Reason.NOT_RECORDED, Reason.DAMAGED, Reason.UNSYNCHRONISED)
)


def build_session(job: SessionJob, on_frames: Callable[[int], None]) -> SessionRecord:
    """Write one session's HDF5 file and return how it fared; `on_frames` is told how many more are done.

    Rows are worked out and written in blocks of one chunk, so memory does not grow with the session. Bound
    by decoding color (JPEG) and by the face detector.

    Raises
    ------
    FaceError
        No frame of the session shows a face.
    SessionError
        Not one color picture can be used.
    DatasetError
        Ticks, rows and frames do not add up.
    """
    config = job.config
    session = open_session(job.path)
    synchronized = synchronize(session)
    tick, time_s = clip_grid(synchronized.time_s, fps=config.fps, path=job.path)
    usable = usable_at_ticks(session, synchronized, max_skew_ms=config.max_skew_ms)
    reader = MomentReader(session, synchronized, tick=tick, time_s=time_s, usable=usable)
    fps = config.fps or frame_rate(time_s, session.record.plan.fps or 1.0)
    smoothed = config.smoothing is not Smoothing.NONE
    detector = detector_named(job.yunet)
    cutter = RowCutter(
        [session.spec(stream) for stream in session.streams],
        job.calibration,
        size_px=config.size_px,
        mode=config.align,
        margin=config.margin,
        detector=detector,
        smoothed=smoothed,
    )
    subject = choose_subject(reader, cutter, detector, calibration=job.calibration)
    cutter.expect(subject.in_color, in_infrared=subject.in_infrared)
    track = LandmarkTrack(smoothing=config.smoothing, fps=fps, fill_gaps_s=config.fill_gaps_s)
    labels = labels_of(job, time_s)
    offsets_ms = {f"offset_ms_{s}": reader.offsets_ms(s) for s in session.streams if s is not Stream.COLOR}
    kept: dict[str, list[NDArray]] = {name: [] for name in (*KEPT, *_reason_columns(session))}
    with SessionWriter(
        job.out,
        n_frames=len(tick),
        size_px=config.size_px,
        streams=session.streams,
        compression=config.compression,
        smoothed=smoothed,
    ) as writer:
        for start, block in RowMaker(reader, cutter, track).blocks():
            rows = slice(start, start + len(block["time_s"]))
            block["tick"] = tick[rows].astype(np.int32)
            block |= {name: values[rows] for name, values in offsets_ms.items()}
            block |= {dimension: values[rows] for dimension, values in labels.value.items()}
            writer.write(start, block)
            for name, columns in kept.items():
                columns.append(block[name])
            on_frames(len(block["time_s"]))
        known = {name: np.concatenate(columns) for name, columns in kept.items()}
        account = account_for(
            synchronized,
            n_stored={stream: len(session.index(stream)) for stream in session.streams},
            tick=tick,
            reasons={stream: known[f"reason_{stream}"] for stream in session.streams},
            path=job.path,
        )
        writer.write_ticks(account.columns)
        for dimension, values in labels.per_rater.items():
            writer.write_raters(dimension, labels.raters[dimension], values)
    _require_a_face(known["found"], account.rows[Stream.COLOR.value], job)
    aligned = np.isin(known[f"reason_{Stream.COLOR}"], VALID)
    geometry, geometry_reason = check_geometry(session, job.calibration, n_moments=config.verify_moments)
    remarks = remarks_on_rows(
        account.rows, max_skew_ms=config.max_skew_ms, geometry=geometry, geometry_reason=geometry_reason
    )
    return SessionRecord(
        id=job.id,
        subject=job.subject,
        simulated=job.simulated,
        fate="built",
        remarks=(*remarks, *(line for line in (cutter.remark, track.remark) if line), *labels.remarks),
        file=job.out.name,
        key=job.key or None,
        sha256=sha256_of_file(job.out),
        source_sha256=sha256_of_session(session),
        traces_sha256=job.ratings_sha256,
        calibration_sha256=job.calibration_sha256,
        rig=session.record.rig,
        n_ticks=len(synchronized.time_s),
        n_frames=len(tick),
        fps=fps,
        streams=session.streams,
        raters=labels.all_raters,
        labelled={name: int(np.isfinite(values).sum()) for name, values in labels.value.items()},
        aligned_share=float(np.mean(aligned)),
        region_share=float(np.mean(known["found"][aligned] == Found.REGION)) if aligned.any() else 0.0,
        reasons=account.rows,
        ticks=account.ticks,
        stored=account.stored,
        at_no_tick=account.at_no_tick,
        subject_choice=subject.in_color.words,
        geometry=geometry,
        geometry_reason=geometry_reason,
    )


def labels_of(job: SessionJob, time_s: NDArray[np.float64]) -> Labels:
    """Return the labels of frames at `time_s`: of the gold standards given, or else of the raters' mean."""
    if job.gold:
        return labels_from(job.gold, time_s)
    config = job.config
    return labels_at(job.traces, time_s, lag_s=config.rater_lag_s, max_gap_s=config.max_label_gap_s)


def _reason_columns(session: Session) -> tuple[str, ...]:
    return tuple(f"reason_{stream}" for stream in session.streams)


def _require_a_face(found: NDArray[np.uint8], color: Mapping[str, int], job: SessionJob) -> None:
    """Raise where nothing can be aligned; `color` counts the rows of color by reason."""
    if np.any(found):
        return
    unseen = {name: n for name, n in color.items() if name in NO_PICTURE}
    if sum(unseen.values()) == len(found):
        how = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in unseen.items())
        raise SessionError(
            f"wanted color pictures to find the face in, found none in {len(found)} frames ({how}); `mavfer "
            f"check-session` says more: {job.path}"
        )
    more = f" ({sum(unseen.values())} of them without a usable color picture)" if unseen else ""
    raise FaceError(
        f"wanted a face, found none in {len(found)} frames{more}; it must look at the camera and be at least "
        f"40 pixels wide in a small video, 80 in one of 1080 lines: {job.path}"
    )
