"""What the finished runs come to: a result per row, and a verdict per claimed order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...errors import MavferError
from ..checkpoint import RunRecord, read_run_record
from ..evaluation.compare import compare
from ..evaluation.evaluation_file import Evaluation, read_evaluation
from ..evaluation.paired import Paired, adjusted
from ..evaluation.pooling import Pooled, pooled
from .jobs import Job, Settings, Work
from .plan import Order, Row, System, Table

At = tuple[int, int | None]
"""Seed and fold."""
MEASURE = "ccc"
HOLDS, INSIDE, REVERSED, MISSING = "holds", "not told apart", "reversed", "not run yet"
"""What the runs may say to a claimed order."""


@dataclass(frozen=True)
class SystemResult:
    """What the runs of one system come to.

    Attributes
    ----------
    runs : by seed and fold, those that are finished
    pooled : over the seeds whose folds are all there; where none is whole, over the folds of the seed that
        has most; None without any
    whole : whether all folds and seeds that are wanted are in `pooled`
    records : of the finished runs
    why_not : why there can be no result, or what is missing of it
    """

    system: System
    runs: Mapping[At, Evaluation] = field(default_factory=dict)
    pooled: Pooled | None = None
    whole: bool = False
    records: Sequence[RunRecord] = ()
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the runs say to a claimed order, by CCC of one dimension.

    Attributes
    ----------
    paired : the better row against the worse one, on the folds and seeds that both have; None without any
    seeds, folds : how many of them;  whole : whether those are all that are wanted
    p_holm : the p-value corrected for the orders of the table
    """

    order: Order
    dimension: str
    paired: Paired | None = None
    seeds: int = 0
    folds: int = 0
    p_holm: float | None = None
    whole: bool = False

    @property
    def word(self) -> str:
        """One of HOLDS, INSIDE (the difference may be chance of subjects), REVERSED, MISSING."""
        if self.paired is None:
            return MISSING
        if not self.paired.outside:
            return INSIDE
        return HOLDS if self.paired.difference > 0 else REVERSED


@dataclass(frozen=True)
class TableResult:
    """A table, filled as far as runs are finished.

    Attributes
    ----------
    constant : scores of the constant prediction by dimension and measure, where a row asks for them
    """

    table: Table
    by_system: Mapping[System, SystemResult]
    verdicts: Sequence[Verdict]
    constant: Mapping[str, Mapping[str, float]]

    def of(self, row: Row) -> SystemResult | None:
        """Return what a row's system came to; None for a row that has none."""
        return None if row.system is None else self.by_system[row.system]


def table_results(
    tables: Sequence[Table], work: Work, settings: Settings, *, failed: Mapping[str, str]
) -> tuple[TableResult, ...]:
    """Return the tables as far as their runs are finished.

    Parameters
    ----------
    failed : by the address of a job, why it failed
    """
    systems = dict.fromkeys(system for table in tables for system in table.systems)
    by_system = {system: _system_result(system, work, settings, failed) for system in systems}
    found = []
    for table in tables:
        constant: Mapping[str, Mapping[str, float]] = {}
        if any(row.constant for row in table.rows):
            results = [by_system[system] for system in table.systems]
            best = max(results, key=lambda one: len(one.runs))
            constant = best.pooled.constant if best.pooled is not None else {}
        found.append(TableResult(table, by_system, _verdicts(table, by_system, settings), constant))
    return tuple(found)


def _system_result(system: System, work: Work, settings: Settings, failed: Mapping[str, str]) -> SystemResult:
    if system in work.impossible:
        return SystemResult(system, why_not=work.impossible[system])
    jobs = work.by_system[system]
    runs: dict[At, Evaluation] = {}
    records: list[RunRecord] = []
    reasons = [failed[job.address] for job in jobs if job.address in failed]
    for job in jobs:
        found = _read(job)
        if isinstance(found, str):
            reasons.append(found)
        elif found is not None:
            runs[job.seed, job.fold] = found[0]
            records.append(found[1])
    own = usable(set(runs), settings)
    missing = len(jobs) - len(runs)
    why_not = "" if not missing else f"{missing} of {len(jobs)} runs are missing"
    if reasons:
        why_not += f"; {reasons[0]}"
    return SystemResult(
        system,
        runs=runs,
        pooled=pooled([runs[at] for at in own]) if own else None,
        whole=not missing,
        records=records,
        why_not=why_not,
    )


def usable(finished: set[At], settings: Settings) -> list[At]:
    """Return those of the finished seeds and folds that make one result.

    All seeds whose folds are all there; where no seed is whole, the seed with most folds.
    """
    of_seed = {
        seed: [(seed, fold) for fold in settings.folds if (seed, fold) in finished] for seed in settings.seeds
    }
    whole = [at for found in of_seed.values() if len(found) == len(settings.folds) for at in found]
    return whole or max(of_seed.values(), key=len)


def _read(job: Job) -> tuple[Evaluation, RunRecord] | str | None:
    """Return a finished run's evaluation and record, None of an unfinished one, or what is wrong with it."""
    if not job.finished:
        return None
    try:
        return read_evaluation(job.folder), read_run_record(job.folder)
    except MavferError as error:
        return str(error)


def _verdicts(
    table: Table, by_system: Mapping[System, SystemResult], settings: Settings
) -> tuple[Verdict, ...]:
    found: list[Verdict] = []
    for dimension in settings.dimensions:
        verdicts = [_verdict(order, table, by_system, settings, dimension) for order in table.orders]
        known = [i for i, one in enumerate(verdicts) if one.paired is not None]
        p_values = {i: p for i in known if (p := _p_value(verdicts[i])) is not None}
        holm = dict(zip(p_values, adjusted(list(p_values.values())), strict=True)) if p_values else {}
        found += [replace(one, p_holm=holm.get(i)) for i, one in enumerate(verdicts)]
    return tuple(found)


def _p_value(verdict: Verdict) -> float | None:
    return None if verdict.paired is None else verdict.paired.p_value


def _verdict(
    order: Order,
    table: Table,
    by_system: Mapping[System, SystemResult],
    settings: Settings,
    dimension: str,
) -> Verdict:
    sides = [table.row(order.better).system, table.row(order.worse).system]
    runs = [by_system[one].runs if one is not None else {} for one in sides]
    own = usable(set(runs[0]) & set(runs[1]), settings)
    if not own:
        return Verdict(order, dimension)
    better, worse = (pooled([found[at] for at in own]) for found in runs)
    for one in compare({order.better: better, order.worse: worse}):
        if one.output == dimension and one.measure == MEASURE:
            n_seeds = len({seed for seed, _ in own})
            whole = len(own) == len(settings.seeds) * len(settings.folds)
            return Verdict(order, dimension, one.paired, n_seeds, len(own) // n_seeds, whole=whole)
    return Verdict(order, dimension)
