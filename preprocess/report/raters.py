"""The raters: how well they agree, as in the paper's Table III (section IV-D), and their series over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from ...annotate.agreement import Agreement, agreement
from ...annotate.trace import DIMENSIONS
from ...report import AMBER, BLUE, GREEN, ROSE, SOFT, VERMILION, Badge, Cell, Page, Prose
from .agreeing import overall_agreement
from .drawing import counted, drawable, number, percent
from .outcome import FOLD_BEYOND
from .panels import Curve, Panel
from .rows import SessionRows

PAPER_TABLE_3: Mapping[str, tuple[str, str, str]] = {
    "valence": ("46.9 %", "0.48", "0.79"),
    "arousal": ("45.4 %", "0.42", "0.72"),
}
"""Share positive, correlation and alpha of the paper's Table III, after zero-mean normalisation."""


def add_agreement(page: Page, sessions: Sequence[SessionRows]) -> None:
    """Add how well raters agree, over all sessions and in each."""
    lines: list[list[Cell]] = []
    n_teams = 1
    for dimension in DIMENSIONS:
        overall = overall_agreement(sessions, dimension)
        if overall is None:
            continue
        n_teams = max(n_teams, overall.n_teams)
        lines.append(
            [
                Prose(f"{dimension}, mean of {counted(overall.n_sessions, 'session')}"),
                *_measures(overall.mean),
            ]
        )
        if overall.n_sessions > 1:
            lines.append([Prose(f"{dimension}, pooled as rated"), *_measures(overall.pooled)])
        lines.append([Prose(f"{dimension}, pooled after zero-mean"), *_measures(overall.centered)])
        positive, correlation, alpha = PAPER_TABLE_3[dimension]
        paper: list[Cell] = [positive, "–", correlation, "–", alpha, Badge("acceptable", "none")]
        lines.append([Prose(f"{dimension}, the paper's own dataset"), *paper])
    if not lines:
        page.note(
            "No agreement to show", "No session was rated by two raters or more, so none can be computed."
        )
        return
    header = ["over all sessions", "positive", "MSE", "correlation", "CCC", "alpha", "consistency"]
    page.table(
        header,
        lines,
        caption="How well raters agree, over aligned and other rows alike. Positive is the share of all "
        "raters' ratings above 0; MSE, correlation and CCC are means over pairs of raters.",
    )
    teams = (
        f" Here {n_teams} teams rated; each is pooled alone, then weighted by its ratings."
        if n_teams > 1
        else ""
    )
    page.note(
        "Which figure is which",
        "Cronbach's alpha above 0.7 is acceptable and above 0.8 good (paper, section IV-D). The paper's "
        "Table III is after zero-mean normalisation: each rater's own mean over a session is taken out. "
        "Within one session this changes neither correlation nor alpha; with sessions laid end to end "
        "(pooled) it does, because raters who differ by a constant then agree." + teams,
    )
    own = _session_rows(sessions)
    header = ["session", "dimension", "raters", *header[1:]]
    if len(own) > FOLD_BEYOND:
        with page.folded(f"Agreement of the raters of each of {len(sessions)} sessions"):
            page.table(header, own)
    else:
        page.table(header, own, caption="The same, session by session")


def _session_rows(sessions: Sequence[SessionRows]) -> list[list[Cell]]:
    lines: list[list[Cell]] = []
    for rows in sessions:
        for i, (dimension, series) in enumerate(rows.per_rater.items()):
            measures = _measures(agreement(series))
            lines.append([Prose("" if i else rows.entry.id), dimension, str(len(series)), *measures])
    return lines


def _measures(found: Agreement) -> list[Cell]:
    return [
        percent(found.positive),
        number(found.mse),
        number(found.pearson),
        number(found.ccc),
        number(found.alpha),
        Badge(*consistency(found.alpha)),
    ]


def consistency(alpha: float) -> tuple[str, Literal["good", "doubt", "bad", "none"]]:
    """Return what an alpha means by the paper's words (section IV-D), and its tone."""
    if not np.isfinite(alpha):
        return "unknown", "none"
    if alpha > 0.8:
        return "good", "good"
    return ("acceptable", "good") if alpha > 0.7 else ("low", "doubt")


def rating_panel(rows: SessionRows, dimension: str) -> Panel:
    """Return the raters' series of one session and their gold standard as a panel."""
    colors = (GREEN, VERMILION, AMBER, ROSE, SOFT)
    names = rows.rater_names.get(dimension, ())
    curves = [
        Curve(drawable(names[k], 14), series, colors[k % len(colors)], 0.9)
        for k, series in enumerate(rows.per_rater.get(dimension, ()))
    ]
    gold = Curve("gold standard", rows.column[dimension].astype(np.float64), BLUE, 2.2)
    return Panel(dimension, [*curves, gold], -1.05, 1.05, (-1, 0, 1), 1.4)
