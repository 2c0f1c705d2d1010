"""The progress of the long commands, on stderr: a bar where it is known how much is left, else a clock.

Where stderr is no terminal, nothing at all is printed.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what is told of progress (done, total).

    The bar appears with the first word of it, so that an input that is refused shows one line and no bar.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    quiet = not console.is_terminal  # where no bar can move, not even its empty line is printed
    progress = Progress(
        *columns, console=console, transient=True, disable=quiet, redirect_stdout=_shares_the_screen()
    )
    task = progress.add_task("", total=None)

    def show(done: int, total: int) -> None:
        progress.update(task, completed=done, total=total)
        progress.start()

    try:
        yield show
    finally:
        if progress.live.is_started:
            progress.stop()


@contextmanager
def waiting(title: str) -> Iterator[None]:
    """Show that something goes on of which nobody knows how long it takes, and for how long it has."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn(title), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=_shares_the_screen(),
    ) as progress:
        progress.add_task("", total=None)
        yield


def _shares_the_screen() -> bool:
    """Return whether stdout goes where the bar is, and so above it; into a file or a pipe it goes as ever."""
    return sys.stdout is not None and sys.stdout.isatty()
