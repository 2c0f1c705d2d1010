"""What `mavfer study` prints: how far everyone is, and what is not as it was wished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from ..store.store import Store
    from ..study.progress import StudyProgress
    from ..study.setup import Changed


def tell(changed: Changed) -> None:
    """Say on stderr what is not as it was wished."""
    for one in changed.films:
        if one.left_out:
            first, *others = one.left_out
            more = f", and {len(others)} more" if others else ""
            typer.echo(f"warning: {one.film.session}: left out: {first}{more}", err=True)
    for session, n_raters in changed.short.items():
        typer.echo(
            f"warning: {session} has {counted(n_raters, 'rater')}, fewer than wanted; add raters to its team",
            err=True,
        )


def counted(n: int, noun: str) -> str:
    """Return a number with its noun: "1 pass", "2 passes", "3 sessions"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}{'es' if noun.endswith('s') else 's'}"


def status_facts(store: Store) -> dict[str, Any]:
    """Return how far everyone is, as `mavfer study status --json` prints it; practice counts nowhere."""
    found = _progress(store)
    return {
        "n_passes": found.n_total,
        "n_passes_done": found.n_done,
        "raters": [
            {
                "rater": one.rater.name,
                "team": one.rater.team,
                "active": one.rater.active,
                "n_passes": one.n_total,
                "n_passes_done": one.n_done,
                "n_passes_begun": one.n_open,
                "n_videos_left": one.n_videos_left,
                "minutes_left": one.minutes_left,
                "minutes_done": one.minutes_done,
                "last_seen_ms": one.last_seen_ms,
                "clock_ahead_ms": one.clock_ahead_ms,
                "reminder": one.reminder or None,
            }
            for one in found.raters
        ],
        "sessions": [
            {
                "session": one.video.session,
                "n_passes": one.n_total,
                "n_passes_done": one.n_done,
                "n_passes_begun": one.n_open,
            }
            for one in found.videos
            if not one.video.practice
        ],
    }


def _progress(store: Store) -> StudyProgress:
    from ..store.store import now_ms
    from ..study.progress import progress

    return progress(
        store.raters(),
        store.videos(),
        store.assignments(),
        now_ms(),
        last_seen_ms=store.takes.last_seen_ms(),
    )


def table(store: Store) -> None:
    """Print how far everyone is."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    found = _progress(store)
    table = Table("rater", box=None, pad_edge=False)
    for heading in ("team", "done", "of", "begun", "videos left", "min left", "clock ahead s"):
        table.add_column(heading, justify="right")
    for one in found.raters:
        clock = "-" if one.clock_ahead_ms is None else f"{one.clock_ahead_ms / 1000:+.1f}"
        table.add_row(
            escape(one.rater.name) + ("" if one.rater.active else " (left)"),
            str(one.rater.team),
            str(one.n_done),
            str(one.n_total),
            str(one.n_open),
            str(one.n_videos_left) if one.rater.active else "-",
            f"{one.minutes_left:.1f}" if one.rater.active else "-",
            clock,
        )
    console = Console(highlight=False)
    console.print(table)
    n_films = sum(not one.video.practice for one in found.videos)
    console.print(
        f"{found.n_done} of {counted(found.n_total, 'pass')} done, practice not counted; "
        f"{counted(n_films, 'session')}",
        soft_wrap=True,
    )
    for line in found.reminders:
        console.print(escape(line), soft_wrap=True)
    for one in found.raters:
        if one.clock_wrong:
            minutes = abs(one.clock_ahead_ms or 0) / 60_000
            way = "ahead" if (one.clock_ahead_ms or 0) > 0 else "behind"
            console.print(
                f"the clock of {escape(one.rater.name)}'s machine is {minutes:.0f} min {way}; ratings hold",
                soft_wrap=True,
            )
