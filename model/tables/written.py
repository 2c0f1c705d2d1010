"""The tables as CSV: one file per table, one of its orders, and one of all runs."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import MavferError
from ...output import new_file
from ..checkpoint import read_run_record
from ..evaluation.evaluation_file import read_evaluation
from .jobs import Settings, Work
from .plan import N_FRAMES
from .results import TableResult

MEASURES = ("rmse", "cc", "ccc")
Line = Mapping[str, object]


def write_tables(
    folder: Path, results: Sequence[TableResult], settings: Settings, *, data: str
) -> list[Path]:
    """Write TABLE.csv, and TABLE-orders.csv where orders are claimed, and return their paths.

    Parameters
    ----------
    data : what the numbers come from, in words; stands in every line
    """
    written = []
    for one in results:
        name = one.table.name
        path = folder / f"{name if name.startswith('fig') or not name.isupper() else f'table-{name}'}.csv"
        written.append(write_csv(path, table_lines(one, settings, data=data)))
        if one.verdicts:
            orders = order_lines(one, data=data)
            written.append(write_csv(path.with_name(f"{path.stem}-orders.csv"), orders))
    return written


def table_lines(result: TableResult, settings: Settings, *, data: str) -> list[Line]:
    """Return a line per row and dimension."""
    lines: list[Line] = []
    for dimension in settings.dimensions:
        for row in result.table.rows:
            line: dict[str, object] = {"row": row.label, "dimension": dimension, "data": data}
            own = result.of(row)
            found = None if own is None else own.pooled
            scores = {} if found is None else found.scores[dimension]
            if row.constant:
                scores = result.constant.get(dimension, {})
            for measure in MEASURES:
                limits = {} if found is None else found.intervals.get(dimension, {})
                low, high = limits.get(measure, (None, None))
                line |= {measure: scores.get(measure), f"{measure}_low": low, f"{measure}_high": high}
            spread = {} if found is None else found.spread.get(dimension, {})
            line["ccc_sd_over_seeds"] = spread.get("ccc")
            for measure in MEASURES:
                after = {} if found is None else found.processed.get(dimension, {})
                line[f"processed_{measure}"] = after.get(measure)
            for measure in MEASURES:
                shown = row.printed if dimension == "valence" else ()
                printed = [getattr(one, measure) for one in shown]
                line[f"printed_{measure}"] = " or ".join(str(one) for one in printed if one is not None)
            line |= {
                "model": "" if row.system is None else row.system.model,
                "modalities": "" if row.system is None else "+".join(row.system.modalities),
                "n_frames": "" if row.system is None else row.system.n_frames or N_FRAMES,
                "n_parameters": "" if own is None or not own.records else own.records[0].n_parameters,
                "seeds": "" if found is None else len(found.seeds),
                "folds": "" if found is None else max(len(found.folds), 1),
                "subjects": "" if found is None else len(found.subjects),
                "frames": "" if found is None else found.n_frames,
                "missing": "" if own is None else own.why_not,
            }
            lines.append(line)
    return lines


def order_lines(result: TableResult, *, data: str) -> list[Line]:
    """Return a line per claimed order and dimension."""
    lines: list[Line] = []
    for one in result.verdicts:
        pair = one.paired
        lines.append(
            {
                "better": one.order.better,
                "worse": one.order.worse,
                "dimension": one.dimension,
                "ccc_better": None if pair is None else pair.a,
                "ccc_worse": None if pair is None else pair.b,
                "difference": None if pair is None else pair.difference,
                "low": None if pair is None else pair.low,
                "high": None if pair is None else pair.high,
                "p": None if pair is None else pair.p_value,
                "p_holm": one.p_holm,
                "verdict": one.word,
                "seeds": one.seeds,
                "folds": one.folds,
                "data": data,
            }
        )
    return lines


def write_runs(path: Path, work: Work, settings: Settings, *, failed: Mapping[str, str]) -> Path:
    """Write a line per job, in the order of work: where it stands and what it came to."""
    lines: list[Line] = []
    for job in work.jobs:
        line: dict[str, object] = {
            "run": job.folder.name,
            "system": job.system.label,
            "fold": job.fold,
            "seed": job.seed,
            "state": "finished" if job.finished else "failed" if job.address in failed else "missing",
            "reason": failed.get(job.address, ""),
        }
        record, scores = None, {}
        if job.finished:
            try:
                record, scores = read_run_record(job.folder), read_evaluation(job.folder).scores
            except MavferError as error:
                line |= {"state": "damaged", "reason": str(error)}
        for dimension in settings.dimensions:
            for measure in MEASURES:
                line[f"{dimension}_{measure}"] = scores.get(dimension, {}).get(measure)
        line |= {
            "steps": None if record is None else record.n_steps,
            "kept_epoch": None if record is None else record.kept_epoch,
            "seconds": None if record is None else round(record.seconds, 1),
            "device": None if record is None else record.device,
        }
        lines.append(line)
    return write_csv(path, lines)


def write_csv(path: Path, lines: Sequence[Line]) -> Path:
    """Write lines of the same keys in place of what stands at `path`; None is an empty cell."""
    with (
        new_file(path, overwrite=True) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, fieldnames=list(lines[0]) if lines else [])
        writer.writeheader()
        for line in lines:
            writer.writerow({key: _number(value) for key, value in line.items()})
    return path


def _number(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
