"""The command line: the tables of `commands.py` as groups and commands, each imported when it is used."""

import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from inspect import cleandoc
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from . import __version__
from .commands import COMMANDS, DEFAULTS, EPILOG, GROUPS, STAGES, SUMMARIES

EXAMPLE = "Example: "
WIDTH = 76
"""Characters of an example's line at most: with the margins of help it fits a terminal of 80."""


class Table(TyperGroup):
    """A group that lists its commands from the tables, and imports only the one that is called."""

    def __init__(self, *, first_word: str = "", **attributes: Any) -> None:
        super().__init__(**attributes)
        self._first_word = first_word
        self.commands = dict(_groups() if not first_word else {}) | dict(_listed(first_word))
        if not first_word:
            self.commands = {name: self.commands[name] for names in STAGES.values() for name in names}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the name, the command with its options, and the rest of the words."""
        name, found, rest = super().resolve_command(ctx, args)
        if name is None or isinstance(found, TyperGroup):
            return name, found, rest
        return name, loaded(f"{self._first_word} {name}".strip()), rest


def command_line() -> typer.Typer:
    """Return the command line with every command of the tables."""
    app = typer.Typer(
        cls=Table,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        epilog=EPILOG,
    )
    app.callback(help=shown_help(_root))(_root)
    return app


@cache
def loaded(words: str) -> TyperCommand:
    """Return a command with its options; its module is imported for them."""
    module, name = COMMANDS[words]
    function = getattr(import_module(f".{module}", __package__), name)
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    app.command(words.split()[-1], help=shown_help(function))(function)
    command = typer.main.get_command(app)
    assert isinstance(command, TyperCommand)
    return command


def shown_help(function: Callable[..., Any]) -> str:
    """Return a function's docstring as help: prose for any width, and below it each example on its own lines.

    A line that begins with "Example: " is a command to be typed. One that is too long for a terminal of 80
    characters goes on in the next line, as a shell reads it.
    """
    prose, examples = [], []
    for paragraph in cleandoc(function.__doc__ or "").split("\n\n"):
        words = []
        for line in paragraph.splitlines():
            (examples if line.startswith(EXAMPLE) else words).append(line.removeprefix(EXAMPLE).strip())
        if words:
            prose.append(" ".join(words))
    if examples:
        title = "Example:" if len(examples) == 1 else "Examples:"
        prose.append("\n".join([title, *(line for one in examples for line in _broken(one))]))
    return "\n\n".join(prose).replace("[", r"\[")


def _broken(example: str) -> Iterator[str]:
    """Yield an example's lines, broken before options."""
    line = ""
    for part in re.split(" (?=--|>)", example):
        longer = f"{line} {part}" if line else part
        if len(longer) > WIDTH:
            yield f"{line} \\"
            longer = f"    {part}"
        line = longer
    yield line


def _listed(first_word: str) -> Iterator[tuple[str, TyperCommand]]:
    """Yield the names of a group's commands, or of those without a group, with what a list of them shows."""
    for words in COMMANDS:
        *group, name = words.split()
        if "".join(group) == first_word:
            panel = None if group else _stage(name)
            yield name, TyperCommand(name, help=SUMMARIES[words].replace("[", r"\["), rich_help_panel=panel)


def _groups() -> Iterator[tuple[str, Table]]:
    for name, about in GROUPS.items():
        if name in DEFAULTS:
            about += f" Where no command is named, {DEFAULTS[name]} is meant."
        yield (
            name,
            Table(
                first_word=name,
                name=name,
                help=about,
                no_args_is_help=True,
                rich_markup_mode="rich",
                rich_help_panel=_stage(name),
            ),
        )


def _stage(name: str) -> str:
    return next(stage for stage, names in STAGES.items() if name in names)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mavfer {__version__}")
        raise typer.Exit


def _colorless(wanted: bool) -> None:
    if wanted:
        os.environ["NO_COLOR"] = "1"


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    no_color: Annotated[
        bool,
        typer.Option("--no-color", callback=_colorless, is_eager=True, help="Print without colors."),
    ] = False,
) -> None:
    """Record a face in color, depth, infrared and thermal; learn valence and arousal from it.

    Example: mavfer demo --out demo-out --quick
    Example: mavfer record --help
    """
