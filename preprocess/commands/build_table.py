"""What `mavfer build-dataset` prints in the end: the sessions' table or JSON, and what is to be known."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from ..build_report import BuildReport
from ..dataset.record import VALID, DatasetRecord, SessionRecord
from .dataset_facts import dataset_facts
from .label_share import label_share

if TYPE_CHECKING:
    from rich.console import Console

VALID_NAMES = tuple(reason.name.lower() for reason in VALID)
LEFT = ("session", "subject", "fate", "split", "geometry")
NARROW = ("fate", "geometry")
"""Columns that a terminal of 80 characters has no room for; the warnings tell what matters of them."""
WIDE = 110
ENDLESS = 1000
"""Characters of a console that is no terminal: there nothing is folded."""


def print_report(report: BuildReport, console: Console) -> None:
    """Print one line per session, those that failed too, and the whole."""
    from rich.table import Table
    from rich.text import Text

    rows = [_cells(entry, report.record) for entry in report.record.sessions]
    names = [name for name in rows[0] if console.width >= WIDE or name not in NARROW]
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for name in names:
        if name in ("session", "subject"):
            table.add_column(name, overflow="fold", min_width=len(name))
        else:
            table.add_column(name, justify="left" if name in LEFT else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(row[name]) for name in names))
    console.print(table)
    kind = "simulated " if report.record.simulated else ""
    lines = [
        f"{report.n_frames} {kind}frames of {len(report.built)} sessions, {report.aligned_share:.1%} "
        f"aligned: {report.path}"
    ]
    if report.report is not None:
        lines.append(f"what is in it, and why the rest is not: {report.report}")
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _cells(entry: SessionRecord, record: DatasetRecord) -> dict[str, str]:
    """Return a session's cells by column."""
    built = entry.fate == "built"
    scheme = record.scheme()
    split = "in time" if scheme.by == "time" else scheme.subjects.get(entry.subject, "-")
    shares = {}
    for stream in ("depth", "infrared", "thermal"):
        counts = entry.reasons.get(stream, {})
        n_valid = sum(counts.get(name, 0) for name in VALID_NAMES)
        shares[stream] = f"{n_valid / max(1, entry.n_frames):.1%}" if counts else "-"
    return {
        "session": entry.id,
        "subject": entry.subject or "-",
        "fate": entry.fate,
        "split": split if built else "-",
        "frames": str(entry.n_frames) if built else "-",
        "aligned": f"{entry.aligned_share:.1%}" if built else "-",
        **shares,
        "labels": label_share([entry]) if entry.raters else "-",
        "raters": str(len(entry.raters)) if built else "-",
        "geometry": entry.geometry if built else "-",
    }


def build_facts(report: BuildReport) -> dict[str, Any]:
    """Return what is in the dataset, as `mavfer dataset info --json` has it, and what became of the rest."""
    return {
        **dataset_facts(report.path),
        "aligned_share": report.aligned_share,
        "unchanged": report.reused,
        "left_out": report.left_out,
        "warnings": report.warnings,
        "report": report.report,
    }


def lines_to_tell(report: BuildReport, told: Collection[str]) -> list[str]:
    """Return what is said in the end; `told` are the failed sessions of which the progress has said why."""
    lines = [f"warning: {warning}" for warning in report.warnings]
    if report.reused:
        n_all = len(report.built)
        lines.append(f"{len(report.reused)} of {n_all} sessions were unchanged and not built again")
    lines += [trace.rstrip() for trace in (report.defects or {}).values()]
    lines += [f"left out: {line}" for line in report.left_out]
    lines += [f"not built: {one.id}: {one.error}" for one in report.failed if one.id not in told]
    if report.failed:
        n, n_all = len(report.failed), len(report.record.sessions)
        lines.append(f"{n} of {n_all} sessions {'is' if n == 1 else 'are'} not in the dataset")
    return lines
