"""Scores and comparisons as tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...preprocess.dataset.record import DEFAULT_SPLIT
from ..training.groups_file import STAGE_ONE
from .bootstrap import ABOUT_LIMITS
from .classes import BY_CLIP, CLASS_MEASURES
from .sums import MEASURES, sums_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from .compare import Comparison
    from .evaluation_file import Evaluation, Intervals
    from .groups import GroupsEvaluation
    from .pooling import Pooled
    from .series import Scores

UNBOUND = 10_000
"""Columns: more than any table wants."""
HEADINGS = {"rmse": "RMSE", "cc": "CC", "ccc": "CCC", "accuracy": "accuracy", "macro_f1": "macro F1"}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table of scores; `about` stands before its label, in columns of their own."""

    label: str
    scores: Scores
    intervals: Intervals = field(default_factory=dict)
    about: tuple[str, ...] = ()


def print_evaluation(console: Console, evaluation: Evaluation) -> None:
    """Print one run's scores, those of the constant prediction and of each session, and who was scored."""
    rows = [Row(evaluation.model, evaluation.scores, evaluation.intervals)]
    if evaluation.processed:
        rows.append(Row("post-processed", evaluation.processed, evaluation.processed_intervals))
    rows.append(Row("constant", evaluation.constant))
    rows += [Row(one.session, one.scores) for one in evaluation.sessions]
    print_scores(console, tuple(evaluation.scores), rows)
    _print_about_limits(console, evaluation.intervals)
    _print_confusion(console, evaluation)
    without = [one.session for one in evaluation.sessions if not one.covered.any()]
    if without:
        console.print(f"without a clip, and so in no score: {', '.join(without)}", soft_wrap=True)
    if evaluation.dimensions:
        print_chains(console, evaluation)
    subjects = len({one.subject for one in evaluation.sessions})
    console.print(
        _who(
            evaluation.n_frames,
            subjects,
            simulated=evaluation.simulated,
            unseen=evaluation.unseen_subjects,
            where=_split_shown(evaluation.split_name, evaluation.fold),
        ),
        soft_wrap=True,
    )


def print_chains(console: Console, evaluation: Evaluation) -> None:
    """Print what post-processing does, and what it was fitted on."""
    for name, chain in evaluation.chains.items():
        console.print(
            f"post-processing of {name}: {chain.words} (CCC {chain.ccc_before:.3f} to {chain.ccc_after:.3f} "
            f"on {evaluation.fitted_on})",
            soft_wrap=True,
        )
    if not evaluation.chains:
        console.print(f"post-processing: {evaluation.fitted_on}", soft_wrap=True)


def print_pooled(console: Console, pooled: Pooled) -> None:
    """Print what runs of one network come to over folds and seeds."""
    rows = [Row(pooled.model, pooled.scores, pooled.intervals)]
    if pooled.processed:
        rows.append(Row("post-processed", pooled.processed, pooled.processed_intervals))
    if pooled.constant:
        rows.append(Row("constant", pooled.constant))
    if pooled.spread:
        rows.append(Row(f"spread over {len(pooled.seeds)} seeds", pooled.spread))
    print_scores(console, pooled.outputs, rows)
    _print_about_limits(console, pooled.intervals)
    folds = f"folds {', '.join(map(str, pooled.folds))}" if pooled.folds else ""
    where = f"split {pooled.split_name!r}" + (f", {folds}" if folds else "")
    console.print(
        _who(
            pooled.n_frames,
            len(pooled.subjects),
            simulated=pooled.simulated,
            unseen=pooled.unseen_subjects,
            where=where,
        ),
        soft_wrap=True,
    )


def print_groups(console: Console, evaluation: GroupsEvaluation) -> None:
    """Print what each group's network and stage one's say of its subjects, and what the former add."""
    rows = []
    for one in (*evaluation.groups, evaluation.together):
        about = ("unknown" if one.value is None else one.value, str(len(one.subjects)))
        alone = one.run == STAGE_ONE
        rows.append(Row(STAGE_ONE if alone else "own network", one.scores, about=about))
        if not alone:
            rows.append(Row(STAGE_ONE, one.stage_one, about=("", "")))
    print_scores(
        console, tuple(evaluation.together.scores), rows, headings=(evaluation.by, "subjects", "scored by")
    )
    for output, limits in evaluation.gain.items():
        measure = "accuracy" if output.startswith("class") else "ccc"
        low, high = limits[measure]
        gain = evaluation.together.scores[output][measure] - evaluation.together.stage_one[output][measure]
        console.print(
            f"{output} {HEADINGS[measure]}: the groups' networks change it by {gain:+.3f} "
            f"({low:+.3f} .. {high:+.3f})",
            soft_wrap=True,
        )
    if not evaluation.gain:
        console.print("no limits of the difference: they want five subjects or more", soft_wrap=True)
    console.print(
        _who(
            evaluation.together.n_frames,
            len(evaluation.together.subjects),
            simulated=evaluation.simulated,
            unseen=evaluation.unseen_subjects,
            where=_split_shown(evaluation.split_name, evaluation.fold),
        ),
        soft_wrap=True,
    )


