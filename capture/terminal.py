"""The take in the operator's terminal, for those without a browser: the monitor's facts, no pictures."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from .desk import Desk
from .guide import Guide
from .monitor.words import (
    NONE,
    STATES,
    Row,
    TakeStart,
    left_words,
    plain,
    recorder_row,
    skew_words,
    time_words,
)
from .status import StepStatus, TakeStatus

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.text import Text

TIMES_PER_S = 4
N_MARKERS = 6
N_MISSING = 4
TONES = {"recording": "green", "ready": "blue"}
LAMPS = {"recording": "\N{BLACK CIRCLE}", "ready": "\N{WHITE CIRCLE}", "ended": "\N{BLACK SQUARE}"}


class TerminalView:
    """Shows the desk's status at the foot of the terminal as long as the `with` block lasts.

    Lines that are printed meanwhile appear above it. Where stderr is no terminal, nothing is shown.

    Parameters
    ----------
    desk : what is shown
    footer : a last line, such as the monitor page's link
    console : where to show it; stderr if None
    """

    def __init__(self, desk: Desk, *, footer: str = "", console: "Console | None" = None) -> None:
        self._desk, self._console = desk, console
        self._start = TakeStart()
        self._live: Live | None = None
        self.footer = footer

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live

        console = self._console or Console(stderr=True)
        if console.is_terminal:
            self._live = Live(
                get_renderable=self.render, console=console, refresh_per_second=TIMES_PER_S, transient=False
            )
            self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def tell(self, line: str) -> None:
        """Print a line above the view, or plainly on stderr where there is none; from any thread."""
        from rich.text import Text

        if self._live is not None:
            self._live.console.print(Text(plain(line)), soft_wrap=True)
        else:
            print(plain(line), file=sys.stderr)

    def render(self) -> "RenderableType":
        """Return the desk's newest status as rich shows it."""
        status = self._desk.status()
        self._start.update(status)
        return rendered(status, self._start, footer=self.footer, guide=self._desk.guide())


def rendered(
    status: TakeStatus, start: TakeStart, *, footer: str = "", guide: Guide | None = None
) -> "RenderableType":
    """Return a status, and what the operator is guided to, as rich shows it.

    Whatever operators and recorders wrote goes in as plain text, never as rich's markup.
    """
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(), _head(status)]
    parts += [Text(f" x {plain(line)}", style="bold red") for line in status.problems]
    if status.notice:
        bad = status.notice_is_bad
        parts.append(Text(f" {'!' if bad else '-'} {plain(status.notice)}", style="bold red" if bad else ""))
    if guide is not None:
        parts.append(_guide(guide))
    if rows := [recorder_row(one) for one in status.recorders]:
        parts += [_table(rows), *(_details(row) for row in rows), Text()]
    if status.step is not None:
        parts.append(_step(status.step))
    for marker in status.markers[-N_MARKERS:]:
        line = Text.assemble((f" {start.words(marker):>8}  ", "cyan"), plain(marker.label))
        if marker.source != "operator":
            line.append(f"  ({plain(marker.source)})", style="dim")
        parts.append(line)
    if footer:
        parts.append(Text(footer, style="dim", overflow="fold"))
    return Group(*parts)


def _head(status: TakeStatus) -> "Text":
    """Return the line to look at first: state, time, what is left, and how many problems there are."""
    from rich.text import Text

    word, hint = STATES.get(status.state, (status.state.upper(), ""))
    tone = TONES.get(status.state, "yellow")
    head = Text.assemble((f" {LAMPS.get(status.state, '~')} {word} ", f"bold reverse {tone}"), "  ")
    if status.state in ("starting", "recording", "closing"):
        head.append(time_words(status.elapsed_s), style="bold")
        if status.seconds > 0:
            head.append(f"  {left_words(status.seconds - status.elapsed_s)} left")
        head.append(f"  skew {skew_words(status)}", style="dim")
    else:
        head.append(hint, style="dim")
    if n := len(status.problems):
        head.append("  ").append(f" {n} PROBLEM{'S' if n > 1 else ''} ", style="bold white on red")
    session = status.session.name if status.session else ""
    for name, value in (("subject", status.subject), ("session", session)):
        if value:
            head.append(f"  {name} ", style="dim").append(plain(value))
    return head


def _table(rows: list[Row]) -> "RenderableType":
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1))
    for title in ("recorder", "state", "grabbed", "kept", "lost", "queue", "disk left", "heard"):
        right = title not in ("recorder", "state", "heard")
        table.add_column(title, justify="right" if right else "left", header_style="dim")
    for row in rows:
        bad = bool(row.problems)
        name = Text(f"{'x' if bad else ' '} {row.name}", style="bold red" if bad else "bold")
        cells = (row.state, row.grabbed, row.kept, row.lost, row.waiting, row.disk, row.heard)
        table.add_row(name, *(Text(cell) for cell in cells))
    return table


def _details(row: Row) -> "Text":
    """Return a recorder's health and clock, as one line below the table."""
    from rich.text import Text

    facts = [*row.health, ("clock", row.clock), ("round trip", row.trip), ("tick error", row.tick_error)]
    words = ", ".join(f"{label} {value}" for label, value in facts if value != NONE)
    return Text.assemble(f"   {row.name}  ", (words, "dim"))


def _step(step: StepStatus) -> "Text":
    from rich.text import Text

    line = Text.assemble((f" step {step.number + 1} of {step.n_steps}  ", "dim"), (plain(step.name), "bold"))
    if step.seconds is None:
        line.append(f"  {time_words(step.elapsed_s)}, until you go on")
    elif step.elapsed_s > step.seconds:
        line.append("  time is up", style="bold yellow")
    else:
        line.append(f"  {left_words(step.seconds - step.elapsed_s)} left")
    if step.text:
        line.append(f"\n   {plain(step.text)}", style="dim")
    return line


def _guide(guide: Guide) -> "Text":
    """Return the sentence that says what to do, what else is missing, and what each camera has."""
    from rich.text import Text

    tone, sign = ("bold green", "+") if guide.enough else ("bold yellow", ">")
    text = Text.assemble((f"\n {sign} {plain(guide.hint)}", tone), (f"  {plain(guide.now)}", "dim"))
    if guide.trouble:
        text.append(f"\n x {plain(guide.trouble)}", style="bold red")
    for camera in guide.cameras:
        cells = [hit for row in camera.cells for hit in row]
        counts = [f"{one.label} {one.n}" + (f"/{one.wanted}" if one.wanted else "") for one in camera.counts]
        text.append(f"\n   {camera.name:<8}", style="bold")
        text.append(f"{camera.sight:<7} {sum(cells):>2}/{len(cells)} cells  {', '.join(counts)}", style="dim")
    for line in guide.missing[1:N_MISSING]:
        text.append(f"\n   then {plain(line)}")
    if (more := len(guide.missing) - N_MISSING) > 0:
        text.append(f"\n   and {more} more", style="dim")
    return text
