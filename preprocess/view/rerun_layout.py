"""How a session's recording opens in Rerun: pictures above, curves and reasons below, all on one time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...annotate.trace import DIMENSIONS
from ..dataset.clips import DatasetSession
from .rows import Facts

if TYPE_CHECKING:
    import rerun.blueprint as rrb

REASON_COLORS = {
    "ok": 0x7FB8A4FF,
    "plane": 0x56B4E9FF,
    "occluded": 0xE69F00FF,
    "filled": 0xCC79A7FF,
    "no_face": 0xD55E00FF,
    "no_depth": 0x8E6BBFFF,
    "out_of_view": 0xA0782CFF,
    "unsynchronised": 0xC2B500FF,
    "not_recorded": 0x80858CFF,
    "damaged": 0xC40D2EFF,
    "unknown": 0x80858CFF,
}
"""The same colors as on the page, RGBA."""


def layout(session: DatasetSession, facts: Facts, *, has_remarks: bool) -> rrb.Blueprint:
    """Return the layout for what a session has."""
    import rerun.blueprint as rrb

    pictures = [rrb.Spatial2DView(origin=f"/{stream}", name=stream.value) for stream in session.streams]
    below: list[rrb.View] = []
    labelled = any(np.isfinite(facts.columns.get(name, np.nan)).any() for name in DIMENSIONS)
    if labelled:
        below.append(
            rrb.TimeSeriesView(
                name="valence and arousal",
                contents=["/labels/**", "/raters/**"],
                axis_y=rrb.ScalarAxis(range=(-1.05, 1.05)),
            )
        )
    below.append(rrb.StateTimelineView(name="reasons", contents=["/reasons/**"]))
    tabs: list[rrb.View] = []
    if np.isfinite(facts.columns.get("pose_deg", np.nan)).any():
        tabs.append(rrb.TimeSeriesView(name="pose, degrees", contents=["/pose/**"]))
    for name in ("sharpness", "brightness", "distance_mm", "eye_distance_px", "score"):
        if np.isfinite(facts.columns.get(name, np.nan)).any():
            tabs.append(rrb.TimeSeriesView(name=name, contents=[f"/figures/{name}"]))
    tabs.append(rrb.TimeSeriesView(name="jump, eye distances", contents=["/figures/jump"]))
    if has_remarks:
        tabs.append(rrb.TextDocumentView(name="remarks", origin="/remarks"))
    return rrb.Blueprint(
        rrb.Vertical(
            rrb.Horizontal(*pictures),
            rrb.Horizontal(rrb.Vertical(*below), rrb.Tabs(*tabs)),
            row_shares=[3, 2],
        ),
        rrb.TimePanel(timeline="session_time", state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
        rrb.BlueprintPanel(state="collapsed"),
    )
