"""The page of the tables: ours beside the printed numbers, orders with their tests, figures, and the runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...report import Badge, Cell, Page, Prose
from ..evaluation.bootstrap import ABOUT_LIMITS, MIN_SUBJECTS
from .figures import Figures, add_figure
from .jobs import Settings, Work
from .plan import Row
from .printed import Printed
from .results import HOLDS, INSIDE, MISSING, REVERSED, SystemResult, TableResult, Verdict

Tone = Literal["good", "doubt", "bad", "none"]
TONES: dict[str, Tone] = {HOLDS: "good", INSIDE: "doubt", REVERSED: "bad", MISSING: "none"}
STATES: dict[str, Tone] = {"finished": "good", "failed": "bad", "missing": "none"}
DASH = "–"


@dataclass(frozen=True)
class About:
    """What the page says of the data and of the work.

    Attributes
    ----------
    data : in words, with the mark "simulated" where it is
    simulated : whether any session was
    n_subjects : of the dataset
    finished : number of runs that are done, of `work.jobs`
    failed : by address, the reason
    """

    data: str
    simulated: bool
    n_subjects: int
    finished: int
    failed: dict[str, str]


def tables_page(
    results: Sequence[TableResult], work: Work, settings: Settings, about: About, figures: Figures
) -> Page:
    """Return the page of tables and figures as far as their runs are finished."""
    page = Page(
        "Tables",
        f"{settings.size} size; {about.data}",
        mark="simulated" if about.simulated else "",
    )
    page.tiles(
        {
            "runs finished": f"{about.finished} of {len(work.jobs)}",
            "subjects": str(about.n_subjects),
            "folds": str(len(settings.folds)),
            "seeds": str(len(settings.seeds)),
        }
    )
    page.note("How to read this", *_reading(about, settings, whole=about.finished == len(work.jobs)))
    for one in results:
        _add_table(page, one, settings, about)
        add_figure(page, one, figures, settings)
    _add_runs(page, work, about)
    return page


def _reading(about: About, settings: Settings, *, whole: bool) -> list[str]:
    subjects = (
        "only the test subjects of the split count"
        if settings.folds == (None,)
        else ("every subject is scored by the run that never saw it")
    )
    lines = [
        f"Our numbers come from {about.data}; {subjects}. Scores pool all frames of all subjects; of several "
        f"seeds the mean counts. In brackets stand {ABOUT_LIMITS} (bootstrap).",
        "The printed numbers come from other data, named in each table: orders may be compared, sizes not.",
        "An order holds where the difference of the CCC is in its favour and 0 lies outside its limits of "
        "95 % over subjects. p is of a permutation by subject, corrected for the table's orders (Holm); the "
        "CSV file has it uncorrected too.",
    ]
    if not whole:
        lines.append(
            "Rows that lack runs are scored on fewer subjects than others: what they say so far may change."
        )
    if settings.size == "small":
        lines.append(
            "The networks are of the small size: fewer channels, smaller frames and fewer steps than the "
            "paper's."
        )
    if about.n_subjects < MIN_SUBJECTS:
        lines.append(f"Limits want at least {MIN_SUBJECTS} subjects; here there are none.")
    return lines


def _add_table(page: Page, one: TableResult, settings: Settings, about: About) -> None:
    table = one.table
    page.section(table.title, table.note)
    for dimension in settings.dimensions:
        name, best = dimension.capitalize(), _best(one, dimension)
        beside = dimension == "valence" and any(row.printed for row in table.rows)
        if beside:
            header = ["", "RMSE", "printed RMSE", "CC", "printed CC", "CCC", "printed CCC", "seeds x folds"]
            page.table(
                header,
                [_beside_printed(row, one, dimension) for row in table.rows],
                caption=f"{name}, ours beside the paper's. Ours: {about.data}. Printed: {table.source}.",
                best=[(i, header.index("CCC")) for i in best],
            )
        header = ["", "RMSE", "CC", "CCC", "CCC, post-processed", "seeds x folds"]
        rows = [_cells(row, one, dimension) for row in table.rows if row.constant or row.system is not None]
        if beside:  # stands there already
            header, rows = header[:-1], [row[:-1] for row in rows]
        page.table(
            header,
            rows,
            caption=f"{name}, ours, with limits of 95 % over subjects: {about.data}.",
            best=[(i, header.index("CCC")) for i in best if len(rows) == len(table.rows)],
        )
        verdicts = [verdict for verdict in one.verdicts if verdict.dimension == dimension]
        if verdicts:
            _add_orders(page, verdicts, caption=f"Orders of {dimension} CCC: {about.data}.")
    lacking = {row.label: found.why_not for row in table.rows if (found := one.of(row)) and found.why_not}
    if lacking:
        page.note("What is missing", *(f"{label}: {why}." for label, why in lacking.items()))


def _beside_printed(row: Row, one: TableResult, dimension: str) -> list[Cell]:
    own = one.of(row)
    scores = one.constant.get(dimension, {}) if row.constant else {}
    if own is not None and own.pooled is not None:
        scores = own.pooled.scores[dimension]
    cells: list[Cell] = [row.label]
    for measure in ("rmse", "cc", "ccc"):
        cells += [_number(scores.get(measure)), _printed(row.printed, measure)]
    return [*cells, DASH if row.constant else _runs(own)]


def _cells(row: Row, one: TableResult, dimension: str) -> list[Cell]:
    own = one.of(row)
    if row.constant:
        scores = one.constant.get(dimension, {})
        return [row.label, *(_number(scores.get(measure)) for measure in ("rmse", "cc", "ccc")), DASH, DASH]
    after = {} if own is None or own.pooled is None else own.pooled.processed.get(dimension, {})
    ours = [_ours(own, dimension, measure) for measure in ("rmse", "cc", "ccc")]
    return [row.label, *ours, _number(after.get("ccc")), _runs(own)]


def _ours(own: SystemResult | None, dimension: str, measure: str) -> str:
    if own is None or own.pooled is None:
        return DASH
    text = _number(own.pooled.scores[dimension][measure])
    limits = own.pooled.intervals.get(dimension, {}).get(measure)
    return text if limits is None else f"{text} [{limits[0]:.3f}, {limits[1]:.3f}]"


def _printed(printed: Sequence[Printed], measure: str) -> str:
    values = [getattr(one, measure) for one in printed]
    return " or ".join(f"{value:.3f}" for value in values if value is not None) or DASH


def _runs(own: SystemResult | None) -> str:
    if own is None:
        return "printed only"
    if own.pooled is None:
        return "none"
    folds, seeds = max(len(own.pooled.folds), 1), len(own.pooled.seeds)
    return f"{seeds} x {folds}" + ("" if own.whole else " so far")


def _number(value: float | None) -> str:
    return DASH if value is None else f"{round(value, 3) + 0.0:.3f}"  # + 0.0: no minus before zero


def _signed(value: float) -> str:
    """Return three digits after the point, or as many as tell on which side of 0 the value lies."""
    return f"{value:+.3f}" if abs(value) >= 0.0005 or value == 0 else f"{value:+.1g}"


def _badge(verdict: Verdict) -> Badge:
    """Return a verdict's word and tone; what only some of the runs say is no verdict yet."""
    if verdict.word == MISSING or verdict.whole:
        return Badge(verdict.word, TONES[verdict.word])
    return Badge(f"{verdict.word} so far", "none")


