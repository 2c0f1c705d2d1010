"""`mavfer import recola`, `sewa`, `afew-va`, `video-csv`: other people's recordings as sessions."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from ..adapters.bring_in import Fate
    from ..adapters.recording import Layout

LONGEST_TABLE = 60
"""More recordings than these are counted, not listed."""
LISTED = 5


class RatingsOption(StrEnum):
    """Whose ratings are imported."""

    INDIVIDUAL = "individual"
    GOLD = "gold"


class HeardOption(StrEnum):
    """What SEWA's raters had before them."""

    AV = "av"
    V = "v"
    A = "a"


Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The corpus as it was unpacked.")]
Out = Annotated[Path, typer.Option(metavar="SESSIONS", help="The folder that gets the sessions.")]
TracesFolder = Annotated[Path, typer.Option(metavar="TRACES", help="The folder that gets the ratings.")]
MaxFps = Annotated[
    float | None,
    typer.Option(min=0.1, max=1000, help="Keep no more pictures per second; else all are kept."),
]
Jobs = Annotated[int, typer.Option(min=1, max=256, help="Processes; films are shared out among them.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Import again what is there already.")]
Scale = Annotated[float, typer.Option(help="The end of the ratings' scale: they lie in [-SCALE, SCALE].")]


def recola(
    folder: Folder,
    out: Out,
    traces: TracesFolder,
    ratings: Annotated[
        RatingsOption | None,
        typer.Option(
            help="Those of each rater, or the gold standard; else the raters' where they are there."
        ),
    ] = None,
    max_fps: MaxFps = None,
    jobs: Jobs = 1,
    overwrite: Overwrite = False,
) -> None:
    """Import RECOLA, as its authors or as the AVEC challenges of 2015, 2016 and 2018 give it.

    Films whose labels are not public are left out. A film that cannot be imported does not stop the others:
    exits 1 then. What is there already is not imported again.

    Example: mavfer import recola RECOLA --out sessions --traces traces
    """
    from ..adapters.recola import CORPUS, find_recola

    layout = find_recola(folder, ratings=_word(ratings))
    _run(layout, CORPUS, out=out, traces=traces, max_fps=max_fps, jobs=jobs, overwrite=overwrite)


def sewa(
    folder: Folder,
    out: Out,
    traces: TracesFolder,
    heard: Annotated[
        HeardOption,
        typer.Option(help="Of the database's own ratings, those given with sound and picture, or with one."),
    ] = HeardOption.AV,
    scale: Scale = 1.0,
    max_fps: MaxFps = None,
    jobs: Jobs = 1,
    overwrite: Overwrite = False,
) -> None:
    """Import SEWA, as its database or as the AVEC challenges of 2017 to 2019 give it.

    The challenges give a gold standard alone. A film that cannot be imported does not stop the others: exits
    1 then. What is there already is not imported again.

    Example: mavfer import sewa SEWA --out sessions --traces traces
    """
    from ..adapters.sewa import CORPUS, find_sewa

    _require_scale(scale)
    words: dict[HeardOption, Literal["av", "v", "a"]] = {
        HeardOption.AV: "av",
        HeardOption.V: "v",
        HeardOption.A: "a",
    }
    layout = find_sewa(folder, heard=words[heard], scale=scale)
    _run(layout, CORPUS, out=out, traces=traces, max_fps=max_fps, jobs=jobs, overwrite=overwrite)


def afew_va(
    folder: Folder,
    out: Out,
    traces: TracesFolder,
    fps: Annotated[
        float, typer.Option(min=0.1, max=1000, help="Pictures per second; the corpus does not say.")
    ] = 25.0,
    max_fps: MaxFps = None,
    jobs: Jobs = 1,
    overwrite: Overwrite = False,
) -> None:
    """Import AFEW-VA: clips of films as pictures, rated picture by picture.

    Clips of one actor are of one subject, under a pseudonym. A clip that cannot be imported does not stop the
    others: exits 1 then. What is there already is not imported again.

    Example: mavfer import afew-va AFEW-VA --out sessions --traces traces
    """
    from ..adapters.afew_va import CORPUS, find_afew_va

    layout = find_afew_va(folder, fps=fps)
    _run(layout, CORPUS, out=out, traces=traces, max_fps=max_fps, jobs=jobs, overwrite=overwrite)


