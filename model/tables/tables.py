"""The tables from end to end: a dataset in, a folder of runs, CSV files and a page out.

The folder is added to, never replaced: finished runs are kept, cut ones go on, and whatever is there is
summed up. `index.html` and the CSV files are rewritten as runs come in.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ...capture.locking import lock
from ...errors import MavferError, OutputError
from ...preprocess.dataset.record import DatasetRecord, read_record
from ..checkpoint import RUN_NAME
from .figures import drawn_figures, write_series
from .jobs import Job, Settings, Work, split_of, work_for
from .page import About, tables_page
from .plan import Table, planned
from .results import TableResult, table_results
from .running import Crew, Outcome, run_jobs
from .written import write_runs, write_tables

MARKER = "tables.lock"
"""In a folder of ours; who works in it holds a claim on this file."""
PAGE_NAME = "index.html"
RUNS_NAME, LOGS_NAME = "runs", "logs"
REWRITE_EVERY_S = 300.0


@dataclass(frozen=True)
class TablesReport:
    """What there is when a call ends.

    Attributes
    ----------
    page : index.html;  results : the tables as they stand
    n_finished, n_jobs : runs
    failed : why, by label of the run
    impossible : why, by label of the system
    """

    page: Path
    results: tuple[TableResult, ...]
    n_finished: int
    n_jobs: int
    failed: dict[str, str]
    impossible: dict[str, str]


def make_tables(
    dataset: Path,
    *,
    out: Path,
    names: Sequence[str],
    settings: Settings,
    split: str | None = None,
    n_folds: int | None = None,
    n_workers: int = 1,
    threads: int = 1,
    gpus: tuple[str, ...] = (),
    budget_minutes: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> TablesReport:
    """Train and evaluate what the tables called `names` still lack, and write them into the folder `out`.

    Parameters
    ----------
    settings : of all runs; its split and folds are set here, from `split` and `n_folds`
    split, n_folds : the split by name, or the one in so many folds; None: the dataset's first in folds, or
        its default
    n_workers, threads : processes that train side by side, and the threads of each
    gpus : what `CUDA_VISIBLE_DEVICES` may name, dealt out to the processes
    budget_minutes : end then, with what is finished; 0 only writes
    on_progress : told of runs done and runs in all

    Raises
    ------
    DatasetError
        The dataset is missing, or has no such split.
    OutputError
        `out` holds something else, or another process works in it.
    UsageError
        There is no table of a name.
    """
    until_s = None if budget_minutes is None else time.monotonic() + 60 * budget_minutes
    say = on_message or (lambda _line: None)
    dataset = dataset.resolve()
    record = read_record(dataset)
    name, folds = split_of(record, name=split, n_folds=n_folds)
    settings = replace(settings, split=name, folds=folds)
    tables = planned(names, fps=_fps(record))
    with _claimed(out):
        runs, logs = out.resolve() / RUNS_NAME, out / LOGS_NAME
        runs.mkdir(exist_ok=True)
        logs.mkdir(exist_ok=True)
        _clear_up(runs)
        work = work_for(tables, dataset=dataset, runs=runs, settings=settings)
        for system, why in work.impossible.items():
            say(f"left out: {system.label}: {why}")
        failed: dict[str, str] = {}
        missing = [job for job in work.jobs if not job.finished]
        n_before = len(work.jobs) - len(missing)
        say(f"{len(work.jobs)} runs, {n_before} of them finished before; split {settings.split!r}")
        writing = _Writing(out, dataset, record, tables, work, settings, failed, say)
        ended: list[Outcome] = []

        def note(outcome: Outcome) -> None:
            ended.append(outcome)
            if outcome.error is not None:
                failed[outcome.job.address] = outcome.error
            say(_line(outcome, n_before + len(ended), len(work.jobs), _left(ended, missing, n_workers)))
            writing.write_if_due()

        if missing and (budget_minutes is None or budget_minutes > 0):
            crew = Crew(n_workers=n_workers, threads=threads, gpus=gpus, logs=logs)
            run_jobs(
                missing,
                dataset=dataset,
                crew=crew,
                seconds=None if until_s is None else until_s - time.monotonic(),
                on_outcome=note,
                on_progress=_progress(on_progress, n_before, len(work.jobs)),
                on_message=say,
            )
        results = writing.write()
    return TablesReport(
        page=out / PAGE_NAME,
        results=results,
        n_finished=sum(job.finished for job in work.jobs),
        n_jobs=len(work.jobs),
        failed={job.label: failed[job.address] for job in work.jobs if job.address in failed},
        impossible={system.label: why for system, why in work.impossible.items()},
    )


@dataclass
class _Writing:
    """Writes the page and the CSV files of what is finished."""

    out: Path
    dataset: Path
    record: DatasetRecord
    tables: tuple[Table, ...]
    work: Work
    settings: Settings
    failed: dict[str, str]
    say: Callable[[str], None]
    last_s: float = 0.0
    cost_s: float = 0.0

    def __post_init__(self) -> None:
        self.last_s = time.monotonic()

    def write_if_due(self) -> None:
        """Write where that has not been done for a while; what hinders it is said, and ends no run."""
        if time.monotonic() - self.last_s >= max(REWRITE_EVERY_S, 20 * self.cost_s):
            try:
                self.write()
            except MavferError as error:
                self.last_s = time.monotonic()
                self.say(f"the page could not be written: {error}")

    def write(self) -> tuple[TableResult, ...]:
        started_s = time.monotonic()
        results = table_results(self.tables, self.work, self.settings, failed=self.failed)
        simulated = self.record.simulated
        subjects = {session.subject.casefold() for session in self.record.built}
        data = f"{'simulated ' if simulated else ''}dataset {self.dataset.name}, {len(subjects)} subjects"
        about = About(
            data=data,
            simulated=simulated,
            n_subjects=len(subjects),
            finished=sum(job.finished for job in self.work.jobs),
            failed=self.failed,
        )
        write_tables(self.out, results, self.settings, data=data)
        write_runs(self.out / "runs.csv", self.work, self.settings, failed=self.failed)
        for one in results:
            if one.table.name == "fig12":
                write_series(self.out / "fig12-series.csv", one, self.settings)
        figures = drawn_figures(results, self.work, self.settings, dataset=self.dataset)
        page = tables_page(results, self.work, self.settings, about, figures)
        page.write(self.out / PAGE_NAME, overwrite=True)
        self.last_s = time.monotonic()
        self.cost_s = self.last_s - started_s
        return results


@contextmanager
def _claimed(out: Path) -> Iterator[None]:
    """Hold the folder for the block; nobody else writes there meanwhile, and a killed process lets go."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"wanted a folder, found a file: {out}")
    if out.is_dir() and any(out.iterdir()) and not (out / MARKER).is_file():
        raise OutputError(
            f"wanted an empty folder or one of `mavfer tables`, found something else; name another: {out}"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        opened = (out / MARKER).open("ab")
    except OSError as error:
        raise OutputError(f"cannot write the tables: {error.strerror}: {out}") from error
    with opened:
        if not lock(opened.fileno()):
            raise OutputError(f"another `mavfer tables` is at work there; let it end, or name another: {out}")
        yield


def _clear_up(runs: Path) -> None:
    """Remove what a kill has left behind: half-written folders, and states of runs that are done."""
    for path in runs.glob(".*.partial-*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in runs.glob("*.unfinished"):
        if (path.with_suffix("") / RUN_NAME).is_file():
            shutil.rmtree(path, ignore_errors=True)


def _fps(record: DatasetRecord) -> float:
    rates = sorted(session.fps for session in record.built)
    return rates[len(rates) // 2] if rates else record.config.fps


def _progress(
    on_progress: Callable[[int, int], None] | None, n_before: int, n_jobs: int
) -> Callable[[float], None]:
    def tell(done: float) -> None:
        if on_progress is not None:
            on_progress(n_before + int(done), n_jobs)

    return tell


def _left(ended: Sequence[Outcome], missing: Sequence[Job], n_workers: int) -> float | None:
    """Return about how many minutes are left, None where nothing is left or known."""
    n_left = len(missing) - len(ended)
    known = [one.seconds for one in ended if one.error is None]
    return n_left * sum(known) / len(known) / 60 / n_workers if known and n_left else None


def _line(outcome: Outcome, n_done: int, n_jobs: int, minutes_left: float | None) -> str:
    came_to = (
        f"failed: {outcome.error}"
        if outcome.error is not None
        else ", ".join(f"{name} CCC {found['ccc']:.3f}" for name, found in outcome.scores.items())
    )
    left = "" if minutes_left is None else f"; about {minutes_left:.0f} min left"
    return f"{n_done} of {n_jobs}: {outcome.job.label}: {came_to}, {outcome.seconds:.0f} s{left}"
