"""The code blocks of README.md and docs/*.md as commands: found, split as a shell would, and parsed.

Parsed means: the real command line takes the words, its options are known and their values of the right
type, and the number of arguments is right. Nothing is run here; test_walk.py runs the pages that a reader
walks along.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import mavfer

ROOT = Path(mavfer.__file__).parent
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        ROOT / "README.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs" / "reference").glob("*.md"),
    )
)
FENCE = re.compile(r"^(?P<indent>[ >]*)(?P<ticks>`{3,})(?P<language>\{?[\w-]*\}?)[^\n`]*$")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
OPTIONAL = re.compile(r"\[(--[^\]]+)\]")  # `[--ratings individual|gold]`: with it, with the other, without
LOOP = re.compile(
    r"^for (?P<name>\w+) in (?P<words>[^;\n]+)(?:;|\n)\s*do\s(?P<body>.*?)\bdone\b", re.M | re.S
)
STANDS_FOR = {"LOW": "-1", "HIGH": "1", "K": "0", "N": "1"}
"""Words of the docs in a number's place."""
ASSIGNMENT = re.compile(r"^\w+=")
OTHER_PROGRAMS = {
    ".": "the shell: activates the environment",
    "apt": "packages of the system",
    "apt-get": "packages of the system",
    "cat": "shows a file",
    "cd": "the shell",
    "code": "an editor",
    "cp": "copies files",
    "createdb": "a database server's own program",
    "curl": "the network",
    "dask": "starts workers of a cluster",
    "df": "shows disks",
    "docker": "builds or runs a container",
    "ethtool": "sets a network card",
    "export": "the shell",
    "ffmpeg": "another program",
    "git": "fetches or shows revisions",
    "ip": "sets a network card",
    "kill": "the shell",
    "ls": "shows files",
    "lspci": "shows hardware",
    "lsusb": "shows hardware",
    "mkdir": "makes a folder",
    "nvidia-smi": "shows a graphics card",
    "pg_dump": "a database server's own program",
    "ping": "the network",
    "pip": "installs packages",
    "printf": "the shell",
    "psql": "a database server's own program",
    "rsync": "another machine",
    "scp": "another machine",
    "source": "the shell",
    "sqlite3": "another program",
    "ssh": "another machine",
    "sudo": "changes the system",
    "systemctl": "changes the system",
    "sysctl": "shows or changes the system",
    "tar": "packs files",
    "tmux": "another program",
    "udevadm": "changes the system",
    "ufw": "changes the system",
    "unzip": "unpacks files",
    "uv": "installs packages",
    "wget": "the network",
    "xdg-open": "opens a page",
    "xxd": "shows bytes",
}
"""Programs that are not mavfer's own, and why no test runs them. One that is not listed fails a test."""


class WrongCommandError(Exception):
    """A command of the docs that the command line would refuse."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page: under which heading, from which line on, in which language."""

    page: str
    line: int
    heading: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@cache
def blocks_of(page: str) -> tuple[Block, ...]:
    """Return the fenced blocks of a page, in their order."""
    return tuple(_blocks(page, (ROOT / page).read_text(encoding="utf-8")))


def _blocks(page: str, text: str) -> Iterator[Block]:
    heading, opened, lines = "", None, []
    for number, line in enumerate(text.split("\n"), start=1):
        fence = FENCE.match(line)
        if opened is None and fence:
            opened, start, lines = fence, number, []
        elif opened is not None and line.strip(" >") == opened["ticks"]:
            yield Block(page, start, heading, opened["language"], "\n".join(lines))
            opened = None
        elif opened is not None:
            lines.append(line.removeprefix(opened["indent"]))
        elif found := HEADING.match(line):
            heading = found[2]
    if opened is not None:
        raise AssertionError(f"{page}: the block of line {start} is never closed")


def commands_of(text: str) -> Iterator[list[str]]:
    """Yield the commands of shell lines as lists of words, those of a loop for each of its words."""
    for line in LOOP.sub(_unrolled, text.replace("\\\n", " ")).split("\n"):
        optional = OPTIONAL.findall(line)
        ways = [
            [""] + [" ".join((*one.split()[:-1], way)) for way in one.split()[-1].split("|")]
            for one in optional
        ]
        for way in product(*ways):
            parts = iter(way)
            for words in _split(OPTIONAL.sub(lambda _found: next(parts), line)):  # noqa: B023
                while words and ASSIGNMENT.match(words[0]):
                    words = words[1:]
                if words:
                    yield [STANDS_FOR.get(word, word) for word in words]


def _split(line: str) -> Iterator[list[str]]:
    """Yield the commands of one line, without comments, redirections and what joins commands."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    to_file = False
    for token in lexer:
        if token and set(token) <= set("<>&|;()"):
            to_file = bool(set(token) & set("<>"))
            if not to_file:
                if words:
                    yield words
                words = []
            elif words and words[-1] in ("1", "2"):
                words.pop()
        elif to_file:
            to_file = False
        else:
            words.append(token)
    if words:
        yield words


def _unrolled(loop: re.Match[str]) -> str:
    """Return a loop's body for each of its words."""
    name = re.compile(r"\$\{?" + loop["name"] + r"\b\}?")
    return "\n".join(name.sub(word, loop["body"]) for word in loop["words"].split())


def mavfer_words(words: list[str]) -> list[str] | None:
    """Return what follows `mavfer` in a command, or None where the command is another program's."""
    program = words[0].replace("\\", "/").rpartition("/")[2].removesuffix(".exe")
    if program == "mavfer":
        return words[1:]
    if program == "build-dataset":
        return ["build-dataset", *words[1:]]
    if program.startswith("python") and words[1:3] == ["-m", "mavfer"]:
        return words[3:]
    return None


@cache
def _root() -> Any:
    import typer

    from mavfer.command_line import command_line

    return typer.main.get_command(command_line())


def command_named(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that `words` name, and the words that are left for it; raises WrongCommandError."""
    command, left = _root(), list(words)
    while hasattr(command, "resolve_command"):
        while left and left[0] in ("--version", "--help", "--no-color"):
            left.pop(0)
        if not left:
            break
        context = command.context_class(command, info_name="mavfer")
        try:
            _, command, left = command.resolve_command(context, left)
        except Exception as error:
            raise WrongCommandError(f"there is no command {' '.join(words)!r}") from error
    return command, left


def parse(words: list[str]) -> None:
    """Parse what follows `mavfer` as the command line does, and run nothing; raises WrongCommandError."""
    from mavfer.__main__ import spelled_out

    command, left = command_named(spelled_out(words))
    if hasattr(command, "resolve_command") or "--help" in left:
        return
    kept = [(parameter, parameter.callback) for parameter in command.params]
    try:
        for parameter, _ in kept:
            if not parameter.is_eager:
                parameter.callback = None  # what a callback does with a value is not asked for here
        command.make_context(" ".join(words), left)
    except Exception as error:
        if type(error).__name__ == "Exit":  # an option such as `train --list` ends the command
            return
        told = error.format_message() if hasattr(error, "format_message") else str(error)
        raise WrongCommandError(f"mavfer {' '.join(words)}: {told}") from error
    finally:
        for parameter, callback in kept:
            parameter.callback = callback