def print_comparisons(
    console: Console, comparisons: Sequence[Comparison], systems: Mapping[str, Pooled]
) -> None:
    """Print each measure of the first system beside that of each other one, and whether they differ."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("", "a", "b"):
        table.add_column(heading, overflow="fold")
    for heading in ("score of a", "score of b", "a - b", "95 % of a - b", "p", "p (Holm)"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in comparisons:
        own = one.paired
        between = "-" if own.low is None or own.high is None else f"{own.low:+.3f} .. {own.high:+.3f}"
        table.add_row(
            f"{one.output} {HEADINGS[one.measure]}{' post-processed' if one.processed else ''}",
            one.a,
            one.b,
            f"{own.a:.3f}",
            f"{own.b:.3f}",
            f"{own.difference:+.3f}{' *' if own.outside else ''}",
            between,
            _p(own.p_value),
            _p(one.p_holm),
        )
    console.print(table)
    first = next(iter(systems.values()))
    simulated = " simulated" if any(one.simulated for one in systems.values()) else ""
    console.print(
        f"*: 0 lies outside; bootstrap and permutation over {len(first.subjects)}{simulated} "
        f"subject{'s' if len(first.subjects) > 1 else ''}; scores are means over seeds",
        soft_wrap=True,
    )


def print_scores(
    console: Console, outputs: Sequence[str], rows: Sequence[Row], *, headings: Sequence[str] = ("",)
) -> None:
    """Print a table of the rows; one per output, then with limits below scores, where it is too wide.

    `headings` stand over what rows are `about`, and over their labels.
    """
    apart = [(output,) for output in outputs]
    tables: list[Table] = []
    for parts, stacked in (([tuple(outputs)], False), (apart, False), (apart, True)):
        tables = [_table(part, rows, headings, stacked=stacked) for part in parts]
        wide = console.options.update(width=UNBOUND)
        if all(console.measure(table, options=wide).maximum <= console.width for table in tables):
            break
    for number, table in enumerate(tables):
        if number:
            console.print()
        console.print(table)


def _table(outputs: Sequence[str], rows: Sequence[Row], headings: Sequence[str], *, stacked: bool) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading)
    for output in outputs:
        for measure in _measures(output):
            table.add_column(f"{output} {HEADINGS[measure]}", justify="right")
    for row in rows:
        cells = [_cell(row, output, measure, stacked) for output in outputs for measure in _measures(output)]
        table.add_row(*row.about, row.label, *cells)
    return table


def _cell(row: Row, output: str, measure: str, stacked: bool) -> str:
    value = row.scores.get(output, {}).get(measure)
    if value is None:
        return "-"
    limits = row.intervals.get(output, {}).get(measure)
    between = "" if limits is None else f"({limits[0]:.3f} .. {limits[1]:.3f})"
    score = f"{round(value, 3) + 0.0:.3f}"  # + 0.0: no minus before zero
    separator = "\n" if stacked else " "
    return f"{score}{separator}{between}" if between else score


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _measures(output: str) -> tuple[str, ...]:
    return CLASS_MEASURES if output.startswith("class") else MEASURES


def _print_about_limits(console: Console, intervals: Intervals) -> None:
    if any("rmse" in own for own in intervals.values()):
        console.print(f"in brackets: {ABOUT_LIMITS}", soft_wrap=True)


def _print_confusion(console: Console, evaluation: Evaluation) -> None:
    from rich.table import Table

    if not evaluation.class_names:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("true, of clips")
    for name in evaluation.class_names:
        table.add_column(f"said {name}", justify="right")
    sums = sums_of([evaluation.sessions], BY_CLIP, n_classes=len(evaluation.class_names))
    counts = sums.values.sum((0, 1))
    for name, row in zip(evaluation.class_names, counts, strict=True):
        table.add_row(name, *(f"{value:.0f}" for value in row))
    console.print(table)


def _split_shown(name: str, fold: int | None) -> str:
    if name == DEFAULT_SPLIT:
        return ""
    return f"split {name!r}" + ("" if fold is None else f", fold {fold}")


def _who(n_frames: int, n_subjects: int, *, simulated: bool, unseen: bool, where: str) -> str:
    seen = "never trained on" if unseen else "also trained on, at other times"
    return (
        f"{n_frames} {'simulated ' if simulated else ''}frames of {n_subjects} "
        f"subject{'s' if n_subjects > 1 else ''} {seen}{f' ({where})' if where else ''}"
    )
