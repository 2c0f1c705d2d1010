"""The command `tables`: train and evaluate what the papers' tables want, and write them."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...config import COMMAND_LINE
from ...errors import UsageError
from ...facts import AsJson, print_json
from ...progress import bar
from ..families import NAMES as MODELS
from ..tables.plan import NAMES
from ..weight_name import absolute
from .device import Device

if TYPE_CHECKING:
    from ..tables.jobs import Settings
    from ..tables.tables import TablesReport

ALL_TABLES = ",".join(NAMES)


class Size(StrEnum):
    """The paper's, or one with fewer channels and smaller frames."""

    FULL = "full"
    SMALL = "small"


class Precision(StrEnum):
    """What convolutions are computed in."""

    FP32 = "fp32"
    BF16 = "bf16"


def tables(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="The dataset.", show_default=False)],
    out: Annotated[Path, typer.Option(help="A folder; one that stands is gone on with.")],
    names: Annotated[
        str, typer.Option("--tables", metavar="NAME,...", help=f"Of {', '.join(NAMES)}.")
    ] = ALL_TABLES,
    size: Annotated[
        Size, typer.Option(help="The paper's size, or one that trains in minutes on a CPU.")
    ] = Size.FULL,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Of the dataset's splits; else its first in folds, or the default."
        ),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, metavar="K", help="In place of --split: the one in K folds.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=1000, help="Runs of every system and fold: seeds 0 to N - 1.")
    ] = 1,
    dimensions: Annotated[
        str, typer.Option(help="What is predicted, together; the paper predicts valence alone.")
    ] = "valence",
    steps: Annotated[int | None, typer.Option(min=1, help="Of each training; else the preset's.")] = None,
    precision: Annotated[
        Precision, typer.Option(help="bf16 is checked against fp32 layer by layer before it is used.")
    ] = Precision.FP32,
    weights: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL=FILE", help="What a model starts from; may be repeated."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes side by side; else one per GPU, or as cores allow.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each process.")] = 1,
    device: Annotated[Device, typer.Option(help="auto takes GPUs where there are some.")] = Device.AUTO,
    max_minutes: Annotated[
        float | None,
        typer.Option(min=0, help="End within this time; called again it goes on. 0 trains nothing."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train and evaluate what the paper's tables and figures want; write CSV files and OUT/index.html.

    Runs are shared between tables. Called again with the same folder, finished runs are kept and cut ones go
    on, also after a kill.

    Example: mavfer tables clips --out tables --size small --max-minutes 60
    """
    from rich.console import Console

    from ..tables.jobs import Settings
    from ..tables.running import visible_gpus
    from ..tables.tables import make_tables

    if split is not None and folds is not None:
        raise UsageError(f"wanted --split or --folds, found both: {COMMAND_LINE}")
    gpus = visible_gpus() if device is Device.AUTO else ()
    settings = Settings(
        size=size.value,
        dimensions=_dimensions(dimensions),
        seeds=tuple(range(seeds)),
        steps=steps,
        precision=precision.value,
        weights=_weights(weights or []),
        device=device.value,
    )
    messages = Console(stderr=True)

    def say(line: str) -> None:
        messages.print(line, soft_wrap=True, highlight=False, markup=False)

    with bar("runs") as on_progress:
        report = make_tables(
            dataset,
            out=out,
            names=tuple(names.split(",")),
            settings=settings,
            split=split,
            n_folds=folds,
            n_workers=jobs or len(gpus) or max(1, _n_cores() // threads),
            threads=threads,
            gpus=gpus,
            budget_minutes=max_minutes,
            on_progress=on_progress,
            on_message=say,
        )
    if as_json:
        print_json(_facts(report, settings))
        raise typer.Exit(1 if report.failed else 0)
    console = Console(highlight=False)
    for result in report.results:
        for verdict in result.verdicts:
            if verdict.paired is not None:
                pair = verdict.paired
                console.print(
                    f"{result.table.name}: {verdict.order.better} > {verdict.order.worse}: "
                    f"{verdict.dimension} CCC {pair.a:.3f} vs. {pair.b:.3f}, {verdict.word}",
                    soft_wrap=True,
                    markup=False,
                )
    for label, why in report.failed.items():
        console.print(f"failed: {label}: {why}", soft_wrap=True, markup=False)
    missing = report.n_jobs - report.n_finished
    state = (
        "all runs are finished"
        if not missing
        else (f"{missing} of {report.n_jobs} runs are missing; call it again to go on")
    )
    console.print(f"{state}: {report.page}", soft_wrap=True, markup=False)
    if report.failed:
        raise typer.Exit(1)


def _facts(report: "TablesReport", settings: "Settings") -> dict[str, Any]:
    """Return the tables as far as their runs are finished, with the columns of their CSV files."""
    from ..tables.written import order_lines, table_lines

    def rows(lines: list[Any]) -> list[dict[str, Any]]:
        return [{key: of(key, value) for key, value in line.items() if key != "data"} for line in lines]

    def of(key: str, value: Any) -> Any:
        if key.startswith("printed_"):  # the paper's, which may print more than one
            return [float(word) for word in value.split(" or ") if word]
        if key == "modalities":
            return value.split("+") if value else []
        return None if value == "" else value

    return {
        "page": report.page,
        "n_runs": report.n_jobs,
        "n_runs_finished": report.n_finished,
        "failed": report.failed,
        "impossible": report.impossible,
        "tables": [
            {
                "table": one.table.name,
                "rows": rows(table_lines(one, settings, data="")),
                "orders": rows(order_lines(one, data="")),
            }
            for one in report.results
        ],
    }


def _dimensions(text: str) -> tuple:
    found = tuple(text.split(","))
    if not set(found) <= {"valence", "arousal"} or len(set(found)) != len(found):
        raise UsageError(f"wanted --dimensions of valence, arousal, found {text!r}: {COMMAND_LINE}")
    return found


def _weights(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        model, is_pair, path = text.partition("=")
        if not is_pair or model not in MODELS:
            raise UsageError(
                f"wanted --weights MODEL=FILE with a model of {', '.join(MODELS)}, "
                f"found {text!r}: {COMMAND_LINE}"
            )
        found[model] = absolute(path)
    return found


def _n_cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
