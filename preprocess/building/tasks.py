"""What a session needs to be built: its calibration, its raters, the detector, what earlier builds left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...calibrate.calibration import Calibration
from ...calibrate.calibration_file import read_calibration
from ...errors import CalibrationError, ConfigError, DatasetError, MavferError
from ..dataset.clips import sha256_of_file
from ..dataset.record import ClipConfig
from ..labels.ratings import Rated
from .fingerprint import software
from .jobs import SessionTask
from .sessions_given import GivenSession, expected_frames
from .workplace import Workplace

Calibrations = dict[str, tuple[Calibration, Path, str]]
"""By the name of the rig: the calibration, its file, and the file's sha256."""


def read_calibrations(paths: Path | Sequence[Path] | None) -> Calibrations:
    """Return calibrations by the name of their rig: each with its file and the file's sha256.

    Raises
    ------
    CalibrationError
        One does not read, or two are of one rig.
    """
    files = [] if paths is None else [paths] if isinstance(paths, Path) else list(paths)
    known: Calibrations = {}
    for path in files:
        solved = read_calibration(path)
        if solved.rig in known:
            raise CalibrationError(
                f"wanted one calibration of rig {solved.rig!r}, found another in {known[solved.rig][1]}; "
                f"leave one out: {path}"
            )
        known[solved.rig] = (solved, path, sha256_of_file(path))
    return known


def task_of(
    one: GivenSession,
    *,
    calibrations: Calibrations,
    rated: Rated,
    config: ClipConfig,
    yunet: Path | None,
    yunet_sha256: str | None,
    workplace: Workplace,
) -> SessionTask | MavferError:
    """Return what is to be done for a session, or why nothing can be."""
    if one.error is not None or one.record is None:
        return one.error or DatasetError(f"wanted a session, found none: {one.path}")
    if rated.error is not None:
        return rated.error
    solved, path, sha256 = calibrations.get(one.record.rig) or next(
        iter(calibrations.values()), (None, None, None)
    )
    return SessionTask(
        path=one.path,
        id=one.id,
        subject=one.subject,
        simulated=one.record.simulated or _of_simulated_raters(rated),
        n_frames=expected_frames(one.record, config.fps),
        calibration=solved,
        calibration_path=path,
        calibration_sha256=sha256,
        traces=tuple(rated.traces),
        config=config,
        yunet=yunet,
        yunet_sha256=yunet_sha256,
        folder=workplace.folder,
        software=software(),
        kept=workplace.kept(one.id),
        gold=tuple(rated.gold),
    )


def _of_simulated_raters(rated: Rated) -> bool:
    simulated = [trace.simulated for trace in rated.traces] + [one.header.simulated for one in rated.gold]
    return any(simulated)


def sha256_of_detector(yunet: Path | None) -> str | None:
    """Return the sha256 of a detector's file; raises ConfigError where there is none."""
    if yunet is None:
        return None
    if not yunet.is_file():
        raise ConfigError(f"wanted a YuNet detector (.onnx), found nothing: {yunet}")
    return sha256_of_file(yunet)
