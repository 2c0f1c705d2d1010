"""Where the masters that run on this machine are found: one small file each, in a folder of this user's own.

A file belongs to a living master as long as that holds the lock beside it; the system lets the lock go when
its process ends, however it ends.
"""

import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import Field, ValidationError

from ..config import StrictModel
from ..errors import RecordError
from ..output import new_file
from .locking import lock

NEW = os.O_CREAT | os.O_EXCL | os.O_RDWR


class Contact(StrictModel):
    """How a master is reached.

    Attributes
    ----------
    address : like tcp://127.0.0.1:5555
    token : what a message must carry; only this user can read it
    pid : of the master
    """

    address: str = Field(pattern=r"^tcp://127\.0\.0\.1:[0-9]{1,5}$")
    token: str = Field(min_length=32, max_length=128)
    pid: int


def runtime_folder() -> Path:
    """Return this user's folder for what lives as long as a process, made if it is missing.

    Raises
    ------
    RecordError
        What stands there is no folder, belongs to another user, or can be read by others.
    """
    if sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA") or tempfile.gettempdir()) / "mavfer"
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    if session and Path(session).is_dir():
        folder = Path(session) / "mavfer"
    else:
        folder = Path(tempfile.gettempdir()) / f"mavfer-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise RecordError(
            f"wanted a folder for running takes, cannot make it ({error.strerror}): {folder}"
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise RecordError(
            f"wanted a folder that only this user (uid {os.getuid()}) can open, found one of uid "
            f"{found.st_uid} with mode {stat.S_IMODE(found.st_mode):04o}; remove it or set XDG_RUNTIME_DIR: "
            f"{folder}"
        )
    return folder


@contextmanager
def announced(address: str) -> Iterator[Contact]:
    """Let this user's other processes find the master at `address` while the block runs."""
    folder = runtime_folder()
    name = f"master-{os.getpid()}-{secrets.token_hex(4)}"
    contact = Contact(address=address, token=secrets.token_urlsafe(32), pid=os.getpid())
    guard, file = folder / f"{name}.lock", folder / f"{name}.json"
    try:
        descriptor = os.open(guard, NEW, 0o600)
    except OSError as error:
        raise RecordError(f"cannot say where this master is reached ({error.strerror}): {guard}") from error
    try:
        lock(descriptor)
        with new_file(file) as temporary, os.fdopen(os.open(temporary, NEW, 0o600), "wb") as handle:
            handle.write(contact.model_dump_json().encode())
        yield contact
    finally:
        file.unlink(missing_ok=True)
        os.close(descriptor)
        guard.unlink(missing_ok=True)


def living_masters() -> list[Contact]:
    """Return the masters that run on this machine under this user; what dead ones left is removed."""
    found = []
    for file in sorted(runtime_folder().glob("master-*.json")):
        if not _locked(file.with_suffix(".lock")):
            file.unlink(missing_ok=True)
            file.with_suffix(".lock").unlink(missing_ok=True)
            continue
        try:
            found.append(Contact.model_validate_json(file.read_bytes()))
        except (OSError, ValidationError):  # its master has just ended, or somebody wrote into it
            continue
    return found


def _locked(guard: Path) -> bool:
    """Whether a living process holds the lock."""
    try:
        descriptor = os.open(guard, os.O_RDWR)
    except OSError:
        return False
    try:
        return not lock(descriptor)
    finally:
        os.close(descriptor)
