"""The Sphinx directive `commands`: every command with its options, asked of the real command line.

The page is made anew with each build, so it cannot drift from what `mavfer COMMAND --help` prints.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import typer
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from mavfer.command_line import command_line


def commands_of(command: Any, words: tuple[str, ...] = ("mavfer",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command below `command` with the words that reach it; groups come before their commands."""
    context = context_of(command, words)
    for name in command.list_commands(context):
        _, inner, _ = command.resolve_command(context, [name])  # with its options: groups list names alone
        if not inner.hidden:
            yield (*words, name), inner
            if hasattr(inner, "list_commands"):
                yield from commands_of(inner, (*words, name))


def context_of(command: Any, words: tuple[str, ...]) -> Any:
    """Return the context in which a command tells its usage, as if `words` had been typed."""
    return command.context_class(command, info_name=" ".join(words))


def page_of(command: Any, words: tuple[str, ...]) -> list[str]:
    """Return one command as lines of reStructuredText: usage, help, and its options in their panels."""
    context = context_of(command, words)
    help_text, examples = _help_of(command)
    lines = [help_text]
    if examples:
        lines += ["", ".. code-block:: sh", "", *(f"   {line}" for line in examples)]
    lines += [
        "",
        ".. code-block:: text",
        "",
        *(f"   {line}" for line in command.get_usage(context).split("\n")),
    ]
    records = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and "--help" not in parameter.opts:
            records.append((getattr(parameter, "rich_help_panel", None) or "", *record))
    for panel, rows in groupby(records, key=lambda record: record[0]):
        lines += ["", f"**{panel}**" if panel else "", "", ".. list-table::", "   :widths: 32 68", ""]
        for _, option, meaning in rows:
            lines += [f"   * - ``{option}``", f"     - {_plain(meaning)}"]
    return lines


def _help_of(command: Any) -> tuple[str, list[str]]:
    """Return a command's help without its examples, and the examples."""
    kept, examples, in_examples = [], [], False
    for line in (command.help or "").replace("\\[", "[").split("\n"):
        if line.strip().startswith(("Example:", "Examples:")):
            in_examples = True
            line = line.split(":", 1)[1]
        if in_examples:
            examples += [line.strip()] if line.strip() else []
        else:
            kept.append(line)
    return _plain("\n".join(kept).strip()), examples


def _plain(text: str) -> str:
    """Return text in which nothing but `words` means anything to reStructuredText."""
    for sign in ("\\", "*", "|", "_", "://"):
        text = text.replace(sign, "\\" + sign)
    parts = text.split("`")  # within `...` nothing is escaped
    return "`".join(part if i % 2 == 0 else part.replace("\\", "") for i, part in enumerate(parts))


class Commands(SphinxDirective):
    """All commands of `mavfer`, a section each."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        root = typer.main.get_command(command_line())
        sections = []
        for words, command in commands_of(root):
            title = " ".join(words)
            section = nodes.section(ids=[nodes.make_id(title)], names=[title])
            section += nodes.title(title, title)
            lines = [_help_of(command)[0]] if hasattr(command, "list_commands") else page_of(command, words)
            place = nodes.Element()
            self.state.nested_parse(StringList(lines, title), 0, place)
            section += place.children
            self.state.document.note_explicit_target(section)
            sections.append(section)
        return sections


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
