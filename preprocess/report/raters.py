"""The raters: how well they agree, as in the paper's Table III (section IV-D), and their series over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...annotate.agreement import Agreement, agreement
from ...annotate.agreement.words import PAPER_TABLE_3, consistency
from ...annotate.trace import DIMENSIONS
from ...report import AMBER, BLUE, GREEN, ROSE, SOFT, VERMILION, Badge, Cell, Page, Prose
from ..labels.fused import MADE_BY
from .agreeing import overall_agreement, spoken
from .drawing import counted, drawable, number, percent
from .outcome import FOLD_BEYOND
from .panels import Curve, Panel
from .rows import SessionRows


def add_agreement(page: Page, sessions: Sequence[SessionRows]) -> None:
    """Add how well raters agree, over all sessions and in each."""
    lines: list[list[Cell]] = []
    n_teams = 1
    fused = sum(any(MADE_BY in remark for remark in rows.entry.remarks) for rows in sessions)
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
            how = "as averaged" if fused else "as rated"
            lines.append([Prose(f"{dimension}, pooled {how}"), *_measures(overall.pooled)])
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
        "raters' ratings above 0; MSE (of ratings in [-1, 1]), correlation and CCC are means over pairs of "
        "raters.",
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
    if fused:
        page.note(
            "As averaged",
            f"{counted(fused, 'session')} {'has' if fused == 1 else 'have'} labels from gold standards, and "
            "their raters stand here as they were averaged: with lags taken out, means replaced or time "
            "aligned where the session's remarks say so. There they agree better than they did; `mavfer "
            "labels agree` tells of the traces as rated.",
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
        for i, dimension in enumerate(rows.per_rater):
            names, series = spoken(rows, dimension)
            measures = _measures(agreement(series))
            lines.append([Prose("" if i else rows.entry.id), dimension, str(len(names)), *measures])
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
