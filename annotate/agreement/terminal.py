"""The agreement as tables on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .measures import MEASURES
from .readings import Reading
from .summary import Summary
from .words import figure

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MOST_SESSIONS = 40
"""Sessions with lines of their own; of more, the files tell."""
WIDE = 132
"""Columns of a terminal on which all measures stand side by side; a narrower one gets several tables."""
NAMING = 46
"""Columns that name a line of a table."""


def print_summary(console: Console, summary: Summary) -> None:
    """Print what was compared, the figures over sessions, each session's, and who stands out."""
    from rich.markup import escape

    mark = " (simulated)" if summary.simulated else ""
    console.print(
        f"{_counted(len(summary.raters), 'rater')}, {_counted(len(summary.session_ids), 'session')}, "
        f"{summary.fps:g} samples per second, ratings in \\[-1, 1]{mark}"
    )
    over, own = summary.over_sessions(), summary.of_sessions()
    if not over:
        console.print("no session was rated by two raters or more: nothing to compare")
        return
    names = tuple(MEASURES)
    at_once = len(names) if console.width >= WIDE else max(2, (console.width - NAMING) // 11)
    parts = [names[at : at + at_once] for at in range(0, len(names), at_once)]
    for part in parts:
        table = _table("over sessions", "ratings", "sessions", *part)
        for one in over:
            table.add_row(
                f"{one.dimension}, {one.scope}", one.level, str(one.n_sessions), *_figures(one, part)
            )
        console.print(table)
    raw = [one for one in own if one.level == "raw"]
    if len(raw) <= 2 * MOST_SESSIONS:
        for part in parts:
            table = _table("session, as rated", "dimension", "raters", *part)
            for one in sorted(raw, key=lambda one: one.session):
                table.add_row(escape(one.session), one.dimension, str(one.n_raters), *_figures(one, part))
            console.print(table)
    else:
        console.print(f"{_counted(len(raw) // 2, 'session')}: each one's figures are in the files (--out)")
    console.print(*([f"! {escape(one.text)}" for one in summary.findings] or ["nobody stands out"]), sep="\n")


def _table(first: str, second: str, third: str, *names: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(first, overflow="fold", min_width=12)
    table.add_column(second, no_wrap=True)
    for heading in (third, *(MEASURES[name].word for name in names)):
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _figures(one: Reading, names: Sequence[str]) -> list[str]:
    return [figure(name, one.values[name]) for name in names]


def _counted(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"