def _best(one: TableResult, dimension: str) -> list[int]:
    """Return the row of our highest CCC; none before all rows are scored on the same subjects."""
    if any(own is not None and not own.whole for own in map(one.of, one.table.rows)):
        return []
    scored = {
        i: found.pooled.scores[dimension]["ccc"]
        for i, row in enumerate(one.table.rows)
        if (found := one.of(row)) is not None and found.pooled is not None
    }
    return [max(scored, key=lambda i: scored[i])] if scored else []


def _add_orders(page: Page, verdicts: Sequence[Verdict], *, caption: str) -> None:
    rows: list[list[Cell]] = []
    for one in verdicts:
        pair = one.paired
        limits = (
            DASH if pair is None or pair.low is None or pair.high is None
            else f"[{_signed(pair.low)}, {_signed(pair.high)}]"
        )  # fmt: skip
        cells: list[Cell] = [
            f"{one.order.better} > {one.order.worse}",
            _badge(one),
            DASH if pair is None else f"{pair.a:.3f} vs. {pair.b:.3f}",
            DASH if pair is None else _signed(pair.difference),
            limits,
            DASH if one.p_holm is None else f"{one.p_holm:.4f}",
            DASH if pair is None else f"{one.seeds} x {one.folds}",
        ]
        rows.append(cells)
    header = ["", "verdict", "CCC", "difference", "limits of 95 %", "p (Holm)", "seeds x folds"]
    if all(one.whole for one in verdicts):  # of all seeds and folds
        header, rows = header[:-1], [row[:-1] for row in rows]
    page.table(header, rows, caption=caption)


def _add_runs(page: Page, work: Work, about: About) -> None:
    page.section("Runs", "In the order of work. Every run is a folder below runs/, with its model card.")
    rows: list[list[Cell]] = []
    for job in work.jobs:
        state = "finished" if job.finished else "failed" if job.address in about.failed else "missing"
        rows.append(
            [
                job.label,
                Badge(state, STATES[state]),
                Prose(job.folder.name, about.failed.get(job.address, "")),
            ]
        )
    rows += [
        [system.label, Badge("not possible", "bad"), Prose(why)] for system, why in work.impossible.items()
    ]
    with page.folded(f"{len(work.jobs)} runs"):
        page.table(["run", "state", "folder"], rows)
