"""The folder of a take to come: what may be replaced, and what is left when the take does not start."""

import shutil
from contextlib import suppress
from pathlib import Path

from ..errors import OutputError
from ..output import require_free
from .session import RECORD_NAME
from .session_writer import being_written


class Place:
    """The session's folder: an old session steps aside, and comes back if the take does not start.

    The folder it steps into is made first and claims the place: of two takes that begin at once in one place,
    one is refused.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self._path = path
        self._overwrite = overwrite
        self._claim = path.with_name(f".{path.name}.replaced")
        self._aside = self._claim / path.name
        self._made: list[Path] = []  # folders above the session's, innermost first

    def make(self) -> None:
        """Make the folder; raises OutputError if it must not or cannot be made."""
        try:
            self._made = [folder for folder in self._path.parents if not folder.exists()]
            self._claim.parent.mkdir(parents=True, exist_ok=True)
            self._claim.mkdir()
        except FileExistsError as error:
            raise OutputError(
                f"another take begins at {self._path}, or one was cut off there as it began; if none runs, "
                f"move or remove what it was about to replace: {self._claim}"
            ) from error
        except OSError as error:
            raise self._refused(error) from error
        try:
            require_place(self._path, overwrite=self._overwrite)
            if (self._path / RECORD_NAME).is_file():
                self._path.rename(self._aside)
            self._path.mkdir(exist_ok=True)
        except OSError as error:
            self._put_back()
            raise self._refused(error) from error
        except BaseException:
            self._put_back()
            raise

    def keep(self) -> None:
        """The take has started: let the old session go; harmless when called twice."""
        _remove(self._claim)

    def undo(self) -> None:
        """The take did not start: remove what was made, once nobody writes there, and put the old back."""
        _remove(self._path)
        self._put_back()

    def _put_back(self) -> None:
        if self._aside.exists():
            self._aside.rename(self._path)
        _remove(self._claim)
        with suppress(OSError):  # another take is in it by now
            for folder in self._made:
                folder.rmdir()

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(f"cannot make the session folder ({error.strerror}): {self._path}")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def require_place(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError unless a session may be made at `path`; nothing but a session is ever replaced."""
    try:
        require_free(path, overwrite=overwrite)
        something = path.is_file() or (path.is_dir() and any(path.iterdir()))
        written = being_written(path)
        above = (folder for folder in path.resolve().parents if (folder / RECORD_NAME).is_file())
        session = next(above, None)
    except OSError as error:
        raise OutputError(f"cannot make a session there ({error.strerror}): {path}") from error
    if session is not None:
        raise OutputError(f"wanted a folder outside of other sessions, found one inside {session}: {path}")
    if something and not (path / RECORD_NAME).is_file():
        raise OutputError(f"wanted a session to replace, found something else; name another folder: {path}")
    if written is not None:
        raise OutputError(f"a recorder still writes into the session that would be replaced: {written}")
