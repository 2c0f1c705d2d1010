"""The `mavfer` command: what is typed runs, and an error becomes one line and an exit status."""

import errno
import os
import sys
from io import TextIOWrapper
from pathlib import Path

from . import __version__
from .commands import COMMANDS, DEFAULTS
from .errors import MavferError, UsageError

FAILED, MISUSED, INTERRUPTED, UNREAD = 1, 2, 130, 141
NO_COLOR = "--no-color"
GUARDS: list[TextIOWrapper] = []
"""Streams in place of stdout and stderr: kept, for one that is let go closes what it writes to."""


class Told(TextIOWrapper):
    """Stdout or stderr that takes a refusal of the system for what it is.

    Stdout that takes nothing more ends the command: quietly with UNREAD where its reader has gone, as with
    `| head`, else with one line and FAILED, as on a full disk. The end is a SystemExit, so that nobody who
    handles a disk's refusal of a result takes it for his. Where stderr takes nothing more, the work goes on.
    """

    in_place_of: TextIOWrapper
    """The stream that it stands for, on the same buffer."""

    def write(self, text: str) -> int:
        """Write a text; what a stream that has refused is given is lost."""
        try:
            return super().write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        """Hand on what is written."""
        try:
            super().flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        # What is left to write, here and when Python ends, has to go somewhere.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        if self.in_place_of is not sys.__stdout__:
            return
        if error.errno == errno.EPIPE or (os.name == "nt" and error.errno == errno.EINVAL):
            raise SystemExit(UNREAD)
        _complain(f"wanted to write to stdout, found: {error.strerror}; make room, or send it elsewhere")
        raise SystemExit(FAILED)


def spelled_out(words: list[str]) -> list[str]:
    """Return the command line with the command that is meant where a group is followed by none.

    `calibrate SESSION` is `calibrate solve SESSION`, and `calibrate --live` is `calibrate live`. A session's
    folder that is called like a command is `./show`; after `--`, nothing but folders follow.
    """
    group = words[0] if words else ""
    commands = [name.split()[1] for name in COMMANDS if name.startswith(f"{group} ")]
    if group not in DEFAULTS or len(words) == 1 or words[1] in (*commands, "--help"):
        return words
    options = words[1 : words.index("--")] if "--" in words else words[1:]
    named = next((word for word in options if word[:2] == "--" and word[2:] in commands), None)
    if named is None:
        return [group, DEFAULTS[group], *words[1:]]
    at = words.index(named)
    return [group, named[2:], *words[1:at], *words[at + 1 :]]


def main() -> None:
    """Run the command that was typed, and end with its exit status."""
    _guard()
    words = sys.argv[1:]
    if words == ["--version"]:
        print(f"mavfer {__version__}")  # what a script asks first is answered without the command line
        status = 0
    else:
        status = run(words)
    if sys.stdout is not None:
        sys.stdout.flush()  # what cannot be written is found out while its status can still be told
    sys.exit(status)


def _guard() -> None:
    """Put streams that know what to do when they are refused in the place of the process's own two."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, TextIOWrapper) or stream is not getattr(sys, f"__{name}__"):
            continue  # closed, or somebody's who listens in this process
        through, by_lines = stream.write_through, stream.line_buffering
        told = Told(
            stream.buffer, stream.encoding, stream.errors, line_buffering=by_lines, write_through=through
        )
        told.in_place_of = stream
        GUARDS.append(told)
        setattr(sys, name, told)


def run(words: list[str]) -> int:
    """Run a command and return its exit status; an error becomes one line on stderr.

    A MavferError is 1, misuse 2, an interruption 130, stdout that nobody reads any more 141. Where the system
    refuses a path that was typed, that is one line, too; any other exception is a defect, and passes.
    """
    words = _without_colors(words)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a file name, or "±" in a Windows pipe, is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    from .command_line import command_line

    try:
        command_line()(spelled_out(words), prog_name="mavfer")
    except MavferError as error:
        _complain(str(error))
        return MISUSED if isinstance(error, UsageError) else FAILED
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG and not _was_typed(error.filename, words):
            raise
        _complain(f"the path cannot be used: {error.strerror}: {error.filename}")
        return FAILED
    except RuntimeError as error:
        if not str(error).startswith("Symlink loop"):  # Path.resolve, before Python 3.13
            raise
        _complain(f"the path cannot be used: {error}")
        return FAILED
    except ImportError as error:
        from .extras import missing_extra

        if (missing := missing_extra(error)) is None:
            raise
        _complain(str(missing))
        return FAILED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            print("interrupted", file=sys.stderr)
        return stop.code if isinstance(stop.code, int) else FAILED if stop.code else 0
    return 0


def _without_colors(words: list[str]) -> list[str]:
    """Take --no-color off the line, where it stands before `--`, and turn colors off then."""
    end = words.index("--") if "--" in words else len(words)
    if NO_COLOR not in words[:end]:
        return words
    os.environ["NO_COLOR"] = "1"
    return [word for word in words[:end] if word != NO_COLOR] + words[end:]


def _was_typed(path: object, words: list[str]) -> bool:
    """Return whether a path is one of the words, or below one: the person named it, and can name another."""
    if not isinstance(path, str):
        return False
    given = [word.partition("=")[2] if word.startswith("--") else word for word in words]
    typed = [form for word in given if word for form in (word.rstrip("/\\"), str(Path(word).absolute()))]
    return any(path == form or path.startswith(form + os.sep) for form in typed)


def _complain(message: str) -> None:
    """Print an error on one line; a line break or an escape code in a path is spelled out."""
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    print(f"error: {plain}", file=sys.stderr)


def build_dataset() -> None:
    """Run `mavfer build-dataset`, as the command `build-dataset`."""
    sys.argv.insert(1, "build-dataset")
    main()


if __name__ == "__main__":
    main()
