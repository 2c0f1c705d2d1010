"""`mavfer dataset check`, `info`, `merge`, `export`: results on stdout, progress and warnings on stderr."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ...capture.streams import Stream
from ...errors import UsageError
from ...facts import AsJson, plain, print_json
from ..dataset.record import DEFAULT_SPLIT, SPLITS, Split


class To(StrEnum):
    """What a dataset is exported to."""

    FRAMES = "frames"
    WEBDATASET = "webdataset"


class Part(StrEnum):
    """A part of a split."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


Folder = Annotated[Path, typer.Argument(metavar="DATASET", help="The dataset.", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what stands there.")]


def check(dataset: Folder, as_json: AsJson = False) -> None:
    """Read all of a dataset and name every problem; exits 1 where there is one.

    Every file must be the one that was built, every chunk must decode, every row and tick must be accounted
    for, labels must lie in [-1, 1], and the splits must know every session.

    Example: mavfer dataset check clips
    """
    from ...progress import bar
    from ..dataset.checking import check_dataset

    with bar("reading") as on_progress:
        report = check_dataset(dataset, on_progress=on_progress)
    if as_json:
        print_json(plain(report))
        raise typer.Exit(1 if report.problems else 0)
    for problem in report.problems:
        typer.echo(problem)
    size = f"{report.n_frames} frames of {report.n_sessions} sessions, {report.n_bytes / 1e6:.1f} MB"
    if report.problems:
        n = len(report.problems)
        typer.echo(f"{n} {'problem' if n == 1 else 'problems'} in {size}: {dataset}", err=True)
        raise typer.Exit(1)
    typer.echo(f"no problem in {size}: {dataset}")


def info(
    dataset: Folder,
    split: Annotated[
        str | None, typer.Option("--split", metavar="NAME", help="Show this split; all if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what is in a dataset: sessions, subjects, modalities, labels, splits, and how it was made.

    Example: mavfer dataset info clips
    """
    if as_json:
        from .dataset_facts import dataset_facts

        print_json(dataset_facts(dataset, split_name=split))
        return
    from .dataset_tables import print_dataset

    print_dataset(dataset, split_name=split)


def merge(
    datasets: Annotated[
        list[Path], typer.Argument(metavar="DATASET", help="Two or more datasets.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="The merged dataset: a folder that does not exist yet.")],
    prefix: Annotated[
        list[str] | None,
        typer.Option(
            help="Goes with a dash before ids of sessions and subjects; once per dataset, in order."
        ),
    ] = None,
    same_subjects: Annotated[
        bool, typer.Option("--same-subjects", help="A subject's id means one person in all datasets.")
    ] = False,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy files; else they are linked if possible.")
    ] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make one dataset of several that were built with one configuration; nothing is built again.

    Splits are united where they agree, and drawn anew where they do not, which is said.

    Example: mavfer dataset merge clips-2025 clips-2026 --out clips
    """
    from ...progress import bar
    from ..exchange.merge import merge_datasets

    with bar("merging, MB") as on_progress:
        report = merge_datasets(
            datasets,
            out=out,
            prefixes=prefix or (),
            same_subjects=same_subjects,
            copy=copy,
            overwrite=overwrite,
            on_progress=on_progress,
        )
    for remark in report.remarks:
        typer.echo(f"warning: {remark}", err=True)
    built = report.record.built
    subjects = {entry.subject.casefold() for entry in built}
    n_frames = sum(entry.n_frames for entry in built)
    if as_json:
        print_json(
            {
                "dataset": report.path,
                "n_sessions": len(built),
                "n_subjects": len(subjects),
                "n_frames": n_frames,
                "n_files_linked": report.n_linked,
                "n_files_copied": report.n_copied,
                "warnings": report.remarks,
                "simulated": report.record.simulated,
            }
        )
        return
    typer.echo(
        f"{len(built)} sessions of {len(subjects)} subjects, {n_frames} frames, "
        f"{report.n_linked} files linked and {report.n_copied} copied: {report.path}"
    )
    typer.echo(f"its report is made by: mavfer dataset report {report.path}", err=True)


def export(
    dataset: Folder,
    to: Annotated[
        To, typer.Option("--format", help="A PNG per frame and a table, or tar files with a sample per clip.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Which of the dataset's splits.")
    ] = DEFAULT_SPLIT,
    fold: Annotated[
        int | None, typer.Option(min=0, metavar="K", help="Of a split in folds: the one to test.")
    ] = None,
    part: Annotated[
        list[Part] | None, typer.Option(help="Of the split; may be repeated. All if not given.")
    ] = None,
    stream: Annotated[
        list[Stream] | None, typer.Option(help="Which stream; may be repeated. All if not given.")
    ] = None,
    length: Annotated[
        int | None, typer.Option(min=1, help="webdataset: frames per clip; 16 if not given.")
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(
            min=1, help="webdataset: from clip to clip; else the length in train, half of it elsewhere."
        ),
    ] = None,
    labelled: Annotated[
        bool, typer.Option("--labelled", help="webdataset: leave out clips with a frame without a label.")
    ] = False,
    shard_clips: Annotated[
        int | None, typer.Option(min=1, help="webdataset: most clips per tar file; 256 if not given.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write a dataset for other programs.

    frames: OUT/SESSION/STREAM/ROW.png, 16 bit for depth (mm), infrared and thermal (centikelvin), and
    OUT/frames.csv with every other column and, in words, why a picture is missing. webdataset:
    OUT/PART-NUMBER.tar with a sample per clip, and OUT/clips.json.

    Example: mavfer dataset export clips --format frames --out frames
    Example: mavfer dataset export clips --format webdataset --part train --out shards
    """
    from ...progress import bar
    from ..dataset.clips import open_dataset

    asked = {"--length": length, "--step": step, "--shard-clips": shard_clips, "--labelled": labelled or None}
    misplaced = [name for name, value in asked.items() if value is not None]
    if to is To.FRAMES and misplaced:
        raise UsageError(f"wanted {misplaced[0]} with --format webdataset, found it with --format frames")
    opened = open_dataset(dataset, split_name=split, fold=fold)
    parts: list[Split] = [split_part for split_part in SPLITS if split_part in (part or ())]
    with bar("exporting") as on_progress:
        if to is To.FRAMES:
            from ..exchange.frames import export_frames

            report = export_frames(
                opened,
                out=out,
                parts=parts,
                streams=stream or (),
                overwrite=overwrite,
                on_progress=on_progress,
            )
        else:
            from ..exchange.webdataset import CLIP_FRAMES, CLIPS_PER_SHARD, export_webdataset

            report = export_webdataset(
                opened,
                out=out,
                parts=parts,
                streams=stream or (),
                length=length or CLIP_FRAMES,
                step=step,
                labelled=labelled,
                clips_per_shard=shard_clips or CLIPS_PER_SHARD,
                overwrite=overwrite,
                on_progress=on_progress,
            )
    if as_json:
        facts = {"format": to, "parts": parts or SPLITS, "split": split, "fold": fold}
        print_json({**plain(report), **facts})
        return
    what = (
        f"{report.n_frames} frames of {report.n_sessions} sessions, {report.n_files} pictures"
        if to is To.FRAMES
        else f"{report.n_clips} clips of {report.n_sessions} sessions in {report.n_files} tar files"
    )
    typer.echo(f"{what}: {report.path}")
