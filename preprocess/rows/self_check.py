"""Whether the rig stood during a session as it was calibrated, and what its record remarks on its frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ...calibrate.calibration import Calibration
from ...calibrate.verify.verify import verify
from ...capture.session import Session
from ...capture.streams import Stream
from ...errors import CalibrationError, SessionError
from ..dataset.record import Reason

Geometry = Literal["agrees", "knocked", "cannot tell", "not checked"]


def check_geometry(
    session: Session, calibration: Calibration | None, *, n_moments: int
) -> tuple[Geometry, str]:
    """Return whether edges of color and thermal lie where depth and the calibration put them, and why.

    About 0.15 s per moment. "not checked" where that was not asked for (0 moments) or cannot be done.
    """
    if n_moments == 0:
        return "not checked", "not asked for"
    if calibration is None:
        return "not checked", "a session of color alone has nothing to compare"
    if Stream.DEPTH not in session.streams:
        return "not checked", "the session has no depth"
    try:
        agreement = verify(session, calibration, n_moments=n_moments)
    except (CalibrationError, SessionError) as error:
        return "not checked", str(error)
    return agreement.verdict, agreement.reason


def remarks_on_rows(
    rows: Mapping[str, Mapping[str, int]], *, max_skew_ms: float, geometry: Geometry, geometry_reason: str
) -> tuple[str, ...]:
    """Return what the user must know of a session that was built, one line each.

    Parameters
    ----------
    rows : by stream and reason
    """
    lines = []
    for stream, counts in rows.items():
        n_rows = sum(counts.values())
        if n := counts.get(_name(Reason.DAMAGED), 0):
            lines.append(
                f"{stream}: {n} of {n_rows} rows have a damaged frame, which is lost; `mavfer recover` "
                "on the session tells more"
            )
        if n := counts.get(_name(Reason.UNSYNCHRONISED), 0):
            lines.append(
                f"{stream}: {n} of {n_rows} rows have a frame that is more than {max_skew_ms:g} ms from "
                "color's or shows an earlier moment, which is left out"
            )
        if n := counts.get(_name(Reason.PLANE), 0):
            lines.append(
                f"{stream}: {n} of {n_rows} rows are cut with the face as a plane, for want of depth"
            )
    if geometry == "knocked":
        lines.append(f"the rig does not stand as calibrated: {geometry_reason}")
    return tuple(lines)


def _name(reason: Reason) -> str:
    return reason.name.lower()
