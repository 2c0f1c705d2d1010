"""Scores and comparisons as tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...preprocess.dataset.record import DEFAULT_SPLIT
from .bootstrap import ABOUT_LIMITS
from .classes import BY_CLIP, CLASS_MEASURES
from .sums import MEASURES, sums_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from .compare import Comparison
    from .evaluation_file import Evaluation, Intervals
    from .pooling import Pooled
    from .series import Scores

HEADINGS = {"rmse": "RMSE", "cc": "CC", "ccc": "CCC", "accuracy": "accuracy", "macro_f1": "macro F1"}


def print_evaluation(console: Console, evaluation: Evaluation) -> None:
    """Print one run's scores, those of the constant prediction and of each session, and who was scored."""
    outputs = tuple(evaluation.scores)
    table = _table(outputs)
    _add(table, evaluation.model, outputs, evaluation.scores, evaluation.intervals)
    if evaluation.processed:
        _add(table, "post-processed", outputs, evaluation.processed, evaluation.processed_intervals)
    _add(table, "constant", outputs, evaluation.constant)
    for one in evaluation.sessions:
        _add(table, one.session, outputs, one.scores)
    console.print(table)
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
    table = _table(pooled.outputs)
    _add(table, pooled.model, pooled.outputs, pooled.scores, pooled.intervals)
    if pooled.processed:
        _add(table, "post-processed", pooled.outputs, pooled.processed, pooled.processed_intervals)
    if pooled.constant:
        _add(table, "constant", pooled.outputs, pooled.constant)
    if pooled.spread:
        _add(table, f"spread over {len(pooled.seeds)} seeds", pooled.outputs, pooled.spread)
    console.print(table)
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


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _measures(output: str) -> tuple[str, ...]:
    return CLASS_MEASURES if output.startswith("class") else MEASURES


def _table(outputs: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for output in outputs:
        for measure in _measures(output):
            table.add_column(f"{output} {HEADINGS[measure]}", justify="right")
    return table


def _add(
    table: Table, label: str, outputs: Sequence[str], scores: Scores, intervals: Intervals | None = None
) -> None:
    cells = []
    for output in outputs:
        for measure in _measures(output):
            value = scores.get(output, {}).get(measure)
            cell = "-" if value is None else f"{value:.3f}"
            if value is not None and intervals and measure in intervals.get(output, {}):
                low, high = intervals[output][measure]
                cell += f" ({low:.3f} .. {high:.3f})"
            cells.append(cell)
    table.add_row(label, *cells)


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
