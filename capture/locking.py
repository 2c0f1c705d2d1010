"""Who writes a file: a lock that the system lets go of when its process ends, however it ends."""

import os
import sys
from pathlib import Path

from ..errors import SessionError

FAR = 2**62  # Windows locks bytes, not files; this one is beyond every byte that is read


def lock(fileno: int) -> bool:
    """Claim an open file until it is closed; return False if another open file holds the claim."""
    try:
        if sys.platform == "win32":
            import msvcrt

            at = os.lseek(fileno, 0, os.SEEK_CUR)
            os.lseek(fileno, FAR, os.SEEK_SET)
            try:
                msvcrt.locking(fileno, msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(fileno, at, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(fileno, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_locked(path: Path) -> bool:
    """Whether a process holds the claim on a file; several may look at once.

    Raises
    ------
    SessionError
        It is no file, or may not be read.
    """
    try:
        opened = path.open("rb")
    except OSError as error:
        raise SessionError(f"wanted a file to read, could not ({error.strerror}): {path}") from error
    with opened as handle:
        if sys.platform == "win32":
            return not lock(handle.fileno())
        import fcntl

        try:
            fcntl.flock(handle.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False
