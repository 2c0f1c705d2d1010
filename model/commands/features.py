"""The command `mavfer features RUN DATASET`: what a trained network makes of every frame."""

from pathlib import Path
from typing import Annotated

import typer

from ...facts import AsJson, print_json
from ...progress import bar
from .device import Device, torch_device


def features(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run of `mavfer train`.", show_default=False)],
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="Whose frames to look at.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="The feature set: a folder that does not exist yet.")],
    layer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which layer; else the one that stands for the network."),
    ] = None,
    grid: Annotated[
        int, typer.Option(min=1, max=16, help="Maps are averaged to so many places along a side.")
    ] = 3,
    device: Annotated[Device, typer.Option(help="auto takes a GPU where there is one.")] = Device.AUTO,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write per-frame features of a dataset: what networks of features, such as muse, are trained on.

    Take a run of the same split and fold as the training that is to come: whoever the run has seen counts as
    seen by what is trained on its features.

    Example: mavfer features runs/uran/0 clips --out features/uran
    """
    from ..extraction import extract_features

    with bar("sessions") as on_progress:
        report = extract_features(
            run,
            dataset,
            out=out,
            layer=layer,
            grid=grid,
            overwrite=overwrite,
            device=torch_device(device),
            on_progress=on_progress,
        )
    for name in report.empty:
        typer.echo(f"no run of enough usable frames in session {name!r}: its features are 0", err=True)
    if as_json:
        record = report.record
        print_json(
            {
                "features": report.path,
                "made_by": record.made_by,
                "n_values": record.n_values,
                "n_frames": report.n_frames,
                "n_sessions": report.n_sessions,
                "sessions_without_clips": report.empty,
                "simulated": record.simulated,
            }
        )
        return
    typer.echo(
        f"{report.record.n_values} values for each of {report.n_frames} "
        f"{'simulated ' if report.record.simulated else ''}frames of {report.n_sessions} sessions, "
        f"by {report.record.made_by}: {report.path}"
    )
