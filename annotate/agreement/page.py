"""The agreement as one HTML page: figures with their readings, who stands out, and pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from ...report import Badge, Cell, Page, Prose
from . import pictures
from .measures import MEASURES
from .pairs import ccc, pearson
from .readings import LEVEL_WORDS, LEVELS, SCOPES, Reading
from .standing_out import Kind, Profile, pairwise
from .summary import Summary
from .thresholds import THRESHOLDS
from .words import consistency, figure, interval, number, percent

TABLE = ("positive", "mse", "pearson", "ccc", "alpha")
"""The columns of the tables of RECOLA (Ringeval and others 2013) and of the MAVFER paper (Table III)."""
RELIABILITY = ("occc", "icc_a1", "icc_c1", "icc_ck", "krippendorff")
TONES: dict[Kind, Literal["bad", "doubt"]] = {"inverted": "bad", "unrelated": "bad", "constant": "bad"}
FOLD_BEYOND = 12
MOST_CURVES = 60
PLOT_IN = (10.0, 3.4)
N_OF_ALL = 6
"""Plots that are of all sessions together, where both dimensions are rated."""


def agreement_page(
    summary: Summary,
    *,
    title: str = "How well the raters agree",
    on_progress: Callable[[int, int], None] | None = None,
) -> Page:
    """Return the page of a summary.

    Takes about half a second per session.

    Parameters
    ----------
    on_progress : called with the plots drawn and their number
    """
    mark = "simulated" if summary.simulated else ""
    page = Page(title, _subtitle(summary), mark=mark)
    if not summary.over_sessions():
        page.section("At a glance")
        page.note("Nothing to compare", "No session was rated by two raters or more.", *summary.remarks)
        return page
    tell = on_progress or (lambda *_: None)
    n_plots = N_OF_ALL + len(summary.session_ids[:MOST_CURVES])
    tell(0, n_plots)
    _glance(page, summary)
    _standing_out(page, summary)
    _raters(page, summary)
    _figures(page, summary)
    _sessions(page, summary, lambda done: tell(N_OF_ALL + done, n_plots))
    _method(page, summary)
    return page


def _subtitle(summary: Summary) -> str:
    n_teams = max((one.n_teams for one in summary.over_sessions()), default=1)
    teams = f" in {n_teams} teams" if n_teams > 1 else ""
    lag = f", {summary.lag_s:g} s of reaction taken off" if summary.lag_s else ""
    return (
        f"{_counted(len(summary.raters), 'rater')}{teams}, {_counted(len(summary.session_ids), 'session')}, "
        f"{summary.fps:g} samples per second{lag}"
    )


def _glance(page: Page, summary: Summary) -> None:
    count = len({one.rater for one in summary.profiles if one.findings})
    said = "Nobody stands out." if not count else f"{_counted(count, 'rater')} stand out; see below."
    if count == 1:
        said = "One rater stands out; see below."
    page.section("At a glance", said)
    tiles = {}
    for dimension in summary.dimensions:
        one = summary.reading(dimension, "mean of sessions", "raw")
        if one is None:
            continue
        for name, word in (("alpha", "Cronbach's alpha"), ("ccc", "CCC")):
            limits = interval(name, one.values[name])
            limited = f", 95 % interval {limits}" if limits else ""
            tiles[f"{word} of {dimension}, mean of {_counted(one.n_sessions, 'session')}{limited}"] = figure(
                name, one.values[name]
            )
    page.tiles(tiles)
    rows: list[list[Cell]] = []
    for one in summary.over_sessions():
        if one.n_sessions == 1 and one.scope != "mean of sessions":
            continue
        rows.append([Prose(_reading_word(one)), *_cells(one, TABLE), _badge(one)])
    page.table(
        ["over all sessions", *(MEASURES[name].word for name in TABLE), "consistency"],
        rows,
        caption="The columns of the tables of RECOLA and of the MAVFER paper, of ratings in [-1, 1]; MSE, CC "
        f"and CCC are means over pairs of raters. Raw: {LEVEL_WORDS['raw']}; zero-mean: "
        f"{LEVEL_WORDS['zero-mean']}.",
    )
    for remark in summary.remarks[:8]:
        page.note("Not compared", f"{remark[:1].upper()}{remark[1:]}.")


def _standing_out(page: Page, summary: Summary) -> None:
    page.section("Who stands out", "Pointed out, not left out: what to do about it is for people to decide.")
    found = [(one, finding) for one in summary.profiles for finding in one.findings]
    found.sort(key=lambda pair: TONES.get(pair[1].kind, "doubt") == "doubt")
    if found:
        page.table(
            ["rater", "what", "in words"],
            [
                [
                    one.rater,
                    Badge(finding.kind, TONES.get(finding.kind, "doubt")),
                    Prose(f"{finding.text}.".replace("?.", "?")),
                ]
                for one, finding in found
            ],
        )
    else:
        page.note("Nobody", "No rater is beyond any of the thresholds that are named at the end of the page.")
    header = ["rater", "sessions", "r", "CCC", "bias", "spread", "α without", "later", "missing"]
    for dimension in summary.dimensions:
        own = [one for one in summary.profiles if one.dimension == dimension]
        page.table(
            header,
            [_profile_row(one) for one in own],
            caption=f"{dimension.capitalize()}: each rater against the others, mean over sessions. r and CCC "
            "are with the mean of the others; bias is in steps of the scale, from the median rater (of two "
            "raters: from the other); spread is the standard deviation over the median rater's; α without is "
            "Cronbach's alpha with the rater left out; later is in seconds, than each of the others.",
        )


def _raters(page: Page, summary: Summary) -> None:
    page.section("Raters and pairs")
    by_dimension = {d: [one for one in summary.sessions if one.dimension == d] for d in summary.dimensions}
    side = 1.2 + 0.62 * len(summary.raters)
    for dimension, own in by_dimension.items():
        raters, r = pairwise(own, pearson)
        if len(raters) < 2:
            continue
        _, concordance = pairwise(own, ccc)
        matrices = {f"{dimension}: correlation": r, f"{dimension}: CCC": concordance}
        page.plot(
            lambda canvas, raters=raters, matrices=matrices: pictures.draw_matrices(canvas, raters, matrices),
            alt=f"correlation and CCC of {dimension} for every pair of raters",
            size_in=(10.0, min(max(side, 2.9), 8.0)),
            caption=f"{dimension.capitalize()}, every pair of raters: mean over sessions that both rated. "
            "Blue agrees, red is the other way round; blank: no session in common.",
        )
    page.plot(
        lambda canvas: pictures.draw_distribution(canvas, by_dimension, summary.raters),
        alt="how often each rater gives which rating",
        size_in=(10.0, 1.1 + 0.62 * len(summary.raters)),
        caption="How often each rater gives which rating; the line is the mean.",
    )
    page.plot(
        lambda canvas: pictures.draw_bias(canvas, by_dimension, summary.profiles),
        alt="each rater's bias per session and in the mean",
        size_in=PLOT_IN,
        caption="Bias: a rater's mean less the median rater's. A dot is a session, the bar their mean; "
        "beyond the dashed lines a rater is pointed out.",
    )
    if any(np.isfinite(one.alpha_without) for one in summary.profiles):
        page.plot(
            lambda canvas: pictures.draw_left_out(canvas, summary.profiles, summary.dimensions),
            alt="Cronbach's alpha with all raters and with each one left out",
            size_in=PLOT_IN,
            caption="What leaving out each rater does: from the gray dot (all raters) to the triangle "
            "(without the rater). Fewer raters lower alpha; where it goes up, in red, the rater is against "
            "the others. Below -1 it is drawn at -1. Dashed: 0.7, acceptable; dotted: 0.8, good.",
        )


def _figures(page: Page, summary: Summary) -> None:
    page.section(
        "All figures",
        "With the 95 % interval where there is one: over sessions by drawing sessions anew (from five on).",
    )
    for dimension in summary.dimensions:
        for level in LEVELS:
            own = [one for one in summary.over_sessions() if (one.dimension, one.level) == (dimension, level)]
            if not own:
                continue
            page.table(
                ["measure", *(_over_word(one) for one in own)],
                [
                    [Prose(MEASURES[name].word), *(_with_interval(one, name) for one in own)]
                    for name in MEASURES
                ],
                caption=f"{dimension.capitalize()}, {level}: {LEVEL_WORDS[level]}. A dash where a measure is "
                "not defined: over all raters of several teams, no moment was rated by all.",
            )


def _sessions(page: Page, summary: Summary, tell: Callable[[int], None]) -> None:
    own = summary.of_sessions()
    page.section("Session by session")
    page.plot(
        lambda canvas: pictures.draw_sessions(canvas, own, summary.dimensions),
        alt="Cronbach's alpha and CCC of every session",
        size_in=PLOT_IN,
        caption="Each session as rated, in the order of alpha. Dashed: 0.7, acceptable; dotted: 0.8, good. "
        "An alpha below -1 is drawn at -1.",
    )
    rows: list[list[Cell]] = []
    for one in sorted(own, key=lambda one: (one.session, summary.dimensions.index(one.dimension))):
        if one.level == "raw":
            cells = _cells(one, (*TABLE, *RELIABILITY))
            rows.append([Prose(one.session, f"{one.dimension}, {one.n_raters} raters"), *cells])
    header = ["session, as rated", *(MEASURES[name].word for name in (*TABLE, *RELIABILITY))]
    if len(rows) > FOLD_BEYOND:
        with page.folded(f"The figures of each of {_counted(len(summary.session_ids), 'session')}"):
            page.table(header, rows)
    else:
        page.table(header, rows)
    shown = summary.session_ids[:MOST_CURVES]
    if len(shown) > FOLD_BEYOND:
        with page.folded(f"The curves of {_counted(len(shown), 'session')}"):
            _curves(page, summary, shown, tell)
    else:
        _curves(page, summary, shown, tell)


def _curves(page: Page, summary: Summary, sessions: Sequence[str], tell: Callable[[int], None]) -> None:
    for done, session in enumerate(sessions):
        tell(done)
        own = [one for one in summary.sessions if one.session == session and one.raters]
        if not own:
            continue
        page.plot(
            lambda canvas, own=own: pictures.draw_curves(canvas, own, summary.raters),
            alt=f"the raters' curves of session {session} and their mean",
            size_in=(10.0, 0.7 + 1.75 * len(own)),
            caption=f"{session}: every rater's curve, and their mean (thick).",
        )


def _method(page: Page, summary: Summary) -> None:
    page.section("How it is computed")
    page.note(
        "Readings",
        *(f"{scope[:1].upper()}{scope[1:]}: {words}." for scope, words in SCOPES.items()),
        "Zero-mean: each rater's own mean over each session is taken out. Within a session this changes "
        "neither correlation, nor Cronbach's alpha, nor ICC(C); with sessions laid end to end it does, "
        "because raters who differ by a constant then agree. Say which one is reported.",
    )
    page.note("Measures", *(f"{one.word}: {one.meaning}." for one in MEASURES.values()))
    page.note(
        "Intervals",
        f"Neighboring samples of a rating are alike: {summary.fps:g} samples per second are far from as many "
        "independent observations. So intervals over sessions come from drawing whole sessions anew (1000 "
        "draws, percentiles; Efron and Tibshirani 1993), and need five sessions. The intervals of single "
        "sessions in the files are the classic ones of ICC (McGraw and Wong 1996), which take every sample "
        "as independent, and are too narrow.",
    )
    page.note("Thresholds", *(f"{name}: {one.reason}." for name, one in THRESHOLDS.items()))


def _reading_word(one: Reading) -> str:
    return f"{one.dimension}, {_over_word(one)}, {one.level}"


def _over_word(one: Reading) -> str:
    if one.scope == "mean of sessions":
        return f"mean of {_counted(one.n_sessions, 'session')}"
    if one.scope == "pooled per team":
        return "pooled" if one.n_teams == 1 else f"pooled per team ({one.n_teams})"
    return one.scope


def _cells(one: Reading, names: Sequence[str]) -> list[Cell]:
    return [figure(name, one.values[name]) for name in names]


def _with_interval(one: Reading, name: str) -> Cell:
    limits = interval(name, one.values[name]) if one.interval == "sessions" else ""
    return f"{figure(name, one.values[name])} ({limits})" if limits else figure(name, one.values[name])


def _badge(one: Reading) -> Badge:
    alpha = one.values["alpha"].value
    return Badge(*consistency(alpha)) if np.isfinite(alpha) else Badge("–", "none")


def _profile_row(one: Profile) -> list[Cell]:
    return [
        one.rater,
        str(one.n_sessions),
        number(one.r),
        number(one.ccc),
        number(one.bias, 1, sign=True),
        number(one.spread),
        number(one.alpha_without),
        f"{number(one.later_s, 1, sign=True)} s" if np.isfinite(one.later_s) else "–",
        percent(one.missing),
    ]


def _counted(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"
