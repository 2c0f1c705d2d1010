"""The command `mavfer fine-tune RUN --by ATTRIBUTE`: a network for each demographic group."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import UsageError
from ...facts import AsJson, print_json
from ...progress import bar
from .device import Device

if TYPE_CHECKING:
    from ..training.groups import GroupsReport


def fine_tune(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run of `mavfer train`.", show_default=False)],
    by: Annotated[str, typer.Option(metavar="COLUMN", help="A column of DATASET/subjects.csv, such as sex.")],
    out: Annotated[Path, typer.Option(help="The networks: a folder that does not exist yet.")],
    dataset: Annotated[
        Path | None, typer.Option(help="Where the dataset of the run lies now; else where it lay.")
    ] = None,
    min_subjects: Annotated[
        int, typer.Option(min=1, help="Training subjects of a group; one of fewer keeps the run's weights.")
    ] = 3,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over each group's clips; else a quarter of the run's.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Of each group, in place of --epochs.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Clips per step; else the run's.")] = None,
    lr: Annotated[
        float | None, typer.Option(min=1e-9, help="Peak learning rate; else a tenth of the run's.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Order and augmentation; else the run's.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; else the run's.")] = None,
    device: Annotated[
        Device | None, typer.Option(help="auto takes a GPU where there is one; else as the run.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a run on, once for each group of its training subjects, from its weights.

    The groups are those of subjects.csv beside the dataset: a column `subject`, and one for each attribute.

    Example: mavfer fine-tune runs/dsan/0 --by sex --out runs/dsan-by-sex
    """
    from rich.console import Console

    from ..training.groups import fine_tune as fine_tune_groups
    from ..training.groups_file import STAGE_ONE

    if epochs is not None and steps is not None:
        raise UsageError("wanted --epochs or --steps, found both")
    asked = {
        "epochs": epochs, "steps": steps, "batch": batch, "lr": lr, "seed": seed, "threads": threads,
        "device": None if device is None else device.value,
    }  # fmt: skip
    messages = Console(stderr=True)
    with bar("fine-tuning") as on_progress:
        report = fine_tune_groups(
            run,
            by=by,
            out=out,
            dataset=dataset,
            min_subjects=min_subjects,
            changes={name: value for name, value in asked.items() if value is not None},
            overwrite=overwrite,
            on_progress=on_progress,
            on_message=lambda line: messages.print(line, soft_wrap=True, highlight=False, markup=False),
        )
    if as_json:
        print_json(_facts(report))
        return
    for group in report.record.groups:
        n = len(group.subjects)
        subjects = f"{n} training subject{'' if n == 1 else 's'}"
        if group.fine_tuned:
            kept = report.runs[group.value]
            score = "none" if kept.validation_score is None else f"{kept.validation_score:.3f}"
            typer.echo(
                f"{by} {group.value}: {subjects}, epoch {kept.kept_epoch} of {kept.n_epochs} kept, "
                f"validation {score}{' (simulated)' if kept.simulated else ''}"
            )
        else:
            typer.echo(
                f"{by} {group.value}: {subjects}, fewer than {min_subjects}: the weights of {STAGE_ONE} stay"
            )
    if report.record.unknown:
        typer.echo(f"{by} unknown of {', '.join(report.record.unknown)}: in {STAGE_ONE} alone")
    typer.echo(f"wrote the networks by {by}: {out}")


def _facts(report: "GroupsReport") -> dict[str, Any]:
    """Return the networks by group; one that is not fine-tuned has the weights of stage one."""
    from .run_facts import run_facts

    record = report.record
    return {
        "networks": report.path,
        "by": record.by,
        "min_subjects": record.min_subjects,
        "started_from": record.started_from,
        "simulated": record.simulated,
        "groups": [
            {
                "value": group.value,
                "fine_tuned": group.fine_tuned,
                "subjects": group.subjects,
                "run": report.path / group.run,
                "training": run_facts(report.path / group.run, report.runs[group.value])
                if group.fine_tuned
                else None,
            }
            for group in record.groups
        ],
        "unknown": record.unknown,
    }