def video_csv(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Videos, and beside each NAME.csv or NAME.RATER.csv.")
    ],
    out: Out,
    traces: TracesFolder,
    scale: Scale = 1.0,
    time_column: Annotated[str, typer.Option(help="Seconds since the first picture.")] = "time_s",
    valence_column: Annotated[str, typer.Option(help="The column of valence.")] = "valence",
    arousal_column: Annotated[str, typer.Option(help="The column of arousal.")] = "arousal",
    subjects: Annotated[
        Path | None,
        typer.Option(
            help="CSV with video,subject; else subjects.csv in the folder, else each video is another's."
        ),
    ] = None,
    max_fps: MaxFps = None,
    jobs: Jobs = 1,
    overwrite: Overwrite = False,
) -> None:
    """Import videos with tables of valence and arousal beside them.

    A video that cannot be imported does not stop the others: exits 1 then. What is there already is not
    imported again.

    Example: mavfer import video-csv videos --out sessions --traces traces --subjects subjects.csv
    """
    from ..adapters.video_csv import Columns, find_video_csv

    _require_scale(scale)
    columns = Columns(time_column, valence_column, arousal_column, scale)
    layout = find_video_csv(folder, columns=columns, subjects=subjects)
    _run(layout, "video-csv", out=out, traces=traces, max_fps=max_fps, jobs=jobs, overwrite=overwrite)


def _word(option: RatingsOption | None) -> Literal["individual", "gold"] | None:
    if option is None:
        return None
    return "gold" if option is RatingsOption.GOLD else "individual"


def _require_scale(scale: float) -> None:
    from ...errors import UsageError

    if not 0 < scale < float("inf"):
        raise UsageError(f"--scale: wanted more than 0, found {scale:g}")


def _run(
    layout: Layout,
    corpus: str,
    *,
    out: Path,
    traces: Path,
    max_fps: float | None,
    jobs: int,
    overwrite: bool,
) -> None:
    """Import, print each recording's fate and what can be done next; exit 1 where one failed."""
    from rich.console import Console

    from ...progress import bar
    from ..adapters.bring_in import import_recordings
    from ..adapters.partitions import split_command, write_partitions

    said = Console(stderr=True, highlight=False)
    for sentence in layout.taken:
        said.print(f"{layout.corpus}: {sentence}", soft_wrap=True, markup=False)
    with bar("importing") as show:
        fates = import_recordings(
            layout,
            sessions=out,
            traces=traces,
            overwrite=overwrite,
            max_fps=max_fps,
            n_workers=jobs,
            on_progress=show,
        )
    _print_fates(layout, fates)
    good = [fate for fate in fates if fate.state != "failed"]
    failed = [fate for fate in fates if fate.state == "failed"]
    for fate in good:
        if fate.remark:
            said.print(f"warning: {fate.session}: {fate.remark}", soft_wrap=True, markup=False)
    for fate in failed:
        said.print(f"not imported: {fate.session}: {fate.problem}", soft_wrap=True, markup=False)
    if good:
        subjects = {fate.subject for fate in good}
        typer.echo(f"{_counted(len(good), 'session')} of {_counted(len(subjects), 'subject')}: {out}")
        typer.echo(f"their ratings: {traces}")
        partitions = {
            part: [subject for subject in of_part if subject in subjects]
            for part, of_part in layout.partitions.items()
        }
        if partitions:
            typer.echo(f"the corpus's own division: {write_partitions(traces, corpus, partitions)}")
        if command := split_command(corpus, partitions):
            typer.echo(f"to hold out its development part, as in the paper: {command}")
    if failed:
        raise typer.Exit(1)


def _counted(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def _print_fates(layout: Layout, fates: tuple[Fate, ...]) -> None:
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
