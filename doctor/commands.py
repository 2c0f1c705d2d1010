"""The command doctor."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from .finding import Section


class For(StrEnum):
    """What the machine is for."""

    record = "record"
    rate = "rate"
    build = "build"
    train = "train"
    all = "all"


def doctor(
    rig: Annotated[
        Path | None,
        typer.Option(metavar="RIG", help="The rig file: what it films with here has to be there."),
    ] = None,
    use: Annotated[
        For,
        typer.Option("--for", help="What the machine is for: what that cannot do without, fails."),
    ] = For.all,
    at: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Where sessions or datasets will lie: its disk counts."),
    ] = Path(),
    cameras: Annotated[
        bool,
        typer.Option(
            "--cameras",
            help="Also ask the GenTL producers for cameras, by broadcast where the rig file has no address.",
        ),
    ] = False,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long to wait for answers.", min=0.1, max=600)
    ] = 4.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Tell what this machine has of what mavfer wants, and the command that mends it; exit 1 where one fails.

    Nothing is changed, and what is written to measure the disk is gone at once.

    It takes up to 5 s: what has not answered by then is said to be unknown ("?"), and --wait waits for it.
    What has a "-" before it is not needed here.

    Example: mavfer doctor
    Example: mavfer doctor --for record --rig rig.toml --at sessions
    """
    import sys
    import time
    from io import TextIOWrapper

    from .asked import ask
    from .checkup import examine
    from .finding import count

    begun_s = time.monotonic()
    asked = ask(use=use.value, at=at, rig=rig, asks_cameras=cameras, wait_s=wait)
    sections = examine(asked)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # whatever the language is, the answer comes
    if as_json:
        typer.echo(_json(sections, use=use.value, taken_s=time.monotonic() - begun_s))
    else:
        from rich.console import Console

        from .printing import print_sections, summary

        console = Console(highlight=False)
        print_sections(console, sections)
        console.print(summary(sections), markup=False)
    if count(sections, "fail"):
        raise typer.Exit(1)


def _json(sections: "tuple[Section, ...]", *, use: str, taken_s: float) -> str:
    """Return the answer as one JSON object."""
    import json
    import platform
    from dataclasses import asdict
    from typing import get_args

    from .. import __version__
    from .finding import State, count

    told = {
        "mavfer": __version__,
        "system": platform.platform(),
        "for": use,
        "taken_s": round(taken_s, 3),
        "counts": {state: count(sections, state) for state in get_args(State)},
        "sections": [asdict(section) for section in sections],
    }
    return json.dumps(told)
