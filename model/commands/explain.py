"""The command `mavfer explain RUN --out DIR`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ...facts import AsJson, print_json
from ...progress import bar
from .device import Device


class Part(StrEnum):
    """The parts of a split that hold subjects the network never saw."""

    TEST = "test"
    VALIDATION = "validation"


def explain(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run of `mavfer train`.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The folder to write.", show_default=False)],
    dataset: Annotated[
        Path | None,
        typer.Option(help="Where the dataset is; else the one it was trained on.", show_default=False),
    ] = None,
    part: Annotated[Part, typer.Option(help="Subjects never trained on.")] = Part.TEST,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which of the dataset's splits; else the run's own.")
    ] = None,
    fold: Annotated[
        int | None, typer.Option(min=0, metavar="K", help="Which of its folds; else the run's own.")
    ] = None,
    clips: Annotated[
        int, typer.Option(min=1, help="Clips whose cells are blanked: about 150 passes each.")
    ] = 16,
    films: Annotated[int, typer.Option(min=0, help="Sessions to film.")] = 1,
    film_s: Annotated[float, typer.Option("--film-s", min=1.0, help="Seconds of each film.")] = 20.0,
    worst: Annotated[int, typer.Option(min=1, help="Worst clips to show.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="Of the orders that are drawn.")] = 0,
    device: Annotated[Device, typer.Option(help="auto takes a GPU where there is one.")] = Device.AUTO,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say where a run looks, whether it goes by that, how well it is calibrated, and for whom it errs.

    Writes one page, a film of the attention, pictures of the worst clips, and all figures as explain.json.
    Networks without attention are looked into by their gradient. Errors by group want DATASET/subjects.csv.

    Example: mavfer explain runs/mran/0 --out explained
    """
    from rich.console import Console

    from ...output import require_folder_free
    from ..explain.explain import find_out
    from ..explain.written import FIGURES_NAME, figures_of, write_explanation

    require_folder_free(out, marker=FIGURES_NAME, overwrite=overwrite)
    with bar("explaining") as show:
        found = find_out(
            run,
            dataset=dataset,
            split=part.value,
            split_name=split,
            fold=fold,
            n_deleted=clips,
            n_worst=worst,
            seed=seed,
            device=device.value,
            on_progress=lambda _, done, total: show(done, total),
        )
        page = write_explanation(out, found, n_films=films, film_s=film_s, overwrite=overwrite)
    if as_json:
        print_json({"page": page, "run": run, **figures_of(found)})
        return
    Console(markup=False).print(
        f"{found.run.record.model}{' (simulated)' if found.simulated else ''}: wrote the explanation: {page}",
        soft_wrap=True,
        highlight=False,
    )
