"""`mavfer import recola`, `sewa`, `afew-va`, `video-csv`: other people's recordings as sessions."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ...facts import AsJson, print_json

if TYPE_CHECKING:
    from ..adapters.recording import Layout


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
    as_json: AsJson = False,
) -> None:
    """Import RECOLA, as its authors or as the AVEC challenges of 2015, 2016 and 2018 give it.

    Films whose labels are not public are left out. A film that cannot be imported does not stop the others:
    exits 1 then. What is there already is not imported again.

    Example: mavfer import recola RECOLA --out sessions --traces traces
    """
    from ..adapters.recola import CORPUS, find_recola

    layout = find_recola(folder, ratings=_word(ratings))
    _run(
        layout,
        CORPUS,
        out=out,
        traces=traces,
        max_fps=max_fps,
        jobs=jobs,
        overwrite=overwrite,
        as_json=as_json,
    )


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
    as_json: AsJson = False,
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
    _run(
        layout,
        CORPUS,
        out=out,
        traces=traces,
        max_fps=max_fps,
        jobs=jobs,
        overwrite=overwrite,
        as_json=as_json,
    )


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
    as_json: AsJson = False,
) -> None:
    """Import AFEW-VA: clips of films as pictures, rated picture by picture.

    Clips of one actor are of one subject, under a pseudonym. A clip that cannot be imported does not stop the
    others: exits 1 then. What is there already is not imported again.

    Example: mavfer import afew-va AFEW-VA --out sessions --traces traces
    """
    from ..adapters.afew_va import CORPUS, find_afew_va

    layout = find_afew_va(folder, fps=fps)
    _run(
        layout,
        CORPUS,
        out=out,
        traces=traces,
        max_fps=max_fps,
        jobs=jobs,
        overwrite=overwrite,
        as_json=as_json,
    )


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
    as_json: AsJson = False,
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
    _run(
        layout,
        "video-csv",
        out=out,
        traces=traces,
        max_fps=max_fps,
        jobs=jobs,
        overwrite=overwrite,
        as_json=as_json,
    )


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
    as_json: bool,
) -> None:
    """Import, print each recording's fate and what can be done next; exit 1 where one failed."""
    from rich.console import Console

    from ...progress import bar
    from ..adapters.bring_in import import_recordings
    from ..adapters.partitions import split_command, write_partitions
    from .adapters_told import counted, fate_facts, print_fates

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
    good = [fate for fate in fates if fate.state != "failed"]
    failed = [fate for fate in fates if fate.state == "failed"]
    for fate in good:
        if fate.remark:
            said.print(f"warning: {fate.session}: {fate.remark}", soft_wrap=True, markup=False)
    for fate in failed:
        said.print(f"not imported: {fate.session}: {fate.problem}", soft_wrap=True, markup=False)
    subjects = {fate.subject for fate in good}
    partitions = {
        part: [subject for subject in of_part if subject in subjects]
        for part, of_part in layout.partitions.items()
    }
    division = write_partitions(traces, corpus, partitions) if good and partitions else None
    command = split_command(corpus, partitions)
    if as_json:
        print_json(
            {
                "corpus": layout.corpus,
                "sessions": out,
                "traces": traces,
                "n_sessions": len(good),
                "n_subjects": len(subjects),
                "recordings": [fate_facts(fate) for fate in fates],
                "left_out": layout.left_out,
                "partitions": partitions,
                "partitions_file": division,
                "split_command": command or None,
            }
        )
    else:
        print_fates(layout, fates)
    if good and not as_json:
        typer.echo(f"{counted(len(good), 'session')} of {counted(len(subjects), 'subject')}: {out}")
        typer.echo(f"their ratings: {traces}")
        if division is not None:
            typer.echo(f"the corpus's own division: {division}")
        if command:
            typer.echo(f"to hold out its development part, as in the paper: {command}")
    if failed:
        raise typer.Exit(1)
