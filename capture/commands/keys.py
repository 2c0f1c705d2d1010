"""`mavfer keys new`: make the lab's keys, and say which file goes to which machine."""

from pathlib import Path
from typing import Annotated

import typer

from ..rig import read_rig


def keys_new(
    folder: Annotated[Path, typer.Argument(metavar="KEYS", help="The folder to make; its owner's alone.")],
    rig: Annotated[Path, typer.Option(metavar="FILE", help="The rig file, which names the recorders.")],
    add: Annotated[
        bool, typer.Option("--add", help="Make keys for new recorders of the rig; those there are kept.")
    ] = False,
) -> None:
    """Make a key pair for the master and one for each recorder; nobody else can then join a take.

    Example: mavfer keys new keys --rig rig.toml
    """
    from ..keys import MASTER, make_keys

    settings = read_rig(rig)
    made = make_keys(folder, tuple(settings.recorders), add=add)
    if not made:
        typer.echo(f"every recorder has keys: {folder}")
        return
    typer.echo(f"new keys for {', '.join(made)}: {folder}")
    with_master = [f"{MASTER}.key"] * (MASTER in made) + [f"{name}.pub" for name in made if name != MASTER]
    for name in made:
        if name == MASTER:
            continue
        if settings.recorders[name].spawned:
            with_master += [f"{name}.key"] + [f"{MASTER}.pub"] * (f"{MASTER}.pub" not in with_master)
        else:
            typer.echo(f"to the machine of {name} ({settings.recorders[name].host}): {name}.key {MASTER}.pub")
    typer.echo(f"to the machine of the master: {' '.join(with_master)}")
    if settings.keys != folder.resolve():
        typer.echo('name the folder in the rig file of each machine: keys = "FOLDER"')
    typer.echo("a .key file is a secret: carry it where nobody else reads it, and keep it on its one machine")
