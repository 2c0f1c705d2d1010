"""What the importers of corpora say of each recording: a table or counts, or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..adapters.bring_in import Fate
    from ..adapters.recording import Layout

LONGEST_TABLE = 60
"""More recordings than these are counted, not listed."""
LISTED = 5


def fate_facts(fate: Fate) -> dict[str, Any]:
    """Return what became of one recording; counts of what was not imported are not known."""
    counts = {"n_pictures": fate.n_pictures, "duration_s": fate.film_s, "raters": fate.raters}
    return {
        "session": fate.session,
        "subject": fate.subject,
        "state": fate.state,
        **(dict.fromkeys(counts) if fate.state == "failed" else counts),
        "problem": fate.problem or None,
        "remark": fate.remark or None,
    }


def counted(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def print_fates(layout: Layout, fates: tuple[Fate, ...]) -> None:
    """Print one line per recording, or the counts of many."""
    from collections import Counter

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    if len(fates) <= LONGEST_TABLE:
        table = Table("session", "subject", box=None, pad_edge=False)
        for heading in ("pictures", "seconds", "raters"):
            table.add_column(heading, justify="right")
        table.add_column("fate")
        for fate in fates:
            counts = (str(fate.n_pictures), f"{fate.film_s:.1f}", str(len(fate.raters)))
            shown = counts if fate.state != "failed" else ("-", "-", "-")
            table.add_row(escape(fate.session), escape(fate.subject), *shown, fate.state)
        console.print(table)
    counted = Counter(fate.state for fate in fates)
    words = [f"{n} {state}" for state, n in counted.items()]
    if layout.left_out:
        names = ", ".join(layout.left_out[:LISTED]) + (", ..." if len(layout.left_out) > LISTED else "")
        words.append(f"{len(layout.left_out)} left out, for want of ratings ({names})")
    console.print(f"{layout.corpus}: {', '.join(words)}", soft_wrap=True, markup=False)
