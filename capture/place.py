"""The folder of a take to come: what may be replaced, and what is left when the take does not start."""

import shutil
from pathlib import Path

from ..errors import OutputError
from ..output import require_free
from .session import RECORD_NAME
from .session_writer import being_written


class Place:
    """The session's folder: an old session steps aside, and comes back if the take does not start."""

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self._path = path
        self._overwrite = overwrite
        self._aside = path.with_name(f".{path.name}.replaced")

    def make(self) -> None:
        """Make the folder; raises OutputError if it must not or cannot be made."""
        require_place(self._path, overwrite=self._overwrite)
        try:
            if (self._path / RECORD_NAME).is_file():
                _remove(self._aside)
                self._path.rename(self._aside)
            self._path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the session folder ({error.strerror}): {self._path}") from error

    def keep(self) -> None:
        """The take has started: let the old session go."""
        _remove(self._aside)

    def undo(self) -> None:
        """The take did not start: remove what was made, once nobody writes there, and put the old back."""
        _remove(self._path)
        if self._aside.is_dir():
            self._aside.rename(self._path)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def require_place(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError unless a session may be made at `path`; nothing but a session is ever replaced."""
    require_free(path, overwrite=overwrite)
    if path.is_file() or (path.is_dir() and any(path.iterdir()) and not (path / RECORD_NAME).is_file()):
        raise OutputError(f"wanted a session to replace, found something else; name another folder: {path}")
    written = being_written(path)
    if written is not None:
        raise OutputError(f"a recorder still writes into the session that would be replaced: {written}")
