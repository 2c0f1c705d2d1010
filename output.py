"""Results that appear under their final name only when they are complete.

`new_file` and `new_folder` hand out a temporary name beside the final one and rename it when the block
ends well; when it does not, nothing of the result is left. Nothing is overwritten unless it is asked for.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import OutputError

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}


def require_free(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError if something stands at `path` and `overwrite` was not asked for."""
    if not overwrite and (path.is_symlink() or path.exists()) and not _is_empty_folder(path):
        raise OutputError(f"the result would replace what is there; pass --overwrite or another name: {path}")


@contextmanager
def new_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` when the block ends without an error.

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is False, it is a folder, or the disk refuses the write.
    """
    if path.is_dir():
        raise OutputError(f"wanted a file name, found a folder: {path}")
    require_free(path, overwrite=overwrite)
    temporary = _temporary_beside(path)
    try:
        with _as_output_error(path, temporary):
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def require_folder_free(path: Path, *, marker: str, overwrite: bool) -> None:
    """Raise OutputError unless a result folder may be made at `path`.

    Asked to overwrite, only a folder that holds the file `marker` is replaced: a slip of the pen must not
    cost a recording, or anything that mavfer has not made.
    """
    require_free(path, overwrite=overwrite)
    taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
    if taken and not (path / marker).is_file():
        raise OutputError(
            f"--overwrite replaces only a folder with a {marker}, found something else; "
            f"name another folder: {path}"
        )


@contextmanager
def new_folder(path: Path, *, marker: str, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` when the block ends without an error.

    Raises
    ------
    OutputError
        `path` holds something and `overwrite` is False or it has no file `marker`, or the disk refuses.
    """
    require_folder_free(path, marker=marker, overwrite=overwrite)
    temporary = _temporary_beside(path)
    replaced = temporary.with_name(temporary.name + "-replaced")
    try:
        with _as_output_error(path, temporary):
            temporary.mkdir()
            yield temporary
            if path.is_symlink() or path.exists():
                path.replace(replaced)
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if not path.exists() and (replaced.is_symlink() or replaced.exists()):
            replaced.replace(path)  # interrupted between the two renames: the old result stands again
        elif replaced.is_dir() and not replaced.is_symlink():
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            replaced.unlink(missing_ok=True)


def _temporary_beside(path: Path) -> Path:
    with _as_output_error(path, path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    return path.parent / f".{path.name}.partial-{os.getpid()}"


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


@contextmanager
def _as_output_error(path: Path, written: Path) -> Iterator[None]:
    """Turn an OSError about `written`, or about a full disk, into one line; let any other pass."""
    try:
        yield
    except OSError as error:
        about = str(error.filename or "")
        full = error.errno in DISK_ERRORS or "errno = 28" in str(error)  # HDF5 hides errno in its text
        if not full and not about.startswith(str(written)) and not str(written).startswith(about or "\0"):
            raise
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write the result: {reason}; nothing was left behind: {path}") from error
